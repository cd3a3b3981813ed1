// The ws-style WebSocket: an EventEmitter over a Session. The contract is that of ws 8.
// How a client reaches its server is the adapter's business; it derives from this class.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { CLOSE_ABNORMAL, isValidCloseCode } from '../../base/close-codes.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { MESSAGE_OWNED, MESSAGE_TEXT, type SendCallback, type SendOptions, type Session, type SessionSink } from '../../platform.ts';
import { EMPTY, isBlob, toBytes } from './data.ts';
import {
  EventListeners,
  type CloseEvent,
  type ErrorEvent,
  type Event,
  type Handler,
  type Listener,
  type ListenerOptions,
  type MessageEvent,
} from './events.ts';
import type { ClientOptions } from './options.ts';
import { SendQueue } from './send-queue.ts';

/** How binary messages are handed out. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

/** Options of {@link WebSocketBase.send}. */
export interface MessageOptions extends SendOptions {
  /** Whether to send a binary message. Default: everything but strings and numbers. */
  readonly binary?: boolean | undefined;
}

/** A client's opening handshake under way. */
export interface Opening {
  /** Gives up; `fail` is not called any more. */
  abort(): void;
}

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;
type ReadyState = typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED;
const STATE_NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', ...(typeof Blob === 'function' ? ['blob'] : [])];

export abstract class WebSocketBase extends EventEmitter implements SessionSink {
  static readonly CONNECTING: 0 = CONNECTING;
  static readonly OPEN: 1 = OPEN;
  static readonly CLOSING: 2 = CLOSING;
  static readonly CLOSED: 3 = CLOSED;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  #readyState: ReadyState = CONNECTING;
  #session: Session | null = null;
  #opening: Opening | null = null;
  #binaryType: BinaryType = 'nodebuffer';
  #protocol = '';
  #extensions = '';
  #isPaused = false;
  #isServer = false;
  #closeStarted = false;
  #wasClean = false;
  /** Bytes passed to `send` after it was too late; ws counts them, as the W3C API does. */
  #lateBytes = 0;
  #queue: SendQueue | null = null;
  #listeners: EventListeners | null = null;
  #url = '';

  /**
   * Opens a connection, unless `address` is null.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL. Null makes the server-side object that `handleUpgrade` fills.
   * @param protocols Subprotocols to offer, best first.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   */
  constructor(address: string | URL | null, protocols?: string | readonly string[] | ClientOptions, options?: ClientOptions) {
    super();
    if (address === null) {
      this.#isServer = true;
      return;
    }
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const list = protocols === undefined || isOptions ? [] : Array.isArray(protocols) ? protocols : [protocols as string];
    const opening = this.openHandshake(address, list, (isOptions ? (protocols as ClientOptions) : options) ?? {});
    if (this.#readyState === CONNECTING) this.#opening = opening;
  }

  /** Starts the opening handshake, which ends in {@link adopt} or {@link fail}. Called by the constructor. */
  protected abstract openHandshake(address: string | URL, protocols: readonly string[], options: ClientOptions): Opening;

  /** Sets what `url` says. For adapters. @internal */
  setUrl(url: string): void {
    this.#url = url;
  }

  /** Takes over a connection whose opening handshake is done, and opens. For adapters. @internal */
  adopt(session: Session, protocol: string, extensions: string): void {
    this.#opening = null;
    this.#session = session;
    this.#protocol = protocol;
    this.#extensions = extensions;
    session.attach(this);
    this.#readyState = OPEN;
    this.emit('open');
  }

  /** The opening handshake failed. For adapters. @internal */
  fail(error: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#opening = null;
    this.#readyState = CLOSING;
    try {
      this.emit('error', error);
    } finally {
      this.#readyState = CLOSED;
      this.emit('close', CLOSE_ABNORMAL, EMPTY);
    }
  }

  get readyState(): ReadyState {
    return this.#readyState;
  }

  /** The URL as it was parsed; empty on a server's side. */
  get url(): string | undefined {
    return this.#isServer ? undefined : this.#url;
  }

  /** The subprotocol that was agreed on, or an empty string. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The extensions that were agreed on, as in a Sec-WebSocket-Extensions header. */
  get extensions(): string {
    return this.#extensions;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether Close frames went both ways; true only once closed. */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  /** Payload bytes accepted by `send` and not yet handed to the operating system. */
  get bufferedAmount(): number {
    return (this.#session?.bufferedAmount ?? 0) + (this.#queue?.bytes ?? 0) + this.#lateBytes;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (BINARY_TYPES.includes(type)) this.#binaryType = type;
  }

  /**
   * Sends a message.
   *
   * @param data Text, or bytes, which must not be changed before `callback`.
   * @param callback Called once the message was handed to the operating system, or with what prevented it.
   * @throws {Error} while connecting.
   */
  send(data: unknown, options?: MessageOptions | SendCallback, callback?: SendCallback): void {
    const settings = typeof options === 'function' ? undefined : options;
    const done = typeof options === 'function' ? options : callback;
    if (this.#readyState !== OPEN) return this.#refuse(data, done);
    const session = this.#session!;
    const isText = !(settings?.binary ?? (typeof data !== 'string' && typeof data !== 'number'));
    if (this.#queue !== null || isBlob(data)) {
      this.#queue ??= new SendQueue(session, () => (this.#queue = null));
      this.#queue.add(data, isText, settings, done);
    } else if (isText && typeof data === 'string') {
      session.sendText(data, settings, done);
    } else {
      session.sendBytes(toBytes(normalize(data)), isText, settings, done);
    }
  }

  /** Sends a Ping with at most 125 bytes, which are copied. */
  ping(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#sendControl('ping', data, mask, callback);
  }

  /** Sends a Pong with at most 125 bytes, which are copied. */
  pong(data?: unknown, mask?: boolean | SendCallback, callback?: SendCallback): void {
    this.#sendControl('pong', data, mask, callback);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2).
   *
   * @param code 1000–1014 but 1004–1006, or 3000–4999. Left out: a Close frame without a status code.
   * @param reason At most 123 bytes.
   */
  close(code?: number, reason?: string | Buffer): void {
    if (this.#readyState === CLOSED) return;
    if (this.#readyState === CONNECTING) return this.#abandon();
    if (this.#closeStarted) return;
    const bytes = reason === undefined ? EMPTY : toBytes(reason);
    if (code !== undefined && (typeof code !== 'number' || !isValidCloseCode(code))) {
      throw new TypeError('First argument must be a valid error code number');
    }
    if (bytes.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
      throw new RangeError('The message must not be greater than 123 bytes');
    }
    this.#closeStarted = true;
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
    this.#session!.terminate();
  }

  /** Stops reading, so that TCP holds the peer back; what has been read is still delivered. */
  pause(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = true;
    this.#session!.pause();
  }

  resume(): void {
    if (this.#readyState === CONNECTING || this.#readyState === CLOSED) return;
    this.#isPaused = false;
    this.#session!.resume();
  }

  addEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void {
    (this.#listeners ??= new EventListeners(this)).add(type, listener, options);
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners?.remove(type, listener);
  }

  get onopen(): Handler<Event> {
    return this.#attribute('open');
  }

  set onopen(listener: Handler<Event>) {
    this.#setAttribute('open', listener);
  }

  get onmessage(): Handler<MessageEvent> {
    return this.#attribute('message');
  }

  set onmessage(listener: Handler<MessageEvent>) {
    this.#setAttribute('message', listener);
  }

  get onclose(): Handler<CloseEvent> {
    return this.#attribute('close');
  }

  set onclose(listener: Handler<CloseEvent>) {
    this.#setAttribute('close', listener);
  }

  get onerror(): Handler<ErrorEvent> {
    return this.#attribute('error');
  }

  set onerror(listener: Handler<ErrorEvent>) {
    this.#setAttribute('error', listener);
  }

  // SessionSink. Public because the interface is; not for users.

  /** @internal */
  onMessage(source: Uint8Array, start: number, end: number, kind: number): void {
    const isBinary = (kind & MESSAGE_TEXT) === 0;
    const bytes = (kind & MESSAGE_OWNED) === 0 ? this.#session!.copyMessage(source, start, end) : viewOf(source, start, end);
    this.emit('message', isBinary && this.#binaryType !== 'nodebuffer' ? this.#shape(bytes as Buffer) : bytes, isBinary);
  }

  /** @internal */
  onPing(payload: Uint8Array): void {
    this.emit('ping', payload);
  }

  /** @internal */
  onPong(payload: Uint8Array): void {
    this.emit('pong', payload);
  }

  /** @internal */
  onClosing(): void {
    this.#readyState = CLOSING;
  }

  /** @internal */
  onError(error: Error): void {
    this.emit('error', error);
  }

  /** @internal */
  onDrain(): void {
    this.emit('drain');
  }

  /** @internal */
  onEnd(code: number, reason: Uint8Array, wasClean: boolean): void {
    this.#readyState = CLOSED;
    this.#wasClean = wasClean;
    this.emit('close', code, viewOf(reason, 0, reason.length));
  }

  #shape(bytes: Buffer): ArrayBuffer | Blob | Buffer[] {
    if (this.#binaryType === 'fragments') return [bytes];
    if (this.#binaryType === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>]);
    const { buffer, byteOffset, byteLength } = bytes;
    if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
    return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  }

  #sendControl(type: 'ping' | 'pong', data: unknown, mask: unknown, callback: SendCallback | undefined): void {
    let payload = data;
    let done = callback;
    let isMasked: boolean | undefined = typeof mask === 'boolean' ? mask : undefined;
    if (typeof data === 'function') {
      done = data as SendCallback;
      payload = undefined;
      isMasked = undefined;
    } else if (typeof mask === 'function') {
      done = mask as SendCallback;
    }
    if (this.#readyState !== OPEN) return this.#refuse(payload, done);
    const bytes = payload === undefined || payload === null ? EMPTY : toBytes(normalize(payload));
    if (bytes.length > MAXIMUM_CONTROL_PAYLOAD) throw new RangeError('The data size must not be greater than 125 bytes');
    const session = this.#session!;
    const send = (): void => (type === 'ping' ? session.ping(bytes, done, isMasked) : session.pong(bytes, done, isMasked));
    if (this.#queue !== null) this.#queue.run(send);
    else send();
  }

  /** Sending while not open: an exception while connecting, an error to the callback afterwards. */
  #refuse(data: unknown, callback: SendCallback | undefined): void {
    const state = this.#readyState;
    const message = `WebSocket is not open: readyState ${state} (${STATE_NAMES[state]})`;
    if (state === CONNECTING) throw new Error(message);
    if (data !== undefined && data !== null) this.#lateBytes += isBlob(data) ? data.size : toBytes(normalize(data)).length;
    if (callback !== undefined) process.nextTick(callback, new Error(message));
  }

  /** Closes a connection that is not open yet. */
  #abandon(): void {
    const opening = this.#opening;
    this.#opening = null;
    this.#readyState = CLOSING;
    opening?.abort();
    const error = new Error('WebSocket was closed before the connection was established');
    process.nextTick(() => this.fail(error));
  }

  #attribute<Kind extends Event>(type: string): Handler<Kind> {
    return this.#listeners?.attribute<Kind>(type) ?? null;
  }

  #setAttribute(type: string, listener: unknown): void {
    (this.#listeners ??= new EventListeners(this)).setAttribute(type, listener);
  }
}

for (const [value, name] of STATE_NAMES.entries()) {
  Object.defineProperty(WebSocketBase.prototype, name, { enumerable: true, value });
}

/** Numbers are sent as their decimal text; nothing is sent as an empty message. */
function normalize(data: unknown): unknown {
  if (typeof data === 'number') return String(data);
  return data === undefined || data === null || data === false ? EMPTY : data;
}

function viewOf(source: Uint8Array, start: number, end: number): Buffer {
  if (Buffer.isBuffer(source) && start === 0 && end === source.length) return source;
  return Buffer.from(source.buffer, source.byteOffset + start, end - start);
}
