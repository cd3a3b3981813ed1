// Sources and targets of messages: bytes, Node.js streams, and objects with fibjs's `read(size)` and `write(bytes)`.

import type { Readable, Writable } from 'node:stream';
import { bytesOf } from './body.ts';
import { isArrayBuffer, isUint8Array } from '../../base/realms.ts';

/** A stream of fibjs that is read. */
export interface PullStream {
  /** Returns at least one byte and at most `size`; null, undefined or no bytes at the end. */
  read(size: number): Uint8Array | null | undefined | PromiseLike<Uint8Array | null | undefined>;
}

/** A stream of fibjs that is written to. */
export interface PushStream {
  /** Takes all of `bytes`, and may keep them. */
  write(bytes: Uint8Array): unknown;
}

/** Argument of `Message.readFrom`. */
export type MessageSource = ArrayBufferView | ArrayBuffer | Readable | PullStream;
/** Argument of `Message.sendTo`. */
export type MessageTarget = Writable | PushStream;

/** Reads at least one byte and at most `maximum`, borrowed; null at the end. */
type Pull = (maximum: number) => Promise<Uint8Array | null>;

/** Bytes that are read in parts. The source keeps all that is not read. */
export class ByteSource {
  /** How many bytes were read. */
  taken: number = 0;
  readonly #pull: Pull;

  constructor(pull: Pull) {
    this.#pull = pull;
  }

  async read(maximum: number): Promise<Uint8Array | null> {
    const bytes = await this.#pull(maximum);
    this.taken += bytes?.length ?? 0;
    return bytes;
  }
}

function fromBytes(bytes: Uint8Array): ByteSource {
  let at = 0;
  return new ByteSource((maximum) => {
    const piece = bytes.subarray(at, at + maximum);
    at += piece.length;
    return Promise.resolve(piece.length > 0 ? piece : null);
  });
}

function fromPullStream(stream: PullStream): ByteSource {
  return new ByteSource(async (maximum) => {
    const bytes = await stream.read(maximum);
    if (bytes === null || bytes === undefined) return null;
    if (!isUint8Array(bytes) || bytes.length > maximum) {
      throw new TypeError(`read(${maximum}) must give at most ${maximum} bytes`);
    }
    return bytes.length > 0 ? bytes : null;
  });
}

function fromReadable(stream: Readable): ByteSource {
  if (stream.readableEncoding) throw new TypeError('A stream that decodes text has no bytes');
  return new ByteSource(async (maximum) => {
    for (;;) {
      const chunk = takeChunk(stream, maximum);
      if (chunk !== null && chunk.length > 0) return chunk;
      if (chunk !== null) continue;
      if (stream.errored) throw stream.errored;
      if (stream.readableEnded || stream.destroyed) return null;
      await change(stream);
    }
  });
}

/** Bytes that the stream has now, at most `maximum`. */
function takeChunk(stream: Readable, maximum: number): Uint8Array | null {
  if (!stream.readableObjectMode) {
    const size = Math.min(maximum, stream.readableLength);
    return size > 0 ? (stream.read(size) as Uint8Array | null) : null;
  }
  // A stream of objects, such as `Readable.from([bytes])`, has whole chunks. The unread part of a chunk goes back to it.
  const chunk = stream.read() as unknown;
  if (chunk === null) return null;
  if (!ArrayBuffer.isView(chunk) && !isArrayBuffer(chunk)) {
    throw new TypeError('The chunks of a stream of objects must be bytes');
  }
  const bytes = bytesOf(chunk);
  if (bytes.length > maximum) stream.unshift(bytes.subarray(maximum));
  return bytes.subarray(0, maximum);
}

/** Waits until the stream has more bytes, or has ended. */
function change(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      stream.off('readable', settle).off('end', settle).off('close', settle).off('error', settle);
      if (error) reject(error);
      else resolve();
    };
    stream.on('readable', settle).on('end', settle).on('close', settle).on('error', settle);
  });
}

/** Whether `value` is a stream in the manner of Node.js, of any class. */
function isNodeStream(value: object): value is Readable & Writable {
  return typeof (value as { on?: unknown }).on === 'function';
}

/** @throws {TypeError} for a value that cannot be read. */
export function sourceOf(source: MessageSource): ByteSource {
  if (ArrayBuffer.isView(source) || isArrayBuffer(source)) return fromBytes(bytesOf(source));
  if (typeof (source as Partial<PullStream> | null)?.read !== 'function') {
    throw new TypeError('A message is read from bytes, from a Readable, or from an object with read(size)');
  }
  return isNodeStream(source) ? fromReadable(source) : fromPullStream(source);
}

/**
 * Writes `bytes`, and waits until the target has taken them.
 *
 * @throws {TypeError} for a target that cannot be written to.
 */
export async function writeTo(target: MessageTarget, bytes: Uint8Array): Promise<void> {
  if (typeof (target as Partial<PushStream> | null)?.write !== 'function') {
    throw new TypeError('A message is sent to a Writable, or to an object with write(bytes)');
  }
  if (!isNodeStream(target)) {
    await target.write(bytes);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    target.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
