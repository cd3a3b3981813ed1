// The ws-style WebSocket: an EventEmitter over a Session. The contract is that of ws 8.
// How a client reaches its server is the adapter's business; it derives from this class.

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { CLOSE_ABNORMAL, isValidCloseCode } from '../../base/close-codes.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { MESSAGE_OWNED, MESSAGE_TEXT, type SendOptions, type Session, type SessionSink } from '../../platform.ts';
import { EMPTY, isBlob, isSentAsText, normalize, shape, toBytes, toReason, viewOf, type Sendable } from './data.ts';
import { DeferredSink } from './deferred-sink.ts';
import { emitMessage, shapeListeners } from './emitter.ts';
import { ListeningBase } from './event-target.ts';
import { heartbeatSettings } from './heartbeat.ts';
import { internals, type Opening, type OpenSettings } from './internals.ts';
import { MessageIterator } from './messages.ts';
import type { ClientOptions } from './options.ts';
import { Readiness, sendAsync } from './promises.ts';
import { SendQueue } from './send-queue.ts';
import { checkSignal, heedSignal } from './signal.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from './states.ts';
import type { BinaryType, Data, MessageOptions } from './types.ts';

/** Starts a client's opening handshake. @throws {SyntaxError} on an invalid address or subprotocol. */
export type Connect = (ws: WebSocketBase, address: string | URL, protocols: readonly unknown[], options: ClientOptions) => void;

type Callback = (error?: Error) => void;

const STATE_NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

export abstract class WebSocketBase extends ListeningBase {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  /** The socket, once open. Not in ws's documented API, but programs call its `unref()` and read its addresses. @internal */
  _socket: Duplex | null = null;
  #readyState: ReadyState = CONNECTING;
  #session: Session | null = null;
  #opening: Opening | null = null;
  #binaryType: BinaryType | 'blob' = 'nodebuffer';
  #protocol = '';
  #extensions = '';
  #isPaused = false;
  #deferred: DeferredSink | null = null;
  readonly #isServer: boolean;
  #wasClean = false;
  /** Bytes passed to `send` after it was too late; ws counts them, as the W3C API does. */
  #lateBytes = 0;
  #queue: SendQueue | null = null;
  #url = '';
  /** Whether the program has paused before the session was started. */
  #isStartDue = false;
  /** Stops listening to the signal that aborts the opening handshake. */
  readonly #ignoreSignal: (() => void) | null = null;
  #readiness: Readiness | null = null;
  /** Why it never opened. */
  #failure: Error | null = null;

  constructor(
    connect: Connect,
    address: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions,
    options?: ClientOptions,
  ) {
    super();
    shapeListeners(this);
    this.#isServer = address === null;
    if (address === null) return;
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const settings = (isOptions ? (protocols as ClientOptions) : options) ?? {};
    const named = protocols === undefined || isOptions ? settings.protocols : protocols;
    const list = Array.isArray(named) ? named : [named];
    const { signal } = settings;
    checkSignal(signal);
    heartbeatSettings(settings.heartbeat);
    connect(this, address, named === undefined ? [] : list, settings);
    if (signal) this.#ignoreSignal = heedSignal(signal, (error) => this.#abandon(error));
  }

  get readyState(): ReadyState {
    return this.#readyState;
  }

  /** The URL as it was parsed; undefined on a server's side, as in ws. */
  get url(): string {
    return (this.#isServer ? undefined : this.#url) as string;
  }

  /** The subprotocol that was agreed on, or an empty string. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The extensions that were agreed on, as in a Sec-WebSocket-Extensions header. */
  get extensions(): string {
    return this.#extensions;
  }

  /**
   * Resolves with the WebSocket once it is open, and rejects with the error if it never opens; whenever it is asked for. Made when asked
   * for, so programs that do not are spared an unhandled rejection. A program may assign a value of its own.
   */
  get ready(): Promise<this> {
    if (this.#readiness === null) {
      this.#readiness = new Readiness(this);
      if (this.#session !== null) this.#readiness.settle();
      else if (this.#failure !== null) this.#readiness.settle(this.#failure);
    }
    return this.#readiness.promise as Promise<this>;
  }

  set ready(value: unknown) {
    // Programs of ws keep what they like on their sockets.
    Object.defineProperty(this, 'ready', { configurable: true, enumerable: true, value, writable: true });
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Payload bytes accepted by `send` and not yet handed to the operating system. */
  get bufferedAmount(): number {
    return (this.#session?.bufferedAmount ?? 0) + (this.#queue?.bytes ?? 0) + this.#lateBytes;
  }

  /** How binary messages are handed out: `'blob'` as well, which the types of ws do not tell. */
  get binaryType(): BinaryType {
    return this.#binaryType as BinaryType;
  }

  set binaryType(type: BinaryType | 'blob') {
    if (!BINARY_TYPES.includes(type)) return;
    this.#binaryType = type;
    this.#session?.keepFragments?.(type === 'fragments');
  }

  /**
   * Sends a message.
   *
   * @param data Text, or bytes, which must not be changed before `callback`.
   * @param callback Called once the message was handed to the operating system, or with what prevented it.
   * @throws {Error} while connecting.
   */
  send(data: Sendable, callback?: Callback): void;
  send(data: Sendable, options: MessageOptions | undefined, callback?: Callback): void;
  send(data: unknown, options?: MessageOptions | Callback, callback?: Callback): void {
    const settings = typeof options === 'function' ? undefined : (options as SendOptions | undefined);
    const done = typeof options === 'function' ? options : callback;
    if (this.#readyState !== OPEN) return this.#refuse(data, done);
    if (this.#queue !== null || !(data instanceof Uint8Array)) return this.#sendOther(data, settings, done);
    this.#session!.sendBytes(data, isSentAsText(data, settings), settings, done as never);
  }

  /** Apart from `send`, so that V8 inlines all of that in a listener. */
  #sendOther(data: unknown, settings: SendOptions | undefined, done: Callback | undefined): void {
    const session = this.#session!;
    const isText = isSentAsText(data, settings);
    if (this.#queue !== null || isBlob(data)) {
      const waiting = isBlob(data) ? data : toBytes(normalize(data));
      this.#queueUp().add(waiting, (bytes) => session.sendBytes(bytes, isText, settings, done as never), done as never);
    } else if (isText && typeof data === 'string') {
      session.sendText(data, settings, done as never);
    } else {
      session.sendBytes(toBytes(normalize(data)), isText, settings, done as never);
    }
  }

  /**
   * `send` with a promise: it resolves once the message was handed to the operating system, and rejects with what prevented it, be it
   * what `send` would throw.
   */
  sendAsync(data: Sendable, options?: MessageOptions): Promise<void> {
    return sendAsync(this, data, options);
  }

  /** Sends a Ping with at most 125 bytes, which are copied. */
  ping(data?: unknown, mask?: boolean | Callback, callback?: (error: Error) => void): void {
    this.#sendControl('ping', data, mask, callback as Callback);
  }

  /** Sends a Pong with at most 125 bytes, which are copied. */
  pong(data?: unknown, mask?: boolean | Callback, callback?: (error: Error) => void): void {
    this.#sendControl('pong', data, mask, callback as Callback);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2).
   *
   * @param code 1000–1014 but 1004–1006, or 3000–4999. Left out: a Close frame without a status code.
   * @param reason At most 123 bytes. Ignored without a code.
   */
  close(code?: number, reason?: string | Buffer): void {
    if (this.#readyState === CONNECTING) return this.#abandon();
    if (this.#readyState !== OPEN) return;
    if (code !== undefined && (typeof code !== 'number' || !isValidCloseCode(code))) {
      throw new TypeError('First argument must be a valid error code number');
    }
    const bytes = code === undefined ? EMPTY : toReason(reason);
    if (bytes.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
      throw new RangeError('The message must not be greater than 123 bytes');
    }
    this.#readyState = CLOSING;
    // A Blob that is still being read goes out before the Close frame.
    if (this.#queue !== null) this.#queue.run(() => this.#session!.close(code, bytes));
    else this.#session!.close(code, bytes);
  }

  /** Drops the connection at once. */
  terminate(): void {
    if (this.#readyState === CLOSED) return;
    if (this.#readyState === CONNECTING) return this.#abandon();
    this.#readyState = CLOSING;
    this.#deferred?.drop();
    this.#session?.terminate();
  }

  /** Stops reading, so that TCP holds the peer back; what has been read is still delivered. */
  pause(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = true;
    this.#session?.pause();
  }

  resume(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = false;
    this.#session?.resume();
    if (this.#isStartDue) process.nextTick(() => this.#isStartDue && this.#start(EMPTY));
  }

  /**
   * The messages from now on, text as strings and the rest as `binaryType` says: `for await (const message of ws)`. Reading stops while
   * more than a few wait. Ends when the connection does, throws what 'error' says; leaving the loop does not close.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Data, undefined> {
    return new MessageIterator(this);
  }

  /** Hears the session. An object of its own: no name of a program's subclass can get in the way. */
  static readonly #Sink = class implements SessionSink {
    readonly #ws: WebSocketBase;

    constructor(ws: WebSocketBase) {
      this.#ws = ws;
    }

    onMessage(source: Uint8Array, start: number, end: number, kind: number, fragmentEnds?: readonly number[]): void {
      const ws = this.#ws;
      const isBinary = (kind & MESSAGE_TEXT) === 0;
      const isOwned = (kind & MESSAGE_OWNED) !== 0;
      const bytes = isOwned ? viewOf(source, start, end) : (ws.#session!.copyMessage(source, start, end) as Buffer);
      if (!isBinary || ws.#binaryType === 'nodebuffer') return emitMessage(ws, bytes, isBinary);
      ws.emit('message', shape(bytes, ws.#binaryType, fragmentEnds ?? (isOwned ? ws.#session!.fragmentEnds : undefined)), true);
    }

    onPing(payload: Uint8Array): void {
      this.#ws.emit('ping', payload);
    }

    onPong(payload: Uint8Array): void {
      this.#ws.emit('pong', payload);
    }

    onClosing(): void {
      this.#ws.#readyState = CLOSING;
    }

    onError(error: Error): void {
      this.#ws.emit('error', error);
    }

    onDrain(): void {
      this.#ws.emit('drain');
    }

    onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
      const ws = this.#ws;
      ws.#end(code, viewOf(reason, 0, reason.length), wasClean);
    }
  };

  static {
    Object.assign(internals, {
      setOpening: (ws, opening) => void (ws.#opening = opening),
      setUrl: (ws, url) => void (ws.#url = url),
      open: (ws, session, settings) => ws.#open(session, settings),
      start: (ws, head) => ws.#start(head),
      send: (ws, data, settings) => WebSocketBase.prototype.send.call(ws, data, settings),
      fail: (ws, error) => ws.#fail(error),
      wasClean: (ws) => ws.#wasClean,
    } satisfies typeof internals);
  }

  #open(session: Session, { socket, protocol, extensions, allowSynchronousEvents = true }: OpenSettings): void {
    this.#opening = null;
    this.#session = session;
    this._socket = socket;
    this.#protocol = protocol;
    this.#extensions = extensions;
    if (this.#binaryType === 'fragments') session.keepFragments?.(true);
    const sink = new WebSocketBase.#Sink(this);
    if (!allowSynchronousEvents) this.#deferred = new DeferredSink(sink, session, () => this.#isPaused);
    session.attach(this.#deferred ?? sink);
    this.#readyState = OPEN;
    this.#ignoreSignal?.();
    this.#readiness?.settle();
    this.emit('open');
  }

  #start(head: Uint8Array): void {
    this.#isStartDue = this.#isPaused;
    if (!this.#isPaused) this.#session!.start(head);
    // Back to where it came from, so that the end of the connection does not overtake it.
    else if (head.length > 0) this._socket!.unshift(head);
  }

  // oxlint-disable-next-line eslint/no-unused-private-class-members -- the sink calls it
  #end(code: number, reason: Buffer, wasClean: boolean): void {
    this.#readyState = CLOSED;
    this.#wasClean = wasClean;
    this.emit('close', code, reason);
  }

  #fail(error: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#opening = null;
    this.#ignoreSignal?.();
    this.#readyState = CLOSING;
    this.#failure = error;
    this.#readiness?.settle(error);
    try {
      this.emit('error', error);
    } finally {
      this.#readyState = CLOSED;
      this.emit('close', CLOSE_ABNORMAL, EMPTY);
    }
  }

  #sendControl(type: 'ping' | 'pong', data: unknown, mask: unknown, callback: Callback | undefined): void {
    let payload = data;
    let done = callback;
    let isMasked = mask === undefined ? undefined : Boolean(mask);
    if (typeof data === 'function') {
      done = data as Callback;
      payload = isMasked = undefined;
    } else if (typeof mask === 'function') {
      done = mask as Callback;
      isMasked = undefined;
    }
    if (this.#readyState !== OPEN) return this.#refuse(payload, done);
    const bytes = isBlob(payload) ? payload : toBytes(normalize(payload));
    if ((isBlob(bytes) ? bytes.size : bytes.length) > MAXIMUM_CONTROL_PAYLOAD) {
      throw new RangeError('The data size must not be greater than 125 bytes');
    }
    const session = this.#session!;
    const send = (content: Uint8Array): void => {
      if (type === 'ping') session.ping(content, done as never, isMasked);
      else session.pong(content, done as never, isMasked);
    };
    if (this.#queue !== null || isBlob(bytes)) this.#queueUp().add(bytes, send, done as never);
    else send(bytes);
  }

  #queueUp(): SendQueue {
    this.#queue ??= new SendQueue({
      isClosed: () => this.#readyState === CLOSED,
      onEmpty: () => (this.#queue = null),
      onFailure: (error) => {
        if (this.#readyState === CLOSED) return;
        this.terminate();
        this.emit('error', error);
      },
    });
    return this.#queue;
  }

  /** Sending while not open: an exception while connecting, an error to the callback afterwards. */
  #refuse(data: unknown, callback: Callback | undefined): void {
    const state = this.#readyState;
    const message = `WebSocket is not open: readyState ${state} (${STATE_NAMES[state]})`;
    if (state === CONNECTING) throw new Error(message);
    this.#lateBytes += isBlob(data) ? data.size : toBytes(normalize(data)).length;
    if (callback) process.nextTick(callback, new Error(message));
  }

  #abandon(error: Error = new Error('WebSocket was closed before the connection was established')): void {
    const opening = this.#opening;
    this.#opening = null;
    this.#readyState = CLOSING;
    opening?.abort();
    process.nextTick(() => this.#fail(error));
  }
}
