// Options of the ws-style client and server. Names and defaults are those of ws 8.

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { createConnection } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { AdmissionOptions } from '../../admission/options.ts';
import { ownWindowBits, type DeflateAgreement } from '../../deflate/parameters.ts';
import type { ProxyConnector } from '../../proxy/connector.ts';
import type { CompressionOptions } from '../../protocol/compression.ts';
import { heartbeatSettings, type HeartbeatOptions } from '../../protocol/heartbeat.ts';
import type { AllowedOrigins } from './origins.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
import type { FinishRequestCallback, PerMessageDeflateOptions, RequestSettings, VerifyClientCallback } from './types.ts';
import type { WebSocketBase } from './websocket.ts';
import { checkObject, ownOptions, refuse, SERVER_TLS, type BorrowMode, type BufferPolicy } from '../../base/options.ts';

/** Options of client and server. An option that is undefined has its default. */
export interface ConnectionSettings {
  /** Whether several message, ping and pong events may come in one turn of the event loop. Default true. */
  allowSynchronousEvents?: boolean | undefined;
  /** Whether a Ping is answered at once. Default true. */
  autoPong?: boolean | undefined;
  /** Milliseconds that the closing handshake may take. Default 30,000. */
  closeTimeout?: number | undefined;
  /** Largest message in bytes; 0 for no limit. Default 100 MiB. */
  maxPayload?: number | undefined;
  /** Most fragments of a message; 0, the default, for no limit: `maxPayload` bounds their bytes. */
  maxFragments?: number | undefined;
  /** Most reads that one unfinished frame may take; 0, the default, for no limit. */
  maxBufferedChunks?: number | undefined;
  /** Most payload bytes that may wait for the peer when another message is sent; 0 for no limit. Default 1 GiB. */
  maxBufferedAmount?: number | undefined;
  /** Reaction to a message beyond `maxBufferedAmount`. Default `'close'`. */
  bufferPolicy?: BufferPolicy | undefined;
  /**
   * Whether listeners of 'message' only borrow long messages: `data` is memory of the connection, which is used again once they have returned. Copy
   * the bytes that you need longer. Listeners that return a promise, and those of `once`, keep the message. True: messages of 4 KiB to 1 MiB are borrowed. `'checked'`, for
   * tests: all messages are taken away when the listeners have returned, so a view that was kept is empty. Default false. Beyond ws.
   */
  borrowMessages?: BorrowMode | undefined;
  /** Whether text is passed on unchecked. Default false. */
  skipUTF8Validation?: boolean | undefined;
  /** Pings a silent peer and drops the connection if it stays silent. True: with the default times. Default false. */
  heartbeat?: boolean | HeartbeatOptions | undefined;
  /** permessage-deflate (RFC 7692). Default: true for clients, false for servers. */
  perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
}

/** Options of `new WebSocket()`. All other options are passed on to the HTTP request (`ca`, `cert`, `lookup`, …). */
export interface ClientOptions extends ConnectionSettings, RequestSettings, SecureContextOptions {
  /** Milliseconds that the opening handshake may take; 0 for no limit. Default: none. */
  handshakeTimeout?: number | undefined;
  /** `Origin` header; `Sec-WebSocket-Origin` with version 8. */
  origin?: string | undefined;
  protocol?: string | undefined;
  /** Subprotocols, where the second argument does not name them. */
  protocols?: string | string[] | undefined;
  /** 8 or 13, the default. */
  protocolVersion?: number | undefined;
  /** Follow redirects. Default false. */
  followRedirects?: boolean | undefined;
  /** Most redirects to follow. Default 10. */
  maxRedirects?: number | undefined;
  /** Fills a 4-byte masking key. Default: unpredictable bytes, as RFC 6455 section 10.3 demands. */
  generateMask?(mask: Buffer): void;
  /** Aborts the opening handshake. Does nothing once the connection is open. */
  signal?: AbortSignal | undefined;
  createConnection?: typeof createConnection | undefined;
  /**
   * An undici Dispatcher, such as a ProxyAgent, that makes the opening handshake. It decides how to connect, and excludes `agent`,
   * `createConnection` and the options of TLS. Default: none.
   */
  dispatcher?: { dispatch(options: object, handler: object): boolean } | undefined;
  /**
   * A proxy to connect through: `createProxy(url)` or `proxyFromEnvironment()` of `wasock/proxy`. Excludes `dispatcher`, and on Node.js `agent`, `createConnection`
   * and similar ones. Default: none. Beyond ws.
   */
  proxy?: ProxyConnector | undefined;
  finishRequest?: FinishRequestCallback | undefined;
}

/** A class that servers may construct. */
export type SocketClass = abstract new (...values: never[]) => WebSocketBase;

export interface ServerOptions<
  Socket extends SocketClass = SocketClass,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
>
  extends ConnectionSettings, AdmissionOptions {
  port?: number | undefined;
  host?: string | undefined;
  /** Most connections that wait to be accepted. Default: the runtime's, 511 on Node. */
  backlog?: number | undefined;
  /** An HTTP or HTTPS server whose upgrade requests are handled. */
  server?: HttpServer<Request> | HttpsServer<Request> | undefined;
  /** Without a server: the program calls `handleUpgrade`. Default false. */
  noServer?: boolean | undefined;
  /** The only path to accept; requests for others are answered 400. Default: any. */
  path?: string | undefined;
  /** Whether `clients` is kept. Default true. */
  clientTracking?: boolean | undefined;
  /**
   * Web pages that may connect: origins such as `https://example.com` or `http://localhost:8080`, or a function that decides. Other origins are answered 403.
   * Clients without an Origin are not browsers, and may connect. Default: all.
   */
  allowedOrigins?: AllowedOrigins<InstanceType<Request>> | undefined;
  /** Decides whether a client may connect. Default: all may. */
  verifyClient?: VerifyClientCallback<InstanceType<Request>> | undefined;
  /** Picks one of the subprotocols asked for; false or '' for none. A promise is awaited. Default: the first. */
  handleProtocols?:
    ((protocols: Set<string>, request: InstanceType<Request>) => string | false | Promise<string | false>) | undefined;
  /** The class to construct; it gets `(null, undefined, options)`. Default: the WebSocket of the same entry point. */
  WebSocket?: Socket | undefined;
}

/** PEM, in one form or the other. */
type Pem = string | Uint8Array;

/**
 * Certificate and key of a server. Node.js takes the other options of `tls.createServer` as well, also `pfx` or `SNICallback` in place of the two; on
 * other runtimes they are a TypeError.
 */
export type ServerTlsOptions =
  | (Omit<TlsOptions, 'cert' | 'key'> & { readonly cert: Pem; readonly key: Pem })
  | (TlsOptions & { readonly pfx: NonNullable<TlsOptions['pfx']> })
  | (TlsOptions & { readonly SNICallback: NonNullable<TlsOptions['SNICallback']> });

/** Options of a server that may listen by itself: those of every server, and three more. */
export interface StandaloneServerOptions<
  Socket extends SocketClass = SocketClass,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends ServerOptions<Socket, Request> {
  /**
   * Speaks TLS, with this certificate and key, PEM: `{ cert, key }`. Default: a server without TLS. Any other value is a TypeError, null too, so that a
   * certificate that was not found does not make a server without TLS. Beyond ws, which takes an HTTPS server.
   */
  tls?: ServerTlsOptions | undefined;
  /** Listens on a Unix domain socket of this path, instead of `port` and `host`. Beyond ws. */
  unix?: string | undefined;
  /** Milliseconds from the start of a connection to the end of its request's head; 0 for no limit. Default 60,000. Beyond ws. */
  headersTimeout?: number | undefined;
}

/**
 * Checks `tls` among the options as a program gave them: where null is left out, a server would speak without TLS.
 *
 * @throws {TypeError} for any value but an object and undefined.
 */
export function checkServerTls(given: StandaloneServerOptions | null | undefined): void {
  const tls: unknown = given && Object.hasOwn(given, 'tls') ? given.tls : undefined;
  if (tls !== undefined) checkObject('tls', tls, SERVER_TLS);
}

/** The options in the words of ws: `unix` is a port. @throws {TypeError} when options cannot go together. */
export function wsOptions<Socket extends SocketClass, Request extends typeof IncomingMessage>(
  options: StandaloneServerOptions<Socket, Request>,
): ServerOptions<Socket, Request> {
  const { tls, unix, port, server, noServer } = options;
  if (tls !== undefined && (server || noServer)) throw new TypeError('The "tls" option needs "port" or "unix"');
  if (unix === undefined) return options;
  if (typeof unix !== 'string' || unix === '') throw new TypeError('The "unix" option must be the path of a socket');
  if (port !== undefined && port !== null) throw new TypeError('Only one of the "port" and "unix" options may be specified');
  return { ...options, port: 0 };
}

/** The options of a session in ws-style settings. @param compression The agreement, if there is one. */
export function sessionSettings(
  settings: ConnectionSettings,
  role: ConnectionOptions['role'],
  compression?: CompressionOptions,
): ConnectionOptions {
  // An undefined option counts as left out. In one literal: objects that are spread take 2 µs of a handshake on Node.js 20.
  return {
    role,
    compression,
    autoPong: settings.autoPong,
    closeTimeout: settings.closeTimeout,
    maxPayload: settings.maxPayload,
    maxFragments: settings.maxFragments,
    maxBufferedChunks: settings.maxBufferedChunks,
    maxBufferedAmount: settings.maxBufferedAmount,
    bufferPolicy: settings.bufferPolicy,
    borrowMessages: settings.borrowMessages,
    heartbeat: heartbeatSettings(settings.heartbeat),
    skipUtf8Validation: settings.skipUTF8Validation ?? false,
  } as ConnectionOptions;
}

/** The parameters of `perMessageDeflate`; undefined if it is off. */
export function deflateSettings(setting: boolean | PerMessageDeflateOptions | undefined): PerMessageDeflateOptions | undefined {
  if (setting === true) return ownOptions<PerMessageDeflateOptions>(null);
  return setting ? ownOptions(setting) : undefined;
}

/** {@link deflateSettings} of the value that a program has passed. @throws {TypeError} for one that is neither a boolean nor an object. */
export function readDeflateSetting(setting: ConnectionSettings['perMessageDeflate']): PerMessageDeflateOptions | undefined {
  if (setting !== undefined && typeof setting !== 'boolean' && typeof setting !== 'object') {
    refuse(TypeError, 'perMessageDeflate', 'true, false or an object', setting);
  }
  return deflateSettings(setting);
}

/** The part of the session options that says how to compress. */
export function compressionSettings(
  settings: PerMessageDeflateOptions,
  agreement: DeflateAgreement,
  engine: CompressionOptions['engine'],
  role: 'server' | 'client',
): CompressionOptions {
  const { threshold, zlibDeflateOptions, zlibInflateOptions } = settings;
  return {
    engine,
    agreement,
    windowBits: ownWindowBits(settings, role),
    threshold,
    // Undefined where there are none, since each connection keeps them.
    zlibDeflateOptions: zlibDeflateOptions ? { ...ownOptions(zlibDeflateOptions) } : undefined,
    zlibInflateOptions: zlibInflateOptions ? { ...ownOptions(zlibInflateOptions) } : undefined,
  };
}
