// The part of a ws-style WebSocket that works: its state, its session, and the way of each event to its listeners.
// The public class keeps it in one property and forwards to it: see base/core.ts.

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { CLOSE_ABNORMAL, isValidCloseCode } from '../../base/close-codes.ts';
import { inTurn } from '../../base/guard.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { MESSAGE_BORROWED, MESSAGE_OWNED, MESSAGE_TEXT, type SendOptions, type Session } from '../../platform.ts';
import { EMPTY, frameOptions, isSentAsText, normalize, shape, toBytes, toReason, ownBuffer } from './data.ts';
import { DeferredSink, type ShapingSink } from './deferred-sink.ts';
import type { EmitBorrowed } from './borrowed.ts';
import { emitMessage } from './emitter.ts';
import { microtasks } from './hooks.ts';
import { SendQueue } from '../send-queue.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../base/states.ts';
import type { BinaryType, MessageOptions } from './types.ts';
import type { WebSocketBase } from './websocket.ts';
import { immediate, nextTick } from '../../clock.ts';
import { findCore as findObjectCore, markCores } from '../../base/core.ts';
import { isAbortSignal, isBlob, type BlobLike } from '../../base/realms.ts';

/** Called once a message was handed to the operating system, or with the error that prevented it. */
export type Callback = (error?: Error) => void;

/** A client's opening handshake under way. */
export interface Opening {
  /** Its HTTP request, as far as it has begun. */
  readonly request?: unknown;
  /** Gives up; nothing is reported any more. */
  abort(): void;
}

/** The result of an opening handshake. */
export interface OpenSettings {
  readonly protocol: string;
  /** As in a Sec-WebSocket-Extensions header. */
  readonly extensions: string;
  /** The socket below the session; null for a WebSocket of the runtime. */
  readonly socket: Duplex | null;
  /** See `ConnectionSettings`. Default true. */
  readonly allowSynchronousEvents?: boolean | undefined;
  /** Called for every error of the connection, after the program's 'error' listeners. One function for all connections. */
  readonly onError?: ((error: Error, ws: WebSocketBase) => void) | undefined;
}

/** The core of a value that should be a WebSocket; undefined for an object that has only the prototype. */
export function findCore(ws: object): SocketCore | undefined {
  return findObjectCore(ws) as SocketCore | undefined;
}

/** The core of a WebSocket, for adapters and servers. */
export function coreOf(ws: WebSocketBase): SocketCore {
  return findCore(ws)!;
}

const ignore = (): void => {};

const STATE_NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
const BINARY_TYPES: readonly unknown[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

export class SocketCore implements ShapingSink {
  /** Set by entry points whose platform has `borrowMemory`, so that a worker does not load it. */
  static emitBorrowed: EmitBorrowed | undefined;
  /** The object that events are emitted on. */
  #ws: WebSocketBase;
  readonly #isServer: boolean;
  #readyState: ReadyState = CONNECTING;
  #session: Session | null = null;
  #socket: Duplex | null = null;
  #opening: Opening | null = null;
  #binaryType: BinaryType | 'blob' = 'nodebuffer';
  #protocol = '';
  #extensions = '';
  #url = '';
  #isPaused = false;
  /** Whether the program has paused before the session was started. */
  #isStartDue = false;
  #wasClean = false;
  #deferred: DeferredSink | null = null;
  /** Bytes passed to `send` after it was too late; ws counts them, as the W3C API does. */
  #lateBytes = 0;
  /** While a Blob is being read. */
  #queue: SendQueue | null = null;
  /** Stops listening to the signal that aborts the opening handshake. */
  #ignoreSignal: (() => void) | null = null;
  /** `ready`, made when a program asks for it. */
  #ready: Promise<WebSocketBase> | null = null;
  #settleReady: ((error?: Error) => void) | null = null;
  /** Why it never opened. */
  #failure: Error | null = null;
  #reportError: OpenSettings['onError'];

  constructor(ws: WebSocketBase, isServer: boolean) {
    this.#ws = ws;
    this.#isServer = isServer;
  }

  /** Whether a server accepted the connection, so that its peer is unknown. */
  get isServer(): boolean {
    return this.#isServer;
  }

  get readyState(): ReadyState {
    return this.#readyState;
  }

  get socket(): Duplex | null {
    return this.#socket;
  }

  /** The socket below the session, once open. */
  get session(): Session | null {
    return this.#session;
  }

  /** The HTTP request of a client's opening handshake while that is under way, else null; undefined on a server's side. */
  get request(): unknown {
    return this.#isServer ? undefined : (this.#opening?.request ?? null);
  }

  get url(): string | undefined {
    return this.#isServer ? undefined : this.#url;
  }

  /** Set before anything that may end the opening. */
  set opening(opening: Opening) {
    this.#opening = opening;
  }

  set url(url: string) {
    this.#url = url;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get extensions(): string {
    return this.#extensions;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether Close frames went both ways; known once closed. */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  get bufferedAmount(): number {
    const session = this.#session;
    const waiting = session?.bufferedAmount ?? 0;
    // The program may wait for 'drain' now.
    if (waiting > 0) session!.mustDrain = true;
    return waiting + (this.#queue?.bytes ?? 0) + this.#lateBytes;
  }

  get binaryType(): BinaryType | 'blob' {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType | 'blob') {
    if (!BINARY_TYPES.includes(type)) return;
    this.#binaryType = type;
    this.#session?.keepFragments?.(type === 'fragments');
  }

  get ready(): Promise<WebSocketBase> {
    this.#ready ??= new Promise((resolve, reject) => {
      // If a peer has left a server before, do not reject: few programs handle that, so it would end the process.
      const settle = (error?: Error): void => (error === undefined || this.#isServer ? resolve(this.#ws) : reject(error));
      if (this.#session !== null || this.#failure !== null) settle(this.#failure ?? undefined);
      else this.#settleReady = settle;
    });
    return this.#ready;
  }

  // Opening.

  /** Gives the opening handshake up when `signal` is aborted. */
  heed(signal: AbortSignal): void {
    this.#ignoreSignal = heedSignal(signal, (error) => this.#abandon(error));
  }

  /**
   * Takes over a connection whose opening handshake is done, and opens.
   *
   * @param ws The result of the class's constructor, which may be a Proxy: it emits the events.
   */
  open(ws: WebSocketBase, session: Session, settings: OpenSettings): void {
    this.#ws = ws;
    this.#opening = null;
    this.#session = session;
    this.#socket = settings.socket;
    this.#protocol = settings.protocol;
    this.#extensions = settings.extensions;
    this.#reportError = settings.onError;
    if (this.#binaryType === 'fragments') session.keepFragments?.(true);
    if (settings.allowSynchronousEvents === false) this.#deferred = new DeferredSink(this, session);
    session.websocket = ws;
    this.#readyState = OPEN;
    session.attach(this.#deferred ?? this);
    this.#ignoreSignal?.();
    this.#settleReady?.();
    ws.emit('open');
  }

  /**
   * Lets bytes flow, unless the program has paused. A program that has asked for `ready` adds its listeners behind an `await`, so it gets
   * a turn of the event loop first.
   *
   * @param head Bytes that came with the handshake. Kept.
   */
  start(head: Uint8Array): void {
    if (this.#ready === null) this.#start(head);
    else immediate(() => this.#start(head));
  }

  #start(head: Uint8Array): void {
    this.#isStartDue = this.#isPaused;
    if (!this.#isPaused) this.#session!.start(head);
    // Back to where it came from, so that the end of the connection does not overtake it.
    else if (head.length > 0) this.#socket!.unshift(head);
  }

  /** The opening handshake failed. */
  fail(error: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#opening = null;
    this.#ignoreSignal?.();
    this.#readyState = CLOSING;
    this.#failure = error;
    this.#settleReady?.(error);
    const close = (): void => {
      this.#readyState = CLOSED;
      this.#ws.emit('close', CLOSE_ABNORMAL, ownBuffer(EMPTY, 0, 0));
    };
    inTurn(microtasks, () => this.onError(error), close);
  }

  #abandon(error: Error = new Error('WebSocket was closed before the connection was established')): void {
    const opening = this.#opening;
    this.#opening = null;
    this.#readyState = CLOSING;
    opening?.abort();
    nextTick(() => this.fail(error));
  }

  // Commands of the program.

  send(data: unknown, options: MessageOptions | Callback | null | undefined, callback?: Callback): void {
    const settings = typeof options === 'function' ? undefined : options;
    const done = typeof options === 'function' ? options : callback;
    if (this.#readyState !== OPEN) return this.#refuse(data, done);
    if (this.#queue !== null || !(data instanceof Uint8Array)) return this.#sendOther(data, settings, done);
    this.#session!.sendBytes(data, isSentAsText(data, settings), frameOptions(settings), done as never);
  }

  /** Sends a message of which a session may know more than a program can say. */
  sendBytes(bytes: Uint8Array, isText: boolean, options: SendOptions): void {
    const session = this.#session!;
    if (this.#queue === null) session.sendBytes(bytes, isText, options);
    else this.#sendBehind(bytes, (content) => session.sendBytes(content, isText, options), undefined);
  }

  /** Sends a frame that the program has laid out, in order with its messages, where the session can. */
  sendFrame(list: readonly unknown[], callback: Callback | undefined): void {
    const pieces = list.map((piece) => toBytes(normalize(piece)));
    if (pieces.reduce((sum, { length }) => sum + length, 0) < 2) throw new TypeError('A frame has at least two bytes');
    if (this.#readyState !== OPEN) return callback && nextTick(callback, notOpen(this.#readyState));
    const session = this.#session!;
    if (this.#queue === null) session.sendFrame!(pieces, callback as never);
    else this.#sendBehind(Buffer.concat(pieces), (frame) => session.sendFrame!([frame], callback as never), callback);
  }

  /** Apart from `send`, so that V8 inlines all of that in a listener. */
  #sendOther(data: unknown, given: MessageOptions | null | undefined, done: Callback | undefined): void {
    const session = this.#session!;
    const isText = isSentAsText(data, given);
    const settings = frameOptions(given);
    if (this.#queue !== null || isBlob(data)) {
      const waiting = isBlob(data) ? data : toBytes(normalize(data));
      this.#sendBehind(waiting, (bytes) => session.sendBytes(bytes, isText, settings, done as never), done);
    } else if (isText && typeof data === 'string') {
      session.sendText(data, settings, done as never);
    } else {
      session.sendBytes(toBytes(normalize(data)), isText, settings, done as never);
    }
  }

  sendControl(type: 'ping' | 'pong', data: unknown, mask: unknown, callback: Callback | undefined): void {
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
    if (this.#queue !== null || isBlob(bytes)) this.#sendBehind(bytes, send, done);
    else send(bytes);
  }

  /** Sends after everything before it. */
  #sendBehind(data: BlobLike | Uint8Array, send: (bytes: Uint8Array) => void, callback: Callback | undefined): void {
    this.#queue ??= new SendQueue(() => (this.#queue = null));
    const isBytes = data instanceof Uint8Array;
    this.#queue.add({
      // The caller may change its memory as soon as this has returned.
      content: isBytes ? new Uint8Array(data) : data,
      size: isBytes ? data.length : data.size,
      send: (bytes) => {
        if (this.#readyState !== CLOSED && this.#socket?.destroyed !== true) send(bytes as Uint8Array);
        else if (callback) nextTick(callback, new Error('The socket was closed while the blob was being read'));
      },
      fail: (error) => {
        // In a separate turn, where an exception of a listener is uncaught and not a rejected promise.
        nextTick(() => {
          callback?.(error);
          if (this.#readyState === CLOSED) return;
          this.terminate();
          this.onError(error);
        });
      },
    });
  }

  /** Sending while not open: an exception while connecting, an error to the callback afterwards. */
  #refuse(data: unknown, callback: Callback | undefined): void {
    const state = this.#readyState;
    const error = notOpen(state);
    if (state === CONNECTING) throw error;
    this.#lateBytes += isBlob(data) ? data.size : toBytes(normalize(data)).length;
    if (callback) nextTick(callback, error);
  }

  close(code: number | undefined, reason: string | Uint8Array | undefined): void {
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
    if (this.#queue !== null) this.#queue.add({ content: bytes, size: 0, send: () => this.#session!.close(code, bytes) });
    else this.#session!.close(code, bytes);
  }

  terminate(): void {
    if (this.#readyState === CLOSED) return;
    if (this.#readyState === CONNECTING) return this.#abandon();
    this.#readyState = CLOSING;
    this.#deferred?.drop();
    this.#session?.terminate();
  }

  pause(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = true;
    this.#session?.pause();
  }

  resume(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = false;
    this.#session?.resume();
    if (this.#isStartDue) nextTick(() => this.#isStartDue && this.#start(EMPTY));
  }

  // From the session.

  onMessage(source: Uint8Array, start: number, end: number, kind: number, fragmentEnds?: readonly number[]): boolean | void {
    const isBinary = (kind & MESSAGE_TEXT) === 0;
    if (kind >= MESSAGE_BORROWED && (!isBinary || this.#binaryType === 'nodebuffer')) {
      return SocketCore.emitBorrowed?.(this.#ws, toBytes(source), isBinary);
    }
    const isOwned = (kind & MESSAGE_OWNED) !== 0;
    const bytes = isOwned ? ownBuffer(source, start, end) : (this.#session!.copyMessage(source, start, end) as Buffer);
    if (!isBinary || this.#binaryType === 'nodebuffer') return emitMessage(this.#ws, bytes, isBinary);
    const ends = fragmentEnds ?? (isOwned ? this.#session!.fragmentEnds : undefined);
    this.#ws.emit('message', shape(bytes, this.#binaryType, ends), true);
  }

  onPing(payload: Uint8Array): void {
    this.#ws.emit('ping', payload);
  }

  onPong(payload: Uint8Array): void {
    this.#ws.emit('pong', payload);
  }

  onClosing(): void {
    this.#readyState = CLOSING;
  }

  onError(error: Error): void {
    const ws = this.#ws;
    // An 'error' event without a listener ends the process. On a server any peer could cause that; a client's program that has asked for
    // `ready` is told of a failed handshake there.
    const mayGoUnheard = this.#isServer || (this.#ready !== null && this.#session === null);
    const isUnheard = mayGoUnheard && ws.listenerCount('error') === 0;
    // Emitted all the same, for `errorMonitor` and for programs that have replaced `emit`.
    if (isUnheard) ws.on('error', ignore);
    const report = (): void => {
      if (isUnheard) ws.removeListener('error', ignore);
      this.#reportError?.(error, ws);
    };
    inTurn(microtasks, () => ws.emit('error', error), report);
  }

  onDrain(): void {
    this.#ws.emit('drain');
  }

  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.#readyState = CLOSED;
    this.#wasClean = wasClean;
    this.#ws.emit('close', code, ownBuffer(reason));
  }
}

markCores(SocketCore, 'WebSocketCore');

/** The error of sending while not open. @param state undefined for an object without a core. */
export function notOpen(state: ReadyState | undefined): Error {
  return new Error(`WebSocket is not open: readyState ${state} (${state === undefined ? state : STATE_NAMES[state]})`);
}

/** @throws {TypeError} if the value is not an AbortSignal. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null) return;
  if (isAbortSignal(signal)) return;
  const error = new TypeError('The "options.signal" property must be an instance of AbortSignal');
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/** The error of node:http's requests, which programs of ws know. */
function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

/**
 * Calls `abort` when `signal` is aborted, also if it is aborted already.
 *
 * @returns A function that stops listening. Call it when the handshake is over, with or without success.
 */
function heedSignal(signal: AbortSignal, abort: (error: Error) => void): () => void {
  const onAbort = (): void => abort(abortError(signal));
  if (signal.aborted) {
    onAbort();
    return () => {};
  }
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
