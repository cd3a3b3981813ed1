// Memory of one connection for the option `borrowMessages`: the program borrows its long messages until the listeners return, and then
// the next one is written over them. So a long message needs no new memory, which costs a page fault for each 4 KiB.
//
// A program can reach all of this memory, as `data.buffer`. Therefore it is filled with zeros at first, and is never given to another
// connection.

import { Buffer } from 'node:buffer';
import { ownTimer, type Timer } from '../clock.ts';
import {
  MESSAGE_BORROWED,
  MESSAGE_OWNED,
  UNATTACHED,
  type Assembler,
  type Lender,
  type MessageMemory,
  type Platform,
  type SessionSink,
} from '../platform.ts';
import { copyInto, isBelievable, MessageAssembler } from '../protocol/assembler.ts';
import { messageTransferred } from '../protocol/violations.ts';
import { writeHeader } from '../codec/header.ts';
import { copyToOwn, makeView } from './buffers.ts';

/** Shorter messages are copied: that is as cheap. */
export const BORROWED_FROM = 4096;
/** Longer messages have memory of their own, so that a connection does not hold more than this. */
export const BORROWED_UP_TO = 1_048_576;
const SMALLEST = 16_384;
/** Room for the header of a frame that sends the message back. A multiple of 8, so that programs can lay any typed array over a message. */
const HEADROOM = 16;
/** Memory that was not used for one to two of these periods is freed, and memory of which at most a quarter was used. Milliseconds. */
const PERIOD = 5000;

type Transferable = ArrayBuffer & { transfer?: () => ArrayBuffer };

/** The same memory in a new ArrayBuffer. All views of the old one are empty from now on. */
function takeAway(buffer: ArrayBuffer): ArrayBuffer {
  // Node.js 20 has no `transfer`.
  return (buffer as Transferable).transfer?.() ?? structuredClone(buffer, { transfer: [buffer] });
}

const NONE = new ArrayBuffer(0);

/** Connections that have memory. */
const holders = new Set<ConnectionMemory>();
let timer: Timer | undefined;

function sweep(): void {
  for (const holder of holders) holder.sweep();
  timer = holders.size > 0 ? ownTimer(sweep, PERIOD) : undefined;
}

export class ConnectionMemory implements MessageMemory {
  isOn: boolean = true;
  lender: Lender | undefined;
  readonly #isChecked: boolean;
  #sink: SessionSink = UNATTACHED;
  /** Behind HEADROOM bytes it has room for messages. */
  #buffer: ArrayBuffer = NONE;
  #bytes: Buffer = makeView(NONE, 0, 0);
  /** The memory that the program is reading, until what it sent from there was given to the transport. */
  #inUse: ArrayBuffer | null = null;
  /** Whether the program is reading it. */
  #isLent = false;
  /** The memory of a message that is being written. */
  #leaving: ArrayBuffer | null = null;
  /** Whether a message is being assembled. */
  isFilling: boolean = false;
  /** Longest message since the last sweep. */
  #longest = 0;

  /** @param isChecked Whether messages are taken away when the sink returns, short ones as well. */
  constructor(isChecked: boolean) {
    this.#isChecked = isChecked;
  }

  attach(sink: SessionSink): this {
    this.#sink = sink;
    if (sink === UNATTACHED) this.#free();
    return this;
  }

  /** Length of the shortest message that is borrowed. */
  get from(): number {
    return this.#isChecked ? 1 : BORROWED_FROM;
  }

  get isFree(): boolean {
    return this.isOn && this.#inUse === null;
  }

  /** The memory behind the headroom. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  createAssembler(platform: Platform): Assembler {
    return new BorrowedAssembler(platform, this);
  }

  /** Makes room for `length` bytes, of which the first `used` are kept. @throws {CapacityError} if a program has transferred those. */
  reserve(length: number, used: number): void {
    if (length > this.#longest) this.#longest = length;
    if (length <= this.#bytes.length) return;
    const old = this.#bytes;
    // Empty if a program has transferred it, which is right for a message that it may still use.
    if (old.length < used) throw messageTransferred();
    let capacity = SMALLEST;
    while (capacity < length) capacity *= 2;
    this.#adopt(new ArrayBuffer(HEADROOM + capacity));
    if (used > 0) copyInto(this.#bytes, 0, old, 0, used);
  }

  /** A view of the first `length` bytes, for a program. */
  view(length: number): Buffer {
    return makeView(this.#buffer, HEADROOM, length);
  }

  onMessage(source: Uint8Array, start: number, end: number, kind: number): boolean | void {
    const length = end - start;
    if (this.#buffer !== NONE && source.buffer === this.#buffer) return this.#deliver(source, kind);
    if (length < this.from || !this.isOn) return this.#sink.onMessage(source, start, end, kind);
    if ((kind & MESSAGE_OWNED) !== 0) return this.#giveOwn(source, start, end, kind);
    if (length > BORROWED_UP_TO || !this.isFree) {
      if (this.#isChecked) return this.#giveOwn(copyToOwn(source, start, end), 0, length, kind);
      return this.#sink.onMessage(source, start, end, kind);
    }
    this.reserve(length, 0);
    const view = this.view(length);
    view.set(source.subarray(start, end));
    this.#deliver(view, kind);
  }

  onFrame(first: number, payload: Uint8Array): void {
    this.#sink.onFrame?.(first, payload);
  }

  /** Hands over a message in memory of its own: as ever, but `'checked'` takes it away as well. */
  #giveOwn(source: Uint8Array, start: number, end: number, kind: number): void {
    const { buffer, byteLength } = source;
    if (!this.#isChecked || byteLength !== end - start || byteLength !== buffer.byteLength) {
      this.#sink.onMessage(source, start, end, kind);
      return;
    }
    let isKept: boolean | void = true;
    try {
      isKept = this.#sink.onMessage(source, start, end, (kind & ~MESSAGE_OWNED) | MESSAGE_BORROWED);
    } finally {
      if (isKept !== true && buffer.byteLength > 0) takeAway(buffer as ArrayBuffer);
    }
  }

  #deliver(view: Uint8Array, kind: number): void {
    const buffer = this.#buffer;
    this.#inUse = buffer;
    this.#isLent = true;
    // A listener that throws may have kept it before.
    let isKept: boolean | void = true;
    try {
      isKept = this.#sink.onMessage(view, 0, view.length, (kind & ~MESSAGE_OWNED) | MESSAGE_BORROWED);
    } finally {
      this.#isLent = false;
      try {
        this.lender?.onReturned(isKept === true);
      } finally {
        this.#inUse = null;
        this.#endLoan(buffer, isKept === true);
      }
    }
  }

  #endLoan(buffer: ArrayBuffer, isKept: boolean): void {
    if (isKept) {
      if (this.#buffer === buffer) this.#adopt(NONE);
    } else if (this.#isChecked && buffer.byteLength > 0) {
      const moved = takeAway(buffer);
      if (this.#buffer === buffer) this.#adopt(moved);
    }
  }

  frame(first: number, payload: Uint8Array): Uint8Array | undefined {
    const buffer = this.#inUse;
    // Checked memory is copied, because it is taken away before it may be written.
    if (buffer === null || !this.#isLent || this.#isChecked || payload.buffer !== buffer || payload.byteOffset !== HEADROOM)
      return undefined;
    const { length } = payload;
    const start = HEADROOM - (length < 126 ? 2 : length < 65536 ? 4 : 10);
    const frame = makeView(buffer, start, HEADROOM - start + length);
    writeHeader(frame, 0, first, length, false, 0);
    return frame;
  }

  writing(): void {
    this.#leaving = this.#inUse;
    // The next message gets other memory, unless this one has been written before.
    this.#adopt(NONE);
  }

  written(): void {
    const buffer = this.#leaving;
    this.#leaving = null;
    if (buffer !== null && !this.isFilling && buffer.byteLength > HEADROOM + this.#bytes.length) this.#adopt(buffer);
  }

  /** Frees memory that was not needed since the last sweep. */
  sweep(): void {
    if (this.#inUse === null && !this.isFilling && this.#longest * 4 < this.#bytes.length) this.#adopt(NONE);
    this.#longest = 0;
    if (this.#buffer === NONE) holders.delete(this);
  }

  #free(): void {
    this.#adopt(NONE);
    this.#leaving = null;
    holders.delete(this);
  }

  #adopt(buffer: ArrayBuffer): void {
    this.#buffer = buffer;
    this.#bytes = makeView(buffer, Math.min(HEADROOM, buffer.byteLength), Math.max(0, buffer.byteLength - HEADROOM));
    if (buffer === NONE) return;
    holders.add(this);
    timer ??= ownTimer(sweep, PERIOD);
  }
}

/** Joins the pieces of a message where it will be borrowed, or, if that cannot be, as without the option. */
class BorrowedAssembler extends MessageAssembler {
  readonly #memory: ConnectionMemory;
  /** Bytes in the memory. */
  #used = 0;

  constructor(platform: Platform, memory: ConnectionMemory) {
    super(platform);
    this.#memory = memory;
  }

  override get length(): number {
    return this.#memory.isFilling ? this.#used : super.length;
  }

  override append(source: Uint8Array, start: number, end: number, expected: number, isLast: boolean): void {
    const memory = this.#memory;
    const before = this.length;
    const length = before + end - start;
    const total = length + expected;
    if (before === 0) memory.isFilling = memory.isFree && total >= memory.from;
    if (memory.isFilling && total > BORROWED_UP_TO) {
      memory.isFilling = false;
      if (before > 0) super.append(memory.bytes, 0, before, 0, false);
    }
    if (!memory.isFilling) return super.append(source, start, end, expected, isLast);
    memory.reserve(isBelievable(total, length) ? total : length, before);
    copyInto(memory.bytes, before, source, start, end);
    this.#used = length;
  }

  override take(): Uint8Array {
    const memory = this.#memory;
    if (!memory.isFilling) return super.take();
    memory.isFilling = false;
    return memory.view(this.#used);
  }

  override clear(): void {
    this.#memory.isFilling = false;
    super.clear();
  }
}
