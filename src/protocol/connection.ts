// Sans-I/O connection: bytes and commands in, sink calls and bytes out.
// RFC 6455 sections 5.4, 5.5 and 7. No sockets, timers or promises here.

import {
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
  INPUT,
  STATUS_MORE,
  STATUS_OK,
} from '../../assembly/layout.ts';
import { CLOSE_ABNORMAL, CLOSE_NO_STATUS, isValidCloseCode } from '../base/close-codes.ts';
import { UsageError, Utf8Error, type PeerError } from '../base/errors.ts';
import {
  FIN_BIT,
  MAXIMUM_CONTROL_PAYLOAD,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from '../base/opcodes.ts';
import { DecoderState } from '../codec/codec.ts';
import {
  MESSAGE_ASCII,
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  type Platform,
  type Role,
  type SendCallback,
  type SendOptions,
} from '../platform.ts';
import { MessageAssembler } from './assembler.ts';
import { faultOfStatus, invalidCloseCode, invalidControlLength, messageTooLarge, tooManyChunks, tooManyFragments } from './faults.ts';
import { Outbox } from './outbox.ts';

/** Limits and habits of a connection. */
export interface ConnectionOptions {
  readonly role: Role;
  /** Largest message, in bytes; 0 for none. Default 100 MiB. */
  readonly maxPayload?: number;
  /** Most fragments of one message; 0 for none, the default: what a message may hold is bounded in bytes. */
  readonly maxFragments?: number;
  /** Most reads that one unfinished frame may take; 0 for no limit, the default: what a frame may hold is bounded in bytes. */
  readonly maxBufferedChunks?: number;
  /** Whether text is passed on unchecked. Default false. */
  readonly skipUtf8Validation?: boolean;
  /** Whether a Ping is answered at once. Default true. */
  readonly autoPong?: boolean;
}

/** What a connection tells its owner. A throwing `onMessage`, `onPing` or `onPong` loses no other message. */
export interface ConnectionSink {
  /** As in SessionSink. */
  onMessage(source: Uint8Array, start: number, end: number, kind: number): void;
  onPing(payload: Uint8Array): void;
  onPong(payload: Uint8Array): void;
  /** The peer's Close frame arrived, and ours is queued. */
  onCloseFrame(): void;
  /** The peer broke the protocol. A Close frame that says so is queued; whatever arrives from now on is ignored. */
  onFail(error: PeerError): void;
}

const DEFAULT_MAXIMUM_PAYLOAD = 104857600;
const NO_BYTES = new Uint8Array(0);

/** The flags of a record that is a complete, uncompressed message by itself, opcode aside. */
const WHOLE_MESSAGE = RECORD_FRAME_START | RECORD_FRAME_END | RECORD_FIN;
const WHOLE_MESSAGE_MASK = WHOLE_MESSAGE | RECORD_RSV1;

export class Connection {
  readonly role: Role;
  /** Whether our Close frame has been queued: nothing may be sent any more. */
  isCloseSent: boolean = false;
  /** Whether the peer's Close frame has arrived. */
  isCloseReceived: boolean = false;
  /** Whether input is ignored: after the peer's Close frame, a violation, or the end of the stream. */
  isDeaf: boolean = false;
  /** The peer's status code as RFC 6455 section 7.1.5 defines it: 1005 for a Close frame without one, 1006 without a Close frame. */
  closeCode: number = CLOSE_ABNORMAL;
  /** The peer's close reason, UTF-8. */
  closeReason: Uint8Array = NO_BYTES;
  /** Set by the owner while the transport does not take what it was given. */
  isCongested: boolean = false;
  /** Where the fragments of the message at hand end in it. Set by the owner to have them kept. */
  fragmentEnds: number[] | undefined;
  readonly outbox: Outbox;

  readonly #platform: Platform;
  readonly #sink: ConnectionSink;
  readonly #decoder: DecoderState;
  readonly #assembler: MessageAssembler;
  readonly #maxPayload: number;
  readonly #maxFragments: number;
  readonly #maxBufferedChunks: number;
  readonly #autoPong: boolean;
  readonly #masks: boolean;
  /** Bytes of an unfinished header or control frame. */
  #stash: Uint8Array | null = null;
  /** `kind` of the message being assembled; -1 when there is none. */
  #kind = -1;
  #fragments = 0;
  /** Reads that the unfinished frame has taken so far; counted only with a limit. */
  #heldChunks = 0;
  #expectedRemaining = 0;
  #latePong: Uint8Array | null = null;
  /** Whether the last data frame sent was not final. */
  #isFragmentOpen = false;

  constructor(platform: Platform, sink: ConnectionSink, options: ConnectionOptions) {
    this.role = options.role;
    this.outbox = new Outbox(platform);
    this.#platform = platform;
    this.#sink = sink;
    this.#decoder = new DecoderState({
      expectMask: options.role === 'server',
      skipUtf8Validation: options.skipUtf8Validation ?? false,
    });
    this.#assembler = new MessageAssembler(platform);
    this.#maxPayload = options.maxPayload ?? DEFAULT_MAXIMUM_PAYLOAD;
    this.#maxFragments = options.maxFragments ?? 0;
    this.#maxBufferedChunks = options.maxBufferedChunks ?? 0;
    this.#autoPong = options.autoPong ?? true;
    this.#masks = options.role === 'client';
  }

  /**
   * Feeds bytes read from the transport.
   *
   * A peer's violation never throws: the sink hears `onFail`, a Close frame with the matching code is queued (RFC 6455 section
   * 7.1.7), and every later chunk is ignored. Pongs and Close frames are queued even when nobody listens, so flush afterwards.
   *
   * Not to be called while any connection delivers (`codec.isDelivering`): the input arena is in use. RawSession sees to that.
   *
   * @param chunk Borrowed for this call: copied into codec memory, not changed.
   */
  receive(chunk: Uint8Array): void {
    const { codec } = this.#platform;
    for (let at = 0; at < chunk.length && !this.isDeaf; at += INPUT_BYTES) {
      const piece = at === 0 && chunk.length <= INPUT_BYTES ? chunk : chunk.subarray(at, at + INPUT_BYTES);
      codec.input.set(piece);
      this.receiveInput(piece.length);
    }
  }

  /** Feeds the first `length` bytes of the codec's input arena, which is overwritten. */
  receiveInput(length: number): void {
    if (this.isDeaf) return;
    if (this.#maxBufferedChunks > 0 && !this.#admitsChunk(length)) return;
    const { codec } = this.#platform;
    let address = INPUT;
    let rest = length;
    if (this.#stash !== null) {
      address = codec.prepend(this.#stash);
      rest += this.#stash.length;
      this.#stash = null;
    }
    codec.isDelivering = true;
    try {
      this.#decodeAll(address, rest);
    } finally {
      codec.isDelivering = false;
    }
  }

  /** Counts the reads that the unfinished frame has taken; fails over the limit. */
  #admitsChunk(length: number): boolean {
    const { remaining } = this.#decoder;
    const isSameFrame = remaining > 0 && remaining === this.#expectedRemaining;
    this.#heldChunks = isSameFrame ? this.#heldChunks + 1 : remaining > 0 ? 1 : 0;
    this.#expectedRemaining = remaining - length;
    if (this.#heldChunks < this.#maxBufferedChunks) return true;
    this.#fail(tooManyChunks());
    return false;
  }

  #decodeAll(address: number, length: number): void {
    const { codec } = this.#platform;
    let at = address;
    let rest = length;
    let { status } = codec;
    do {
      const count = codec.decode(this.#decoder, at, rest);
      status = codec.status;
      at += codec.consumed;
      rest -= codec.consumed;
      this.#deliver(count);
      if (this.isDeaf) return;
    } while (status === STATUS_MORE);
    if (status !== STATUS_OK) this.#fail(faultOfStatus(status, codec.memory[at], codec.memory[at + 1]));
    else if (rest > 0) this.#stash = codec.memory.slice(at, at + rest);
  }

  /** The stream ended: whatever was unfinished stays so. */
  receiveEnd(): void {
    this.isDeaf = true;
    this.#assembler.clear();
    this.#stash = null;
  }

  /** Queues text, as the first or only frame of a message. The caller has made sure that no Close frame was sent. */
  sendText(text: string, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const first = this.#firstByte(OPCODE_TEXT, options);
    const length = this.outbox.addText(first, text, options?.mask ?? this.#masks);
    this.outbox.count(length, callback);
  }

  /** Queues bytes as {@link sendText} does. `payload` is kept until the batch is written. */
  sendBytes(payload: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    const first = this.#firstByte(isText ? OPCODE_TEXT : OPCODE_BINARY, options);
    this.outbox.addBytes(first, payload, options?.mask ?? this.#masks);
    this.outbox.count(payload.length, callback);
  }

  /** Queues a Ping. @throws {UsageError} above 125 bytes. */
  ping(payload: Uint8Array, callback?: SendCallback, mask: boolean = this.#masks): void {
    this.#sendControl(OPCODE_PING, payload, callback, mask);
  }

  /** Queues a Pong. @throws {UsageError} above 125 bytes. */
  pong(payload: Uint8Array, callback?: SendCallback, mask: boolean = this.#masks): void {
    this.#sendControl(OPCODE_PONG, payload, callback, mask);
  }

  /**
   * Queues the Close frame, unless that has happened.
   *
   * @param code Left out: a frame without a status code.
   * @param reason UTF-8.
   * @throws {UsageError} when the code may not stand in a Close frame, or the reason is longer than 123 bytes.
   */
  close(code?: number, reason: Uint8Array = NO_BYTES, callback?: SendCallback): void {
    if (this.isCloseSent) return;
    let payload = NO_BYTES;
    if (code !== undefined) {
      if (!isValidCloseCode(code)) throw new UsageError(`${code} must not be sent as a close code (RFC 6455 section 7.4)`);
      if (reason.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
        throw new UsageError(`A close reason has at most 123 bytes; this one has ${reason.length}`);
      }
      payload = new Uint8Array(2 + reason.length);
      payload[0] = code >>> 8;
      payload[1] = code;
      payload.set(reason, 2);
    }
    this.#sendControl(OPCODE_CLOSE, payload, callback, this.#masks);
    this.isCloseSent = true;
  }

  #sendControl(opcode: number, payload: Uint8Array, callback: SendCallback | undefined, mask: boolean): void {
    if (payload.length > MAXIMUM_CONTROL_PAYLOAD) {
      throw new UsageError(`A control frame's payload has at most 125 bytes; this one has ${payload.length}`);
    }
    this.outbox.addBytes(FIN_BIT | opcode, payload, mask);
    // `bufferedAmount` counts what programs send as messages, nothing else.
    this.outbox.count(0, callback);
  }

  #firstByte(opcode: number, options: SendOptions | undefined): number {
    const isFinal = options?.fin ?? true;
    const effective = this.#isFragmentOpen ? OPCODE_CONTINUATION : opcode;
    this.#isFragmentOpen = !isFinal;
    return isFinal ? FIN_BIT | effective : effective;
  }

  /** Passes on the first `count` records. */
  #deliver(count: number): void {
    const { records, memory } = this.#platform.codec;
    for (let index = 0, at = 0; index < count; index++, at += RECORD_WORDS) {
      const flags = records[at + RECORD_FLAGS];
      const start = records[at + RECORD_ADDRESS];
      const end = start + records[at + RECORD_LENGTH];
      const opcode = flags & RECORD_OPCODE;
      try {
        if (opcode > OPCODE_BINARY) {
          this.#deliverControl(opcode, start, end);
        } else if (opcode !== OPCODE_CONTINUATION && (flags & WHOLE_MESSAGE_MASK) === WHOLE_MESSAGE) {
          if (end - start > this.#maxPayload && this.#maxPayload > 0) this.#fail(messageTooLarge());
          else this.#sink.onMessage(memory, start, end, opcode === OPCODE_TEXT ? textKind(flags) : 0);
        } else {
          this.#deliverPiece(flags, opcode, start, end, index === count - 1);
        }
      } catch (error) {
        // A listener's exception is the program's to see; it takes neither the other messages nor the connection with it.
        this.#platform.defer(() => {
          throw error;
        });
      }
      if (this.isDeaf) return;
    }
  }

  /** Takes a fragment, or a piece of a frame that is longer than the chunk. */
  #deliverPiece(flags: number, opcode: number, start: number, end: number, isLast: boolean): void {
    const assembler = this.#assembler;
    // Only the last record of a chunk can be a frame without an end, and the decoder knows what it lacks.
    const isFrameEnd = (flags & RECORD_FRAME_END) !== 0;
    const expected = isFrameEnd || !isLast ? 0 : this.#decoder.remaining;
    if ((flags & RECORD_FRAME_START) !== 0) {
      if (opcode !== OPCODE_CONTINUATION) {
        this.#kind = (opcode === OPCODE_TEXT ? MESSAGE_TEXT | MESSAGE_ASCII : 0) | MESSAGE_OWNED;
        this.#fragments = 0;
        if (this.fragmentEnds !== undefined) this.fragmentEnds = [];
      }
      if (++this.#fragments > this.#maxFragments && this.#maxFragments > 0) return this.#fail(tooManyFragments());
    }
    if ((flags & RECORD_ASCII) === 0) this.#kind &= ~MESSAGE_ASCII;
    // Refused by what the header announces, before any of it is kept.
    const length = assembler.length + (end - start);
    if (length + expected > this.#maxPayload && this.#maxPayload > 0) return this.#fail(messageTooLarge());
    assembler.append(this.#platform.codec.memory, start, end, expected);
    if (isFrameEnd) this.fragmentEnds?.push(length);
    if (!isFrameEnd || (flags & RECORD_FIN) === 0) return;
    const kind = this.#kind;
    this.#kind = -1;
    this.#sink.onMessage(assembler.take(), 0, length, kind);
  }

  #deliverControl(opcode: number, start: number, end: number): void {
    const platform = this.#platform;
    if (opcode === OPCODE_CLOSE) return this.#receiveClose(start, end);
    const payload = platform.copy(platform.codec.memory, start, end);
    if (opcode === OPCODE_PONG) return this.#sink.onPong(payload);
    // Also after our own Close frame: only the peer's ends this duty (RFC 6455 section 5.5.2), and then we are deaf.
    if (this.#autoPong) this.#answerPing(payload);
    this.#sink.onPing(payload);
  }

  /**
   * Answers a Ping at once, or, while the peer does not take what we send, only the latest one (RFC 6455 section 5.5.3): otherwise
   * a peer that pings and never reads would fill our memory.
   */
  #answerPing(payload: Uint8Array): void {
    if (this.isCongested) this.#latePong = payload;
    else this.pong(payload);
  }

  /** The transport takes bytes again: queues the Pong that was held back. */
  endCongestion(): void {
    this.isCongested = false;
    const payload = this.#latePong;
    this.#latePong = null;
    if (payload !== null) this.pong(payload);
  }

  #receiveClose(start: number, end: number): void {
    const platform = this.#platform;
    const { memory } = platform.codec;
    let code = CLOSE_NO_STATUS;
    let reason: Uint8Array = NO_BYTES;
    if (end - start === 1) return this.#fail(invalidControlLength(1));
    if (end > start) {
      code = (memory[start] << 8) | memory[start + 1];
      if (!isValidCloseCode(code)) return this.#fail(invalidCloseCode(code));
      reason = platform.copy(memory, start + 2, end);
      if (!platform.codec.isUtf8(reason)) return this.#fail(new Utf8Error());
    }
    this.isDeaf = true;
    this.#latePong = null;
    this.isCloseReceived = true;
    this.closeCode = code;
    this.closeReason = reason;
    if (code === CLOSE_NO_STATUS) this.close();
    else this.close(code, reason);
    this.#sink.onCloseFrame();
  }

  #fail(error: PeerError): void {
    this.isDeaf = true;
    this.#latePong = null;
    this.#assembler.clear();
    this.close(error.closeCode);
    this.#sink.onFail(error);
  }
}

function textKind(flags: number): number {
  return (flags & RECORD_ASCII) === 0 ? MESSAGE_TEXT : MESSAGE_TEXT | MESSAGE_ASCII;
}
