// Where connections read to. Each connection with a read under way needs memory of its own: shared memory gets torn.
//
// An idle connection waits with a small region. One that fills it goes on with a large one, and keeps it from read to read as long
// as it needs it; but as a read that waits cannot be taken back, only so many may wait with a large region.

/** Most messages and every usual handshake fit, which then take one read. It is all the memory for bytes that an idle connection has. */
export const SMALL_REGION = 1024;
/** 256 KiB made 1 MiB messages 14 % faster and 64 KiB ones no faster, for four times the memory (Deno 2.9). */
export const LARGE_REGION = 65536;
/** 4 MiB for all connections together. */
export const MOST_KEPT: number = 64;

const free: Uint8Array[] = [];
let kept = 0;

/** One connection's reading. */
export class ReadRegion {
  #small: Uint8Array | null = null;
  #large: Uint8Array | null = null;
  /** Bytes since a read last came short of what it could take. */
  #burst = 0;
  /** Whether the large region counts among those that may wait. */
  #isKept = false;

  /** Where to read to now. Valid until the next call of {@link advance}. */
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
    // The socket is empty. Who needed more than a small region will need it again.
    const isBusy = this.#burst > SMALL_REGION;
    this.#burst = 0;
    if (!isBusy || !this.#keep()) this.#release();
  }

  /** Gives back what it holds. No read may be under way. */
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
