// Reads the head of an upgrade request that has the usual form. Heads that two parsers could read in two ways are left to node:http.

import { Buffer } from 'node:buffer';
import { equalsIgnoringCase, isFieldValueCode, isTokenCode } from '../handshake/grammar.ts';

/** Fields of the opening handshake, by lower-case name. None comes twice. */
export interface UpgradeFields {
  host: string | undefined;
  connection: string | undefined;
  upgrade: string | undefined;
  origin: string | undefined;
  'sec-websocket-key': string | undefined;
  'sec-websocket-version': string | undefined;
  'sec-websocket-protocol': string | undefined;
  'sec-websocket-extensions': string | undefined;
  // Those of a body, which no such head has.
  'content-length': undefined;
  'transfer-encoding': undefined;
}

/** The head of a GET request of HTTP/1.1 that asks for a WebSocket. */
export interface UpgradeHead {
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly fields: Readonly<UpgradeFields>;
  /** Bytes, with the empty line at its end. */
  readonly length: number;
}

const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(this: Uint8Array, start: number, end: number): string };

const MOST_FIELDS = 32;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DELETE = 0x7f;
const METHOD = 'GET ';
const VERSION = ' HTTP/1.1';
/** RFC 3986 section 3.3, without the characters that parsers disagree about. */
const TARGET = /^\/[\w\-.~!$&'()*+,;=:@%/?]*$/;
/** Values of Connection in clients that are in use. */
const CONNECTIONS: readonly string[] = ['upgrade', 'keep-alive, upgrade'];

/** Names as most clients write them. */
const HANDSHAKE = [
  'Host',
  'Connection',
  'Upgrade',
  'Origin',
  'Sec-WebSocket-Key',
  'Sec-WebSocket-Version',
  'Sec-WebSocket-Protocol',
  'Sec-WebSocket-Extensions',
];
/** Fields that say something about a body, or have another meaning for the connection. */
const FOREIGN = ['Content-Length', 'Transfer-Encoding', 'Trailer', 'Expect', 'Proxy-Connection'];
/** Further fields of browsers. */
const USUAL = ['Accept-Encoding', 'Accept-Language', 'Cache-Control', 'Cookie', 'Pragma', 'User-Agent'];

type Field = Exclude<keyof UpgradeFields, 'content-length' | 'transfer-encoding'>;

interface Name {
  readonly text: string;
  /** The place of its value; undefined for a field that we do not look at. */
  readonly field: Field | undefined;
  readonly isForeign: boolean;
}

/** Known names by length. */
const NAMES: Name[][] = [];
for (const text of [...HANDSHAKE, ...FOREIGN, ...USUAL]) {
  const field = HANDSHAKE.includes(text) ? (text.toLowerCase() as Field) : undefined;
  (NAMES[text.length] ??= []).push({ text, field, isForeign: FOREIGN.includes(text) });
}

/** Tables by byte. */
const isToken = tableOf(isTokenCode);
const isPlain = tableOf((code) => code < DELETE && isFieldValueCode(code));

function tableOf(has: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_none, code) => Number(has(code)));
}

/** The name in `bytes[start, end)`. A usual spelling needs no new string. */
function nameOf(bytes: Uint8Array, start: number, end: number): Name {
  const names = NAMES[end - start];
  if (names !== undefined) for (const name of names) if (isText(bytes, start, name.text)) return name;
  const text = latin1Slice.call(bytes, start, end);
  const known = names?.find((name) => equalsIgnoringCase(name.text, text));
  return { text, field: known?.field, isForeign: known?.isForeign ?? false };
}

function isText(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false;
  return true;
}

/**
 * Reads a head.
 *
 * @param bytes From the first byte of the request on. Borrowed.
 * @param length How many of them have arrived.
 * @returns undefined for a head that is not complete, or has another form.
 */
export function parseUpgradeHead(bytes: Uint8Array, length: number): UpgradeHead | undefined {
  if (!isText(bytes, 0, METHOD)) return undefined;
  const targetStart = METHOD.length;
  let at = targetStart;
  while (at < length && bytes[at] > SPACE) at++;
  const target = latin1Slice.call(bytes, targetStart, at);
  if (!TARGET.test(target) || !isText(bytes, at, VERSION) || !isLineEnd(bytes, (at += VERSION.length))) return undefined;
  at += 2;
  const rawHeaders: string[] = [];
  const fields: UpgradeFields = {
    host: undefined,
    connection: undefined,
    upgrade: undefined,
    origin: undefined,
    'sec-websocket-key': undefined,
    'sec-websocket-version': undefined,
    'sec-websocket-protocol': undefined,
    'sec-websocket-extensions': undefined,
    'content-length': undefined,
    'transfer-encoding': undefined,
  };
  // A line that has not arrived completely does not end within `length`. The bytes behind it are of no request.
  while (at + 2 <= length && !isLineEnd(bytes, at)) {
    const nameStart = at;
    while (isToken[bytes[at]] === 1) at++;
    if (at === nameStart || bytes[at] !== COLON || rawHeaders.length === 2 * MOST_FIELDS) return undefined;
    const { text, field, isForeign } = nameOf(bytes, nameStart, at);
    at++;
    while (isBlank(bytes[at])) at++;
    const start = at;
    while (isPlain[bytes[at]] === 1) at++;
    if (!isLineEnd(bytes, at) || at + 2 > length || isForeign) return undefined;
    let end = at;
    while (end > start && isBlank(bytes[end - 1])) end--;
    const value = latin1Slice.call(bytes, start, end);
    if (field !== undefined) {
      // node:http does not see the option Upgrade before a tab.
      for (let blank = end; blank < at; blank++) if (bytes[blank] === TAB) return undefined;
      if (fields[field] !== undefined) return undefined;
      fields[field] = value;
    }
    rawHeaders.push(text, value);
    at += 2;
  }
  return at + 2 <= length && isUpgrade(fields) ? { target, rawHeaders, fields, length: at + 2 } : undefined;
}

function isUpgrade({ host, connection = '', upgrade = '' }: UpgradeFields): boolean {
  return (
    Boolean(host) &&
    equalsIgnoringCase(upgrade, 'websocket') &&
    CONNECTIONS.some((usual) => equalsIgnoringCase(connection, usual))
  );
}

function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
