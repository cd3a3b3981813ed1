// The frame codec as the rest of the library sees it: typed views over the codec's memory, and functions over its exports.
// One instance a thread. Which kernel does the work (WASM with SIMD, WASM without, plain TypeScript) makes no difference here.

import {
  CONFIG_ALLOW_RSV1,
  CONFIG_EXPECT_MASK,
  CONFIG_SKIP_UTF8,
  HEADROOM,
  INPUT,
  INPUT_BYTES,
  OUTPUT,
  OUTPUT_SLOTS,
  OUTPUT_SLOT_BYTES,
  RECORDS,
  RECORD_ADDRESS,
  RECORD_CAPACITY,
  RECORD_LENGTH,
  RECORD_WORDS,
  SCRATCH,
  SCRATCH_BYTES,
  STATE,
  STATE_CONFIG,
  STATE_CONSUMED,
  STATE_FRAME,
  STATE_KEY,
  STATE_MESSAGE,
  STATE_REMAINING_HIGH,
  STATE_REMAINING_LOW,
  STATE_STATUS,
  STATE_UTF8,
  STATE_WORDS,
} from '../../assembly/layout.ts';

/** The functions of assembly/index.ts over one memory. Addresses are byte offsets into it. */
export interface Kernel {
  readonly name: 'wasm-simd' | 'wasm-scalar' | 'typescript';
  readonly memory: ArrayBuffer;
  decode(address: number, length: number): number;
  encodeFrame(address: number, first: number, length: number, masked: boolean | number, key: number): number;
  mask(address: number, length: number, key: number): number;
  validate(address: number, length: number, state: number): number;
}

/** Validator state between two code points. */
export const UTF8_ACCEPT = 0;
/** Validator state once a byte fits no valid text. */
export const UTF8_REJECT = -1;

/** Everything that decoding one connection carries from chunk to chunk; nothing of an idle connection lives in codec memory. */
export class DecoderState {
  readonly config: number;
  frame: number = 0;
  remainingLow: number = 0;
  remainingHigh: number = 0;
  key: number = 0;
  message: number = 0;
  utf8: number = UTF8_ACCEPT;

  constructor(options: { expectMask: boolean; allowRsv1?: boolean; skipUtf8Validation?: boolean }) {
    this.config =
      (options.expectMask ? CONFIG_EXPECT_MASK : 0) |
      (options.allowRsv1 ? CONFIG_ALLOW_RSV1 : 0) |
      (options.skipUtf8Validation ? CONFIG_SKIP_UTF8 : 0);
  }

  /** Payload bytes still missing of the data frame in progress. */
  get remaining(): number {
    return (this.remainingHigh >>> 0) * 0x1_0000_0000 + (this.remainingLow >>> 0);
  }
}

/** A region of the output arena. */
export interface OutputSlot {
  readonly address: number;
}

export class Codec {
  readonly kernel: Kernel;
  /** All of the codec's memory. Record addresses index it. */
  readonly memory: Uint8Array;
  /** All of it as a place for frames. */
  readonly region: { readonly bytes: Uint8Array; readonly memory: ArrayBuffer; free: number };
  /** The input arena: sockets may read straight into it. */
  readonly input: Uint8Array;
  /** The record table, RECORD_WORDS words a record. */
  readonly records: Int32Array;
  /** How many records the last {@link decode} gave. */
  recordCount: number = 0;
  /** Bytes of the last chunk that {@link decode} used. */
  consumed: number = 0;
  /** STATUS_ number of the last {@link decode}. */
  status: number = 0;
  /** Address behind the bytes that the last {@link decode} used. */
  decodedEnd: number = 0;
  /** Counts calls of {@link decode}. Bytes of the input arena are unchanged as long as it stays the same. */
  generation: number = 0;
  /** Whether a connection is delivering from the input arena, which must not be written meanwhile. */
  isDelivering: boolean = false;
  readonly #state: Int32Array;
  readonly #slots: OutputSlot[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    const { memory } = kernel;
    this.memory = new Uint8Array(memory);
    this.region = { bytes: this.memory, memory, free: -1 };
    this.input = new Uint8Array(memory, INPUT, INPUT_BYTES);
    this.records = new Int32Array(memory, RECORDS, RECORD_CAPACITY * RECORD_WORDS);
    this.#state = new Int32Array(memory, STATE, STATE_WORDS);
    for (let index = OUTPUT_SLOTS - 1; index >= 0; index--) {
      const address = OUTPUT + index * OUTPUT_SLOT_BYTES;
      this.#slots.push({ address });
    }
  }

  /**
   * Decodes `length` bytes at `address`, in or before the input arena, into {@link records}; sets {@link consumed} and
   * {@link status}. One crossing into the kernel.
   *
   * @returns How many records there are.
   */
  decode(connection: DecoderState, address: number, length: number): number {
    const state = this.#state;
    state[STATE_CONFIG] = connection.config;
    state[STATE_FRAME] = connection.frame;
    state[STATE_REMAINING_LOW] = connection.remainingLow;
    state[STATE_REMAINING_HIGH] = connection.remainingHigh;
    state[STATE_KEY] = connection.key;
    state[STATE_MESSAGE] = connection.message;
    state[STATE_UTF8] = connection.utf8;
    const count = this.kernel.decode(address, length);
    connection.frame = state[STATE_FRAME];
    connection.remainingLow = state[STATE_REMAINING_LOW];
    connection.remainingHigh = state[STATE_REMAINING_HIGH];
    connection.key = state[STATE_KEY];
    connection.message = state[STATE_MESSAGE];
    connection.utf8 = state[STATE_UTF8];
    this.consumed = state[STATE_CONSUMED];
    this.status = state[STATE_STATUS];
    this.decodedEnd = address + this.consumed;
    this.generation++;
    return (this.recordCount = count);
  }

  /**
   * Where the last record ends of those from address `start` to `limit` whose lengths `counts` accepts; `start` without one.
   */
  endOfRun(start: number, limit: number, counts: (length: number) => boolean): number {
    const { records, recordCount } = this;
    let index = 0;
    for (let high = recordCount; index < high;) {
      const middle = (index + high) >>> 1;
      if (records[middle * RECORD_WORDS + RECORD_ADDRESS] < start) index = middle + 1;
      else high = middle;
    }
    let last = start;
    for (; index < recordCount; index++) {
      const at = index * RECORD_WORDS;
      const length = records[at + RECORD_LENGTH];
      const end = records[at + RECORD_ADDRESS] + length;
      if (end > limit) break;
      if (counts(length)) last = end;
    }
    return last;
  }

  /** Places bytes right before the input arena, so that a chunk there goes on from them. @returns Their address. */
  prepend(bytes: Uint8Array): number {
    if (bytes.length > HEADROOM) throw new RangeError(`${bytes.length} bytes do not fit the headroom of ${HEADROOM}`);
    this.memory.set(bytes, INPUT - bytes.length);
    return INPUT - bytes.length;
  }

  /** Takes a slot of the output arena, the most recently used first; undefined when all are in use. */
  takeSlot(): OutputSlot | undefined {
    return this.#slots.pop();
  }

  /** Gives a slot back. Nothing may refer to its bytes any more. */
  releaseSlot(slot: OutputSlot): void {
    this.#slots.push(slot);
  }

  /** How many output slots are free. */
  get freeSlots(): number {
    return this.#slots.length;
  }

  /** XORs `bytes[start, end)` with `key` in place, wherever in JavaScript's heap they are. @returns The rotated key. */
  maskBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
    let rotated = key;
    for (let at = start; at < end; at += SCRATCH_BYTES) {
      const piece = bytes.subarray(at, Math.min(end, at + SCRATCH_BYTES));
      this.memory.set(piece, SCRATCH);
      rotated = this.kernel.mask(SCRATCH, piece.length, rotated);
      piece.set(this.memory.subarray(SCRATCH, SCRATCH + piece.length));
    }
    return rotated;
  }

  /** Validates `bytes` as UTF-8 going on from `state`. @returns The new state; {@link UTF8_REJECT} at the first bad byte. */
  validateBytes(bytes: Uint8Array, state: number = UTF8_ACCEPT): number {
    let result = state;
    for (let at = 0; at < bytes.length && result !== UTF8_REJECT; at += SCRATCH_BYTES) {
      const piece = bytes.subarray(at, at + SCRATCH_BYTES);
      this.memory.set(piece, SCRATCH);
      result = this.kernel.validate(SCRATCH, piece.length, result);
    }
    return result;
  }

  /** Whether `bytes` are a complete, valid UTF-8 text. */
  isUtf8(bytes: Uint8Array): boolean {
    return this.validateBytes(bytes) === UTF8_ACCEPT;
  }
}
