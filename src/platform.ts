// The seams between the connection, the public classes and the runtimes: types, and the constants that go with them.

import type { PeerError } from './base/errors.ts';
import type { Handshake, Meter } from './base/meter.ts';
import type { Codec } from './codec/codec.ts';

/** Our side of the connection. Clients mask (RFC 6455 section 5.1), and servers close TCP first (section 7.1.1). */
export type Role = 'client' | 'server';

/** `kind` bit of {@link SessionSink.onMessage}: a text message. Without it, binary. */
export const MESSAGE_TEXT = 1;
/** `kind` bit: text of which every byte is below 0x80. */
export const MESSAGE_ASCII = 2;
/** `kind` bit: `source` was made for this message alone; keep it instead of copying. */
export const MESSAGE_OWNED = 4;
/** `kind` bit: the message came compressed (RFC 7692). Sessions of a runtime's own WebSocket do not set it. */
export const MESSAGE_COMPRESSED = 8;
/**
 * `kind` bit, the highest: `source` is the message and nothing else, and the program may read it until the sink returns. Only with the option
 * `borrowMessages`. A sink that does not know of it copies, as from every other source that it does not own.
 */
export const MESSAGE_BORROWED = 16;

/** Most characters of a string in V8 with 64 bits. */
export const LONGEST_STRING = 0x1fffffe8;

/** Receiver of a session's events. `onEnd` is the last event. */
export interface SessionSink {
  /**
   * A complete message.
   *
   * @param source Where its bytes are. Borrowed for this call and overwritten after it, unless `kind` has MESSAGE_OWNED.
   * @param start First byte of the message in `source`.
   * @param end Behind the last byte.
   * @param kind MESSAGE_ bits. Text has been checked to be UTF-8.
   * @returns With MESSAGE_BORROWED: true if the program keeps the memory, which then belongs to it.
   */
  onMessage(source: Uint8Array, start: number, end: number, kind: number): boolean | void;
  /**
   * A data frame, where the session was made to pass them on one by one.
   *
   * @param first Its first header byte: FIN, RSV1, opcode.
   * @param payload The sink's to keep.
   */
  onFrame?(first: number, payload: Uint8Array): void;
  /** A Ping arrived; its Pong is already queued unless `autoPong` is off. `payload` is the sink's to keep. */
  onPing(payload: Uint8Array): void;
  /** A Pong arrived. `payload` is the sink's to keep. */
  onPong(payload: Uint8Array): void;
  /** The closing handshake began, from either side: nothing can be sent any more. */
  onClosing(): void;
  /**
   * The peer's Close frame arrived, with the code and reason that `onEnd` will have: for sinks that do not wait for the end of TCP. Sessions of a
   * runtime's own WebSocket do not call it.
   */
  onCloseFrame?(code: number, reason: Uint8Array): void;
  /** The peer broke the protocol, or the transport failed. `onEnd` follows. */
  onError(error: PeerError | Error): void;
  /** All that `bufferedAmount` counted has been handed to the operating system, after having been kept waiting by it. */
  onDrain(): void;
  /**
   * The connection is over. Called once, last.
   *
   * @param code Status code as in RFC 6455 section 7.1.5: the peer's, 1005 when its Close frame had none, 1006 without one.
   * @param reason The peer's close reason, UTF-8. The sink's to keep.
   * @param wasClean Whether Close frames went both ways.
   */
  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void;
}

function ignore(): void {}

/** Ignores all events: the sink of a session before `attach`, and after its end. */
export const UNATTACHED: SessionSink = {
  onMessage: ignore,
  onPing: ignore,
  onPong: ignore,
  onClosing: ignore,
  onError: ignore,
  onDrain: ignore,
  onEnd: ignore,
};

/** Called once the message has been handed to the operating system, or with the error that prevented it. */
export type SendCallback = (error?: Error | null) => void;

/** How to send one frame of a message. */
export interface SendOptions {
  /** Whether this frame ends the message. Default true. */
  readonly fin?: boolean | undefined;
  /** Whether the message may be compressed, where permessage-deflate was negotiated. */
  readonly compress?: boolean | undefined;
  /** Whether to mask. Default: as the role demands. */
  readonly mask?: boolean | undefined;
  /**
   * First header byte of a frame that the program composes itself: FIN, RSV bits and opcode are sent as they are, unchecked, and
   * the session forgets about the frame. For `sendBytes` of sessions over byte streams.
   */
  readonly firstByte?: number | undefined;
  /** Whether the payload stays unchanged until it was sent, so that it need not be copied. Default false. */
  readonly isLasting?: boolean | undefined;
  /** The same message as others send it as well: laid out once, and compressed once. The payload must be lasting. */
  readonly shared?: SharedMessage | undefined;
}

/** Told of the end of a session, besides its sink. */
export interface SessionOwner {
  /** Gives the record of its opening handshake that observers got, once. */
  takeHandshake?(): Handshake | undefined;
  /**
   * Called before the end, with the messages that the operating system has not taken completely.
   *
   * @param messages Messages, without those in `frames`.
   * @param frames Frames, laid out one behind the other. Borrowed for this call.
   */
  onUnsent(messages: number, frames?: readonly Uint8Array[]): void;
  /** Called once, before the sink's `onEnd`. @param wasClean Whether Close frames went both ways. */
  onEnded(wasClean: boolean): void;
}

/**
 * The interface through which an API uses a WebSocket connection after its opening handshake: our state machine over a
 * {@link Transport}, or a runtime's own WebSocket.
 */
export interface Session {
  readonly role: Role;
  /** Payload bytes accepted by `send*` and not yet handed to the operating system. */
  readonly bufferedAmount: number;
  /** Set by an API whose program has seen that bytes wait: `onDrain` follows. Left out if it follows in any case. */
  mustDrain?: boolean;
  /** Bytes that arrived and were not delivered: unfinished messages, and those that wait for the program. */
  readonly bufferedInput: number;
  /** Set it before the end. */
  owner?: SessionOwner | undefined;
  /** Counts messages and bytes. Default: the meter of the process for the role, if there is one. */
  meter: Meter | null;
  /** The WebSocket of the program, for observers. Set it before `attach`. */
  websocket?: object | undefined;
  /** The program gets the socket: messages go out before what it writes there. */
  exposeSocket?(): void;
  /** Names the receiver of all events. Call it once, before `start`. */
  attach(sink: SessionSink): void;
  /** Lets bytes flow. `head` are bytes that arrived together with the opening handshake. */
  start(head?: Uint8Array): void;
  /** Sends text, as the first or only frame of a message. A lone surrogate becomes U+FFFD. */
  sendText(text: string, options?: SendOptions, callback?: SendCallback): void;
  /**
   * Sends bytes, as the first or only frame of a message.
   *
   * @param payload The caller's again once the call has returned, unless `options` say that it lasts.
   * @param isText Whether the bytes are UTF-8 text.
   */
  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, callback?: SendCallback): void;
  /**
   * Sends a frame that the program has laid out itself, as it is: nothing of it is checked, masked or compressed. Sessions of a runtime's
   * own WebSocket cannot.
   *
   * @param pieces The frame, header included, in one or more pieces. Copied.
   */
  sendFrame?(pieces: readonly Uint8Array[], callback?: SendCallback): void;
  /** Largest message, in bytes; 0 for no limit. Counts from the next frame on. Left out: the session has none that can be set. */
  maxPayload?: number;
  /** Sends a Ping. `payload` is copied. @throws {UsageError} above 125 bytes. */
  ping(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void;
  /** Sends a Pong. `payload` is copied. @throws {UsageError} above 125 bytes. */
  pong(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void;
  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2). Does nothing when it has begun.
   *
   * @param code Left out: a Close frame without a status code.
   * @param reason UTF-8, at most 123 bytes.
   * @throws {UsageError} when the code may not be sent, or the reason is too long.
   */
  close(code?: number, reason?: Uint8Array, callback?: SendCallback): void;
  /** Drops the connection at once, without a Close frame. */
  terminate(): void;
  /**
   * Closes the connection as for a violation by the peer: reports `error`, sends a Close frame with its code, and ignores further input. Sessions of a
   * runtime's own WebSocket cannot.
   */
  onViolation?(error: PeerError): void;
  /** Reports `error`, and drops the connection. */
  onOutputFailure(error: Error): void;
  /**
   * Copies a message of {@link SessionSink.onMessage}, during that call. The result belongs to the caller. A function of the platform, so
   * that no call lies between.
   */
  readonly copyMessage: Platform['copyMessage'];
  /** Where the fragments of the message that {@link SessionSink.onMessage} owns end, while `keepFragments` is on. */
  readonly fragmentEnds?: readonly number[] | undefined;
  /** Whether {@link fragmentEnds} is kept, from the next message on. Default false. */
  keepFragments?(on: boolean): void;
  /** Stops reading from the transport, so that TCP holds the peer back. Messages of the chunk at hand are still delivered. */
  pause(): void;
  resume(): void;
}

/** A byte stream that an adapter provides for a session. */
export interface Transport {
  /** Whether {@link write} accepts a borrowed chunk. Default false. */
  readonly takesBorrowed?: boolean;
  /** Starts reading. Nothing is passed on before. */
  start(): void;
  /**
   * Hands bytes to the operating system, in order, in one write. May be called again before `onWritten` of the write before, and returns false then.
   *
   * @param chunks Kept until `onWritten`.
   * @param onWritten Called once, when all was taken; not called when this returns true. With `isAtOnce` the system took it without
   *   delay, and only the news of it came later.
   * @param borrowed The last one of `chunks`, if it is the caller's again after this call: the bytes that the system has not taken are copied.
   * @returns Whether all was taken at once.
   */
  write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void, borrowed?: Uint8Array): boolean;
  /** The program gets what lies below, to which it may write as well: {@link TransportEvents.handOver} is called before. Left out: it cannot. */
  expose?(): void;
  /** Sends FIN after all written bytes; reading goes on (RFC 6455 section 7.1.1). */
  end(): void;
  /** Ends both directions at once and drops queued bytes. */
  destroy(): void;
  /** Stops reading. Not called before the start. */
  pause(): void;
  resume(): void;
}

/** Receiver of a transport's events. */
export interface TransportEvents {
  /** Whether it keeps nothing of the next chunk, so that the transport may free it. Left out: it may. */
  readonly keepsNothing?: boolean;
  /** `chunk` is borrowed for this call. */
  receive(chunk: Uint8Array): void;
  /** `length` bytes were read into the codec's input arena. */
  receiveInput(length: number): void;
  /** The program is about to write past the receiver, which writes all that it has gathered first. */
  handOver?(): void;
  /** The peer sent FIN. */
  receiveEnd(): void;
  /** The transport is gone; nothing follows. */
  closed(error?: Error): void;
}

/** A running timer of {@link Platform}. */
export type Timer = unknown;

/** Memory that frames are laid out in. `bytes` is all of `memory`. */
export interface Region {
  readonly bytes: Uint8Array;
  readonly memory: ArrayBufferLike;
  /** Start of the free bytes. -1 in codec memory, whose slots have their own list. */
  free: number;
  /** Makes a view of it in the form that transports take. Left out: {@link Platform.view} does. */
  view?(platform: Platform, start: number, length: number): Uint8Array;
}

/** Regions of one length that are used again. Their bytes are undefined at first. */
export interface Blocks {
  take(): Region;
  /** Nothing may refer to its bytes any more. */
  release(block: Region): void;
}

/** Told by a {@link MessageMemory} of the end of each loan. */
export interface Lender {
  /**
   * The listeners have returned a message that they borrowed. Its memory stays as they left it until this returns.
   *
   * @param isKept Whether the program keeps the memory. Nothing may be written from it after this.
   */
  onReturned(isKept: boolean): void;
}

/**
 * Memory of one connection, from which the program borrows its messages. It stands between the connection and its sink. Nothing of it is
 * ever given to another connection.
 */
export interface MessageMemory extends Pick<SessionSink, 'onMessage' | 'onFrame'> {
  /** Sets the receiver of the messages. UNATTACHED frees the memory. @returns Itself. */
  attach(sink: SessionSink): this;
  /** Whether long messages are borrowed. Default true. */
  isOn: boolean;
  lender: Lender | undefined;
  /** Makes the assembler that joins messages in this memory. */
  createAssembler(platform: Platform): Assembler;
  /**
   * The frame for a payload that the program has borrowed, if it can be written from this memory without a copy: its header is written before the
   * payload. Only one frame of a message can be there at a time. A transport that copies what the system does not take at once may write it
   * within the call of the program. Every other one writes it in {@link Lender.onReturned}, if the program does not keep the memory. In all
   * other cases it must be copied.
   */
  frame(first: number, payload: Uint8Array): Uint8Array | undefined;
  /** Called in {@link Lender.onReturned}: the system did not take all of that frame at once, so its memory is not changed before {@link written}. */
  writing(): void;
  /** That frame was written, or never will be. */
  written(): void;
}

/** Joins the pieces of a message. */
export interface Assembler {
  /** Bytes so far. */
  readonly length: number;
  /**
   * Appends `source[start, end)`, which is borrowed.
   *
   * @param expected Bytes of the same frame that its header says are still to come; only used to size the memory.
   * @param isLast Whether the frame is the last one of the message; only used to size the memory.
   */
  append(source: Uint8Array, start: number, end: number, expected: number, isLast: boolean): void;
  /** Hands over the message, and starts anew. Its last frame must be complete. */
  take(): Uint8Array;
  /** Drops the bytes so far. */
  clear(): void;
}

/** A frame in memory that is not written to any more: `region.bytes[start, end)`. */
export interface SharedFrame {
  readonly region: Region;
  readonly start: number;
  readonly end: number;
}

/** A message that many connections send. Sessions of ours share its compressed forms too. */
export interface SharedMessage {
  /** It as a frame, for connections that send it unmasked, uncompressed and whole. Undefined when it is too long for that. */
  readonly frame: SharedFrame | undefined;
}

/** The turn at hand, whose time for compression the connections of a thread share. */
export interface Turn {
  /**
   * Does the next slice of `job`, if the turn has time for it.
   *
   * @param length Bytes that the job reads; 0 for a job that is too short to be counted or to wait.
   * @returns Its result, or null: go on with {@link later}.
   */
  step(job: { step(): Uint8Array | null }, length: number): Uint8Array | null;
  /**
   * Runs `task`, which goes on with `job`, in a later turn, with others if they are short. A job that has not begun goes before those that
   * have, and some of those wait until others are done. A connection with several jobs calls this for one at a time in each direction.
   */
  later(job: object, task: () => void): void;
  /** The job's connection closed: drops its task. */
  forget(job: object): void;
}

/** Functions of a runtime that shared code needs. */
export interface Platform {
  readonly codec: Codec;
  /** A byte array with a separate ArrayBuffer of the same length. Its contents are undefined: overwrite all of them before a program gets it. */
  allocate(length: number): Uint8Array;
  /** Copies `source[start, end)` to a byte array with a separate ArrayBuffer of the same length. */
  copy(this: void, source: Uint8Array, start: number, end: number): Uint8Array;
  /**
   * Copies a message, [start, end) of the chunk that the codec decoded last or of any other `source`, in the form that users get. It shares
   * its ArrayBuffer with messages of the same chunk at most. Works without `this`.
   */
  copyMessage(this: void, source: Uint8Array, start: number, end: number): Uint8Array;
  /** A view of `region`, in the form that transports take. */
  view(region: Region, start: number, length: number): Uint8Array;
  /** Memory that connections share, with room for at least `length` bytes from `free` on, which is for the caller to move. */
  slab(length: number): Region;
  /** Memory for long messages on their way through the library. No program may reach it. */
  readonly blocks: Blocks;
  /** Makes the memory for the option `borrowMessages`. Left out where the option is refused. */
  borrowMemory?(mode: true | 'checked'): MessageMemory;
  /** Most bytes of a text message: beyond them the runtime may have no string for it, and a listener's event could not be made. */
  readonly longestText: number;
  /** Makes a string of valid UTF-8, of at most {@link longestText} bytes. */
  decodeText(source: Uint8Array, start: number, end: number, isAscii: boolean): string;
  /** Bytes of `text` as UTF-8. */
  byteLength(text: string): number;
  /** Writes `text` as UTF-8 at `offset`, where there is room. @returns How many bytes it took. */
  writeText(text: string, target: Uint8Array, offset: number): number;
  /** A fresh, unpredictable masking key (RFC 6455 section 10.3), as a 32-bit integer. */
  maskingKey(): number;
  /** `callback`, to be called in the asynchronous context of now (AsyncLocalStorage), however many senders one write serves. */
  bind(callback: SendCallback): SendCallback;
  /** Runs `task` when the current turn's code has finished, before any I/O. */
  defer(task: () => void): void;
  /**
   * Runs `task` in a later turn, after I/O had its chance, one task a turn: for work that would hold up the loop if done at once. A task
   * that returns true has left time for another one.
   */
  nextTurn(task: () => unknown): void;
  /** Limits the work of compression in a turn. */
  readonly turn: Turn;
  /**
   * Runs `task` once after `milliseconds`, by the clock that the program goes by, which may be a fake one. Must not keep the process alive
   * by itself.
   */
  setTimer(task: () => void, milliseconds: number): Timer;
  /** As `setTimer`, but always by the runtime's clock: for waits of the library that no program sees. */
  ownTimer(task: () => void, milliseconds: number): Timer;
  clearTimer(timer: Timer): void;
  /** Milliseconds of a clock that is never set back, for differences. */
  elapsed(): number;
  /** Makes `structuredClone(object)` a DataCloneError, as for the objects of a platform. Left out where the runtime has no such function. */
  markUncloneable?(object: object): void;
}
