// The DEFLATE module of assembly/deflate as the engine sees it: its functions, its memory, and whose window lies there.
// One instance a thread, made when compression is first negotiated.

import { CONTEXTS, INFLATE_STATE, INFLATE_STATE_WORDS, DEFLATE_PAGES, PAGE_BYTES } from '../../assembly/deflate/layout.ts';

/** The functions of assembly/deflate/index.ts, which describes them. Addresses are byte offsets into the module's memory. */
export interface DeflateExports {
  inflate(windowBytes: number): number;
  restoreInflate(): void;
  prepare(): void;
  selectContext(index: number): void;
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

/**
 * A connection that comes back within so many turns of others may take a context of its own. All others share the first one: of many
 * connections that take turns none would find its window, and the tables of eight contexts would fill the caches.
 */
const HOT_TURNS = 12;
/** Turns are counted in 30 bits, which V8 keeps without allocation. */
const TURNS = 0x3fffffff;
/** Of a deflater that has not had a turn of late. */
export const NO_TURN: number = -1000;

/** A connection's direction whose window lies in the module's memory. */
export interface Resident {
  /** Takes its window out of the module's memory, for another one needs the place. */
  evict(): void;
}

/** A deflater, which may have one of the contexts in the module's memory. */
export interface ResidentDeflator extends Resident {
  /** Its context, or -1. The kernel's to change. */
  context: number;
  /** When it last took the place of another one, counted in such turns. The kernel's to change. */
  turn: number;
  /** Writes out an unfinished message as far as it was read, so that only the window and the bits of a byte remain. */
  suspend(): void;
}

/** The module of one thread. */
export class DeflateKernel {
  readonly exports: DeflateExports;
  /** All of its memory. */
  readonly memory: Uint8Array;
  /** The state block of the inflater. */
  readonly state: Uint32Array;
  #inflating: Resident | null = null;
  /** By context. */
  readonly #deflating: (ResidentDeflator | null)[] = new Array<ResidentDeflator | null>(CONTEXTS).fill(null);
  /** The context at hand. */
  #selected = 0;
  #turn = 0;
  #random = 1;

  /** @param exports Of an instance that has no other user. */
  constructor(exports: WebAssembly.Exports) {
    const { buffer } = exports['memory'] as WebAssembly.Memory;
    if (buffer.byteLength !== DEFLATE_PAGES * PAGE_BYTES) {
      throw new Error(
        `The DEFLATE module has ${buffer.byteLength} bytes of memory; this build expects ${DEFLATE_PAGES * PAGE_BYTES}`,
      );
    }
    this.exports = exports as unknown as DeflateExports;
    this.memory = new Uint8Array(buffer);
    this.state = new Uint32Array(buffer, INFLATE_STATE, INFLATE_STATE_WORDS);
    this.exports.prepare();
  }

  /** Makes `next` the one whose window the inflater has. @returns Whether it was not already. */
  admitInflator(next: Resident): boolean {
    if (this.#inflating === next) return false;
    this.#inflating?.evict();
    this.#inflating = next;
    return true;
  }

  /** Makes the context of `next` the one at hand. @returns Whether it is a new one, where its window has still to be put. */
  admitDeflator(next: ResidentDeflator): boolean {
    if (next.context === this.#selected) return false;
    this.#deflating[this.#selected]?.suspend();
    this.#turn = (this.#turn + 1) & TURNS;
    const turns = (this.#turn - next.turn) & TURNS;
    next.turn = this.#turn;
    if (next.context >= 0) {
      this.#select(next.context);
      return false;
    }
    const context = turns <= HOT_TURNS ? this.#freeContext() : 0;
    this.#select(context);
    this.#deflating[context]?.evict();
    this.#take(context, next);
    return true;
  }

  /** Takes the window of `resident` out of the memory, if it is there. */
  expelDeflator(resident: ResidentDeflator): void {
    if (resident.context < 0) return;
    this.#deflating[this.#selected]?.suspend();
    this.#select(resident.context);
    resident.evict();
    this.releaseDeflator(resident);
  }

  /** Forgets the window of `resident`, which it needs no more. */
  releaseDeflator(resident: ResidentDeflator): void {
    if (resident.context >= 0) this.#take(resident.context, null);
    resident.context = -1;
    resident.turn = NO_TURN;
  }

  /** Forgets the window of `resident`, which it needs no more. */
  releaseInflator(resident: Resident): void {
    if (this.#inflating === resident) this.#inflating = null;
  }

  /**
   * Finds a context, a free one if there is. Otherwise it takes any, not the one unused for longest: where more connections than
   * contexts take turns, that one comes next.
   */
  #freeContext(): number {
    const free = this.#deflating.indexOf(null);
    if (free >= 0) return free;
    this.#random = Math.imul(this.#random, 1664525) + 1013904223;
    // The low bits of such numbers repeat soon.
    return (this.#random >>> 16) % CONTEXTS;
  }

  #take(context: number, next: ResidentDeflator | null): void {
    const before = this.#deflating[context];
    if (before) before.context = -1;
    this.#deflating[context] = next;
    if (next !== null) next.context = context;
  }

  #select(context: number): void {
    if (context === this.#selected) return;
    this.exports.selectContext(context);
    this.#selected = context;
  }
}
