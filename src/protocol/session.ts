// A Session over raw bytes: joins the sans-I/O Connection to a Transport and a clock.
// RFC 6455 section 7: who ends TCP, when, and for how long we wait for the other side.

import type { PeerError } from '../base/errors.ts';
import { guard } from '../base/guard.ts';
import {
  UNATTACHED,
  type Platform,
  type Role,
  type SendCallback,
  type SendOptions,
  type Session,
  type SessionSink,
  type Timer,
  type Transport,
  type TransportEvents,
} from '../platform.ts';
import { Connection, type ConnectionSink } from './connection.ts';
import { tooMuchOutput } from './violations.ts';
import { Heartbeat, type HeartbeatHost } from './heartbeat.ts';
import type { Outbound } from './outbound.ts';
import { REFERENCE_FROM, settle, type Batch } from './outbox.ts';
import type { BufferPolicy, SessionOptions } from './session-options.ts';
import { DEFAULT_CLOSE_TIMEOUT, DEFAULT_MAX_BUFFERED_AMOUNT, ownOptions } from '../base/options.ts';

/** The session whose read is being delivered. */
let receiving: RawSession | null = null;

function setReceiving(session: RawSession | null): void {
  receiving = session;
}

/** Hands over what listeners of the read on the stack have sent: the process ends, and the read with it. */
export function flushReceiving(): void {
  receiving?.flushInRead();
}

export class RawSession implements Session, TransportEvents, ConnectionSink {
  readonly role: Role;
  readonly #platform: Platform;
  readonly #connection: Connection;
  readonly #outbound: Outbound;
  readonly #closeTimeout: number;
  readonly #maxBufferedAmount: number;
  readonly #bufferPolicy: BufferPolicy;
  readonly #transport: Transport;
  #sink: SessionSink = UNATTACHED;
  /** The batch that the transport has not taken in full yet. */
  #inFlight: Batch | null = null;
  /** Whether the system has kept a batch waiting since all was last handed over. */
  #hasWaited = false;
  #isFlushPlanned = false;
  /** Whether a call of the program is on the stack, in which its callbacks must not be called. */
  #isInCall = false;
  /** Callbacks of what was written in such a call. */
  #told: SendCallback[] | null = null;
  /** What the transport reported before the start, in order: nothing that arrived is lost, even if the peer has left. Null after it. */
  #early: (() => void)[] | null = [];
  #isReceiving = false;
  #isClosing = false;
  #isEndPlanned = false;
  /** Whether FIN was sent or the transport destroyed: nothing is written any more. */
  #isOutputOver = false;
  /** How many reports of the transport wait for the end of a delivery. */
  #postponed = 0;
  #isPaused = false;
  /** The end of the transport, kept while messages that came before it are being decompressed. */
  #lateEnd: (() => void)[] | null = null;
  #isOver = false;
  #timer: Timer | undefined;
  readonly #heartbeat: Heartbeat | undefined;
  // Made when first needed: a connection that only receives has no use for them.
  #flushLater: (() => void) | undefined;
  #written: ((isAtOnce?: boolean) => void) | undefined;

  constructor(platform: Platform, transport: Transport, given: SessionOptions) {
    const options = ownOptions(given);
    this.role = options.role;
    this.#platform = platform;
    this.#transport = transport;
    this.#connection = new Connection(platform, this, options);
    this.#outbound = this.#connection.outbound;
    this.#closeTimeout = options.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.#maxBufferedAmount = (options.maxBufferedAmount ?? DEFAULT_MAX_BUFFERED_AMOUNT) || Infinity;
    this.#bufferPolicy = options.bufferPolicy ?? 'close';
    if (options.heartbeat !== undefined) this.#heartbeat = new Heartbeat(platform, options.heartbeat, this.#heartbeatHost());
  }

  get bufferedAmount(): number {
    return this.#connection.outbound.payloadBytes + (this.#inFlight?.payloadBytes ?? 0);
  }

  get maxPayload(): number {
    return this.#connection.inbound.maxPayload;
  }

  set maxPayload(limit: number) {
    this.#connection.inbound.maxPayload = limit;
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
    this.#connection.inbound.receiver = sink;
  }

  start(head?: Uint8Array): void {
    if (this.#isOver) return;
    const early = this.#early ?? [];
    this.#early = null;
    this.#heartbeat?.start();
    try {
      if (head !== undefined && head.length > 0) this.receive(head);
    } finally {
      // A listener that throws must not leave the socket unread.
      for (const report of early) guard(this.#platform, report);
      if (!this.#isOver) this.#transport.start();
    }
  }

  // Commands.

  sendText(text: string, options?: SendOptions, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendText(text, options, callback);
    if (text.length >= REFERENCE_FROM) this.#relieve();
    if (!this.#isReceiving && !this.#isFlushPlanned) this.#planFlush();
  }

  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendBytes(payload, isText, options, callback);
    if (payload.length >= REFERENCE_FROM) this.#relieve();
    if (!this.#isReceiving && !this.#isFlushPlanned) this.#planFlush();
  }

  sendFrame(pieces: readonly Uint8Array[], given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#mustAsk && !this.#admits(callback)) return;
    this.#outbound.sendFrame(pieces, callback);
    if (pieces.some(({ length }) => length >= REFERENCE_FROM)) this.#relieve();
    if (!this.#isReceiving && !this.#isFlushPlanned) this.#planFlush();
  }

  ping(payload: Uint8Array, given?: SendCallback, mask?: boolean): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#admits(callback)) this.#connection.ping(payload, callback, mask);
    this.#planFlush();
  }

  pong(payload: Uint8Array, given?: SendCallback, mask?: boolean): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#admits(callback)) this.#connection.pong(payload, callback, mask);
    this.#planFlush();
  }

  close(code?: number, reason?: Uint8Array, given?: SendCallback): void {
    const callback = given === undefined ? undefined : this.#platform.bind(given);
    if (this.#isOver || this.#isClosing) return;
    this.#connection.close(code, reason, callback);
    this.#beginClosing();
    this.#planFlush();
  }

  terminate(): void {
    if (this.#isOver) return;
    // What this turn has sent goes out, as far as the system takes it at once.
    this.#flushInCall();
    this.#isOutputOver = true;
    this.#connection.receiveEnd();
    this.#beginClosing();
    // Nobody waits for the start of a connection that was dropped.
    const early = this.#early ?? [];
    this.#early = null;
    this.#transport.destroy();
    for (const report of early) report();
    if (this.#lateEnd !== null) this.#platform.defer(() => this.#endLate());
  }

  copyMessage(source: Uint8Array, start: number, end: number): Uint8Array {
    return this.#platform.copyMessage(source, start, end);
  }

  get fragmentEnds(): readonly number[] | undefined {
    return this.#connection.inbound.fragmentEnds;
  }

  keepFragments(on: boolean): void {
    this.#connection.inbound.fragmentEnds = on ? [] : undefined;
  }

  pause(): void {
    this.#isPaused = true;
    this.#transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heartbeat?.sign();
    if (!this.#connection.inbound.isBlocked) this.#transport.resume();
  }

  // From the transport.

  receive(chunk: Uint8Array): void {
    if (!this.#mustWait) return this.#receiveNow(chunk);
    const copy = this.#platform.copy(chunk, 0, chunk.length);
    this.#postpone(() => this.#receiveNow(copy));
  }

  receiveInput(length: number): void {
    this.#heartbeat?.sign();
    this.#isReceiving = true;
    setReceiving(this);
    try {
      this.#connection.receiveInput(length);
    } finally {
      setReceiving(null);
      this.#isReceiving = false;
      this.#flush();
    }
  }

  receiveEnd(): void {
    if (this.#mustWait) this.#postpone(() => this.#receiveEndNow());
    else this.#receiveEndNow();
  }

  closed(error?: Error): void {
    if (this.#mustWait) this.#postpone(() => this.#closeNow(error));
    else this.#closeNow(error);
  }

  /**
   * Whether the transport reports before the start, or in the middle of a delivery, whose bytes lie in the input arena, because a listener
   * made it; or has done so.
   */
  get #mustWait(): boolean {
    return this.#early !== null || this.#isInCall || this.#postponed > 0 || this.#platform.codec.isDelivering;
  }

  /** Keeps reports in order: while one waits, so do all that follow. */
  #postpone(report: () => void): void {
    if (this.#early !== null) return void this.#early.push(report);
    this.#postponed++;
    this.#platform.defer(() => {
      this.#postponed--;
      report();
    });
  }

  #receiveNow(chunk: Uint8Array): void {
    this.#heartbeat?.sign();
    this.#isReceiving = true;
    setReceiving(this);
    try {
      this.#connection.receive(chunk);
    } finally {
      setReceiving(null);
      this.#isReceiving = false;
      this.#flush();
    }
  }

  /** Reports the end of the transport that waited for a decompression. */
  #endLate(): void {
    const ends = this.#lateEnd ?? [];
    this.#lateEnd = null;
    for (const end of ends) end();
  }

  #receiveEndNow(): void {
    if (this.#connection.inbound.isBlocked) return void (this.#lateEnd ??= []).push(() => this.#receiveEndNow());
    this.#connection.receiveEnd();
    if (this.#isOver) return;
    this.#beginClosing();
    this.#planEnd();
  }

  #closeNow(error: Error | undefined): void {
    if (this.#connection.inbound.isBlocked) return void (this.#lateEnd ??= []).push(() => this.#closeNow(error));
    if (this.#isOver) return;
    const connection = this.#connection;
    connection.receiveEnd();
    this.#isOver = true;
    this.#beginClosing();
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
    this.#tell();
    const lost = error ?? this.#heartbeat?.error ?? new Error('The connection was closed before the data was written');
    if (this.#inFlight !== null) this.#settle(this.#inFlight, lost);
    this.#settle(connection.outbox.take(), lost);
    for (const callback of connection.dispose()) guard(this.#platform, () => callback(lost));
    const sink = this.#sink;
    // A program that keeps the request keeps its socket, and us: none of that shall keep the WebSocket.
    this.attach(UNATTACHED);
    sink.onEnd(connection.closeCode, connection.closeReason, connection.isCloseReceived && connection.isCloseSent);
  }

  // From the connection.

  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    this.#sink.onMessage(source, start, end, kind);
  }

  onPing(payload: Uint8Array): void {
    this.#sink.onPing(payload);
  }

  onPong(payload: Uint8Array): void {
    this.#sink.onPong(payload);
  }

  onCloseFrame(): void {
    this.#beginClosing();
    // RFC 6455 section 7.1.1: the server closes TCP first; the client waits for it, as long as the timer allows.
    if (this.role === 'server') this.#planEnd();
    // A paused transport would not tell us that the peer ended.
    this.#transport.resume();
    this.#sink.onCloseFrame?.(this.#connection.closeCode, this.#connection.closeReason);
  }

  onFail(error: PeerError): void {
    this.#beginClosing();
    this.#planEnd();
    // Bytes that nobody reads turn our end into a reset, which could overtake the Close frame: read on, and ignore.
    this.#transport.resume();
    try {
      this.#sink.onError(error);
    } finally {
      this.#endLate();
    }
  }

  onOutputFailure(error: Error): void {
    if (this.#isOver) return;
    try {
      this.#sink.onError(error);
    } finally {
      this.terminate();
    }
  }

  onBlocked(isBlocked: boolean): void {
    if (isBlocked) return this.#transport.pause();
    this.#heartbeat?.sign();
    if (!this.#isPaused && !this.#isOver) this.#transport.resume();
    this.#endLate();
    this.#planFlush();
  }

  onOutput(): void {
    this.#planFlush();
  }

  onFull(): void {
    this.#flushInCall();
  }

  // The closing side.

  get #mustAsk(): boolean {
    return this.#isClosing || this.#inFlight !== null || this.#outbound.payloadBytes > this.#maxBufferedAmount;
  }

  /** Whether another message may wait; if not, does what the policy says. */
  #admits(callback: SendCallback | undefined): boolean {
    // What this turn has sent may be taken at once.
    if (this.bufferedAmount > this.#maxBufferedAmount) this.#flushInCall();
    if (this.#isOver || this.#isClosing) {
      if (callback !== undefined) this.#platform.defer(() => callback(new Error('The WebSocket is not open')));
      return false;
    }
    if (this.bufferedAmount <= this.#maxBufferedAmount) return true;
    const error = tooMuchOutput(this.bufferedAmount, this.#maxBufferedAmount);
    if (this.#bufferPolicy === 'throw') throw error;
    if (callback !== undefined) this.#platform.defer(() => callback(error));
    if (this.#bufferPolicy === 'close') this.onOutputFailure(error);
    return false;
  }

  #heartbeatHost(): HeartbeatHost {
    return {
      isReading: () => !this.#isPaused && !this.#connection.inbound.isBlocked,
      isHeld: () => this.#inFlight !== null,
      ping: () => {
        this.#connection.ping(new Uint8Array(0));
        this.#planFlush();
      },
      giveUp: () => this.terminate(),
    };
  }

  #beginClosing(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#heartbeat?.stop();
    if (this.#closeTimeout > 0) this.#timer = this.#platform.setTimer(() => this.#transport.destroy(), this.#closeTimeout);
    this.#sink.onClosing();
  }

  #planEnd(): void {
    this.#isEndPlanned = true;
    this.#planFlush();
  }

  // The way out.

  #planFlush(): void {
    // The end of the read flushes; elsewhere a microtask gathers what the current turn sends.
    if (this.#isReceiving || this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#platform.defer((this.#flushLater ??= this.#makeFlushLater()));
  }

  // Apart from their users: a function with a closure in it makes a scope for it at every call.

  #makeFlushLater(): () => void {
    return () => {
      this.#isFlushPlanned = false;
      this.#flush();
    };
  }

  /** The read on the stack will not come to its end. */
  flushInRead(): void {
    this.#isReceiving = false;
    this.#flush();
  }

  #makeWritten(): (isAtOnce?: boolean) => void {
    return (isAtOnce) => this.#endWrite(isAtOnce);
  }

  /** Writes a long message before the turn is over where it would make memory short: fresh memory costs more than a write. */
  #relieve(): void {
    if (this.#connection.outbox.isPressing) this.#flushInCall();
  }

  /** Flushes in a call of the program. Its callbacks come later, and so does what the transport reports meanwhile. */
  #flushInCall(): void {
    this.#isInCall = true;
    try {
      this.#writeAll();
    } finally {
      this.#isInCall = false;
    }
  }

  #flush(): void {
    this.#tell();
    this.#writeAll();
  }

  /** Calls back for what was written in a call. */
  #tell(): void {
    const callbacks = this.#told;
    if (callbacks === null) return;
    this.#told = null;
    for (const callback of callbacks) guard(this.#platform, () => callback());
  }

  #writeAll(): void {
    if (this.#inFlight !== null || this.#isOutputOver || this.#isOver) return;
    const { outbox } = this.#connection;
    // More than once if the transport delivers inside write, and the peer's answer makes us send again.
    while (!outbox.isEmpty) {
      const batch = outbox.take();
      this.#inFlight = batch;
      if (!this.#transport.write(batch.chunks, (this.#written ??= this.#makeWritten()))) {
        // While the transport holds this batch, what follows gathers in the outbox and leaves in one write as well.
        this.#outbound.isCongested = true;
        return;
      }
      this.#settle(batch);
    }
    // A message that is still being compressed, and the Close frame behind it, come first.
    if (!this.#isEndPlanned || this.#outbound.isBusy || this.#isOutputOver || this.#isOver) return;
    this.#isOutputOver = true;
    this.#transport.end();
  }

  #endWrite(isAtOnce: boolean | undefined): void {
    const batch = this.#inFlight;
    if (batch === null) return;
    if (isAtOnce !== true) this.#hasWaited = true;
    this.#heartbeat?.taken();
    this.#settle(batch);
    this.#connection.endCongestion();
    this.#flush();
    if (!this.#hasWaited || this.bufferedAmount > 0 || this.#isOver) return;
    this.#hasWaited = false;
    this.#sink.onDrain();
  }

  #settle(batch: Batch, error?: Error): void {
    this.#inFlight = null;
    if (!this.#isInCall || batch.callbacks.length === 0) return settle(this.#platform, batch, error);
    settle(this.#platform, { ...batch, callbacks: [] });
    (this.#told ??= []).push(...batch.callbacks);
    this.#planFlush();
  }
}
