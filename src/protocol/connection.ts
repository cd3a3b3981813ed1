// Sans-I/O connection: bytes and commands in, sink calls and bytes out.
// RFC 6455 sections 5.5 and 7: control frames and the closing handshake. Its halves are inbound.ts and outbound.ts.
// No sockets, timers or promises here.

import { CLOSE_ABNORMAL, CLOSE_NO_STATUS, isValidCloseCode } from '../base/close-codes.ts';
import { UsageError, Utf8Error, type PeerError } from '../base/errors.ts';
import { MAXIMUM_CONTROL_PAYLOAD, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG } from '../base/opcodes.ts';
import type { Platform, Role, SendCallback, SendOptions } from '../platform.ts';
import { Compression, type CompressionOptions } from './compression.ts';
import { invalidCloseCode, invalidControlLength } from './violations.ts';
import { Inbound, type InboundOwner } from './inbound.ts';
import { Outbound } from './outbound.ts';
import type { Outbox } from './outbox.ts';
import { DEFAULT_MAX_PAYLOAD } from '../base/options.ts';

/** Limits and habits of a connection. */
export interface ConnectionOptions {
  readonly role: Role;
  /** Largest message, in bytes; 0 for none. Default 100 MiB. */
  readonly maxPayload?: number;
  /** Largest payload of one data frame, in bytes; 0 for none, the default. */
  readonly maxFramePayload?: number;
  /**
   * Whether data frames are passed on one by one, to the sink's `onFrame`, and messages are not. `maxPayload` then holds for a
   * frame. Not meant to go with compression: payloads are passed on as they came. Default false.
   */
  readonly deliverFrames?: boolean;
  /** Most fragments of one message; 0 for none, the default: what a message may hold is bounded in bytes. */
  readonly maxFragments?: number;
  /** Most reads that one unfinished frame may take; 0 for no limit, the default: what a frame may hold is bounded in bytes. */
  readonly maxBufferedChunks?: number;
  /** Whether text is passed on unchecked. Default false. */
  readonly skipUtf8Validation?: boolean;
  /** Whether a Ping is answered at once. Default true. */
  readonly autoPong?: boolean;
  /** Asked about each Ping before it is answered; `payload` is its to keep. Default: all are. */
  readonly acceptsPing?: ((payload: Uint8Array) => boolean) | undefined;
  /** The close reason that tells the peer of its violation: UTF-8, at most 123 bytes. Default: none. */
  readonly describeViolation?: ((error: PeerError) => Uint8Array) | undefined;
  /** permessage-deflate, as it was negotiated. Default: none. */
  readonly compression?: CompressionOptions | undefined;
}

/** What a connection tells its owner. A throwing `onMessage`, `onPing` or `onPong` loses no other message. */
export interface ConnectionSink {
  /** As in SessionSink. */
  onMessage(source: Uint8Array, start: number, end: number, kind: number): void;
  /** As in SessionSink. */
  onFrame?(first: number, payload: Uint8Array): void;
  onPing(payload: Uint8Array): void;
  onPong(payload: Uint8Array): void;
  /** The peer's Close frame arrived, and ours is queued. */
  onCloseFrame(): void;
  /** The peer broke the protocol. A Close frame that says so is queued; whatever arrives from now on is ignored. */
  onFail(error: PeerError): void;
  /** Whether messages wait for one that is being decompressed. Stop reading meanwhile; what is fed is kept. */
  onBlocked(isBlocked: boolean): void;
  /** Something was queued outside of a call to the connection: flush. */
  onOutput(): void;
  /** A message could not be sent, and nothing can be after it: give the connection up. */
  onOutputFailure(error: Error): void;
  /** As in OutboundOwner. */
  onFull?(): void;
}

const NO_BYTES = new Uint8Array(0);

export class Connection implements InboundOwner {
  readonly role: Role;
  /** Whether our Close frame has been sent: nothing may be sent any more. */
  isCloseSent: boolean = false;
  /** Whether the peer's Close frame has arrived. */
  isCloseReceived: boolean = false;
  /** The peer's status code as RFC 6455 section 7.1.5 defines it: 1005 for a Close frame without one, 1006 without a Close frame. */
  closeCode: number = CLOSE_ABNORMAL;
  /** The peer's close reason, UTF-8. */
  closeReason: Uint8Array = NO_BYTES;
  readonly inbound: Inbound;
  readonly outbound: Outbound;

  readonly #platform: Platform;
  readonly #sink: ConnectionSink;
  readonly #compression: Compression | null;
  readonly #autoPong: boolean;
  readonly #acceptsPing: ConnectionOptions['acceptsPing'];
  readonly #describeViolation: ConnectionOptions['describeViolation'];
  /** Whether our Close frame is behind no message that is still being compressed. */
  #isCloseQueued = false;
  #latePong: Uint8Array | null = null;

  constructor(platform: Platform, sink: ConnectionSink, options: ConnectionOptions) {
    const { role, compression } = options;
    this.role = role;
    this.#platform = platform;
    this.#sink = sink;
    this.#autoPong = options.autoPong ?? true;
    this.#acceptsPing = options.acceptsPing;
    this.#describeViolation = options.describeViolation;
    this.#compression = compression === undefined ? null : new Compression(platform, role, compression);
    this.outbound = new Outbound(platform, role === 'client', this.#compression, sink);
    const inbound = {
      expectMask: role === 'server',
      maxPayload: options.maxPayload ?? DEFAULT_MAX_PAYLOAD,
      maxFramePayload: options.maxFramePayload ?? 0,
      deliverFrames: options.deliverFrames ?? false,
      maxFragments: options.maxFragments ?? 0,
      maxBufferedChunks: options.maxBufferedChunks ?? 0,
      skipUtf8Validation: options.skipUtf8Validation ?? false,
    };
    this.inbound = new Inbound(platform, this, sink, inbound, this.#compression);
  }

  /** Whether input is ignored: after the peer's Close frame, a violation, or the end of the stream. */
  get isDeaf(): boolean {
    return this.inbound.isDeaf;
  }

  get outbox(): Outbox {
    return this.outbound.outbox;
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
    this.inbound.receive(chunk);
  }

  /** Feeds the first `length` bytes of the codec's input arena, which is overwritten. */
  receiveInput(length: number): void {
    this.inbound.receiveInput(length);
  }

  /** The stream ended: whatever was unfinished stays so. */
  receiveEnd(): void {
    this.inbound.end();
    this.#latePong = null;
  }

  /** Frees what a dead connection need not hold. @returns The callbacks of what was never queued. */
  dispose(): SendCallback[] {
    this.#compression?.close();
    return this.outbound.abandon();
  }

  /** Queues text, as the first or only frame of a message. The caller has made sure that no Close frame was sent. */
  sendText(text: string, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    this.outbound.sendText(text, options, callback);
  }

  /** Queues bytes as {@link sendText} does. `payload` is kept until the batch is written. */
  sendBytes(payload: Uint8Array, isText: boolean, options: SendOptions | undefined, callback: SendCallback | undefined): void {
    this.outbound.sendBytes(payload, isText, options, callback);
  }

  /** Queues a Ping. @throws {UsageError} above 125 bytes. */
  ping(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void {
    this.outbound.sendControl(OPCODE_PING, payload, callback, mask);
  }

  /** Queues a Pong. @throws {UsageError} above 125 bytes. */
  pong(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void {
    this.outbound.sendControl(OPCODE_PONG, payload, callback, mask);
  }

  /**
   * Queues the Close frame behind all messages, unless that has happened.
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
    this.isCloseSent = true;
    this.outbound.afterAll(() => {
      this.#isCloseQueued = true;
      this.outbound.sendControl(OPCODE_CLOSE, payload, callback);
    }, callback);
  }

  /** The transport takes bytes again: queues the Pong that was held back. */
  endCongestion(): void {
    this.outbound.isCongested = false;
    const payload = this.#latePong;
    this.#latePong = null;
    if (payload !== null) this.pong(payload);
  }

  // From the inbound half. Public because the interface is.

  onControl(opcode: number, source: Uint8Array, start: number, end: number): void {
    if (opcode === OPCODE_CLOSE) return this.#receiveClose(source, start, end);
    const payload = this.#platform.copy(source, start, end);
    if (opcode === OPCODE_PONG) return this.#sink.onPong(payload);
    // Also after our own Close frame: only the peer's ends this duty (RFC 6455 section 5.5.2), and then we are deaf.
    if (this.#autoPong && (this.#acceptsPing?.(payload) ?? true)) this.#answerPing(source, start, end);
    this.#sink.onPing(payload);
  }

  onBlocked(isBlocked: boolean): void {
    this.#sink.onBlocked(isBlocked);
  }

  onViolation(error: PeerError): void {
    this.receiveEnd();
    // The Close frame says what went wrong; messages that are still being compressed would only delay it.
    const lost = this.outbound.abandon();
    if (!this.#isCloseQueued) this.isCloseSent = false;
    this.close(error.closeCode, this.#describeViolation?.(error));
    for (const callback of lost) this.#platform.defer(() => callback(error));
    this.#sink.onFail(error);
  }

  /**
   * Answers a Ping at once, or, while the peer does not take what we send, only the latest one (RFC 6455 section 5.5.3): otherwise
   * a peer that pings and never reads would fill our memory.
   */
  #answerPing(source: Uint8Array, start: number, end: number): void {
    // Not with the payload that the program gets, which it may change or transfer.
    if (this.outbound.isCongested) this.#latePong = this.#platform.copy(source, start, end);
    else this.pong(source.subarray(start, end));
  }

  #receiveClose(source: Uint8Array, start: number, end: number): void {
    let code = CLOSE_NO_STATUS;
    let reason: Uint8Array = NO_BYTES;
    if (end - start === 1) return this.onViolation(invalidControlLength(1));
    if (end > start) {
      code = (source[start] << 8) | source[start + 1];
      if (!isValidCloseCode(code)) return this.onViolation(invalidCloseCode(code));
      reason = this.#platform.copy(source, start + 2, end);
      if (!this.#platform.codec.isUtf8(reason)) return this.onViolation(new Utf8Error());
    }
    this.receiveEnd();
    this.isCloseReceived = true;
    this.closeCode = code;
    this.closeReason = reason;
    if (code === CLOSE_NO_STATUS) this.close();
    else this.close(code, reason);
    this.#sink.onCloseFrame();
  }
}
