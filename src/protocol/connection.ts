// A WebSocket connection over a byte stream: control frames, the closing handshake and the two ends of TCP, RFC 6455 sections 5.5 and 7.
// inbound.ts makes messages of received bytes. outbound.ts and outbox.ts make frames of sent messages. This file writes them, once a turn.

import { refuseOutput } from '../base/output-limit.ts';
import { CLOSE_ABNORMAL, CLOSE_NO_STATUS } from '../base/close-codes.ts';
import type { PeerError } from '../base/errors.ts';
import { guard } from '../base/guard.ts';
import type { Meter } from '../base/meter.ts';
import { OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG } from '../base/opcodes.ts';
import { CLOSED, CLOSING, OPEN } from '../base/states.ts';
import { totals } from '../base/totals.ts';
import {
  UNATTACHED,
  type Platform,
  type Role,
  type SendCallback,
  type SendOptions,
  type Session,
  type SessionOwner,
  type SessionSink,
  type Timer,
  type Transport,
  type TransportEvents,
} from '../platform.ts';
import { makeClose, readClose } from './close-frame.ts';
import { Compression } from './compression.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';
import { Inbound, type InboundOwner } from './inbound.ts';
import { CLOSE_QUEUED, ENDED, ENDING, Outbound, SENDING, type OutboundOwner } from './outbound.ts';
import { join, REFERENCE_FROM, release, type Batch } from './outbox.ts';
import { connectionSettings, type ConnectionOptions, type ConnectionSettings } from './settings.ts';

// Whether the transport reads: it is started once the connection is, and the program has not paused.
const NOT_ALLOWED = 0;
const ALLOWED = 1;
const STARTED = 2;

const NO_BYTES = new Uint8Array(0);

/** The connection whose read is being delivered. The end of the read flushes the messages of its listeners. */
let receiving: Connection | null = null;

function setReceiving(connection: Connection | null): void {
  receiving = connection;
}

export class Connection implements Session, TransportEvents, InboundOwner, OutboundOwner, HeartbeatHost {
  readonly copyMessage: Platform['copyMessage'];
  owner: SessionOwner | undefined;
  meter: Meter | null;
  websocket: object | undefined;
  readonly #platform: Platform;
  readonly #settings: ConnectionSettings;
  readonly #transport: Transport;
  readonly #compression: Compression | null;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #heartbeat: Heartbeat | undefined;
  #sink: SessionSink = UNATTACHED;
  #state: typeof OPEN | typeof CLOSING | typeof CLOSED = OPEN;
  #output: typeof SENDING | typeof CLOSE_QUEUED | typeof ENDING | typeof ENDED = SENDING;
  /** The peer's status code (RFC 6455 section 7.1.5): 1005 for a Close frame without one, 1006 without a Close frame. */
  #closeCode: number = CLOSE_ABNORMAL;
  #closeReason: Uint8Array = NO_BYTES;
  /** Covers the closing handshake and the end of TCP. */
  #timer: Timer | undefined;
  /**
   * Reports of the transport that wait, in order: for the start, for the end of the running delivery or call, or, for the transport's end, for
   * a message that is being decompressed. While one waits, all later ones wait. Null if none waits.
   */
  #reports: (() => void)[] | null = [];
  #isPaused = false;
  #reading: typeof NOT_ALLOWED | typeof ALLOWED | typeof STARTED = NOT_ALLOWED;
  /** The batch that the transport has not written completely. */
  #inFlight: Batch | null = null;
  /** A batch that has to wait for the operating system sets it as well. */
  mustDrain: boolean = false;
  #isFlushPlanned = false;
  /** Whether a flush within a call of the program is running. Its callbacks and the reports of the transport wait. */
  #isInCall = false;
  /** Callbacks of messages that were written in such a call. */
  #lateCallbacks: readonly SendCallback[] | null = null;
  // Made when first needed, because a connection that only receives does not need them.
  #flushLater: (() => void) | undefined;
  #written: ((isAtOnce?: boolean) => void) | undefined;

  constructor(platform: Platform, transport: Transport, given: ConnectionOptions) {
    const settings = connectionSettings(given);
    const { role, compression, heartbeat } = settings;
    this.copyMessage = platform.copyMessage;
    this.#platform = platform;
    this.#settings = settings;
    this.#transport = transport;
    this.#compression = compression === undefined ? null : new Compression(platform, role, compression);
    this.#outbound = new Outbound(platform, role === 'client', this.#compression, this, transport.takesBorrowed);
    this.#inbound = new Inbound(platform, this, UNATTACHED, settings, this.#compression);
    this.#outbound.sendFrom(this.#inbound.memory);
    if (heartbeat !== undefined) this.#heartbeat = new Heartbeat(platform, heartbeat, this);
    this.meter = totals[role];
  }

  /** Hands over the messages of the running delivery, because the process ends. */
  static flushReceiving(): void {
    const connection = receiving;
    receiving = null;
    if (connection !== null) connection.#flush();
  }

  get role(): Role {
    return this.#settings.role;
  }

  get bufferedAmount(): number {
    return this.#outbound.payloadBytes + (this.#inFlight?.payloadBytes ?? 0);
  }

  get bufferedInput(): number {
    return this.#inbound.bufferedBytes;
  }

  get maxPayload(): number {
    return this.#inbound.maxPayload;
  }

  set maxPayload(limit: number) {
    this.#inbound.maxPayload = limit;
  }

  get fragmentEnds(): readonly number[] | undefined {
    return this.#inbound.fragmentEnds;
  }

  keepFragments(on: boolean): void {
    this.#inbound.keepFragments(on);
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
    this.#inbound.attach(sink);
    this.meter?.opened(this, this.owner?.takeHandshake?.());
  }

  start(head?: Uint8Array): void {
    if (this.#state === CLOSED) return;
    const reports = this.#reports ?? [];
    this.#reports = null;
    this.#heartbeat?.start();
    try {
      if (head !== undefined && head.length > 0) this.receive(head);
    } finally {
      // A listener that throws must not leave the socket unread.
      for (const report of reports) guard(this.#platform, report);
      this.#reading = ALLOWED;
      if (!this.#isClosed) this.#read();
    }
  }

  // Commands.

  sendText(text: string, options?: SendOptions, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendText(text, options, callback);
    if (text.length >= REFERENCE_FROM) this.#relieve();
    if (receiving !== this && !this.#isFlushPlanned) this.onOutput();
  }

  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendBytes(payload, isText, options, callback);
    if (payload.length >= REFERENCE_FROM) this.#relieve();
    if (receiving !== this && !this.#isFlushPlanned) this.onOutput();
  }

  sendFrame(pieces: readonly Uint8Array[], given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendFrame(pieces, callback);
    if (pieces.some(({ length }) => length >= REFERENCE_FROM)) this.#relieve();
    this.onOutput();
  }

  ping(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void {
    this.#sendControl(OPCODE_PING, payload, callback, mask);
  }

  pong(payload: Uint8Array, callback?: SendCallback, mask?: boolean): void {
    this.#sendControl(OPCODE_PONG, payload, callback, mask);
  }

  close(code?: number, reason?: Uint8Array, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#state !== OPEN) return;
    this.#sendClose(code, reason, callback);
    this.#beginClosing();
    this.onOutput();
  }

  terminate(): void {
    if (this.#state === CLOSED) return;
    // Flush the messages of this turn. The operating system may accept only a part.
    this.#flushInCall();
    this.#output = ENDED;
    this.#stopReceiving();
    this.#beginClosing();
    this.#transport.destroy();
    // A dropped connection may never be started, and may never finish a decompression.
    this.#reportLater();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#reading === STARTED) this.#transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heartbeat?.sign();
    this.#read();
  }

  /** Lets the transport read, unless the program has paused or a message is being decompressed. */
  #read(): void {
    if (this.#isPaused || this.#inbound.isBlocked || this.#reading === NOT_ALLOWED) return;
    if (this.#reading === STARTED) return this.#transport.resume();
    this.#reading = STARTED;
    this.#transport.start();
  }

  // From the transport.

  receive(chunk: Uint8Array): void {
    if (!this.#mustWait) return this.#receive(chunk);
    const copy = this.#platform.copy(chunk, 0, chunk.length);
    this.#report(() => this.#receive(copy));
  }

  receiveInput(length: number): void {
    this.#heartbeat?.sign();
    setReceiving(this);
    try {
      this.#inbound.receiveInput(length);
    } finally {
      setReceiving(null);
      this.#flush();
    }
  }

  receiveEnd(): void {
    this.#report(() => this.#receiveEnd());
  }

  closed(error?: Error): void {
    this.#report(() => this.#end(error));
  }

  /** Whether a report must wait. During a delivery it waits because the input arena is in use. */
  get #mustWait(): boolean {
    return this.#reports !== null || this.#isInCall || this.#platform.codec.isDelivering;
  }

  #report(report: () => void): void {
    if (!this.#mustWait) return report();
    if (this.#reports !== null) return void this.#reports.push(report);
    this.#reports = [report];
    this.#reportLater();
  }

  #reportLater(): void {
    if (this.#reports !== null) this.#platform.defer(() => this.#reportNow());
  }

  #reportNow(): void {
    const reports = this.#reports ?? [];
    this.#reports = null;
    for (const report of reports) guard(this.#platform, report);
  }

  #receive(chunk: Uint8Array): void {
    this.#heartbeat?.sign();
    setReceiving(this);
    try {
      this.#inbound.receive(chunk);
    } finally {
      setReceiving(null);
      this.#flush();
    }
  }

  #receiveEnd(): void {
    if (this.#inbound.isBlocked) return void (this.#reports ??= []).push(() => this.#receiveEnd());
    this.#stopReceiving();
    if (this.#state === CLOSED) return;
    this.#beginClosing();
    this.#planEnd();
  }

  #end(error: Error | undefined): void {
    if (this.#inbound.isBlocked) return void (this.#reports ??= []).push(() => this.#end(error));
    if (this.#state === CLOSED) return;
    this.#stopReceiving();
    const sink = this.#sink;
    const isNews = this.#state === OPEN;
    this.#state = CLOSED;
    this.#heartbeat?.stop();
    if (isNews) sink.onClosing();
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
    this.#callBack();
    this.#compression?.close();
    this.#dropOutput(error);
    // A program that keeps the request keeps its socket and this connection. That must not keep the WebSocket alive.
    this.#sink = UNATTACHED;
    this.#inbound.attach(UNATTACHED);
    // We answer each Close frame, so the end is clean if the peer has sent one.
    const wasClean = this.#closeCode !== CLOSE_ABNORMAL;
    if (sink !== UNATTACHED) this.meter?.ended(this, this.#closeCode, this.#closeReason, wasClean, error);
    this.owner?.onEnded(wasClean);
    this.owner = undefined;
    sink.onEnd(this.#closeCode, this.#closeReason, wasClean);
  }

  // From inbound, outbound and the heartbeat. Public because these interfaces need it.

  onControl(opcode: number, source: Uint8Array, start: number, end: number): void {
    if (opcode === OPCODE_CLOSE) return this.#receiveClose(source, start, end);
    const payload = this.#platform.copy(source, start, end);
    if (opcode === OPCODE_PONG) return this.#sink.onPong(payload);
    // Also after our Close frame: only the peer's ends this duty (RFC 6455 section 5.5.2), and then nothing more is read.
    if (this.#settings.autoPong && (this.#settings.acceptsPing?.(payload) ?? true))
      this.#outbound.answerPing(source, start, end);
    this.#sink.onPing(payload);
  }

  onViolation(error: PeerError): void {
    this.#stopReceiving();
    // Messages that are still being compressed are dropped, because they would delay the Close frame.
    for (const callback of this.#outbound.abandon()) this.#platform.defer(() => callback(error));
    if (this.#output === SENDING) this.#sendClose(error.closeCode, this.#settings.describeViolation?.(error));
    this.#beginClosing();
    this.#planEnd();
    // Unread bytes would turn our FIN into a reset, which could overtake the Close frame. So read on, and ignore the bytes.
    this.#isPaused = false;
    this.#read();
    this.#reportLater();
    this.meter?.failed(this, error);
    this.#sink.onError(error);
  }

  onBlocked(isBlocked: boolean): void {
    if (isBlocked) return this.#reading === STARTED ? this.#transport.pause() : undefined;
    this.#heartbeat?.sign();
    if (!this.#isClosed) this.#read();
    this.#reportNow();
    this.onOutput();
  }

  onOutputFailure(error: Error): void {
    if (this.#state === CLOSED) return;
    this.#beginClosing(); // First, because a listener may send again.
    this.meter?.failed(this, error);
    try {
      this.#sink.onError(error);
    } finally {
      this.terminate();
    }
  }

  exposeSocket(): void {
    this.#transport.expose?.();
  }

  onLost(error: PeerError): void {
    // A Close frame that was behind the lost one was dropped.
    if (this.#output === CLOSE_QUEUED) this.#output = SENDING;
    this.#stopReceiving();
    // Refuses what the listener still sends.
    this.#beginClosing();
    this.#report(() => this.onViolation(error));
  }

  handOver(): void {
    if (this.#outbound.outbox.urge()) this.#flushInCall();
  }

  get isReading(): boolean {
    return !this.#isPaused && !this.#inbound.isBlocked;
  }

  get isHeld(): boolean {
    return this.#inFlight !== null;
  }

  onSilence(): void {
    this.#outbound.sendControl(OPCODE_PING, NO_BYTES, undefined);
    this.onOutput();
  }

  // Control frames and the closing handshake.

  /** For comparisons after a call that may have changed the state. */
  get #isClosed(): boolean {
    return this.#state === CLOSED;
  }

  #sendControl(opcode: number, payload: Uint8Array, given: SendCallback | undefined, mask: boolean | undefined): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (!this.#admits(callback)) return;
    this.#outbound.sendControl(opcode, payload, callback, mask);
    this.onOutput();
  }

  #receiveClose(source: Uint8Array, start: number, end: number): void {
    const payload = readClose(this.#platform, source, start, end);
    if (payload instanceof Error) return this.onViolation(payload);
    const { code, reason } = payload;
    this.#stopReceiving();
    this.#closeCode = code;
    this.#closeReason = reason;
    if (this.#state === OPEN) this.#sendClose(code === CLOSE_NO_STATUS ? undefined : code, reason);
    this.#beginClosing();
    // RFC 6455 section 7.1.1: the server closes TCP first; the client waits for it, as long as the timer allows.
    if (this.role === 'server') this.#planEnd();
    // A paused transport does not report the peer's end, so resume it.
    this.#isPaused = false;
    this.#read();
    this.#sink.onCloseFrame?.(code, reason);
  }

  /** Queues our Close frame behind all messages. @throws {UsageError} if the code must not be sent, or the reason is too long. */
  #sendClose(code?: number, reason: Uint8Array = NO_BYTES, callback?: SendCallback): void {
    const payload = makeClose(code, reason);
    this.#outbound.afterAll(() => {
      if (this.#output === SENDING) this.#output = CLOSE_QUEUED;
      this.#outbound.sendControl(OPCODE_CLOSE, payload, callback);
    }, callback);
  }

  /** Ignores all further input, and drops unfinished messages. */
  #stopReceiving(): void {
    this.#inbound.end();
    this.#outbound.forgetPing();
  }

  #beginClosing(): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#heartbeat?.stop();
    if (this.#settings.closeTimeout > 0)
      this.#timer = this.#platform.setTimer(() => this.#transport.destroy(), this.#settings.closeTimeout);
    this.#sink.onClosing();
  }

  #planEnd(): void {
    if (this.#output < ENDING) this.#output = ENDING;
    this.onOutput();
  }

  // Output.

  get #mustAsk(): boolean {
    const { outbox, payloadBytes } = this.#outbound;
    return (
      this.#state !== OPEN || this.#inFlight !== null || outbox.isLending || payloadBytes > this.#settings.maxBufferedAmount
    );
  }

  /** Whether another message may wait. If not, applies the policy. */
  #admits(callback: SendCallback | undefined): boolean {
    const { bufferPolicy, maxBufferedAmount } = this.#settings;
    this.#outbound.outbox.checkLoan();
    // The operating system may accept the messages of this turn at once.
    if (this.bufferedAmount > maxBufferedAmount) this.#flushInCall();
    if (this.#state !== OPEN) {
      if (callback !== undefined) this.#platform.defer(() => callback(new Error('The WebSocket is not open')));
      return false;
    }
    if (this.bufferedAmount <= maxBufferedAmount) return true;
    const error = refuseOutput(this.#platform, bufferPolicy, this.bufferedAmount, maxBufferedAmount, callback);
    if (error !== undefined) this.onOutputFailure(error);
    return false;
  }

  onOutput(): void {
    // The end of the read flushes. Elsewhere a microtask flushes the messages of the current turn.
    if (receiving === this || this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#platform.defer((this.#flushLater ??= this.#makeFlushLater()));
  }

  // Kept as separate functions: V8 allocates a scope for any function that contains a closure.
  #makeFlushLater(): () => void {
    return () => {
      this.#isFlushPlanned = false;
      this.#flush();
    };
  }

  /** Writes a long message before the end of the turn if slots run short: new memory costs more than a write. */
  #relieve(): void {
    if (this.#outbound.outbox.isPressing) this.#flushInCall();
    this.#outbound.outbox.endCall();
  }

  /** Flushes in a call of the program. Callbacks and reports of the transport wait until it is over. */
  #flushInCall(): void {
    this.#isInCall = true;
    try {
      this.#writeAll();
    } finally {
      this.#isInCall = false;
    }
  }

  #flush(): void {
    this.#callBack();
    this.#writeAll();
    if (!this.mustDrain || this.bufferedAmount > 0) return;
    this.mustDrain = false;
    // Some of the runtime's callbacks that lead here do not bear an exception: a stream would not call those of other writes.
    guard(this.#platform, () => this.#sink.onDrain());
  }

  /** Calls the callbacks of messages that were written in a call. */
  #callBack(): void {
    const callbacks = this.#lateCallbacks;
    if (callbacks === null) return;
    this.#lateCallbacks = null;
    for (const callback of callbacks) guard(this.#platform, () => callback());
  }

  #writeAll(): void {
    if (this.#output === ENDED || this.#state === CLOSED) return;
    const { outbox } = this.#outbound;
    if (outbox.isLending) outbox.own();
    if (this.#inFlight !== null) {
      if (!outbox.isUrgent) return;
      const rest = outbox.take();
      this.#inFlight = join(this.#inFlight, rest);
      this.#transport.write(rest.chunks, this.#written!, rest.borrowed);
      return;
    }
    // Repeated if the transport delivers within write, and the peer's answer makes us send again.
    while (!outbox.isEmpty) {
      const batch = (this.#inFlight = outbox.take());
      if (!this.#transport.write(batch.chunks, (this.#written ??= this.#makeWritten()), batch.borrowed)) {
        // While the transport holds this batch, later frames gather in the outbox and leave in one write as well.
        outbox.hold(batch);
        return;
      }
      this.#settle(batch);
    }
    // A message that is still being compressed, and the Close frame after it, come first.
    if (this.#output !== ENDING || this.#outbound.isBusy || this.#isClosed) return;
    this.#output = ENDED;
    this.#transport.end();
  }

  #makeWritten(): (isAtOnce?: boolean) => void {
    return (isAtOnce) => {
      if (this.#inFlight === null) return;
      if (isAtOnce !== true) this.mustDrain = true;
      this.#heartbeat?.taken();
      const [batch, ...rest] = this.#inFlight.parts ?? [this.#inFlight];
      // First, because a callback may send, and the transport may be congested again.
      if (rest.length === 0) this.#outbound.endCongestion();
      this.#settle(batch, rest.reduce<Batch | null>(join, null));
      if (rest.length === 0) this.#flush();
    };
  }

  /** Drops all output that has not been written, because the transport is gone. */
  #dropOutput(error: Error | undefined): void {
    const unsent = join(this.#inFlight, this.#outbound.outbox.take());
    if (this.#outbound.isBusy || unsent.chunks.length > 0) this.owner?.onUnsent(this.#outbound.waitingMessages, unsent.chunks);
    const callbacks = this.#release(unsent).concat(this.#outbound.abandon());
    if (callbacks.length === 0) return;
    // Made only if somebody gets it: its stack takes longer than the rest of the end.
    const lost = error ?? this.#heartbeat?.error ?? new Error('The connection was closed before the data was written');
    for (const callback of callbacks) guard(this.#platform, () => callback(lost));
  }

  /** Frees the memory of a batch. @returns Its callbacks. */
  #release(batch: Batch): readonly SendCallback[] {
    this.#inFlight = null;
    release(this.#platform, batch);
    return batch.callbacks;
  }

  /** Frees the memory of a batch that was written, and calls its callbacks. @param rest What is under way behind it. */
  #settle(batch: Batch, rest: Batch | null = null): void {
    const callbacks = this.#release(batch);
    this.#inFlight = rest;
    if (callbacks.length === 0) return;
    // Those of earlier batches come first.
    this.#lateCallbacks = this.#lateCallbacks === null ? callbacks : [...this.#lateCallbacks, ...callbacks];
    if (this.#isInCall) this.onOutput();
    else this.#callBack();
  }
}
