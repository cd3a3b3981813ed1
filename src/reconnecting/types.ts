// The class as types.

import type { BinaryType } from '../api/w3c/body.ts';
import type { CloseEvent, FailureEvent, MessageEvent } from '../api/w3c/events.ts';
import type { MessageData, MessagesOptions } from '../api/w3c/promises.ts';
import type { ListenerOptions } from '../api/w3c/types.ts';
import type { ReconnectingOptions, Source } from './options.ts';
import type { DropReason, Message } from './queue.ts';

/** The end of a connection, or of an attempt that failed. */
export interface ReconnectingCloseEvent extends CloseEvent {
  /** Whether another attempt follows. If not, `readyState` is CLOSED, and no event follows. */
  readonly willReconnect: boolean;
  /** Milliseconds until that attempt. It begins earlier if the browser comes back online, or shows the page again. */
  readonly delay: number;
}

/** A message that was queued because there was no connection. */
export interface QueueEvent extends Event {
  /** The message. Our copy. */
  readonly data: Message;
}

/** A message that was given up. */
export interface DropEvent extends QueueEvent {
  /**
   * `'full'`: there was no room for it, or a later message took its place. `'expired'`: it waited longer than `queue.maximumAge`.
   * `'closed'`: the client ended before there was a connection.
   */
  readonly reason: DropReason;
}

/** The events of a {@link ReconnectingWebSocket}. */
export interface ReconnectingEventMap {
  /** A connection is open: the first one, or another one. Messages from the queue follow the messages that listeners send. */
  open: Event;
  message: MessageEvent;
  /** A connection or an attempt failed. `close` follows. */
  error: FailureEvent;
  close: ReconnectingCloseEvent;
  /** `send()` queued a message. It ends as `sent` or `dropped`. */
  queued: QueueEvent;
  /** A queued message was given to a connection. This does not prove that the server got it. */
  sent: QueueEvent;
  /** A message was given up. */
  dropped: DropEvent;
}

type Handler<Type extends keyof ReconnectingEventMap> =
  ((this: ReconnectingWebSocket, event: ReconnectingEventMap[Type]) => unknown) | null;
type Listener<Received> = ((event: Received) => unknown) | { handleEvent(event: Received): unknown };

/** A WebSocket that connects again. It has the interface of a WebSocket, so programs can use it in place of one. */
export interface ReconnectingWebSocket extends EventTarget, AsyncIterable<MessageData, undefined> {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /** The URL of the current or last attempt; empty before the first one is known. */
  readonly url: string;
  /** CONNECTING also between two attempts, and while the server closes a connection; CLOSED only when no attempt follows. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Payload bytes that the connection has not handed to the operating system, and those in the queue, where text counts by its UTF-16 units. */
  readonly bufferedAmount: number;
  /** The extensions of the connection that is open; empty without one. */
  readonly extensions: string;
  /** The subprotocol of the connection that is open; empty without one. */
  readonly protocol: string;
  /** Type of received binary messages, for this connection and all later ones. Default 'blob'. */
  binaryType: BinaryType;
  /** Attempts since the last connection that stayed open for `backoff.resetAfter`, or since the start. The first attempt does not count. */
  readonly retryCount: number;
  onopen: Handler<'open'>;
  onmessage: Handler<'message'>;
  onerror: Handler<'error'>;
  onclose: Handler<'close'>;
  /**
   * Sends one message, or queues it while there is no connection.
   *
   * @param data As for a WebSocket. Copied before the call returns; a Blob is read later.
   * @throws {DOMException} QuotaExceededError if the queue is full and its policy is `'throw'`.
   */
  send(data: Message): void;
  /**
   * Ends the client: closes the connection or stops the attempt, and drops the messages in the queue. `close` is fired once more.
   *
   * @param code 1000, the default when there is a reason, or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {DOMException} InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void;
  /**
   * Closes the connection, if there is one, and connects at once, without the wait of a failure.
   *
   * @throws {DOMException} InvalidStateError after `close()`, and when it has given up.
   */
  reconnect(): void;
  /**
   * The messages from now on, of this connection and all later ones. `for await (const message of ws)` is the same without options. The loop ends after `close()`,
   * and throws when the client has given up. Limits and other rules are those of `messages()` of wasock/w3c.
   */
  messages(options?: MessagesOptions): AsyncIterableIterator<MessageData, undefined>;
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageData, undefined>;
  /** Calls `close()`: for `using`. */
  [Symbol.dispose](): void;
  /** Calls `close()`, and is fulfilled once the last `close` event has been fired: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  addEventListener<Type extends keyof ReconnectingEventMap>(
    type: Type,
    listener: Listener<ReconnectingEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
  removeEventListener<Type extends keyof ReconnectingEventMap>(
    type: Type,
    listener: Listener<ReconnectingEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  removeEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
}

/** Subprotocols to offer, or the options. */
export type ProtocolsOrReconnectingOptions = Source<string | Iterable<string> | undefined> | ReconnectingOptions | null;

/** The class. An entry point makes it. */
export interface ReconnectingWebSocketConstructor {
  readonly prototype: ReconnectingWebSocket;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /**
   * Starts to connect.
   *
   * @param url Also a promise of the URL, or a function, which is called for each attempt.
   * @param protocols As for a WebSocket, or a promise or a function, as `url`. An object that is none of these is taken as `options`.
   * @throws {DOMException} SyntaxError for a URL or subprotocol that is given as such and invalid.
   * @throws {TypeError | RangeError} for an invalid option.
   */
  new (
    url: Source<string | URL>,
    protocols?: ProtocolsOrReconnectingOptions,
    options?: ReconnectingOptions | null,
  ): ReconnectingWebSocket;
}
