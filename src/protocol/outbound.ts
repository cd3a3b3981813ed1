// The sending half of a connection: from messages to frames. RFC 6455 sections 5.4, 5.5 and 6.1, RFC 7692 section 6.1.

import { UsageError } from '../base/errors.ts';
import { COMPRESSED_OUT, type Meter } from '../base/meter.ts';
import {
  FIN_BIT,
  MAXIMUM_CONTROL_PAYLOAD,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PONG,
  OPCODE_TEXT,
  RSV1_BIT,
} from '../base/opcodes.ts';
import { headerLength } from '../codec/header.ts';
import type { Lender, MessageMemory, Platform, SendCallback, SendOptions, SharedMessage } from '../platform.ts';
import type { Compression } from './compression.ts';
import { BORROWED, LASTING, Outbox, OWNED, type OutboxOwner, type Ownership } from './outbox.ts';
import type { CompressedMessage } from './shared-compression.ts';

// States of a connection's output, in this order.

/** Messages and control frames. */
export const SENDING = 0;
/** Our Close frame is queued, and no message before it is still being compressed. Only Pongs follow it. */
export const CLOSE_QUEUED = 1;
/** FIN follows the queued frames. */
export const ENDING = 2;
/** FIN was sent, or the transport destroyed. */
export const ENDED = 3;

/** An entry that waits for a message that is being compressed. */
interface Waiting {
  /** Payload bytes, for `bufferedAmount`. */
  readonly length: number;
  readonly callback: SendCallback | undefined;
  /** Whether it is a task that follows the messages. */
  readonly isTask?: boolean;
  run(): void;
}

/** Receiver of events that happen outside of a call. */
export interface OutboundOwner extends OutboxOwner {
  /** Counts messages that are sent. */
  readonly meter?: Meter | null;
  /** A frame was queued: flush. */
  onOutput(): void;
  /** A message could not be compressed, so the connection cannot go on. */
  onOutputFailure(error: Error): void;
}

export class Outbound implements Lender {
  readonly outbox: Outbox;
  readonly #platform: Platform;
  readonly #masks: boolean;
  readonly #compression: Compression | null;
  readonly #owner: OutboundOwner;
  /** Whether the last data frame sent was not final. */
  #isFragmentOpen = false;
  /** Whether its message is compressed. */
  #isFragmentCompressed = false;
  /** Payload bytes of its frames so far. */
  #fragmentBytes = 0;
  /** Set while a message is being compressed: the first entry is that message, the others wait for it. */
  #waiting: Waiting[] | null = null;
  #waitingBytes = 0;
  #isAbandoned = false;
  /** The payload of a Ping that is answered when the transport accepts bytes again. */
  #latePong: Uint8Array | null = null;

  /** @param owner Told when something was queued outside of a call to this object. */
  constructor(
    platform: Platform,
    masks: boolean,
    compression: Compression | null,
    owner: OutboundOwner,
    mayBorrow: boolean = false,
  ) {
    this.outbox = new Outbox(platform, owner, mayBorrow);
    this.#platform = platform;
    this.#masks = masks;
    this.#compression = compression;
    this.#owner = owner;
  }

  /** Sends messages that the program has borrowed from `memory` without a copy. */
  sendFrom(memory: MessageMemory | undefined): void {
    if (memory === undefined) return;
    this.outbox.messageMemory = memory;
    memory.lender = this;
  }

  onReturned(isKept: boolean): void {
    const { outbox } = this;
    if (!outbox.isLending) return;
    outbox.endLoan(isKept);
    if (!isKept) this.#owner.handOver?.();
    // Copied if it could not be written.
    outbox.own();
  }

  /** Payload bytes that have not been taken out of the outbox. */
  get payloadBytes(): number {
    return this.outbox.payloadBytes + this.#waitingBytes;
  }

  /** Messages that are being compressed, or wait for one that is. A fragment counts as a message. */
  get waitingMessages(): number {
    return this.#waiting?.filter(({ isTask }) => !isTask).length ?? 0;
  }

  /** Whether a message is being compressed, which will be queued in the outbox later. */
  get isBusy(): boolean {
    return this.#waiting !== null;
  }

  /** Queues text as the first or only frame of a message, or the next one. */
  sendText(text: string, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    if (this.#compression !== null) {
      const payload = this.#platform.allocate(this.#platform.byteLength(text));
      this.#platform.writeText(text, payload, 0);
      return this.#send(payload, true, options, callback, OWNED);
    }
    const first = this.#firstByte(OPCODE_TEXT, options?.fin ?? true);
    this.#count(first, this.outbox.addText(first, text, options?.mask ?? this.#masks), callback);
  }

  /** Queues bytes in the same way. @param payload Copied, unless the options allow to keep it. */
  sendBytes(payload: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    this.#send(payload, isText, options, callback, options?.isLasting === true ? LASTING : BORROWED);
  }

  /** Queues a frame that the program has laid out. @param pieces Copied. */
  sendFrame(pieces: readonly Uint8Array[], callback: SendCallback | undefined): void {
    this.#sendPieces(pieces, callback, BORROWED);
  }

  #sendPieces(pieces: readonly Uint8Array[], callback: SendCallback | undefined, given: Ownership): void {
    const length = payloadLength(pieces);
    const copy = (piece: Uint8Array): Uint8Array => this.#platform.copy(piece, 0, piece.length);
    if (this.#waiting !== null) {
      const kept = pieces.map((piece) => copy(piece));
      return this.#wait({ length, callback, run: () => this.#sendPieces(kept, callback, OWNED) });
    }
    for (const piece of pieces) {
      this.outbox.addPiece(piece, given);
    }
    this.#count(pieces[0][0], length, callback);
  }

  #send(
    payload: Uint8Array,
    isText: boolean,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
    given: Ownership,
  ): void {
    if (this.#compression !== null && this.#passesCompression(payload, isText, options, callback, given)) return;
    const shared = options?.shared?.frame;
    let first = FIN_BIT;
    // Copied if it waits for long: a small frame would keep all of its memory alive.
    if (shared !== undefined && !this.#masks && !this.#isFragmentOpen && !this.outbox.isCongested) {
      this.outbox.addShared(shared);
    } else {
      first = options?.firstByte ?? this.#firstByte(isText ? OPCODE_TEXT : OPCODE_BINARY, options?.fin ?? true);
      this.outbox.addBytes(first, payload, options?.mask ?? this.#masks, given);
    }
    this.#count(first, payload.length, callback);
  }

  /** @returns Whether the message is being compressed, or waits for one that is. If not, the caller must send it. */
  #passesCompression(
    payload: Uint8Array,
    isText: boolean,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
    given: Ownership,
  ): boolean {
    const compression = this.#compression!;
    if (this.#waiting !== null) {
      const kept = given === BORROWED ? this.#platform.copy(payload, 0, payload.length) : payload;
      const run = (): void => this.#send(kept, isText, options, callback, given === BORROWED ? OWNED : given);
      this.#wait({ length: payload.length, callback, run });
      return true;
    }
    if (options?.firstByte !== undefined) return false;
    const isContinuation = this.#isFragmentOpen;
    if (!isContinuation) this.#isFragmentCompressed = (options?.compress ?? true) && compression.isWorthwhile(payload.length);
    if (!this.#isFragmentCompressed) return false;
    const isFinal = options?.fin ?? true;
    const opcode = this.#firstByte(isText ? OPCODE_TEXT : OPCODE_BINARY, isFinal);
    const first = isContinuation ? opcode : opcode | RSV1_BIT;
    const masked = options?.mask ?? this.#masks;
    const shared = options?.shared;
    const isCommon = shared !== undefined && !isContinuation && isFinal;
    let isDone: boolean;
    if (isCommon && compression.isShareable) {
      isDone = this.#deflateShared(first, payload, shared, masked, callback);
    } else {
      compression.countOwn(payload.length, isCommon);
      isDone = this.#deflate(first, payload, isFinal, masked, callback, given === BORROWED);
    }
    if (!isDone) {
      this.#waiting = [];
      this.#wait({ length: payload.length, callback, run() {} });
    }
    return true;
  }

  /**
   * Queues a control frame, which may overtake a message that is being compressed.
   *
   * @param payload Copied.
   * @throws {UsageError} above 125 bytes.
   */
  sendControl(opcode: number, payload: Uint8Array, callback: SendCallback | undefined, masked: boolean = this.#masks): void {
    if (payload.length > MAXIMUM_CONTROL_PAYLOAD) {
      throw new UsageError(`A control frame's payload has at most 125 bytes; this one has ${payload.length}`);
    }
    this.outbox.addBytes(FIN_BIT | opcode, payload, masked);
    // `bufferedAmount` counts messages of the program only.
    this.outbox.count(0, callback);
  }

  /**
   * Answers a Ping at once. While the peer does not read, only the latest Ping is answered later (RFC 6455 section 5.5.3): otherwise a peer
   * that sends Pings and never reads would fill our memory.
   */
  answerPing(source: Uint8Array, start: number, end: number): void {
    // A copy, because the program may change or transfer the payload that it gets.
    if (this.outbox.isCongested) this.#latePong = this.#platform.copy(source, start, end);
    else this.sendControl(OPCODE_PONG, source.subarray(start, end), undefined);
  }

  /** The transport accepts bytes again. */
  endCongestion(): void {
    this.outbox.isCongested = false;
    if (this.#latePong !== null) this.sendControl(OPCODE_PONG, this.#latePong, undefined);
    this.forgetPing();
  }

  /** No Ping is to be answered any more. */
  forgetPing(): void {
    this.#latePong = null;
  }

  /** Runs `task` after everything that was sent. `callback` is called with an error if that never happens. */
  afterAll(task: () => void, callback: SendCallback | undefined): void {
    if (this.#waiting === null) task();
    else this.#wait({ length: 0, callback, isTask: true, run: task });
  }

  /** Drops all waiting entries. @returns Their callbacks, which the caller must call. */
  abandon(): SendCallback[] {
    const callbacks = (this.#waiting ?? []).flatMap(({ callback }) => callback ?? []);
    this.#isAbandoned = true;
    this.#waiting = null;
    this.#waitingBytes = 0;
    return callbacks;
  }

  #firstByte(opcode: number, isFinal: boolean): number {
    const effective = this.#isFragmentOpen ? OPCODE_CONTINUATION : opcode;
    this.#isFragmentOpen = !isFinal;
    return isFinal ? FIN_BIT | effective : effective;
  }

  /** Counts a frame that was queued, and the message that it ends. @param first Its first header byte. */
  #count(first: number, length: number, callback: SendCallback | undefined): void {
    this.outbox.count(length, callback);
    if ((first & OPCODE_CLOSE) !== 0) return;
    if ((first & FIN_BIT) === 0) {
      this.#fragmentBytes += length;
      return;
    }
    this.#owner.meter?.sent(this.#fragmentBytes + length);
    this.#fragmentBytes = 0;
  }

  #countCompressed(first: number, wire: number, length: number, callback: SendCallback | undefined): void {
    this.#owner.meter?.compressed(COMPRESSED_OUT, (first & FIN_BIT) === 0 ? 0 : 1, wire, length);
    this.#count(first, length, callback);
  }

  #wait(entry: Waiting): void {
    this.#waiting!.push(entry);
    this.#waitingBytes += entry.length;
  }

  #deflate(
    first: number,
    payload: Uint8Array,
    isFinal: boolean,
    masked: boolean,
    callback: SendCallback | undefined,
    isBorrowed: boolean,
  ): boolean {
    const { length } = payload;
    const done = (bytes: Uint8Array, isOwned: boolean): void => {
      const waiting = this.#waiting;
      // Dropped meanwhile.
      if (this.#isAbandoned) return;
      // Copied: the outbox keeps long payloads, and this memory changes with the next message.
      const lasting = isOwned || bytes.length < 4096 ? bytes : this.#platform.copy(bytes, 0, bytes.length);
      this.outbox.addBytes(first, lasting, masked, lasting !== bytes || isOwned ? OWNED : BORROWED);
      this.#countCompressed(first, bytes.length, length, callback);
      if (waiting !== null) this.#goOn(waiting);
    };
    return this.#compression!.deflate(payload, isFinal, done, this.#failing(callback), isBorrowed);
  }

  /** Sends `shared`, compressed in this connection's context. Another connection may have compressed it already. */
  #deflateShared(
    first: number,
    payload: Uint8Array,
    shared: SharedMessage,
    masked: boolean,
    callback: SendCallback | undefined,
  ): boolean {
    const { length } = payload;
    const done = ({ bytes, frame }: CompressedMessage): void => {
      const waiting = this.#waiting;
      if (this.#isAbandoned) return;
      if (frame !== undefined && !masked && !this.outbox.isCongested) this.outbox.addShared(frame);
      else this.outbox.addBytes(first, bytes, masked, LASTING);
      this.#countCompressed(first, bytes.length, length, callback);
      if (waiting !== null) this.#goOn(waiting);
    };
    const isText = (first & OPCODE_TEXT) !== 0;
    return this.#compression!.deflateShared(shared, payload, isText, done, this.#failing(callback));
  }

  /** Called when a message cannot be compressed. */
  #failing(callback: SendCallback | undefined): (error: unknown) => void {
    return (error) => {
      if (this.#waiting === null && callback !== undefined) this.#platform.defer(() => callback(error as Error));
      for (const one of this.abandon()) this.#platform.defer(() => one(error as Error));
      // The peer's context no longer matches ours: nothing can be sent after this.
      this.#platform.defer(() => this.#owner.onOutputFailure(error as Error));
    };
  }

  /** The first of `waiting` is done, and runs nothing: sends the others, until one is not done at once. */
  #goOn(waiting: Waiting[]): void {
    this.#waiting = null;
    for (const entry of waiting) {
      if (this.#waiting !== null) {
        (this.#waiting as Waiting[]).push(entry);
        continue;
      }
      this.#waitingBytes -= entry.length;
      entry.run();
    }
    this.#owner.onOutput();
  }
}

/** Payload bytes of a frame: all but its header (RFC 6455 section 5.2). */
function payloadLength(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return Math.max(0, length - headerLength(pieces[0]));
}
