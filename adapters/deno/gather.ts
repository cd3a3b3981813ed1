// One write of several chunks. Deno has no gathering write: short chunks are copied together, so that a frame's header never leaves
// without its payload.

/** A payload from this size on is written without a copy. A header and 64 KiB copied together cost 7 % less than two writes (Deno 2.9, echo). */
const GATHER_BYTES = 131072;
/**
 * A write of at most so many bytes gets memory of its length. With 128 KiB of zeros for each write, new memory took 44 % of
 * the time of sending 16 short messages to each of 500 connections.
 */
const SMALL_BYTES = 4096;
/** Number of buffers that are kept for writes at the same time. Others are freed after their write. */
const MOST_FREE = 16;

const free: Uint8Array[] = [];

/** A write that is not done. */
export class PendingWrite {
  readonly #chunks: readonly Uint8Array[];
  readonly onWritten: (isAtOnce?: boolean) => void;
  /** The first chunk that is not written completely, and its written bytes. */
  #index = 0;
  #offset = 0;
  #memory: Uint8Array | null = null;

  /** @param chunks Kept until all is written. */
  constructor(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void) {
    this.#chunks = chunks;
    this.onWritten = onWritten;
  }

  /** The next bytes to write, not empty. Valid until {@link advance}. */
  next(): Uint8Array {
    const chunk = this.#chunks[this.#index];
    const isAlone = this.#index === this.#chunks.length - 1 || chunk.length - this.#offset >= GATHER_BYTES;
    if (isAlone) return this.#offset === 0 ? chunk : chunk.subarray(this.#offset);
    return this.#gather();
  }

  /** `count` bytes were written. @returns Whether everything is written. */
  advance(count: number): boolean {
    this.#offset += count;
    const chunks = this.#chunks;
    while (this.#index < chunks.length && this.#offset >= chunks[this.#index].length) {
      this.#offset -= chunks[this.#index].length;
      this.#index++;
    }
    if (this.#index < chunks.length) return false;
    this.close();
    return true;
  }

  /** Gives back its memory. No write may be under way. */
  close(): void {
    if (this.#memory?.length === GATHER_BYTES && free.length < MOST_FREE) free.push(this.#memory);
    this.#memory = null;
  }

  /** Remaining bytes; counts no further than beyond {@link SMALL_BYTES}. */
  #countRest(): number {
    const chunks = this.#chunks;
    let rest = -this.#offset;
    for (let index = this.#index; index < chunks.length && rest <= SMALL_BYTES; index++) rest += chunks[index].length;
    return rest;
  }

  #gather(): Uint8Array {
    const rest = this.#memory === null ? this.#countRest() : 0;
    const memory = (this.#memory ??= rest <= SMALL_BYTES ? new Uint8Array(rest) : (free.pop() ?? new Uint8Array(GATHER_BYTES)));
    const chunks = this.#chunks;
    let length = 0;
    for (let index = this.#index, from = this.#offset; index < chunks.length && length < memory.length; index++, from = 0) {
      const chunk = chunks[index];
      const end = Math.min(chunk.length, from + memory.length - length);
      memory.set(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end), length);
      length += end - from;
    }
    return memory.subarray(0, length);
  }
}
