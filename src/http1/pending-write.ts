// One write of several chunks, for runtimes without a gathering write: chunks are copied together, so that a frame's header never leaves
// without its payload.

import type { Blocks, Region } from '../platform.ts';

/** Memory to copy chunks to. */
export interface GatherPool {
  /** Bytes of a chunk from which on it is written without a copy. */
  readonly size: number;
  /** Gives memory for a write, `size` bytes or all that it needs. @param rest Counts the remaining bytes, up to `most` and one chunk more. */
  take(rest: (most: number) => number): Uint8Array;
  /** The memory is not needed any more. */
  give?(memory: Uint8Array): void;
}

/** A write that is not done. */
export class PendingWrite {
  #chunks: readonly Uint8Array[];
  readonly onWritten: (isAtOnce?: boolean) => void;
  readonly #pool: GatherPool;
  /** The first chunk that is not written completely, and its written bytes. */
  #index = 0;
  #offset = 0;
  #memory: Uint8Array | null = null;
  /** Blocks with a copy of the last chunk, and where they belong. */
  #copy: { readonly blocks: Region[]; readonly source: Blocks } | null = null;

  /** @param chunks Kept until all is written. */
  constructor(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void, pool: GatherPool) {
    this.#chunks = chunks;
    this.onWritten = onWritten;
    this.#pool = pool;
  }

  /** The next bytes to write, not empty. Valid until {@link advance}. */
  next(): Uint8Array {
    const chunk = this.#chunks[this.#index];
    const isAlone = this.#index === this.#chunks.length - 1 || chunk.length - this.#offset >= this.#pool.size;
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

  /** Copies the rest of the last chunk, which is the caller's again. */
  own(source: Blocks): void {
    const last = this.#chunks.length - 1;
    const borrowed = this.#chunks[last];
    const chunks = this.#chunks.slice(0, last);
    const blocks: Region[] = [];
    let from = 0;
    if (this.#index === last) {
      from = this.#offset;
      this.#offset = 0;
    }
    for (; from < borrowed.length; from += blocks[0].bytes.length) {
      const block = source.take();
      blocks.push(block);
      const piece = borrowed.subarray(from, from + block.bytes.length);
      block.bytes.set(piece);
      chunks.push(piece.length === block.bytes.length ? block.bytes : block.bytes.subarray(0, piece.length));
    }
    this.#chunks = chunks;
    this.#copy = { blocks, source };
  }

  /** Gives back its memory. No write may be under way. */
  close(): void {
    const copy = this.#copy;
    this.#copy = null;
    if (copy !== null) for (const block of copy.blocks) copy.source.release(block);
    if (this.#memory !== null) this.#pool.give?.(this.#memory);
    this.#memory = null;
  }

  #countRest(most: number): number {
    const chunks = this.#chunks;
    let rest = -this.#offset;
    for (let index = this.#index; index < chunks.length && rest <= most; index++) rest += chunks[index].length;
    return rest;
  }

  #gather(): Uint8Array {
    const memory = (this.#memory ??= this.#pool.take((most) => this.#countRest(most)));
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
