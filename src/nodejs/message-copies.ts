// Buffers for users, filled from codec memory. None shares memory with a message of another connection.
//
// Short messages that came in one chunk are copied together, to a new window, and each is a view of it: an ArrayBuffer for each
// costs more than decoding it (Node 20 and 24, 125 bytes: 800 ns against 90 ns). A window begins with its first message, ends with its
// last one, and is never filled further, so a message that is kept keeps its neighbours of the same chunk at most.

import type { Codec } from '../codec/codec.ts';
import type { Platform } from '../platform.ts';
import { copyToOwn, makeView } from './views.ts';

/** Longest window. */
const WINDOW_BYTES = 8192;
/** Up to this length a message has separate memory: V8 and JavaScriptCore store so few bytes in the object, at no higher cost. */
const INLINE_BYTES = 64;
/** From this length on a message has separate memory: the copy costs as much as its ArrayBuffer. */
const ALONE_FROM = 2048;

/** Makes a Buffer of `length` bytes of `window`, which is all of `memory`, from `start` on. */
type Cut = (window: Buffer, memory: ArrayBuffer, start: number, length: number) => Buffer;

/** Whether a message of `length` bytes lies in a window. */
function isShared(length: number): boolean {
  return length > INLINE_BYTES && length < ALONE_FROM;
}

/**
 * Makes the `copyMessage` of a platform.
 *
 * @param cut Default: the cheapest way on V8.
 */
export function createCopyMessage(
  codec: Codec,
  cut: Cut = (_window, memory, start, length) => makeView(memory, start, length),
): Platform['copyMessage'] {
  let window = copyToOwn(codec.memory, 0, 0);
  let memory = window.buffer;
  /** The window's place in codec memory, and its chunk. */
  let first = 0;
  let last = 0;
  let generation = -1;
  return (source, start, end) => {
    const length = end - start;
    if (source !== codec.memory || !isShared(length)) return copyToOwn(source, start, end);
    // If a program has transferred the memory of a message, the window is empty.
    if (generation !== codec.generation || start < first || end > last || window.length === 0) {
      first = start;
      last = Math.max(end, codec.endOfRun(start, start + WINDOW_BYTES, isShared));
      generation = codec.generation;
      window = copyToOwn(source, first, last);
      memory = window.buffer;
    }
    return cut(window, memory, start - first, length);
  };
}
