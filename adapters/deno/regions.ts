// Memory that connections read to. Each connection with a read under way needs a separate region: a shared one gets mixed up.
//
// An idle connection waits with a small region. A connection that fills it gets a large one, and keeps it as long as it needs it. A
// waiting read cannot be cancelled, so only a limited number may wait with a large region.

/** Fits most messages and every usual handshake, which then take one read. An idle connection has no other memory for bytes. */
export const SMALL_REGION = 1024;
/** 256 KiB made 1 MiB messages 14 % faster and 64 KiB ones no faster, for four times the memory (Deno 2.9). */
export const LARGE_REGION = 65536;
/** 4 MiB for all connections together. */
export const MOST_KEPT: number = 64;

const free: Uint8Array[] = [];
let kept = 0;

/** The memory that one connection reads to. */
export class ReadRegion {
  #small: Uint8Array | null = null;
  #large: Uint8Array | null = null;
  /** Bytes since the last read that did not fill its region. */
  #burst = 0;
  /** Whether the large region counts towards the limit of waiting ones. */
  #isKept = false;

  /** Memory of the next read. Valid until the next call of {@link advance}. */
  get bytes(): Uint8Array {
    return this.#large ?? (this.#small ??= new Uint8Array(SMALL_REGION));
  }

  /** `length` bytes were read and are not needed any more: chooses the region of the next read. */
  advance(length: number): void {
    this.#burst += length;
    if (length === this.bytes.length) {
      this.#large ??= free.pop() ?? new Uint8Array(LARGE_REGION);
      return;
    }
    // The socket is empty. A connection that needed a large region will need it again.
    const isBusy = this.#burst > SMALL_REGION;
    this.#burst = 0;
    if (!isBusy || !this.#keep()) this.#release();
  }

  /** Gives back its regions. No read may be under way. */
  close(): void {
    this.#release();
    this.#small = null;
  }

  #keep(): boolean {
    if (this.#large === null) return false;
    if (this.#isKept) return true;
    if (kept === MOST_KEPT) return false;
    kept++;
    this.#isKept = true;
    return true;
  }

  #release(): void {
    if (this.#isKept) kept--;
    this.#isKept = false;
    if (this.#large === null) return;
    if (free.length < MOST_KEPT) free.push(this.#large);
    this.#large = null;
  }
}
