// Shared by all engines: the ends of messages, the lengths of slices, windows, and the bytes of a program.

import { isArrayBuffer, isSharedArrayBuffer } from '../base/realms.ts';
import type { ContextOptions } from './engine.ts';
import { MAXIMUM_WINDOW_BITS } from './parameters.ts';

/** The bytes at the end of a sync flush, which are not sent (RFC 7692 section 7.2.1). */
export const TAIL: Uint8Array = new Uint8Array([0x00, 0x00, 0xff, 0xff]);
/** A message without bytes, compressed (RFC 7692 section 7.2.3.6). Made anew, because the receiver of a result may mask it in place. */
export const emptyMessage = (): Uint8Array => new Uint8Array([0x00]);
/**
 * Level unless a program names another. Level 6 makes 1 % fewer bytes, and takes 1.07 (1 KiB of JSON with the context kept) to 1.7 times
 * (64 KiB) as long: docs/performance.md has the table.
 */
export const DEFAULT_LEVEL = 5;

/** Most input that is deflated in one slice: about 3 ms of JSON at level 6. */
export const DEFLATE_SLICE = 131072;

export const NONE: Uint8Array = new Uint8Array(0);

/** The last bytes of `before` and `data` together: as much as a window of `windowBits` sees. */
export function slideWindow(before: Uint8Array, data: Uint8Array, windowBits: number): Uint8Array {
  const size = 2 ** windowBits;
  if (data.length >= size) return new Uint8Array(data.subarray(data.length - size));
  const kept = before.subarray(Math.max(0, before.length + data.length - size));
  const window = new Uint8Array(kept.length + data.length);
  window.set(kept);
  window.set(data, kept.length);
  return window;
}

/** A copy of the end of a program's dictionary, and the windows that lie in it, by their bits. */
interface Dictionary {
  readonly bytes: Uint8Array;
  readonly windows: (Uint8Array | undefined)[];
}

/** By the object that a program has passed. */
const dictionaries = new WeakMap<object, Dictionary>();

/**
 * The window that a context starts with: the end of the `dictionary` in `options`, if there is one. It is a copy, which all contexts with the same
 * dictionary share: not to be changed.
 */
export function dictionaryOf({ windowBits, zlib }: ContextOptions): Uint8Array {
  const given = zlib?.['dictionary'];
  if (given === undefined || given === null) return NONE;
  const all = bytesIn(given)!;
  const end = all.subarray(Math.max(0, all.length - 2 ** MAXIMUM_WINDOW_BITS));
  let dictionary = dictionaries.get(given);
  // Compared, because the program may have put other bytes there since.
  if (dictionary === undefined || !haveSameBytes(dictionary.bytes, end)) {
    dictionary = { bytes: new Uint8Array(end), windows: [] };
    dictionaries.set(given, dictionary);
  }
  const { bytes, windows } = dictionary;
  return (windows[windowBits] ??= bytes.subarray(Math.max(0, bytes.length - 2 ** windowBits)));
}

/** Compares by words where both lie so: 32 KiB take 10 µs, a third of the time. */
export function haveSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let at = 0;
  if (((one.byteOffset | other.byteOffset) & 3) === 0) {
    const [words, others] = [one, other].map((bytes) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2));
    for (let index = 0; index < words.length; index++) if (words[index] !== others[index]) return false;
    at = words.length * 4;
  }
  for (; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

const { keys } = Uint8Array.prototype;

/**
 * The bytes of a buffer or a view, without a copy; null for any other value. Also null for a buffer that was transferred, and for a view outside of its
 * buffer, which has shrunk or was transferred: such a view says that it has no bytes.
 */
export function bytesIn(value: unknown): Uint8Array | null {
  try {
    if (isArrayBuffer(value) || isSharedArrayBuffer(value)) return new Uint8Array(value);
    if (!ArrayBuffer.isView(value)) return null;
    // The length of a DataView throws outside of the buffer. That of a typed array is 0, and its keys throw.
    const { byteLength, byteOffset, buffer } = value;
    if (byteLength === 0 && 'length' in value) keys.call(value as Uint8Array);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch {
    return null;
  }
}

export const closedError = (): Error => new Error('The compression context is closed');

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
