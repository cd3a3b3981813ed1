// The bytes of messages on NATS, and the subjects of topics.
//
// A message that is not kept: 1, its number (8 bytes), envelope. One that is kept, or several that were published together: 2, length of the epoch (1 byte), epoch,
// offset of the message before them (8 bytes), and for each of them the length of its envelope (4 bytes) and the envelope. All numbers are big-endian.

import { decodeUtf8, encodeUtf8 } from './utf8.ts';
import { isPattern } from './names.ts';

const LIVE = 1;
const STORED = 2;
const LIVE_HEADER = 9;
/** Number, and the version, flags and sender of the envelope. */
const LIVE_KEY = 26;

/** Kept messages that were published together. Without envelopes it names an epoch only. */
export interface Stored {
  readonly epoch: string;
  /** Offset of the message before the first one. */
  readonly base: number;
  readonly envelopes: readonly Uint8Array[];
}

/** A message as NATS brings it. */
export type NatsPayload = { readonly live: Uint8Array; readonly key: Uint8Array } | { readonly stored: Stored };

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @param number Of the message among those of its process. */
export function encodeLive(number: number, envelope: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LIVE_HEADER + envelope.length);
  bytes[0] = LIVE;
  viewOf(bytes).setFloat64(1, number);
  bytes.set(envelope, LIVE_HEADER);
  return bytes;
}

export function encodeStored({ epoch, base, envelopes }: Stored): Uint8Array {
  const name = encodeUtf8(epoch);
  const length = envelopes.reduce((sum, envelope) => sum + 4 + envelope.length, 10 + name.length);
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  bytes[0] = STORED;
  bytes[1] = name.length;
  bytes.set(name, 2);
  let at = 2 + name.length;
  view.setFloat64(at, base);
  at += 8;
  for (const envelope of envelopes) {
    view.setUint32(at, envelope.length);
    bytes.set(envelope, at + 4);
    at += 4 + envelope.length;
  }
  return bytes;
}

/** Reads a message. Undefined for anything else. The envelopes are views of it. */
export function decodePayload(bytes: Uint8Array): NatsPayload | undefined {
  if (bytes[0] === STORED) {
    const stored = decodeStored(bytes);
    return stored && { stored };
  }
  if (bytes[0] !== LIVE || bytes.length < LIVE_HEADER) return undefined;
  return { live: bytes.subarray(LIVE_HEADER), key: bytes.subarray(1, 1 + LIVE_KEY) };
}

/** Text that no other message has. */
export function keyOf(topic: string, payload: NatsPayload): string {
  if ('live' in payload) return String.fromCharCode(...payload.key);
  const { base, envelopes, epoch } = payload.stored;
  return `${base}-${envelopes.length} ${epoch} ${topic}`;
}

export function decodeStored(bytes: Uint8Array): Stored | undefined {
  if (bytes[0] !== STORED || bytes.length < 2 || bytes.length < 10 + bytes[1]) return undefined;
  const view = viewOf(bytes);
  let at = 2 + bytes[1];
  const epoch = decodeUtf8(bytes.subarray(2, at));
  const base = view.getFloat64(at);
  at += 8;
  const envelopes: Uint8Array[] = [];
  while (at + 4 <= bytes.length) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) return undefined;
    envelopes.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return at === bytes.length && Number.isSafeInteger(base) && base >= 0 ? { epoch, base, envelopes } : undefined;
}

/** The tokens of a topic or a pattern as NATS takes them: other characters than these, and wildcards that are none, as in a URL. */
export function subjectOf(name: string): string {
  const tokens = name.split('.');
  const last = tokens.length - 1;
  return tokens
    .map((token, index) => (token === '*' || (token === '>' && index === last) ? token : encodeToken(token)))
    .join('.');
}

/** The same, but a pattern is a name like others: it has no wildcards. */
export function subjectOfName(name: string): string {
  return name.split('.').map(encodeToken).join('.');
}

function encodeToken(token: string): string {
  return /^[\w-]+$/.test(token) ? token : encodeURIComponent(token).replaceAll('*', '%2A');
}

/** The topic of a subject. Undefined if it is none. */
export function topicOf(subject: string): string | undefined {
  try {
    const topic = decodeURIComponent(subject);
    return isPattern(topic) ? undefined : topic;
  } catch {
    return undefined;
  }
}
