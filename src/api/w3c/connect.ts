// The seam between the W3C class and an adapter: how a WebSocket gets its connection. Types only.

import type { BorrowMode } from '../../base/options.ts';
import type { ProxyConnector } from '../../proxy/connector.ts';
import type { Session } from '../../platform.ts';
import type { HeartbeatOptions } from '../../protocol/heartbeat.ts';

/** Header fields to send: an object, a `Headers`, or pairs. */
export type HeaderFields = Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string]>;

/** The members of an undici Dispatcher that we use. */
export interface RequestDispatcher {
  dispatch(options: object, handler: object): boolean;
}

/** The options that an adapter carries out. */
export interface ConnectOptions {
  /** Options for TLS by the names of Node.js, such as `ca`. Node.js takes all of `tls.connect`; other runtimes throw a TypeError for those that they have not. */
  readonly tls?: object | undefined;
  /**
   * On Node.js: an undici Dispatcher, such as a ProxyAgent, that makes the opening handshake. It decides how to connect, and
   * excludes `tls`. Default: none.
   */
  readonly dispatcher?: RequestDispatcher | undefined;
  /** A proxy to connect through: `createProxy(url)` or `proxyFromEnvironment()` of `wasock/proxy`. Default: none. */
  readonly proxy?: ProxyConnector | undefined;
  /** Whether to offer permessage-deflate (RFC 7692), with the default settings. Default true. */
  readonly perMessageDeflate?: boolean | undefined;
  /** Largest message that is accepted, in bytes; 0 for no limit. Default 100 MiB. */
  readonly maxPayload?: number | undefined;
  /**
   * Whether listeners only borrow long messages: `data` is memory of the connection, which is used again once all listeners have returned. The
   * `data` of every message is then a Uint8Array, with UTF-8 for text, and `isBinary` of the event is false for text. True: messages of 4 KiB to 1 MiB are borrowed. `'checked'`,
   * for tests: all messages are taken away when the listeners have returned, so a view that was kept is empty. Default false.
   */
  readonly borrowMessages?: BorrowMode | undefined;
  /** Milliseconds that the opening handshake may take; 0 for no limit. Default 30,000. */
  readonly handshakeTimeout?: number | undefined;
  /** Pings a silent server, and drops the connection if it stays silent. True: with the default times. Default false. */
  readonly heartbeat?: boolean | HeartbeatOptions | undefined;
  /**
   * Whether to connect to the ports that the Fetch standard blocks, such as 25 (SMTP) and 6000 (X11). Default false: such a connection fails, so
   * that an address from elsewhere cannot make the program talk to a service that is not a WebSocket server.
   */
  readonly allowBlockedPorts?: boolean | undefined;
}

/**
 * Options of `new WebSocket(url, protocols, options)` beyond the standard, on runtimes that are not browsers. May also
 * stand in the place of `protocols`.
 */
export interface W3CWebSocketOptions extends ConnectOptions {
  /** Subprotocols to offer, the preferred one first. The second argument of the constructor has priority. */
  readonly protocols?: string | Iterable<string> | undefined;
  /** Header fields to send with the opening handshake. */
  readonly headers?: HeaderFields | undefined;
  /** Aborts the opening handshake. Does nothing once the connection is open. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection to make. */
export interface ConnectRequest {
  /** Scheme `ws:` or `wss:`, no fragment. The adapter's to keep. */
  readonly url: URL;
  /** Tokens without repetition (RFC 6455 section 4.1). */
  readonly protocols: readonly string[];
  /** More header fields for the request: names are tokens, values without control characters. An array makes a field an element. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly options: ConnectOptions;
  /** The object of the program, for observers. */
  readonly websocket: object;
}

/** Where a {@link Connect} reports; one of the two, once. Neither after `abort()`. */
export interface ConnectCallbacks {
  /**
   * The opening handshake succeeded.
   *
   * @param session Not attached and not started: the callee does both.
   * @param protocol The subprotocol in use; empty for none.
   * @param extensions The extensions in use, as in Sec-WebSocket-Extensions; empty for none.
   * @param head Bytes that arrived behind the handshake. The callee's to keep.
   */
  onOpen(session: Session, protocol: string, extensions: string, head?: Uint8Array): void;
  /** There will be no connection. */
  onFail(error: Error): void;
}

/** A connection in the making. */
export interface PendingConnection {
  /** Stops the attempt, and frees its resources. Does nothing when a callback was called. */
  abort(): void;
}

/**
 * Starts to connect: everything up to the end of the opening handshake (RFC 6455 section 4.1).
 *
 * @throws {Error} when a header or an option cannot be used: the caller's bug.
 */
export type Connect = (request: ConnectRequest, callbacks: ConnectCallbacks) => PendingConnection;
