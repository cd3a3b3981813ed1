// Queue of outgoing frames of one connection. All frames of one turn of the event loop lie back to back and leave in one
// write.

import { OUTPUT_SLOT_BYTES } from '../../assembly/layout.ts';
import type { PeerError } from '../base/errors.ts';
import type { OutputSlot } from '../codec/codec.ts';
import { writeHeader } from '../codec/header.ts';
import type { MessageMemory, Platform, Region, SendCallback, SharedFrame } from '../platform.ts';
import { messageTransferred } from './violations.ts';

/** Longest frame header: 2 + 8 bytes and a masking key (RFC 6455 section 5.2). */
export const MAXIMUM_HEADER = 14;
/** From this size on, an unchanging payload goes to the transport without a copy. Copying fewer bytes takes less than a microsecond. */
export const REFERENCE_FROM = 16384;
/** Slots of the output arena that long payloads do not use. */
const RESERVED_SLOTS = 3;

/** Ownership of a payload: the caller may change it after the call. */
export const BORROWED = 0;
/** Ownership of a payload: it does not change any more. */
export const LASTING = 1;
/** Ownership of a payload: it has no other user and may be overwritten. */
export const OWNED = 2;
export type Ownership = typeof BORROWED | typeof LASTING | typeof OWNED;
/** Heap chunks are used while all slots of the output arena are in use. They double up to the size of a slot. */
const SMALLEST_HEAP_CHUNK = 128;
/** Least length of the chunk after one that was too short. */
const SECOND_HEAP_CHUNK = 1024;
const LARGEST_HEAP_CHUNK = 131072;
/** Largest first chunk of a batch: the cost of a wrong guess of its size. */
const LARGEST_FIRST_HEAP_CHUNK = 4096;

/** Most bytes that one unsent frame keeps alive: the size of Buffer's own pool since Node 24. */
export const SLAB_BYTES = 65536;

const { set } = Uint8Array.prototype;

/** The frames of one write. */
export interface Batch {
  readonly chunks: readonly Uint8Array[];
  /** Slots of the output arena that hold the chunks; freed once written. */
  readonly slots: readonly OutputSlot[];
  /** Blocks that hold the chunks; freed once written. */
  readonly blocks: readonly Region[];
  /** The last chunk, if it is the program's, or was borrowed by it. */
  readonly borrowed: Uint8Array | undefined;
  /** Owner of the last chunk, if the program has borrowed it, and the transport does not copy the bytes that it cannot write at once. */
  readonly messageMemory: MessageMemory | undefined;
  /** Payload bytes that `bufferedAmount` counts. */
  readonly payloadBytes: number;
  readonly callbacks: readonly SendCallback[];
  /** The batches of a batch that is under way in several writes. */
  readonly parts?: readonly Batch[];
}

/** A batch that is under way in several writes, if there is a first one. */
export function join(first: Batch | null, second: Batch): Batch {
  if (first === null) return second;
  return {
    chunks: [...first.chunks, ...second.chunks],
    slots: [...first.slots, ...second.slots],
    blocks: [...first.blocks, ...second.blocks],
    borrowed: undefined,
    // A congested outbox borrows nothing.
    messageMemory: first.messageMemory,
    payloadBytes: first.payloadBytes + second.payloadBytes,
    callbacks: [...first.callbacks, ...second.callbacks],
    parts: [...(first.parts ?? [first]), second],
  };
}

/** Frees the memory of a batch that is written, or never will be. */
export function release({ codec, blocks }: Platform, batch: Batch): void {
  batch.messageMemory?.written();
  for (const slot of batch.slots) codec.releaseSlot(slot);
  for (const block of batch.blocks) blocks.release(block);
}

const NO_SLOTS: readonly OutputSlot[] = [];
const NO_BLOCKS: readonly Region[] = [];
const NO_CALLBACKS: readonly SendCallback[] = [];

/** Owner of an outbox. */
export interface OutboxOwner {
  /** Slots run short in the middle of a frame, or a loan has ended. The queued frames may be written, but no callback may be called. */
  handOver?(): void;
  /** The program has transferred the memory of a frame, which is lost. It and all frames behind it were dropped. */
  onLost?(error: PeerError): void;
}

export class Outbox {
  /** Whether the transport does not accept more; the owner ends that. Long payloads then stay out of the arena, which is for frames that leave soon. */
  isCongested: boolean = false;
  /**
   * Whether the queued frames go to the transport although it holds a batch: the rest of a message that it has the beginning of, and messages that
   * a program sent before it writes to the socket.
   */
  isUrgent: boolean = false;
  /** Memory of messages that the program has borrowed. Long ones are sent back from there. */
  messageMemory: MessageMemory | undefined;
  /** The payload that was not copied: it must be written, or {@link own}ed, before the call of the program ends. While {@link isLending}, before {@link endLoan}. */
  #borrowed: Uint8Array | undefined;
  #isLending = false;
  /** Number of callbacks, and payload bytes, of the frames before it. */
  #callbacksBefore = 0;
  #bytesBefore = 0;
  readonly #platform: Platform;
  readonly #owner: OutboxOwner | undefined;
  readonly #mayBorrow: boolean;
  /** The chunk that is being filled: `#bytes[#start, #used)` is not in `#chunks` yet, and `#bytes[#used, #limit)` is free. */
  #region: Region | null = null;
  #bytes: Uint8Array | null = null;
  #start = 0;
  #used = 0;
  #limit = 0;
  #chunks: Uint8Array[] | null = null;
  #slots: OutputSlot[] | null = null;
  #blocks: Region[] | null = null;
  #callbacks: SendCallback[] | null = null;
  #payloadBytes = 0;
  #heapBytes = SMALLEST_HEAP_CHUNK;

  /** @param mayBorrow Whether the transport can write the part of a payload that the system accepts without a copy. */
  constructor(platform: Platform, owner?: OutboxOwner, mayBorrow: boolean = false) {
    this.#platform = platform;
    this.#mayBorrow = mayBorrow;
    this.#owner = owner;
  }

  /** Whether the queued frames should be written before the turn is over, because slots run short. */
  get isPressing(): boolean {
    // A write would copy the payload, which can leave without a copy when the listeners have returned.
    if (this.#isLending) return this.#payloadBytes - this.#borrowed!.length > REFERENCE_FROM * 4;
    return (
      this.#borrowed !== undefined ||
      this.#payloadBytes > REFERENCE_FROM * 4 ||
      this.#platform.codec.freeSlots <= RESERVED_SLOTS * 2
    );
  }

  /**
   * Whether a queued frame lies in memory that the program is reading. It must not be written from there before the loan ends: the program may still
   * keep, change or transfer it, and a write that has begun cannot be taken back.
   */
  get isLending(): boolean {
    return this.#isLending;
  }

  get isEmpty(): boolean {
    return this.#used === this.#start && this.#chunks === null;
  }

  /** Makes the queued frames urgent, if the transport holds a batch. @returns Whether there are any. */
  urge(): boolean {
    this.isUrgent = this.isCongested && !this.isEmpty;
    return !this.isEmpty;
  }

  /** Payload bytes in the queue. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /**
   * Adds a frame with text for payload.
   *
   * @param first First header byte.
   * @returns Payload bytes.
   */
  addText(first: number, text: string, masked: boolean): number {
    const { length } = text;
    const most = length * 3;
    if (most + MAXIMUM_HEADER > LARGEST_HEAP_CHUNK) return this.#addLongText(first, text, masked);
    // The size of the header depends on a length that is known only after encoding. Reserve its size if that is certain.
    let form = most < 126 ? 2 : length > 125 && most < 65536 ? 4 : 0;
    if (form === 0) {
      const exact = this.#platform.byteLength(text);
      form = exact < 126 ? 2 : exact < 65536 ? 4 : 10;
    }
    const bytes = this.#reserve(most + MAXIMUM_HEADER);
    const at = this.#used;
    const payload = at + form + (masked ? 4 : 0);
    const written = this.#platform.writeText(text, bytes, payload);
    this.#seal(first, at, payload, written, masked);
    return written;
  }

  /**
   * Adds a frame with bytes for payload.
   *
   * @param payload Copied, unless it is long and `ownership` allows to keep it until the batch is written.
   */
  addBytes(first: number, payload: Uint8Array, masked: boolean, ownership: Ownership = BORROWED): void {
    const { length } = payload;
    if (length >= REFERENCE_FROM) {
      const frame = masked || this.isCongested || this.#isLending ? undefined : this.messageMemory?.frame(first, payload);
      if (frame !== undefined) {
        // The other transports read it after the write as well, when the program may own the memory.
        this.#isLending = !this.#mayBorrow;
        return this.#addBorrowed(frame);
      }
      if (this.isCongested || length + MAXIMUM_HEADER > LARGEST_HEAP_CHUNK || ownership > (masked ? LASTING : BORROWED)) {
        return this.#addLong(first, payload, masked, ownership);
      }
    }
    const bytes = this.#reserve(length + MAXIMUM_HEADER);
    const at = this.#used;
    const start = at + (length < 126 ? 2 : length < 65536 ? 4 : 10) + (masked ? 4 : 0);
    // Called like this, V8 need not look it up along the prototypes of a Buffer: 12 ns.
    set.call(bytes, payload, start);
    if (masked || length > 125) return this.#seal(first, at, start, length, masked);
    // The usual case of a server.
    bytes[at] = first;
    bytes[at + 1] = length;
    this.#used = start + length;
  }

  /** Adds bytes of a frame that a program has laid out. @param bytes Copied, unless they do not change any more. */
  addPiece(bytes: Uint8Array, ownership: Ownership): void {
    const { length } = bytes;
    if (length >= REFERENCE_FROM && ownership !== BORROWED) return this.#addChunk(bytes);
    if (length > LARGEST_HEAP_CHUNK || (this.isCongested && length >= REFERENCE_FROM))
      return this.#addInPieces(bytes, false, 0);
    set.call(this.#reserve(length), bytes, this.#used);
    this.#used += length;
  }

  /** Adds a frame that is laid out already. Frames that lie back to back leave as one piece. */
  addShared({ region, start, end }: SharedFrame): void {
    if (region !== this.#region || start !== this.#used) {
      this.#finishChunk();
      this.#region = region;
      this.#bytes = region.bytes;
      this.#start = start;
    }
    // No free room here, so that other frames of this connection go elsewhere.
    this.#used = this.#limit = end;
  }

  /** Counts bytes as queued payload, and adds a callback. */
  count(payloadBytes: number, callback: SendCallback | undefined): void {
    this.#payloadBytes += payloadBytes;
    if (callback !== undefined) (this.#callbacks ??= []).push(callback);
  }

  /** Copies the payload that was not, if it was not written. */
  own(): void {
    const borrowed = this.#borrowed;
    if (borrowed === undefined) return;
    this.#borrowed = undefined;
    this.#isLending = false;
    const chunks = this.#chunks!;
    const at = chunks.lastIndexOf(borrowed);
    if (borrowed.length > 0) {
      chunks[at] = this.#platform.copy(borrowed, 0, borrowed.length);
      return;
    }
    this.#drop(at);
  }

  /** Drops the frames from `#chunks[at]` on. A part of a message, or a later message, must not arrive without what was before it. */
  #drop(at: number): void {
    this.#cut();
    this.#chunks!.length = at;
    if (at === 0) this.#chunks = null;
    this.#payloadBytes = this.#bytesBefore;
    const error = messageTransferred();
    const callbacks = this.#callbacks?.splice(this.#callbacksBefore) ?? NO_CALLBACKS;
    for (const callback of callbacks) this.#platform.defer(() => callback(error));
    this.#owner?.onLost?.(error);
  }

  /** Notices a frame that is lost. Call it before each frame: while a frame is laid out, the frames before it must not be dropped. */
  checkLoan(): void {
    if (this.#isLending && this.#borrowed!.length === 0) this.own();
  }

  /** A call of the program ends. Copies the payload that was not copied or written, unless {@link isLending}. */
  endCall(): void {
    if (!this.#isLending) this.own();
  }

  /** The listeners have returned. Copies the payload if the program keeps its memory. Otherwise the owner writes it now, or calls {@link own}. */
  endLoan(isKept: boolean): void {
    if (isKept || this.#borrowed?.length === 0) this.own();
    this.#isLending = false;
  }

  /** The transport has not accepted all of `batch` at once, and keeps it. */
  hold({ messageMemory }: Batch): void {
    this.isCongested = true;
    messageMemory?.writing();
  }

  /** Takes out all frames, to be written. Call {@link own} before while {@link isLending}. */
  take(): Batch {
    const last = this.#cut();
    if (last !== null && this.#chunks !== null) this.#chunks.push(last);
    const batch: Batch = {
      chunks: this.#chunks ?? (last === null ? [] : [last]),
      slots: this.#slots ?? NO_SLOTS,
      blocks: this.#blocks ?? NO_BLOCKS,
      borrowed: this.#mayBorrow ? this.#borrowed : undefined,
      messageMemory: this.#mayBorrow || this.#borrowed === undefined ? undefined : this.messageMemory,
      payloadBytes: this.#payloadBytes,
      callbacks: this.#callbacks ?? NO_CALLBACKS,
    };
    this.#region = this.#bytes = null;
    this.#borrowed = undefined;
    this.#start = this.#used = this.#limit = 0;
    this.#chunks = this.#slots = this.#blocks = this.#callbacks = null;
    // The next batch is probably like this one: it should fit in one chunk, and so in one plain write.
    let length = 0;
    for (const chunk of batch.chunks) length += chunk.length;
    this.#heapBytes = Math.max(
      SMALLEST_HEAP_CHUNK,
      Math.min(length + (length >> 3) + MAXIMUM_HEADER, LARGEST_FIRST_HEAP_CHUNK),
    );
    this.#payloadBytes = 0;
    this.isUrgent = false;
    return batch;
  }

  #seal(first: number, at: number, payload: number, length: number, masked: boolean): void {
    const platform = this.#platform;
    const key = masked ? platform.maskingKey() : 0;
    if (masked && this.#isInArena) {
      platform.codec.kernel.encodeFrame(at, first, length, masked, key);
    } else {
      writeHeader(this.#bytes!, at, first, length, masked, key);
      if (masked) platform.codec.maskBytes(this.#bytes!, payload, payload + length, key);
    }
    this.#used = payload + length;
  }

  #addLongText(first: number, text: string, masked: boolean): number {
    const length = this.#platform.byteLength(text);
    const payload = this.#platform.allocate(length);
    this.#platform.writeText(text, payload, 0);
    this.addBytes(first, payload, masked, OWNED);
    return length;
  }

  #addLong(first: number, payload: Uint8Array, masked: boolean, ownership: Ownership): void {
    const key = masked ? this.#platform.maskingKey() : 0;
    const header = this.#reserve(MAXIMUM_HEADER);
    this.#used = writeHeader(header, this.#used, first, payload.length, masked, key);
    if (ownership === OWNED || (ownership === LASTING && !masked)) {
      if (masked) this.#platform.codec.maskBytes(payload, 0, payload.length, key);
      this.#addChunk(payload);
    } else if (this.#mayBorrow && !masked && !this.isCongested) {
      this.#addBorrowed(payload);
    } else {
      this.#addInPieces(payload, masked, key);
    }
  }

  /**
   * Copies a payload that no chunk can hold: through slots of the arena, whose memory is warm, while the system accepts them, and the rest to
   * blocks.
   */
  #addInPieces(payload: Uint8Array, masked: boolean, key: number): void {
    const { codec } = this.#platform;
    let rotated = key;
    let at = 0;
    while (at < payload.length) {
      const bytes = this.#used < this.#limit ? this.#bytes! : this.#makeRoom();
      const start = this.#used;
      const piece = payload.subarray(at, at + this.#limit - start);
      bytes.set(piece, start);
      this.#used += piece.length;
      at += piece.length;
      if (!masked) continue;
      rotated = this.#isInArena
        ? codec.kernel.mask(start, piece.length, rotated)
        : codec.maskBytes(bytes, start, this.#used, rotated);
    }
  }

  /** Goes on in a slot of the arena, or in a block. */
  #makeRoom(): Uint8Array {
    const { codec, blocks } = this.#platform;
    if (!this.isCongested) {
      if (codec.freeSlots <= RESERVED_SLOTS) this.#owner?.handOver?.();
      this.isUrgent = this.isCongested;
      if (codec.freeSlots > RESERVED_SLOTS) return this.#nextChunk(MAXIMUM_HEADER);
    }
    this.#finishChunk();
    const block = blocks.take();
    (this.#blocks ??= []).push(block);
    this.#region = block;
    this.#start = this.#used = 0;
    this.#limit = block.bytes.length;
    return (this.#bytes = block.bytes);
  }

  #addBorrowed(chunk: Uint8Array): void {
    this.#addChunk(chunk);
    this.#borrowed = chunk;
    this.#callbacksBefore = this.#callbacks?.length ?? 0;
    this.#bytesBefore = this.#payloadBytes;
  }

  #addChunk(chunk: Uint8Array): void {
    this.#finishChunk();
    (this.#chunks ??= []).push(chunk);
  }

  /** Whether the chunk being filled is in codec memory, where the kernel can mask. */
  get #isInArena(): boolean {
    return this.#bytes === this.#platform.codec.memory;
  }

  /** Makes sure that `length` more bytes fit after `#used`. `length` is at most LARGEST_HEAP_CHUNK. */
  #reserve(length: number): Uint8Array {
    const bytes = this.#bytes;
    return bytes !== null && this.#used + length <= this.#limit ? bytes : this.#nextChunk(length);
  }

  #nextChunk(length: number): Uint8Array {
    this.#finishChunk();
    const { codec } = this.#platform;
    const slot = codec.takeSlot();
    if (slot !== undefined) {
      if (this.#slots === null) this.#slots = [slot];
      else this.#slots.push(slot);
      this.#region = codec.region;
      this.#start = this.#used = slot.address;
      this.#limit = slot.address + OUTPUT_SLOT_BYTES;
    } else {
      const capacity = Math.max(this.#heapBytes, length);
      this.#heapBytes = Math.min(LARGEST_HEAP_CHUNK, Math.max(SECOND_HEAP_CHUNK, capacity * 2));
      const slab = this.#platform.slab(capacity);
      this.#region = slab;
      this.#start = this.#used = slab.free;
      this.#limit = slab.free += capacity;
    }
    return (this.#bytes = this.#region.bytes);
  }

  /** Queues the filled part of the current chunk. */
  #finishChunk(): void {
    const chunk = this.#cut();
    if (chunk !== null) (this.#chunks ??= []).push(chunk);
  }

  /** The filled part of the current chunk. */
  #cut(): Uint8Array | null {
    const start = this.#start;
    const region = this.#region;
    if (region === null || this.#used === start) return null;
    // Return the unused tail of the slab.
    if (region.free === this.#limit) this.#limit = region.free = this.#used;
    this.#start = this.#used;
    const length = this.#used - start;
    return region.view?.(this.#platform, start, length) ?? this.#platform.view(region, start, length);
  }
}

/**
 * Makes `Platform.slab`. If a turn sends to more connections than the output arena has slots, each takes a piece of a shared slab, because
 * a byte array for each costs more than the write.
 *
 * @param allocate Arrays of SLAB_BYTES and more must begin at the start of their ArrayBuffers.
 */
export function createSlabs(allocate: (length: number) => Uint8Array): (length: number) => Region {
  let slab: Region | undefined;
  return (length) => {
    if (slab === undefined || slab.free + length > slab.bytes.length) {
      const bytes = allocate(Math.max(SLAB_BYTES, length));
      const made = { bytes, memory: bytes.buffer, free: 0 };
      // A separate slab for a long piece. The rest of the current slab stays in use.
      if (length > SLAB_BYTES) return made;
      slab = made;
    }
    return slab;
  };
}
