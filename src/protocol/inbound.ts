// The receiving half of a connection: from chunks to messages and control frames. RFC 6455 sections 5.4, 5.5 and 6.2.

import {
  INPUT,
  INPUT_BYTES,
  RECORD_ADDRESS,
  RECORD_ASCII,
  RECORD_FIN,
  RECORD_FLAGS,
  RECORD_FRAME_END,
  RECORD_FRAME_START,
  RECORD_LENGTH,
  RECORD_OPCODE,
  RECORD_RSV1,
  RECORD_WORDS,
  STATUS_MORE,
  STATUS_OK,
} from '../../assembly/layout.ts';
import { CapacityError, messageTooLarge, Utf8Error, type PeerError } from '../base/errors.ts';
import { COMPRESSED_IN, type Meter } from '../base/meter.ts';
import { OPCODE_BINARY, OPCODE_CONTINUATION, OPCODE_TEXT } from '../base/opcodes.ts';
import { DecoderState } from '../codec/codec.ts';
import {
  MESSAGE_ASCII,
  MESSAGE_COMPRESSED,
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  type Assembler,
  type MessageMemory,
  type Platform,
  type Session,
  type SessionSink,
} from '../platform.ts';
import { MessageAssembler } from './assembler.ts';
import type { Compression } from './compression.ts';
import type { ConnectionSettings } from './settings.ts';
import { violationOfInflate, violationOfStatus, frameTooLarge, tooManyChunks, tooManyFragments } from './violations.ts';

/** Receives everything but messages. */
export interface InboundOwner {
  /** Counts messages that are delivered. */
  readonly meter?: Meter | null;
  /** A control frame with the payload `source[start, end)`, borrowed. May throw as well. */
  onControl(opcode: number, source: Uint8Array, start: number, end: number): void;
  /** The peer broke the protocol. */
  onViolation(error: PeerError): void;
  /** Whether the next message waits for one that is being decompressed. Bytes that arrive meanwhile are kept. */
  onBlocked(isBlocked: boolean): void;
}

/** Receives the messages: a session's sink, without a layer between. May throw: that is a listener's exception. */
export type MessageReceiver = Pick<SessionSink, 'onMessage' | 'onFrame'>;

/** The flags of a record that is a complete, uncompressed message by itself, opcode aside. */
const WHOLE_MESSAGE = RECORD_FRAME_START | RECORD_FRAME_END | RECORD_FIN;
const WHOLE_MESSAGE_MASK = WHOLE_MESSAGE | RECORD_RSV1;
/** Longer than any record: a small integer, because it is compared for each message. */
const NO_LIMIT = 0x3fffffff;
/** The flags of a record that come from its frame's first header byte. */
const FIRST_BYTE = RECORD_FIN | RECORD_RSV1 | RECORD_OPCODE;

/** Records and the memory of their addresses: the codec's, or a copy that waits for a decompression. */
interface Source {
  readonly records: Int32Array;
  readonly memory: Uint8Array;
  /** First byte of `memory` as an address of the records. */
  readonly base: number;
  readonly count: number;
  /** Missing payload bytes of the last record's frame. */
  readonly remaining: number;
}

/** Input that waits for a decompression: decoded records, then a violation or bytes that have not been decoded. */
interface Kept {
  source: Source | null;
  next: number;
  violation: PeerError | null;
  readonly chunks: Uint8Array[];
}

/** The smaller of two limits; 0 stands for none. */
function leastLimit(one: number, other: number): number {
  return Math.min(one || NO_LIMIT, other || NO_LIMIT);
}

export class Inbound {
  /** Whether input is ignored: after the peer's Close frame, a violation, or the end of the stream. */
  isEnded: boolean = false;
  /** The ends of the fragments in the current message, if they are kept. */
  fragmentEnds: number[] | undefined;
  receiver: MessageReceiver;
  /** With `borrowMessages`. */
  readonly memory: MessageMemory | undefined;
  readonly #platform: Platform;
  readonly #owner: InboundOwner;
  readonly #settings: ConnectionSettings;
  readonly #decoder: DecoderState;
  readonly #compression: Compression | null;
  /** Largest message. Programs may change it for one connection. */
  #maxPayload: number;
  /** Largest message in one frame. */
  #maxWhole: number;
  /** Mask over a record's flags that finds messages in one frame; 0 finds none. */
  readonly #wholeMask: number;
  #assembler: Assembler | null = null;
  /** Bytes of an unfinished header or control frame. */
  #stash: Uint8Array | null = null;
  /** `kind` of the message being assembled. */
  #kind = 0;
  #fragments = 0;
  /** First header byte of the frame being assembled, while frames are passed on, and the payload of the message before that frame. */
  #first = 0;
  #passedOn = 0;
  /** Reads that the unfinished frame has taken so far; counted only with a limit. */
  #reads = 0;
  #expectedRest = 0;
  /** Set while a message is being decompressed. */
  #kept: Kept | null = null;
  /** The record to deliver next. */
  #next = 0;

  constructor(
    platform: Platform,
    owner: InboundOwner,
    receiver: MessageReceiver,
    settings: ConnectionSettings,
    compression: Compression | null,
  ) {
    this.receiver = receiver;
    const { borrowMessages } = settings;
    if (borrowMessages !== false) this.memory = platform.borrowMemory?.(borrowMessages);
    this.#platform = platform;
    this.#owner = owner;
    this.#settings = settings;
    this.#compression = compression;
    this.#maxPayload = settings.maxPayload;
    this.#maxWhole = leastLimit(settings.maxPayload, settings.maxFramePayload);
    this.#wholeMask = settings.deliverFrames ? 0 : WHOLE_MESSAGE_MASK;
    this.#decoder = new DecoderState({
      expectMask: settings.role === 'server',
      allowRsv1: compression !== null,
      skipUtf8Validation: settings.skipUtf8Validation,
    });
  }

  attach(sink: SessionSink): void {
    this.receiver = this.memory?.attach(sink) ?? sink;
  }

  keepFragments(on: boolean): void {
    this.fragmentEnds = on ? [] : undefined;
    // Fragments are pieces of a message that the program owns.
    if (this.memory !== undefined) this.memory.isOn = !on;
  }

  get maxPayload(): number {
    return this.#maxPayload;
  }

  set maxPayload(limit: number) {
    this.#maxPayload = limit;
    this.#maxWhole = leastLimit(limit, this.#settings.maxFramePayload);
  }

  /** Bytes of unfinished messages, and of chunks that wait for a decompression. */
  get bufferedBytes(): number {
    let bytes = this.#assembler?.length ?? 0;
    for (const chunk of this.#kept?.chunks ?? []) bytes += chunk.length;
    return bytes;
  }

  /** Whether a message is being decompressed. */
  get isBlocked(): boolean {
    return this.#kept !== null;
  }

  /** Feeds a chunk, which is borrowed. */
  receive(chunk: Uint8Array): void {
    const { codec } = this.#platform;
    if (this.#kept !== null && !this.isEnded) {
      this.#kept.chunks.push(this.#platform.copy(chunk, 0, chunk.length));
      return;
    }
    for (let at = 0; at < chunk.length && !this.isEnded; at += INPUT_BYTES) {
      const piece = at === 0 && chunk.length <= INPUT_BYTES ? chunk : chunk.subarray(at, at + INPUT_BYTES);
      if (this.#kept !== null) return this.receive(chunk.subarray(at));
      codec.input.set(piece);
      this.receiveInput(piece.length);
    }
  }

  /** Feeds the first `length` bytes of the codec's input arena, which is overwritten. */
  receiveInput(length: number): void {
    if (this.isEnded) return;
    const { codec } = this.#platform;
    if (this.#kept !== null) return this.receive(codec.input.subarray(0, length));
    if (this.#settings.maxBufferedChunks > 0 && !this.#admitsChunk(length)) return;
    let address = INPUT;
    let rest = length;
    if (this.#stash !== null) {
      address = codec.prepend(this.#stash);
      rest += this.#stash.length;
      this.#stash = null;
    }
    const begin = this.#owner.meter?.begin();
    const outer = codec.isDelivering;
    codec.isDelivering = true;
    try {
      this.#decodeAll(address, rest);
    } finally {
      codec.isDelivering = outer;
      this.#owner.meter?.delivered(begin);
    }
  }

  /** Ignores all further input, and drops unfinished messages. */
  end(): void {
    this.isEnded = true;
    this.#assembler?.clear();
    this.#assembler = null;
    this.#stash = null;
    this.#kept = null;
  }

  /** Counts the reads that the unfinished frame has taken; fails over the limit. */
  #admitsChunk(length: number): boolean {
    const { remaining } = this.#decoder;
    const isSameFrame = remaining > 0 && remaining === this.#expectedRest;
    this.#reads = isSameFrame ? this.#reads + 1 : remaining > 0 ? 1 : 0;
    this.#expectedRest = remaining - length;
    if (this.#reads < this.#settings.maxBufferedChunks) return true;
    this.#fail(tooManyChunks());
    return false;
  }

  #decodeAll(address: number, length: number): void {
    const { codec } = this.#platform;
    let at = address;
    let rest = length;
    let status: number;
    do {
      const count = codec.decode(this.#decoder, at, rest);
      status = codec.status;
      at += codec.consumed;
      rest -= codec.consumed;
      this.#deliver(codec.records, codec.memory, 0, 0, count);
      if (this.isEnded) return;
    } while (status === STATUS_MORE && this.#kept === null);
    const violation =
      status === STATUS_OK || status === STATUS_MORE ? null : violationOfStatus(status, codec.memory[at], codec.memory[at + 1]);
    if (this.#kept !== null) {
      this.#kept.violation = violation;
      if (rest > 0 && violation === null) this.#kept.chunks.push(codec.memory.slice(at, at + rest));
    } else if (violation !== null) {
      this.#fail(violation);
    } else if (rest > 0) {
      this.#stash = codec.memory.slice(at, at + rest);
    }
  }

  /** Passes on the records from `first` to `count`. An exception of a listener does not stop the later ones. */
  #deliver(records: Int32Array, memory: Uint8Array, base: number, first: number, count: number, remaining: number = -1): void {
    // State of an outer delivery, if this one runs within it.
    const outer = this.#next;
    this.#next = first;
    while (this.#next < count) {
      try {
        this.#deliverRecords(records, memory, base, count, remaining);
        break;
      } catch (error) {
        this.#rethrow(error);
      }
    }
    this.#next = outer;
  }

  /**
   * Passes on the records from `#next` to `count`. A separate function without `try`, because V8 makes views slower inside of one: 25 ns of
   * a message's 215 ns (Node 20, 16 bytes, without the operating system's part).
   */
  #deliverRecords(records: Int32Array, memory: Uint8Array, base: number, count: number, remaining: number): void {
    const maxWhole = this.#maxWhole;
    const wholeMask = this.#wholeMask;
    const { meter } = this.#owner;
    for (let index = this.#next; index < count; index++) {
      if (this.isEnded) break;
      if (this.#kept !== null) return this.#keep(records, memory, base, index, count, remaining);
      this.#next = index + 1;
      const at = index * RECORD_WORDS;
      const flags = records[at + RECORD_FLAGS];
      const start = records[at + RECORD_ADDRESS] - base;
      const end = start + records[at + RECORD_LENGTH];
      const opcode = flags & RECORD_OPCODE;
      if (opcode > OPCODE_BINARY) {
        this.#owner.onControl(opcode, memory, start, end);
      } else if (opcode !== OPCODE_CONTINUATION && (flags & wholeMask) === WHOLE_MESSAGE) {
        if (end - start > maxWhole) this.#fail(this.#tooLarge(end - start));
        else {
          const kind = opcode === OPCODE_TEXT ? textKind(flags) : 0;
          meter?.received(this.#owner as Session & InboundOwner, memory, start, end, kind);
          this.receiver.onMessage(memory, start, end, kind);
        }
      } else {
        // Only the last record of a chunk can be an unfinished frame, and the decoder knows its missing bytes.
        const isUnfinished = (flags & RECORD_FRAME_END) === 0;
        const expected = isUnfinished ? (remaining < 0 ? this.#decoder.remaining : remaining) : 0;
        this.#deliverPiece(flags, memory, start, end, expected);
      }
    }
  }

  /** Takes a fragment, a piece of a frame that is longer than the chunk, or a compressed message. */
  #deliverPiece(flags: number, memory: Uint8Array, start: number, end: number, expected: number): void {
    const { maxFragments, maxFramePayload, deliverFrames } = this.#settings;
    const opcode = flags & RECORD_OPCODE;
    if ((flags & RECORD_FRAME_START) !== 0) {
      const frameLength = end - start + expected;
      if (frameLength > maxFramePayload && maxFramePayload > 0) return this.#fail(frameTooLarge(frameLength));
      this.#first = flags & FIRST_BYTE;
      if (opcode !== OPCODE_CONTINUATION) {
        this.#kind = opcode === OPCODE_TEXT ? MESSAGE_TEXT | MESSAGE_ASCII : 0;
        if ((flags & RECORD_RSV1) !== 0) this.#kind |= MESSAGE_COMPRESSED;
        this.#fragments = 0;
        if (this.fragmentEnds !== undefined) this.fragmentEnds = [];
      }
      if (++this.#fragments > maxFragments && maxFragments > 0) return this.#fail(tooManyFragments());
    }
    if ((flags & RECORD_ASCII) === 0) this.#kind &= ~MESSAGE_ASCII;
    const assembler = (this.#assembler ??=
      this.memory?.createAssembler(this.#platform) ?? new MessageAssembler(this.#platform));
    // Refused by the length in the header, before any byte is kept.
    const length = assembler.length + (end - start);
    const limit = this.#limitOf(this.#kind);
    if (length + expected > limit && limit > 0) return this.#fail(messageTooLarge());
    try {
      assembler.append(memory, start, end, expected, deliverFrames || (flags & RECORD_FIN) !== 0);
    } catch (error) {
      if (error instanceof CapacityError) return this.#fail(error);
      throw error;
    }
    if (deliverFrames) return this.#deliverFrame(flags, assembler);
    if ((flags & RECORD_FRAME_END) !== 0) this.#noteFragmentEnd(length);
    if ((flags & RECORD_FRAME_END) === 0 || (flags & RECORD_FIN) === 0) return;
    const bytes = assembler.take();
    if ((this.#kind & MESSAGE_COMPRESSED) === 0) this.#pass(bytes, 0, length, this.#kind | MESSAGE_OWNED);
    else this.#inflate(bytes, this.#kind & (MESSAGE_TEXT | MESSAGE_COMPRESSED));
  }

  #pass(source: Uint8Array, start: number, end: number, kind: number): void {
    this.#owner.meter?.received(this.#owner as Session & InboundOwner, source, start, end, kind);
    this.receiver.onMessage(source, start, end, kind);
  }

  #deliverFrame(flags: number, assembler: Assembler): void {
    if ((flags & RECORD_FRAME_END) === 0) return;
    const payload = assembler.take();
    this.#passedOn += payload.length;
    if ((flags & RECORD_FIN) !== 0) {
      this.#owner.meter?.countReceived(this.#passedOn);
      this.#passedOn = 0;
    }
    this.receiver.onFrame?.(this.#first, payload);
  }

  /** Most bytes of a message of a kind; 0 for no limit. Only a message in one record cannot be as long as {@link Platform.longestText}. */
  #limitOf(kind: number): number {
    const { longestText } = this.#platform;
    return (kind & MESSAGE_TEXT) === 0 ? this.#maxPayload : Math.min(this.#maxPayload || longestText, longestText);
  }

  #tooLarge(length: number): PeerError {
    const { maxFramePayload } = this.#settings;
    return maxFramePayload > 0 && length > maxFramePayload ? frameTooLarge(length) : messageTooLarge();
  }

  /** Empty fragments are not recorded: they would take memory that no limit counts. */
  #noteFragmentEnd(length: number): void {
    const ends = this.fragmentEnds;
    if (ends !== undefined && ends[ends.length - 1] !== length) ends.push(length);
  }

  #inflate(bytes: Uint8Array, kind: number): void {
    const isDone = this.#compression!.inflate(
      bytes,
      this.#limitOf(kind),
      (plain, isOwned) => this.#deliverInflated(plain, isOwned ? kind | MESSAGE_OWNED : kind, bytes.length),
      (error) => {
        if (!this.isEnded) this.#fail(violationOfInflate(error));
      },
    );
    if (isDone) return;
    this.#kept = { source: null, next: 0, violation: null, chunks: [] };
    this.#owner.onBlocked(true);
  }

  /** @param wire How many bytes the message was before. */
  #deliverInflated(plain: Uint8Array, kind: number, wire: number): void {
    const kept = this.#kept;
    this.#kept = null;
    if (this.isEnded) return;
    // They are the ends of the compressed fragments, which mean nothing in the inflated message.
    if (this.fragmentEnds !== undefined) this.fragmentEnds = [];
    if ((kind & MESSAGE_TEXT) !== 0 && !this.#settings.skipUtf8Validation && !this.#platform.codec.isUtf8(plain)) {
      return this.#fail(new Utf8Error());
    }
    this.#owner.meter?.compressed(COMPRESSED_IN, 1, wire, plain.length);
    if (kept === null) return this.#pass(plain, 0, plain.length, kind);
    const { codec } = this.#platform;
    const outer = codec.isDelivering;
    // A transport may deliver within a listener's call of resume(). That input comes behind the kept one.
    codec.isDelivering = true;
    try {
      this.#passInflated(plain, kind);
      this.#release(kept);
    } finally {
      codec.isDelivering = outer;
      if (this.#kept === null) this.#owner.onBlocked(false);
    }
  }

  #passInflated(plain: Uint8Array, kind: number): void {
    try {
      this.#pass(plain, 0, plain.length, kind);
    } catch (error) {
      this.#rethrow(error);
    }
  }

  /** Keeps the records that come after a message that is being decompressed. */
  #keep(records: Int32Array, memory: Uint8Array, base: number, next: number, count: number, remaining: number): void {
    const kept = this.#kept!;
    kept.next = next;
    const { codec } = this.#platform;
    if (memory !== codec.memory) {
      kept.source = { records, memory, base, count, remaining };
      return;
    }
    kept.source = {
      records: records.slice(0, count * RECORD_WORDS),
      memory: this.#platform.copy(memory, INPUT, codec.decodedEnd),
      base: INPUT,
      count,
      remaining: this.#decoder.remaining,
    };
  }

  /** Continues with the kept input, until another message has to wait. */
  #release(kept: Kept): void {
    const { source } = kept;
    if (source !== null && !this.isEnded) {
      this.#deliver(source.records, source.memory, source.base, kept.next, source.count, source.remaining);
    }
    const later: Kept | null = this.#kept;
    if (later !== null) {
      later.violation = kept.violation;
      later.chunks.push(...kept.chunks);
      return;
    }
    if (kept.violation !== null && !this.isEnded) this.#fail(kept.violation);
    for (const chunk of kept.chunks) if (!this.isEnded) this.receive(chunk);
  }

  #fail(error: PeerError): void {
    this.end();
    this.#owner.onViolation(error);
  }

  /** Reports an exception of a listener as uncaught. It affects neither the other messages nor the connection. */
  #rethrow(error: unknown): void {
    this.#platform.defer(() => {
      throw error;
    });
  }
}

function textKind(flags: number): number {
  return (flags & RECORD_ASCII) === 0 ? MESSAGE_TEXT : MESSAGE_TEXT | MESSAGE_ASCII;
}
