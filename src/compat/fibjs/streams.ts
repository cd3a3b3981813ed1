// Where messages are read from and written to: bytes, Node.js streams, and objects with fibjs's `read(size)` and `write(bytes)`.

import type { Readable, Writable } from 'node:stream';
import { bytesOf } from './body.ts';
import { isArrayBuffer, isUint8Array } from '../../base/realms.ts';

/** A stream in the manner of fibjs. */
export interface PullStream {
  /** At least one byte and at most `size`; null, or none, at the end. */
  read(size: number): Uint8Array | null | undefined | PromiseLike<Uint8Array | null | undefined>;
}

/** A stream in the manner of fibjs. */
export interface PushStream {
  /** Takes all of `bytes`, which are its to keep. */
  write(bytes: Uint8Array): unknown;
}

/** What `Message.readFrom` takes. */
export type MessageSource = ArrayBufferView | ArrayBuffer | Readable | PullStream;
/** What `Message.sendTo` takes. */
export type MessageTarget = Writable | PushStream;

/** Bytes that are asked for one part after the other; what is not asked for stays where it is. */
export abstract class ByteSource {
  /** How many bytes were taken. */
  taken: number = 0;

  /** At least one byte and at most `maximum`, borrowed; null at the end. */
  protected abstract pull(maximum: number): Promise<Uint8Array | null>;

  async read(maximum: number): Promise<Uint8Array | null> {
    const bytes = await this.pull(maximum);
    this.taken += bytes?.length ?? 0;
    return bytes;
  }
}

class GivenBytes extends ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super();
    this.#bytes = bytes;
  }

  protected override pull(maximum: number): Promise<Uint8Array | null> {
    const piece = this.#bytes.subarray(this.taken, this.taken + maximum);
    return Promise.resolve(piece.length > 0 ? piece : null);
  }
}

class PulledBytes extends ByteSource {
  readonly #stream: PullStream;

  constructor(stream: PullStream) {
    super();
    this.#stream = stream;
  }

  protected override async pull(maximum: number): Promise<Uint8Array | null> {
    const bytes = await this.#stream.read(maximum);
    if (bytes === null || bytes === undefined) return null;
    if (!isUint8Array(bytes) || bytes.length > maximum) {
      throw new TypeError(`read(${maximum}) must give at most ${maximum} bytes`);
    }
    return bytes.length > 0 ? bytes : null;
  }
}

class StreamBytes extends ByteSource {
  readonly #stream: Readable;

  constructor(stream: Readable) {
    super();
    if (stream.readableEncoding) throw new TypeError('A stream that decodes text has no bytes');
    this.#stream = stream;
  }

  protected override async pull(maximum: number): Promise<Uint8Array | null> {
    const stream = this.#stream;
    for (;;) {
      const chunk = stream.readableObjectMode ? this.#takeObject(maximum) : this.#take(maximum);
      if (chunk !== null && chunk.length > 0) return chunk;
      if (chunk !== null) continue;
      if (stream.errored) throw stream.errored;
      if (stream.readableEnded || stream.destroyed) return null;
      await this.#change();
    }
  }

  /** Never more than is wanted, so that nothing has to be put back. */
  #take(maximum: number): Uint8Array | null {
    const size = Math.min(maximum, this.#stream.readableLength);
    return size > 0 ? (this.#stream.read(size) as Uint8Array | null) : null;
  }

  /** A stream of objects, such as `Readable.from([bytes])`, gives its chunks whole: the rest of one goes back. */
  #takeObject(maximum: number): Uint8Array | null {
    const chunk = this.#stream.read() as unknown;
    if (chunk === null) return null;
    if (!ArrayBuffer.isView(chunk) && !isArrayBuffer(chunk)) {
      throw new TypeError('The chunks of a stream of objects must be bytes');
    }
    const bytes = bytesOf(chunk);
    if (bytes.length > maximum) this.#stream.unshift(bytes.subarray(maximum));
    return bytes.subarray(0, maximum);
  }

  /** Waits until the stream has more, or will never have. */
  #change(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        stream.off('readable', settle).off('end', settle).off('close', settle).off('error', settle);
        if (error) reject(error);
        else resolve();
      };
      stream.on('readable', settle).on('end', settle).on('close', settle).on('error', settle);
    });
  }
}

/** Whether `value` is a stream of Node.js, whoever made the class. */
function isNodeStream(value: object): value is Readable & Writable {
  return typeof (value as { on?: unknown }).on === 'function';
}

/** @throws {TypeError} when nothing can be read from `source`. */
export function sourceOf(source: MessageSource): ByteSource {
  if (ArrayBuffer.isView(source) || isArrayBuffer(source)) return new GivenBytes(bytesOf(source));
  if (typeof (source as Partial<PullStream> | null)?.read !== 'function') {
    throw new TypeError('A message is read from bytes, from a Readable, or from an object with read(size)');
  }
  return isNodeStream(source) ? new StreamBytes(source) : new PulledBytes(source);
}

/**
 * Writes `bytes`, and waits until they are taken.
 *
 * @throws {TypeError} when `target` cannot be written to.
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
