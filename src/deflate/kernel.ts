// The DEFLATE module of assembly/deflate as the engine sees it: its functions, its memory, and whose window lies there.
// One instance a thread, made when compression is first negotiated.

import { INFLATE_STATE, INFLATE_STATE_WORDS, MEMORY_PAGES, PAGE_BYTES } from '../../assembly/deflate/layout.ts';

/** The functions of assembly/deflate/index.ts, which says what they do. Addresses are byte offsets into the module's memory. */
export interface DeflateExports {
  inflate(windowBytes: number): number;
  prepareInflate(): void;
  restoreInflate(): void;
  prepareDeflate(): void;
  startDeflate(length: number, windowBytes: number, level: number): number;
  makeRoom(length: number): number;
  deflate(length: number, flushes: boolean | number): void;
  suspendDeflate(): void;
  takeOutput(): number;
  takeBits(): number;
  restoreBits(rest: number): void;
  historyLength(): number;
  historyEnd(): number;
}

/** A connection's direction whose window lies in the module's memory. */
export interface Resident {
  /** Takes its window out of the module's memory, for another one needs the place. */
  evict(): void;
}

/** The module of one thread. */
export class DeflateKernel {
  readonly exports: DeflateExports;
  /** All of its memory. */
  readonly memory: Uint8Array;
  /** The state block of the inflater. */
  readonly state: Uint32Array;
  #inflating: Resident | null = null;
  #deflating: Resident | null = null;

  /** @param exports Of an instance that has no other user. */
  constructor(exports: WebAssembly.Exports) {
    const { buffer } = exports['memory'] as WebAssembly.Memory;
    if (buffer.byteLength !== MEMORY_PAGES * PAGE_BYTES) {
      throw new Error(
        `The DEFLATE module has ${buffer.byteLength} bytes of memory; this build expects ${MEMORY_PAGES * PAGE_BYTES}`,
      );
    }
    this.exports = exports as unknown as DeflateExports;
    this.memory = new Uint8Array(buffer);
    this.state = new Uint32Array(buffer, INFLATE_STATE, INFLATE_STATE_WORDS);
    this.exports.prepareInflate();
    this.exports.prepareDeflate();
  }

  /** Makes `next` the one whose window the inflater has. @returns Whether it was not already. */
  admitInflator(next: Resident): boolean {
    if (this.#inflating === next) return false;
    this.#inflating?.evict();
    this.#inflating = next;
    return true;
  }

  /** Makes `next` the one whose window the deflater has. @returns Whether it was not already. */
  admitDeflator(next: Resident): boolean {
    if (this.#deflating === next) return false;
    this.#deflating?.evict();
    this.#deflating = next;
    return true;
  }

  /** Takes the window of `resident` out of the memory, if it is there. */
  expelDeflator(resident: Resident): void {
    if (this.#deflating !== resident) return;
    resident.evict();
    this.#deflating = null;
  }

  /** Forgets the window of `resident`, which it needs no more. */
  release(resident: Resident): void {
    if (this.#inflating === resident) this.#inflating = null;
    if (this.#deflating === resident) this.#deflating = null;
  }
}
