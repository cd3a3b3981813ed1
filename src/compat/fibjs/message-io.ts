// Reads one message from bytes, and writes one to bytes: RFC 6455 sections 5.2 to 5.5, RFC 7692 section 7.2. A connection of its own decodes
// and encodes; this file finds the end of a message.

import { Buffer } from 'node:buffer';
import { ownBuffer } from '../../api/ws/data.ts';
import { CLOSE_NO_STATUS } from '../../base/close-codes.ts';
import { UsageError } from '../../base/errors.ts';
import { FIN_BIT, MAXIMUM_CONTROL_PAYLOAD, OPCODE_BINARY, OPCODE_TEXT, RSV1_BIT } from '../../base/opcodes.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import { MESSAGE_OWNED, UNATTACHED, type Platform, type Transport } from '../../platform.ts';
import { makeClose } from '../../protocol/close-frame.ts';
import { Connection } from '../../protocol/connection.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
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
const STANDALONE = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};
/** Most payload bytes to read at once. */
const PIECE = 65536;

/** A connection that carries one message, so it shares no window with other messages (RFC 7692 section 7.1.1). */
class Carrier extends Connection {
  /** The frame that was sent, in pieces. */
  readonly written: Buffer[] = [];

  constructor(platform: Platform, options: ConnectionOptions, engine: DeflateEngine | undefined) {
    const transport: Transport = {
      start() {},
      // Copied, because the memory of the chunks is used again.
      write: (chunks) => this.written.push(Buffer.concat(chunks)) > 0,
      end() {},
      destroy: () => this.closed(),
      pause() {},
      resume() {},
    };
    super(platform, transport, {
      ...options,
      autoPong: false,
      closeTimeout: 0,
      maxBufferedAmount: 0,
      compression: engine && { engine, agreement: STANDALONE, threshold: 0 },
    });
  }
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
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly isCompressed: boolean;
  readonly payloadLength: number;
}

async function readFrameHead(source: ByteSource): Promise<FrameHead> {
  const start = await readExactly(source, 2);
  const short = start[1] & 0x7f;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const isMasked = (start[1] & MASK_BIT) !== 0;
  const rest = await readExactly(source, lengthBytes + (isMasked ? 4 : 0));
  let payloadLength = lengthBytes === 0 ? short : 0;
  for (let index = 0; index < lengthBytes; index++) payloadLength = payloadLength * 256 + rest[index];
  const isCompressed = (start[0] & RSV1_BIT) !== 0;
  return { bytes: Buffer.concat([start, rest]), opcode: start[0] & 0x0f, isMasked, isCompressed, payloadLength };
}

/** Reads the frames of one message, and no byte after them. */
class MessageReader {
  readonly #source: ByteSource;
  readonly #carrier: Carrier;
  readonly #first: FrameHead;
  #result: { readonly bytes: Uint8Array } | { readonly error: Error } | null = null;
  #wake: (() => void) | null = null;

  constructor(platform: Platform, source: ByteSource, first: FrameHead, maxPayload: number, engine: DeflateEngine | undefined) {
    this.#source = source;
    this.#first = first;
    this.#carrier = new Carrier(platform, { role: first.isMasked ? 'server' : 'client', maxPayload }, engine);
    this.#carrier.attach({
      ...UNATTACHED,
      onMessage: (bytes, start, end, kind) =>
        this.#settle({ bytes: kind & MESSAGE_OWNED ? ownBuffer(bytes, start, end) : platform.copy(bytes, start, end) }),
      onPing: (bytes) => this.#control(bytes),
      onPong: (bytes) => this.#control(bytes),
      onCloseFrame: (code, reason) => {
        this.#control(makeClose(code === CLOSE_NO_STATUS ? undefined : code, reason));
        this.#settle({ error: new TruncatedMessageError('A Close frame cut the message short') });
      },
      onError: (error) => this.#settle({ error }),
    });
    this.#carrier.start();
  }

  async read(): Promise<WireMessage> {
    const { opcode, isMasked, isCompressed } = this.#first;
    try {
      for (let head = this.#first; ; head = await readFrameHead(this.#source)) {
        await this.#feedFrame(head);
        // Decompression may take several turns.
        if (this.#result === null && isLast(head)) await new Promise<void>((resolve) => (this.#wake = resolve));
        if (this.#result !== null) break;
      }
    } finally {
      this.#carrier.terminate();
    }
    const result = this.#result;
    if ('error' in result) throw result.error;
    return { type: opcode, masked: isMasked, compress: isCompressed, bytes: result.bytes };
  }

  async #feedFrame(head: FrameHead): Promise<void> {
    this.#carrier.receive(head.bytes);
    for (let rest = head.payloadLength; rest > 0 && this.#result === null;) {
      const piece = await this.#source.read(Math.min(rest, PIECE));
      if (piece === null) throw new TruncatedMessageError(truncation(this.#source));
      this.#carrier.receive(piece);
      rest -= piece.length;
    }
  }

  /** A control frame is a message by itself, unless it is between the fragments of one (RFC 6455 section 5.4). */
  #control(bytes: Uint8Array): void {
    if (this.#first.opcode > OPCODE_BINARY) this.#settle({ bytes });
  }

  #settle(result: { readonly bytes: Uint8Array } | { readonly error: Error }): void {
    this.#result ??= result;
    this.#wake?.();
  }
}

/** Whether this is the last frame of a data message. */
function isLast({ bytes, opcode }: FrameHead): boolean {
  return (bytes[0] & FIN_BIT) !== 0 && opcode <= OPCODE_BINARY;
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
  return new MessageReader(platform, source, await readFrameHead(source), maxSize, engine).read();
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
  if (isControl && bytes.length > MAXIMUM_CONTROL_PAYLOAD) {
    throw new UsageError(`A control frame's payload has at most 125 bytes; this one has ${bytes.length}`);
  }
  const isCompressed = compress && !isControl;
  if (isCompressed && engine === undefined) throw new UsageError('This runtime has no compression');
  const carrier = new Carrier(platform, { role: masked ? 'client' : 'server' }, isCompressed ? engine : undefined);
  carrier.start();
  try {
    await new Promise<void>((resolve, reject) => {
      const options = isControl ? { firstByte: FIN_BIT | type } : undefined;
      carrier.sendBytes(bytes, type === OPCODE_TEXT, options, (error) => (error ? reject(error) : resolve()));
    });
    return copyToOwn(Buffer.concat(carrier.written));
  } finally {
    carrier.terminate();
  }
}
