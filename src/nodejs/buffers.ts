// Buffers over memory that exists already, Buffers whose memory is theirs alone, and messages for programs. No message shares memory with one of
// another connection.
//
// Short messages that came in one chunk are copied together, to a new window, and each is a view of it: an ArrayBuffer for each
// costs more than decoding it (Node 20 and 24, 125 bytes: 800 ns against 90 ns). A window begins with its first message, ends with its
// last one, and is never filled further, so a message that is kept keeps its neighbours of the same chunk at most.

import { Buffer } from 'node:buffer';
import { takes } from '../base/fast-paths.ts';
import type { Codec } from '../codec/codec.ts';
import type { Platform } from '../platform.ts';

type MakeView = (memory: ArrayBuffer, start: number, length: number) => Buffer;
type Species = new (memory: ArrayBuffer, start: number, length: number) => Buffer;

/** Up to this length a loop is faster than `set`, which needs a view of the source (Node 20, 16 bytes: 62 ns against 107 ns). */
const LOOP_BYTES = 32;

function chooseMakeView(): MakeView {
  const Species = (Buffer as unknown as Record<symbol, Species | undefined>)[Symbol.species];
  if (Species) {
    const sample = new Species(new ArrayBuffer(2), 1, 1);
    if (sample instanceof Buffer && sample.byteOffset === 1 && sample.length === 1) {
      return (memory, start, length) => new Species(memory, start, length);
    }
  }
  return (memory, start, length) => Buffer.from(memory, start, length);
}

/**
 * Makes a Buffer of `length` bytes over `memory` from `start` on. Buffer's species is the class that its own methods construct; used
 * directly it costs half of `subarray`, which asks the Buffer for its ArrayBuffer each time (Node 20: 82 ns against 166 ns).
 */
export const makeView: MakeView = chooseMakeView();

/** From this length on, memory is worth {@link keepHeap}. */
const LONG = 32768;
/** Just below 32 MiB, the longest block by which glibc judges. */
const LONGEST_JUDGED = 33_000_000;
let isHeapKept = false;

/**
 * Makes the C library keep free memory for the next long message.
 *
 * glibc returns free memory at the end of its heap to the system, at first from 128 KiB on. Then each long message needs new memory, which costs a page
 * fault for each 4 KiB. glibc raises that bound to twice the longest block that was mapped by itself and freed. So we free one once. Nothing is
 * written to it, so the system never backs it. 1 MiB echo: 233 faults and 1,450 µs a message before, 1 and 930 after (Node 20); 236
 * and 1,580, 1 and 700 (Deno 2.9, 64 connections). A program decides otherwise by `MALLOC_TRIM_THRESHOLD_` in its environment.
 */
function keepHeap(): void {
  isHeapKept = true;
  const block: ArrayBuffer & { transfer?: (length: number) => ArrayBuffer } = new ArrayBuffer(LONGEST_JUDGED);
  // Frees it now. Node.js 20 has no `transfer`, and frees it when it collects garbage.
  block.transfer?.(0);
}

/** Makes a Buffer with undefined contents, whose ArrayBuffer has the same length. */
export function allocate(length: number): Buffer<ArrayBuffer> {
  if (length >= LONG && !isHeapKept) keepHeap();
  return Buffer.allocUnsafeSlow(length);
}

/**
 * Copies `source[start, end)` to a Buffer whose ArrayBuffer holds these bytes and no others. `Buffer.from`, `concat` and `allocUnsafe` cut
 * theirs from a pool of the whole process, where a program that reads or transfers `buffer` reaches the bytes of others.
 */
export function copyToOwn(source: Uint8Array, start: number = 0, end: number = source.length): Buffer<ArrayBuffer> {
  const length = end - start;
  const bytes = allocate(length);
  if (length > LOOP_BYTES) bytes.set(source.subarray(start, end));
  else for (let index = 0; index < length; index++) bytes[index] = source[start + index];
  return bytes;
}

/** Longest window. */
const WINDOW_BYTES = 8192;
/** Node.js's V8 and JavaScriptCore store so few bytes in the object, so memory of their own costs no more. */
const INLINE_BYTES = 64;
/** From this length on a message has separate memory: the copy costs as much as its ArrayBuffer. */
const ALONE_FROM: number = takes('shared-window') ? 2048 : 0;

/** Makes a Buffer of `length` bytes of `window`, which is all of `memory`, from `start` on. */
type Cut = (memory: ArrayBuffer, start: number, length: number, window: Buffer) => Buffer;

/**
 * Makes the `copyMessage` of a platform.
 *
 * @param inlineBytes Up to this length a message has separate memory.
 * @param cut Default: the cheapest way on V8.
 */
export function createCopyMessage(
  codec: Codec,
  inlineBytes: number = INLINE_BYTES,
  cut: Cut = makeView,
): Platform['copyMessage'] {
  /** Whether a message of `length` bytes lies in a window. */
  const isShared = (length: number): boolean => length > inlineBytes && length < ALONE_FROM;
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
      const endOfRun = codec.endOfRun(start, start + WINDOW_BYTES, isShared);
      // The only one needs no view of a window (Bun, copied alone and as a view: 125 bytes 257 ns and 404, 1,000 bytes 421 and 951).
      if (endOfRun <= end) return copyToOwn(source, start, end);
      first = start;
      last = endOfRun;
      generation = codec.generation;
      window = copyToOwn(source, first, last);
      memory = window.buffer;
    }
    return cut(memory, start - first, length, window);
  };
}
