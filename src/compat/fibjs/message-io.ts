// Reads one message from bytes, and writes one to bytes: RFC 6455 sections 5.2 to 5.5, RFC 7692 section 7.2. The two halves of a connection
// decode and encode; this file finds the end of a message.

import { Buffer } from 'node:buffer';
import { ownBuffer } from '../../api/ws/data.ts';
import { UsageError } from '../../base/errors.ts';
import { FIN_BIT, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_TEXT, RSV1_BIT } from '../../base/opcodes.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import { MESSAGE_OWNED, type Platform } from '../../platform.ts';
import { Compression } from '../../protocol/compression.ts';
import { readClose } from '../../protocol/close-frame.ts';
import { Inbound } from '../../protocol/inbound.ts';
import { Outbound } from '../../protocol/outbound.ts';
import { release } from '../../protocol/outbox.ts';
import { connectionSettings } from '../../protocol/settings.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';
import { CLOSE, PING, PONG } from './constants.ts';
import type { ByteSource } from './streams.ts';

/** A message on the wire. */
export interface WireMessage {
  /** TEXT, BINARY, CLOSE, PING or PONG. */
  readonly type: number;
  readonly masked: boolean;
  readonly compress: boolean;
  readonly bytes: Uint8Array;
}

/** The source ended within a message. */
export class TruncatedMessageError extends Error {
  readonly code = 'WS_ERR_TRUNCATED_MESSAGE';

  constructor(message: string) {
    super(message);
    this.name = 'TruncatedMessageError';
  }
}

const MASK_BIT = 0x80;
/** Most payload bytes to read at once. */
const PIECE = 65536;

/** A message by itself: it shares no window with other messages (RFC 7692 section 7.1.1). */
function standalone(platform: Platform, engine: DeflateEngine): Compression {
  const agreement = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  return new Compression(platform, 'server', { engine, agreement, threshold: 0 });
}

async function readExactly(source: ByteSource, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const piece = await source.read(length - at);
    if (piece === null) throw new TruncatedMessageError(truncation(source));
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function truncation(source: ByteSource): string {
  return source.taken === 0 ? 'The stream ended before a message' : 'The stream ended within a message';
}

/** The header of a frame. The decoder checks it. */
interface FrameHead {
  readonly bytes: Uint8Array;
  readonly payloadLength: number;
}

async function readFrameHead(source: ByteSource): Promise<FrameHead> {
  const start = await readExactly(source, 2);
  const short = start[1] & 0x7f;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const rest = await readExactly(source, lengthBytes + (start[1] & MASK_BIT ? 4 : 0));
  let payloadLength = lengthBytes === 0 ? short : 0;
  for (let index = 0; index < lengthBytes; index++) payloadLength = payloadLength * 256 + rest[index];
  return { bytes: Buffer.concat([start, rest]), payloadLength };
}

/** Reads the frames of one message, and no byte after them. */
class MessageReader {
  readonly #platform: Platform;
  readonly #source: ByteSource;
  readonly #inbound: Inbound;
  readonly #compression: Compression | null;
  #type = 0;
  #result: { readonly bytes: Uint8Array } | { readonly error: Error } | null = null;
  #wake: (() => void) | null = null;

  constructor(
    platform: Platform,
    source: ByteSource,
    options: { readonly maxSize: number; readonly masked: boolean; readonly engine: DeflateEngine | undefined },
  ) {
    this.#platform = platform;
    this.#source = source;
    this.#compression = options.engine ? standalone(platform, options.engine) : null;
    const owner = {
      onControl: (opcode: number, bytes: Uint8Array, start: number, end: number) => this.#control(opcode, bytes, start, end),
      onViolation: (error: Error) => this.#settle({ error }),
      onBlocked() {},
    };
    const receiver = {
      onMessage: (bytes: Uint8Array, start: number, end: number, kind: number) =>
        this.#settle({ bytes: kind & MESSAGE_OWNED ? ownBuffer(bytes, start, end) : platform.copy(bytes, start, end) }),
    };
    const settings = connectionSettings({ role: options.masked ? 'server' : 'client', maxPayload: options.maxSize });
    this.#inbound = new Inbound(platform, owner, receiver, settings, this.#compression);
  }

  async read(first: FrameHead): Promise<WireMessage> {
    this.#type = first.bytes[0] & 0x0f;
    try {
      for (let head = first; ; head = await readFrameHead(this.#source)) {
        await this.#feedFrame(head);
        // Decompression may take several turns.
        if (this.#result === null && isLast(head)) await new Promise<void>((resolve) => (this.#wake = resolve));
        if (this.#result !== null) break;
      }
    } finally {
      this.#compression?.close();
    }
    const result = this.#result;
    if ('error' in result) throw result.error;
    const masked = (first.bytes[1] & MASK_BIT) !== 0;
    return { type: this.#type, masked, compress: (first.bytes[0] & RSV1_BIT) !== 0, bytes: result.bytes };
  }

  async #feedFrame(head: FrameHead): Promise<void> {
    this.#inbound.receive(head.bytes);
    for (let rest = head.payloadLength; rest > 0 && this.#result === null;) {
      const piece = await this.#source.read(Math.min(rest, PIECE));
      if (piece === null) throw new TruncatedMessageError(truncation(this.#source));
      this.#inbound.receive(piece);
      rest -= piece.length;
    }
  }

  /** A control frame is a message by itself, unless it is between the fragments of one (RFC 6455 section 5.4). */
  #control(opcode: number, source: Uint8Array, start: number, end: number): void {
    if (opcode === OPCODE_CLOSE) {
      const payload = readClose(this.#platform, source, start, end);
      if (payload instanceof Error) return this.#settle({ error: payload });
    }
    if (this.#type > OPCODE_BINARY) this.#settle({ bytes: this.#platform.copy(source, start, end) });
    else if (opcode === OPCODE_CLOSE) this.#settle({ error: new TruncatedMessageError('A Close frame cut the message short') });
  }

  #settle(result: { readonly bytes: Uint8Array } | { readonly error: Error }): void {
    this.#result ??= result;
    this.#wake?.();
  }
}

/** Whether this is the last frame of a data message. */
function isLast({ bytes }: FrameHead): boolean {
  return (bytes[0] & FIN_BIT) !== 0 && (bytes[0] & 0x0f) <= OPCODE_BINARY;
}

/**
 * Reads one message, and no byte after it.
 *
 * @param maxSize Largest payload in bytes, before and after inflating; 0 for no limit.
 * @throws {TruncatedMessageError} when the source ends within the message.
 * @throws {PeerError} when the message is malformed or too long.
 */
export async function readMessage(
  platform: Platform,
  engine: DeflateEngine | undefined,
  source: ByteSource,
  maxSize: number,
): Promise<WireMessage> {
  // A listener may call this while the codec's input arena is in use. After the `await` the arena is free.
  const first = await readFrameHead(source);
  const masked = (first.bytes[1] & MASK_BIT) !== 0;
  return new MessageReader(platform, source, { maxSize, masked, engine }).read(first);
}

/**
 * Writes a message as one frame.
 *
 * @throws {UsageError} for a type that cannot be sent, text that is not UTF-8, a control frame that is too long, or without an engine to
 *   compress with.
 */
export async function encodeMessage(
  platform: Platform,
  engine: DeflateEngine | undefined,
  message: WireMessage,
): Promise<Buffer> {
  const { type, masked, compress, bytes } = message;
  const isControl = type === CLOSE || type === PING || type === PONG;
  if (!isControl && type !== OPCODE_TEXT && type !== OPCODE_BINARY) throw new UsageError(`No message has type ${type}`);
  if (type === OPCODE_TEXT && !platform.codec.isUtf8(bytes)) throw new UsageError('The body of a text message must be UTF-8');
  const isCompressed = compress && !isControl;
  if (isCompressed && engine === undefined) throw new UsageError('This runtime has no compression');
  const compression = isCompressed && engine ? standalone(platform, engine) : null;
  try {
    return await new Promise((resolve, reject) => {
      const owner = { onOutput: () => resolve(takeOut(platform, outbound)), onOutputFailure: reject };
      const outbound: Outbound = new Outbound(platform, masked, compression, owner);
      if (isControl) outbound.sendControl(type, bytes, undefined);
      else outbound.sendBytes(bytes, type === OPCODE_TEXT, undefined, undefined);
      if (!outbound.isBusy && !outbound.outbox.isEmpty) owner.onOutput();
    });
  } finally {
    compression?.close();
  }
}

/** Copies the queued frames, so that their slots in the output arena are free at once. */
function takeOut(platform: Platform, outbound: Outbound): Buffer {
  const batch = outbound.outbox.take();
  const bytes = copyToOwn(Buffer.concat(batch.chunks));
  release(platform, batch);
  return bytes;
}
