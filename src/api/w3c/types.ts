// The WebSocket interface and its class as types: https://websockets.spec.whatwg.org/#the-websocket-interface.

import type { BinaryType } from './body.ts';
import type { BorrowedMessageEvent } from './borrowed.ts';
import type { W3CWebSocketOptions } from './connect.ts';
import type { BorrowMode } from '../../base/options.ts';
import type { CloseEvent, FailureEvent, MessageEvent } from './events.ts';

/** The events of a {@link W3CWebSocket}. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEvent;
  error: FailureEvent;
  close: CloseEvent;
}

/** `this` of a handler: the members that a browser's WebSocket has too, so that ours fit where the DOM's type is asked for. */
type Receiver = Pick<
  W3CWebSocket,
  'url' | 'readyState' | 'bufferedAmount' | 'extensions' | 'protocol' | 'binaryType' | 'send' | 'close' | 'dispatchEvent'
>;
type HandlerOf<Received> = ((this: Receiver, event: Received) => unknown) | null;
type Handler<Type extends keyof WebSocketEventMap> = HandlerOf<WebSocketEventMap[Type]>;
type Listener<Received> = ((event: Received) => unknown) | { handleEvent(event: Received): unknown };

/** How a listener is registered, as in the DOM standard. */
export interface ListenerOptions {
  readonly once?: boolean;
  readonly passive?: boolean;
  readonly capture?: boolean;
  readonly signal?: AbortSignal;
}

/** A WebSocket as browsers have it. */
export interface W3CWebSocket extends EventTarget {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /** The URL as it was parsed. */
  readonly url: string;
  /** CONNECTING, OPEN, CLOSING or CLOSED. */
  readonly readyState: 0 | 1 | 2 | 3;
  /**
   * Payload bytes given to `send()` and not yet handed to the operating system. Once the connection is closed it only grows, by
   * the data of later calls of `send()`.
   */
  readonly bufferedAmount: number;
  /** The extensions that the server chose; empty before the connection is open. */
  readonly extensions: string;
  /** The subprotocol that the server chose; empty before the connection is open. */
  readonly protocol: string;
  /** Type of received binary messages. Default 'blob'. Any other value than these two is ignored. */
  binaryType: BinaryType;
  onopen: Handler<'open'>;
  onmessage: Handler<'message'>;
  onerror: Handler<'error'>;
  onclose: Handler<'close'>;
  /**
   * Sends one message: a string as text, anything else as bytes; a value that is neither a Blob nor a buffer is converted to a string first.
   *
   * @param data Copied before the call returns; a Blob is read later, and later messages wait for it.
   * @throws {DOMException} InvalidStateError while connecting.
   */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void;
  /**
   * Starts the closing handshake, after all messages sent before; gives up the connection when it is not open yet.
   *
   * @param code 1000, the default when there is a reason, or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {DOMException} InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void;
  /** Calls `close()`: for `using`. */
  [Symbol.dispose](): void;
  /** Calls `close()`, and is fulfilled once the event `close` has been fired: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
  removeEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  removeEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
}

/** A WebSocket with the option `borrowMessages`. Its messages are memory of the connection, until their listeners have returned. */
export interface BorrowingWebSocket extends W3CWebSocket {
  // Read as in the base: a program may pass the socket on as a W3CWebSocket.
  get onmessage(): Handler<'message'>;
  set onmessage(handler: HandlerOf<BorrowedMessageEvent>);
  addEventListener(type: 'message', listener: Listener<BorrowedMessageEvent> | null, options?: boolean | ListenerOptions): void;
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
  removeEventListener(
    type: 'message',
    listener: Listener<BorrowedMessageEvent> | null,
    options?: boolean | ListenerOptions,
  ): void;
  removeEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  removeEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
}

/** Options, with `borrowMessages` as a type parameter. */
export type Borrowing<Options, Mode extends BorrowMode> = Options & { readonly borrowMessages?: Mode | undefined };

/** The WebSocket for `borrowMessages`: one whose messages are known to be borrowed, or else one of the standard. */
export type W3CWebSocketFor<Mode extends BorrowMode> = [Mode] extends [true | 'checked'] ? BorrowingWebSocket : W3CWebSocket;

/** The class: `createWebSocketClass` makes one for each adapter. */
export interface WebSocketConstructor {
  readonly prototype: W3CWebSocket;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /**
   * Starts to connect. Returns at once; `open`, or `error` and `close`, follow.
   *
   * @param url Absolute; scheme ws, wss, http or https, no fragment.
   * @param protocols Subprotocols to offer, the preferred one first. An object that cannot be iterated is taken as `options`. null is
   *   the subprotocol "null", as in browsers, and stands for none only in front of `options`.
   * @param options Not in the standard. Has priority if both arguments have an option. A value that is not an object is ignored, as
   *   browsers ignore a third argument.
   * @throws {DOMException} SyntaxError for such a URL or subprotocol.
   * @throws {TypeError} for an option of no use.
   */
  new <Mode extends BorrowMode = BorrowMode>(
    url: string | URL,
    protocols?: string | Iterable<string> | Borrowing<W3CWebSocketOptions, Mode> | null,
    options?: Borrowing<W3CWebSocketOptions, Mode> | null,
  ): W3CWebSocketFor<Mode>;
}
