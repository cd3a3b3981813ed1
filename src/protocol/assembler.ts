// Joins the pieces of a message that came in more than one record: fragments (RFC 6455 section 5.4) and frames longer than a chunk.
//
// The memory of a message is allocated once, with its exact length: when the length is known, and so much of the message has arrived that
// the header may be believed. Earlier pieces are staged in memory that grows with them and is never copied to grow.

import type { Assembler, Platform, Region } from '../platform.ts';
import { BLOCK_BYTES } from './blocks.ts';

/** A header that claims at most so many times the received bytes is believed. The claim alone allocates nothing. */
const AHEAD = 4;
/**
 * The header has arrived as well. Without it a 1 MiB frame whose first read brings 256 KiB misses by 56 bytes, and is staged.
 */
const HEADER = 14;
/** A claim of so few bytes is always believed. Also the shortest memory for staged bytes. */
const SMALLEST = 256;

/** Whether a header may be believed that claims `total` bytes of a message, of which `length` have arrived. */
export function isBelievable(total: number, length: number): boolean {
  return total <= Math.max(SMALLEST, (length + HEADER) * AHEAD);
}

export class MessageAssembler implements Assembler {
  readonly #platform: Platform;
  /** The message, once it has memory of its own. */
  #message: Uint8Array | null = null;
  /** Bytes that were staged before: each array is full. */
  #staged: Uint8Array[] | null = null;
  /** Those of them that are to be given back. */
  #blocks: Region[] | null = null;
  /** The array that is being filled, up to `#used`. */
  #tail: Uint8Array | null = null;
  #used = 0;
  #length = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  get length(): number {
    return this.#length;
  }

  append(source: Uint8Array, start: number, end: number, expected: number, isLast: boolean): void {
    const length = this.#length + end - start;
    const total = length + expected;
    if (this.#message === null && isLast && isBelievable(total, length)) this.#settle(total);
    if (this.#message !== null) copyInto(this.#message, this.#length, source, start, end);
    else this.#stage(source, start, end);
    this.#length = length;
  }

  /** @returns Memory of exactly its length. */
  take(): Uint8Array {
    const message = this.#message ?? this.#platform.allocate(0);
    this.#message = null;
    this.#length = 0;
    return message;
  }

  clear(): void {
    this.#message = null;
    this.#length = 0;
    this.#clearStage();
  }

  /** Allocates the message, and moves the staged bytes to it. */
  #settle(total: number): void {
    const message = (this.#message = this.#platform.allocate(total));
    let at = 0;
    for (const piece of this.#staged ?? []) {
      message.set(piece, at);
      at += piece.length;
    }
    if (this.#tail !== null) copyInto(message, at, this.#tail, 0, this.#used);
    this.#clearStage();
  }

  #clearStage(): void {
    for (const block of this.#blocks ?? []) this.#platform.blocks.release(block);
    this.#staged = this.#blocks = this.#tail = null;
    this.#used = 0;
  }

  #stage(source: Uint8Array, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const tail =
        this.#tail !== null && this.#used < this.#tail.length ? this.#tail : this.#extend(this.#length + end - start);
      const to = Math.min(end, from + tail.length - this.#used);
      copyInto(tail, this.#used, source, from, to);
      this.#used += to - from;
      from = to;
    }
  }

  /** Goes on in a new array. A peer gets at most {@link AHEAD} times the memory that it fills. */
  #extend(length: number): Uint8Array {
    if (this.#tail !== null) (this.#staged ??= []).push(this.#tail);
    this.#used = 0;
    if (length * AHEAD < BLOCK_BYTES) return (this.#tail = this.#platform.allocate(Math.max(SMALLEST, length)));
    const block = this.#platform.blocks.take();
    (this.#blocks ??= []).push(block);
    return (this.#tail = block.bytes);
  }
}

export function copyInto(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  // A view costs more than a few stores: most pieces of a finely fragmented message are small.
  if (end - start <= 32) {
    for (let from = start, to = at; from < end; from++, to++) target[to] = source[from];
  } else {
    target.set(source.subarray(start, end), at);
  }
}
