// Converts the data of `send`, `ping` and `pong` to bytes, and received bytes to the type that `binaryType` names.

import { Buffer } from 'node:buffer';
import type { MessageOptions } from './types.ts';
import { isUint8Array } from '../../base/realms.ts';
import { ownOption } from '../../base/options.ts';
import type { SendOptions } from '../../platform.ts';

/** Data that can be sent: text, bytes, and everything that `Buffer.from` converts to bytes. */
export type Sendable =
  | string
  | number
  | ArrayBufferView
  | ArrayBuffer
  | SharedArrayBuffer
  | Blob
  | readonly unknown[]
  | { valueOf(): ArrayBuffer | SharedArrayBuffer | Uint8Array | readonly number[] | string }
  | { [Symbol.toPrimitive](hint: string): string };

/** No bytes, for sent messages only. Programs never get it, because they could transfer its memory. */
export const EMPTY: Buffer = Buffer.alloc(0);
const { hasOwnProperty } = Object.prototype;

/**
 * The bytes of `data`: a view of the same memory for buffers and views, new memory for the rest.
 *
 * @throws {TypeError} for data without bytes.
 */
export function toBytes(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data as string);
}

/** The text or bytes for `data`: a number is sent as decimal text, any other falsy value as an empty message. */
export function normalize(data: unknown): unknown {
  if (typeof data === 'number') return String(data);
  return data || EMPTY;
}

/**
 * The options of a message that the session gets; undefined if there are none. A session knows more options than a program may give,
 * so an object is made that has all of them.
 */
export function frameOptions(options: MessageOptions | null | undefined): SendOptions | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  const fin = ownOption(options, 'fin');
  const compress = ownOption(options, 'compress');
  const mask = ownOption(options, 'mask');
  if (fin === undefined && compress === undefined && mask === undefined) return undefined;
  return { fin, compress, mask, firstByte: undefined, shared: undefined, isLasting: undefined };
}

/** Whether a message goes out as text. `binary: undefined` and `binary: null` are false, as in ws. */
export function isSentAsText(data: unknown, settings: MessageOptions | null | undefined): boolean {
  if (typeof settings === 'object' && settings !== null) {
    if (hasOwnProperty.call(settings, 'binary')) return !settings.binary;
  }
  return typeof data === 'string' || typeof data === 'number';
}

/** The bytes of a close reason; a value without `length` is none. @throws {TypeError} when it is neither text nor bytes. */
export function toReason(reason: unknown): Buffer {
  if (typeof reason === 'string') return Buffer.from(reason);
  if (reason === undefined || !(reason as { length?: unknown }).length) return EMPTY;
  // For its error: a value that is neither text nor a view is refused with the message of Node.js.
  Buffer.byteLength(reason as string);
  if (isUint8Array(reason)) return toBytes(reason);
  throw new TypeError('Second argument must be a string or a Uint8Array');
}

/**
 * `source[start, end)` as a Buffer whose ArrayBuffer holds these bytes and no others. Without a copy if they are all of the memory of
 * `source`, which is not used any more then. An empty message has separate memory: `source` may be a constant, which a program must not be
 * able to transfer.
 */
export function ownBuffer(source: Uint8Array, start: number = 0, end: number = source.length): Buffer {
  if (start === end) return Buffer.alloc(0);
  const { buffer, byteOffset } = source;
  if (end - start < buffer.byteLength) return Buffer.from(buffer.slice(byteOffset + start, byteOffset + end));
  return Buffer.isBuffer(source) ? source : Buffer.from(buffer);
}

/**
 * A binary message in the form that `binaryType` names.
 *
 * @param bytes Kept.
 * @param fragmentEnds Where its fragments end, if it came in several.
 */
export function shape(
  bytes: Buffer,
  binaryType: string,
  fragmentEnds: readonly number[] | undefined,
): ArrayBuffer | Blob | Buffer[] {
  if (binaryType === 'fragments') return fragmentsOf(bytes, fragmentEnds);
  if (binaryType === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>]);
  return ownBuffer(bytes).buffer as ArrayBuffer;
}

/** A message cut where its fragments end. Empty fragments are left out, as in ws. */
function fragmentsOf(bytes: Buffer, fragmentEnds: readonly number[] = []): Buffer[] {
  const fragments: Buffer[] = [];
  let start = 0;
  for (const end of [...fragmentEnds, bytes.length]) {
    if (end > start) fragments.push(bytes.subarray(start, end));
    start = end;
  }
  return fragments;
}
