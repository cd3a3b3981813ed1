// The body of a Message, which is written at its end and read from its start.

import { isArrayBuffer } from '../../base/realms.ts';
import { Buffer } from 'node:buffer';
import { copyToOwn } from '../../nodejs/buffers.ts';

/** Smallest buffer. It grows by doubling, so that n short writes cost O(n) copying. */
const SMALLEST = 256;

/**
 * The payload of a Message. All methods are synchronous; `await` before them is allowed.
 *
 * It is a stream for `Message.readFrom` and `Message.sendTo` as well.
 */
export class MessageBody {
  #bytes: Buffer;
  #length: number;
  #position = 0;

  /** @param bytes The initial content. Kept. */
  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.#bytes = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    this.#length = bytes.byteLength;
  }

  /** All bytes, including those that were read. Borrowed: the next `write` may change them. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Number of all bytes. */
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
   * Reads the next bytes.
   *
   * @param size Most bytes to read; negative for all.
   * @returns A copy; null at the end.
   */
  read(size: number = -1): Buffer | null {
    const end = size < 0 ? this.#length : Math.min(this.#length, this.#position + size);
    if (end === this.#position) return null;
    const bytes = copyToOwn(this.#bytes, this.#position, end);
    this.#position = end;
    return bytes;
  }

  /** Reads all bytes that were not read yet. @returns A copy; null at the end. */
  readAll(): Buffer | null {
    return this.read();
  }

  /** Makes the next `read` start at the first byte. */
  rewind(): void {
    this.#position = 0;
  }
}

/** The bytes of `data`. Shares its memory, except for text. @throws {TypeError} when it is neither text nor bytes. */
export function bytesOf(data: string | ArrayBufferView | ArrayBuffer): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return Buffer.from(data);
  throw new TypeError('Expected a string, a Buffer or other bytes');
}
