// Joins the pieces of a message that came in more than one record: fragments (RFC 6455 section 5.4) and frames longer than a chunk.

import type { Platform } from '../platform.ts';

/**
 * How many times longer than the received bytes the buffer of a frame of known length may be. The header's claim alone allocates nothing.
 * The operating system does not back memory that was not written to. With 4, a 1 MiB frame read in pieces of 64 to 256 KiB
 * is copied twice at most; with 2 it is up to four times.
 */
const AHEAD = 4;
/**
 * The header has arrived as well. Without it a 1 MiB frame whose first read brings 256 KiB misses by 56 bytes, and is allocated and copied
 * once more for its end: a third more messages a second on Node and Bun, a tenth on Deno.
 */
const HEADER = 14;
/** Growth of a message whose end is unknown: the usual doubling, so that n fragments cost O(n) copying. */
const DOUBLING = 2;
const SMALLEST = 256;

export class MessageAssembler {
  readonly #platform: Platform;
  #bytes: Uint8Array | null = null;
  #length = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends `source[start, end)`, which is borrowed.
   *
   * @param expected Bytes of the same frame that its header says are still to come; only used to size the buffer.
   * @param isLast Whether the frame is the last one that goes to this buffer; only used to size the buffer.
   */
  append(source: Uint8Array, start: number, end: number, expected: number, isLast: boolean): void {
    const length = this.#length + end - start;
    const bytes = this.#reserve(length, expected, isLast);
    // A view costs more than a few stores: most pieces of a finely fragmented message are small.
    if (end - start <= 32) {
      for (let from = start, to = this.#length; from < end; from++, to++) bytes[to] = source[from];
    } else {
      bytes.set(source.subarray(start, end), this.#length);
    }
    this.#length = length;
  }

  /**
   * Hands over the buffer and starts anew. The first {@link length} bytes are the message. A message in fragments may leave more bytes, with
   * undefined contents, which programs must not reach.
   */
  take(): Uint8Array {
    const bytes = this.#bytes ?? this.#platform.allocate(0);
    this.#bytes = null;
    this.#length = 0;
    return bytes;
  }

  /** Drops the buffer. */
  clear(): void {
    this.#bytes = null;
    this.#length = 0;
  }

  #reserve(length: number, expected: number, isLast: boolean): Uint8Array {
    const old = this.#bytes;
    if (old !== null && old.length >= length) return old;
    const bytes = this.#platform.allocate(this.#capacityFor(length, expected, isLast));
    if (old !== null) bytes.set(old.subarray(0, this.#length));
    this.#bytes = bytes;
    return bytes;
  }

  #capacityFor(length: number, expected: number, isLast: boolean): number {
    if (expected === 0) return isLast || this.#bytes === null ? length : length * DOUBLING;
    const total = length + expected;
    const capacity = total <= (length + HEADER) * AHEAD ? total : length * AHEAD;
    return Math.max(capacity, Math.min(SMALLEST, total));
  }
}
