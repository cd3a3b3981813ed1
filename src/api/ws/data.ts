// What `send`, `ping` and `pong` take, turned into bytes.

import { Buffer } from 'node:buffer';

/** Anything that can be sent as bytes or text. */
export type Data = string | number | Uint8Array | ArrayBuffer | ArrayBufferView | Blob | readonly number[] | SharedArrayBuffer;

export const EMPTY: Buffer = Buffer.alloc(0);

/**
 * The bytes of `data`: a view of the same memory for buffers and views, new memory for the rest.
 *
 * @throws {TypeError} for what has no bytes.
 */
export function toBytes(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  return Buffer.from(data as string);
}

export function isBlob(data: unknown): data is Blob {
  return typeof Blob === 'function' && data instanceof Blob;
}
