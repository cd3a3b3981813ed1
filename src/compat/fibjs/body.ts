// The body of a Message: bytes that are written at the end and read from the front.

import { isArrayBuffer } from '../../base/realms.ts';
import { Buffer } from 'node:buffer';
import { copyToOwn } from '../../nodejs/views.ts';

/** Grows by doubling, so that many short writes cost no more than one long one. */
const SMALLEST = 256;

/**
 * What `Message.body` is. Every method answers at once; `await` before it does no harm.
 *
 * Itself a stream for `Message.readFrom` and `Message.sendTo`.
 */
export class MessageBody {
  #bytes: Buffer;
  #length: number;
  #position = 0;

  /** @param bytes What it holds at first. Kept. */
  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.#bytes = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    this.#length = bytes.byteLength;
  }

  /** All of it, whatever has been read. Borrowed: changes with the next `write`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Length of all of it, in bytes. */
  size(): number {
    return this.#length;
  }

  /** Appends text, as UTF-8, or bytes, which are copied. */
  write(data: string | ArrayBufferView | ArrayBuffer): void {
    const bytes = bytesOf(data);
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(length, this.#length * 2, SMALLEST));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length);
    this.#length = length;
  }

  /**
   * Reads on from where the last call stopped.
   *
   * @param size Most bytes to read; negative for all there are.
   * @returns A copy; null at the end.
   */
  read(size: number = -1): Buffer | null {
    const end = size < 0 ? this.#length : Math.min(this.#length, this.#position + size);
    if (end === this.#position) return null;
    const bytes = copyToOwn(this.#bytes, this.#position, end);
    this.#position = end;
    return bytes;
  }

  /** Reads all that has not been read. @returns A copy; null when there is nothing. */
  readAll(): Buffer | null {
    return this.read();
  }

  /** Makes the next `read` start at the beginning again. */
  rewind(): void {
    this.#position = 0;
  }
}

/** `data` as bytes: a view of the same memory, but for text. @throws {TypeError} when it is neither text nor bytes. */
export function bytesOf(data: string | ArrayBufferView | ArrayBuffer): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return Buffer.from(data);
  throw new TypeError('Expected a string, a Buffer or other bytes');
}
