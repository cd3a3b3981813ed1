// The W3C-style WebSocket of WebSocket-Node: the attributes and events of https://websockets.spec.whatwg.org over a WebSocketClient.

import { Buffer } from 'node:buffer';
import type { OutgoingHttpHeaders } from 'node:http';
import { pickCloseEvent } from '../../api/w3c/events.ts';
import { EventHandlers } from '../../api/w3c/handlers.ts';
import { CLOSE_ABNORMAL } from '../../base/close-codes.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN } from '../../base/states.ts';
import { defineAttributes, defineConstants } from '../shared/event-target.ts';
import { WebSocketClient } from './client.ts';
import type { WebSocketConnection } from './connection.ts';
import type { IClientConfig, ICloseEvent, IExtension, IMessageEvent, IStringified, Message } from './types.ts';
import { isArrayBuffer } from '../../base/realms.ts';

const CloseEvent = pickCloseEvent(globalThis);

type Handler<Event_> = ((event: Event_) => void) | null;

/** The bytes of an argument of `send`; undefined for text. @throws {Error} for any other value. */
function bytesOf(data: unknown): Buffer | undefined {
  if (typeof data === 'string') return undefined;
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return Buffer.from(data);
  throw new Error(`unknown binary data: ${String(data)}`);
}

/** A copy of exactly these bytes: a Buffer may share its memory with others. */
function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** The attributes of event handlers, with the types of `@types/websocket`: null can be set, but is never read. */
interface HandlerAttributes {
  get onopen(): () => void;
  set onopen(handler: Handler<Event>);
  /** The event says nothing about the error, as in browsers. */
  get onerror(): (error: Error) => void;
  set onerror(handler: Handler<Error>);
  get onclose(): (event: ICloseEvent) => void;
  set onclose(handler: Handler<ICloseEvent>);
  get onmessage(): (message: IMessageEvent) => void;
  set onmessage(handler: Handler<IMessageEvent>);
}

/** EventTarget, with the types of the attributes that the class defines below. */
const Target: new () => EventTarget & HandlerAttributes = EventTarget as never;

export class W3CWebSocket extends Target {
  static readonly CONNECTING: number = CONNECTING;
  static readonly OPEN: number = OPEN;
  static readonly CLOSING: number = CLOSING;
  static readonly CLOSED: number = CLOSED;
  declare readonly CONNECTING: number;
  declare readonly OPEN: number;
  declare readonly CLOSING: number;
  declare readonly CLOSED: number;
  readonly #url: string;
  readonly #client: WebSocketClient;
  readonly #handlers: EventHandlers = new EventHandlers(this);
  #connection: WebSocketConnection | undefined;
  #readyState: number = CONNECTING;

  static {
    defineAttributes(W3CWebSocket.prototype, ['open', 'error', 'close', 'message'], {
      get: (target, type) => target.#handlers.get(type),
      set: (target, type, value) => target.#handlers.set(type, value),
    });
  }

  /**
   * Starts to connect. The other parameters are those of `WebSocketClient`.
   *
   * @throws {Error} for an invalid address or subprotocol.
   */
  constructor(
    url: string,
    protocols?: string | string[] | null,
    origin?: string | null,
    headers?: OutgoingHttpHeaders | null,
    requestOptions?: object | null,
    clientConfig?: IClientConfig | null,
  ) {
    super();
    this.#url = url;
    this.#client = new WebSocketClient(clientConfig);
    this.#client.on('connect', (connection) => this.#open(connection));
    this.#client.on('connectFailed', () => this.#fail());
    this.#client.connect(url, protocols, origin, headers, requestOptions);
  }

  get url(): string {
    return this.#url;
  }

  get readyState(): number {
    return this.#readyState;
  }

  /** The subprotocol in use; undefined without one. */
  get protocol(): string | undefined {
    return this.#connection?.protocol;
  }

  /** Extensions in use: none, so far. */
  get extensions(): IExtension[] {
    return this.#connection?.extensions ?? [];
  }

  /** Payload bytes that were sent and wait for the peer. */
  get bufferedAmount(): number {
    return this.#connection?.bytesWaitingToFlush ?? 0;
  }

  get binaryType(): 'arraybuffer' {
    return 'arraybuffer';
  }

  /** @throws {SyntaxError} for anything else. */
  set binaryType(value: 'arraybuffer') {
    if (value !== 'arraybuffer') throw new SyntaxError('just "arraybuffer" type allowed for "binaryType" attribute');
  }

  /**
   * Sends text, or bytes.
   *
   * @param data Bytes are copied.
   * @throws {Error} while there is no connection, and for anything else.
   */
  send(data: ArrayBufferView | ArrayBuffer | Buffer | IStringified): void {
    if (this.#readyState !== OPEN) throw new Error('cannot call send() while not connected');
    const bytes = bytesOf(data);
    if (bytes === undefined) this.#connection!.sendUTF(data);
    else this.#connection!.sendBytes(bytes);
  }

  /**
   * Starts the closing handshake, or stops connecting.
   *
   * @param code Default 1000.
   * @throws {Error} for a code that must not be sent.
   */
  close(code?: number, reason?: string): void {
    if (this.#readyState === CONNECTING) {
      this.#fail();
      this.#client.abort();
    } else if (this.#readyState === OPEN) {
      this.#connection!.close(code, reason);
      this.#readyState = CLOSING;
    }
  }

  #open(connection: WebSocketConnection): void {
    // A listener has closed it during the opening handshake.
    if (this.#readyState !== CONNECTING) return connection.drop(CLOSE_ABNORMAL, undefined, true);
    this.#connection = connection;
    this.#readyState = OPEN;
    connection.on('message', (message) => this.#receive(message));
    connection.on('close', (code, reason = '') => {
      this.#readyState = CLOSED;
      this.#handlers.fire(new CloseEvent('close', { code, reason, wasClean: connection.wasClean }));
    });
    this.#handlers.fire(new Event('open'));
  }

  #receive(message: Message): void {
    const data = message.type === 'utf8' ? message.utf8Data : toArrayBuffer(message.binaryData);
    this.#handlers.fire(new MessageEvent('message', { data, origin: this.#url }));
  }

  #fail(): void {
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = CLOSED;
    this.#handlers.fire(new Event('error'));
    this.#handlers.fire(new CloseEvent('close', { code: CLOSE_ABNORMAL, reason: 'connection failed', wasClean: false }));
  }
}

defineConstants(W3CWebSocket.prototype, { CONNECTING, OPEN, CLOSING, CLOSED });
