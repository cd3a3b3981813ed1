// Types that programs written for ws use, under the names that ws gives them. Types only.

import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Loose } from './emitter.ts';
import type { WebSocketBase } from './websocket.ts';

/** A received message. With `binaryType` 'blob' it is a Blob, which is missing in the types of ws as well. */
export type RawData = Buffer | ArrayBuffer | Buffer[];
/** Data of a message event: a string for text. */
export type Data = string | Buffer | ArrayBuffer | Buffer[];
export type MessageData = Data;

/** Type of received binary messages. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

/** Arguments of the listeners of a WebSocket, by event. */
export interface SocketEvents {
  close: [code: number, reason: Buffer];
  error: [error: Error];
  upgrade: [response: IncomingMessage];
  message: [data: RawData, isBinary: boolean];
  open: [];
  ping: [data: Buffer];
  pong: [data: Buffer];
  redirect: [url: string, request: ClientRequest];
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
  /** All that `bufferedAmount` counted has been handed to the operating system, after it had to wait, or `bufferedAmount` was read while bytes waited. */
  drain: [];
}

/** Properties that we add to an upgrade request. */
export interface RequestContext {
  /** The object that `verifyClient` admitted the client with. */
  context?: Loose;
  /**
   * The address of the client: that of the socket's other end, or the one that `trustProxy` finds. IPv4 is dotted, IPv6 in its canonical form.
   * Undefined for a Unix domain socket.
   */
  clientAddress?: string | undefined;
}

/** Arguments of the listeners of a server, by event. */
export interface ServerEvents<Socket, Request> {
  connection: [ws: Socket, request: Request & RequestContext];
  error: [error: Error];
  headers: [headers: string[], request: Request];
  close: [];
  listening: [];
  wsClientError: [error: Error, socket: Duplex, request: Request];
  /** An error of a connection that was accepted, whether or not its WebSocket has an 'error' listener. It closes by itself. */
  connectionError: [error: Error, ws: Socket];
}

export interface Event {
  type: string;
  target: WebSocketBase;
}

export interface ErrorEvent extends Event {
  error: Loose;
  message: string;
}

export interface CloseEvent extends Event {
  wasClean: boolean;
  /** Status code, RFC 6455 section 7.1.5. */
  code: number;
  reason: string;
}

export interface MessageEvent extends Event {
  data: Data;
}

/** Event objects by event name. */
export interface WebSocketEventMap {
  open: Event;
  error: ErrorEvent;
  close: CloseEvent;
  message: MessageEvent;
}

/** Options of `addEventListener`. */
export interface EventListenerOptions {
  /** Remove the listener after its first event. Default false. */
  once?: boolean | undefined;
  /** Remove the listener when it is aborted; once it is, none is added. */
  signal?: AbortSignal | undefined;
}

/** An event listener, or an object that has one. */
export type Listener<Kind> = ((event: Kind) => void) | { handleEvent(event: Kind): void };

/** Type of `onmessage` and the other handler attributes. */
export type Handler<Kind extends Event> = ((event: Kind) => void) | null;

/** How to send one frame of a message. */
export interface MessageOptions {
  /** Whether to send a binary message. Default: everything but strings and numbers. */
  binary?: boolean | undefined;
  /** Whether the message may be compressed, where permessage-deflate was negotiated. Default true. */
  compress?: boolean | undefined;
  /** Whether this frame ends the message. Default true. */
  fin?: boolean | undefined;
  /** Whether to mask. Default: as the role demands. */
  mask?: boolean | undefined;
}

export type CertMeta = string | string[] | Buffer | Buffer[];

/** First argument of `verifyClient`. */
export interface VerifyClientInfo<Request extends IncomingMessage = IncomingMessage> {
  /** `Origin`, or `Sec-WebSocket-Origin` with version 8. A client that is not a browser may send any value, or none. */
  origin: string;
  /** Whether the request came over TLS. */
  secure: boolean;
  /** It has `clientAddress` already. */
  req: Request & Pick<RequestContext, 'clientAddress'>;
}

/**
 * Decides whether a client may connect: by the value that it returns, or by the value of its promise. An object admits the client as
 * `true` does, and is the `context` of the request that the 'connection' listener gets.
 */
export type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (
  info: VerifyClientInfo<Request>,
) => boolean | object | Promise<boolean | object | null | undefined> | null | undefined;

/**
 * Decides through `callback`: `code`, `message` and `headers` are those of the HTTP answer that refuses; an object as `ok` is the
 * `context`. It may be async: then its promise decides as well, unless it is fulfilled with undefined. The first decision counts.
 */
export type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
  info: VerifyClientInfo<Request>,
  callback: (ok: boolean | object, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
) => void | Promise<boolean | object | null | undefined | void>;

/** Either of the two. As one type, because TypeScript finds no types for the parameters of a function that may be one of two. */
export type VerifyClientCallback<Request extends IncomingMessage = IncomingMessage> = (
  ...values: Parameters<VerifyClientCallbackAsync<Request>>
) => ReturnType<VerifyClientCallbackSync<Request>> | ReturnType<VerifyClientCallbackAsync<Request>>;

/** May change the request before it is sent; must call `request.end()`. */
export type FinishRequestCallback = (request: ClientRequest, websocket: WebSocketBase) => void;

/** Options that a client passes on to the HTTP request. All other options of `http.request` and `https.request` are passed on as well. */
export interface RequestSettings {
  agent?: Agent | undefined;
  headers?: { [name: string]: string } | Headers | ReadonlyMap<string, string | readonly string[]> | undefined;
  host?: string | undefined;
  family?: number | undefined;
  localAddress?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
  checkServerIdentity?(servername: string, certificate: CertMeta): boolean;
}

/** Options of permessage-deflate (RFC 7692). */
export interface PerMessageDeflateOptions {
  /**
   * Whether the server compresses each message by itself: true does so (a server) or demands it (a client). False: a server declines clients that demand
   * it. Default: as the client asks; a client demands it if `maxMemoryPerConnection` has no room for a window.
   */
  serverNoContextTakeover?: boolean | undefined;
  /**
   * Whether the client compresses each message by itself: true does so (a client) or demands it (a server). False: a client fails the connection if the server
   * demands it. Default: as the peer asks; a server with `maxMemoryPerConnection` demands it where the client's window would not fit.
   */
  clientNoContextTakeover?: boolean | undefined;
  /**
   * The server's window in bits, 8 to 15: a server uses it, and declines clients that ask for a smaller one; a client asks for it. False: a server declines
   * clients that ask for one. Default: a server uses the window that fits `maxMemoryPerConnection`, and a client with that option asks for it.
   */
  serverMaxWindowBits?: number | false | undefined;
  /**
   * The client's window in bits, 8 to 15: a client uses it; a server asks for it, and declines clients that cannot be asked. A client also takes true, its
   * default: the server may ask. False: it may not, and a server does not ask. Default: the window that fits `maxMemoryPerConnection`.
   */
  clientMaxWindowBits?: number | boolean | undefined;
  /** How to compress: `level` and `dictionary`; `strategy` and `memLevel` for node:zlib. */
  zlibDeflateOptions?: ZlibSettings | undefined;
  /** How to decompress: `dictionary`. */
  zlibInflateOptions?: ZlibSettings | undefined;
  /** Messages of fewer bytes are not compressed if each is compressed by itself. Without effect where a context is kept. Default 1,024. */
  threshold?: number | undefined;
  /** No effect. Accepted because ws has it. */
  concurrencyLimit?: number | undefined;
  /**
   * Bytes that a connection may keep for compression while it is idle, for both directions together. Default: 4 KiB for what it sends. For what it receives, a
   * server keeps 4 KiB, or 32 KiB if the client cannot be asked for a smaller window; a client keeps up to 32 KiB. If the option is set, it is enforced: a server
   * demands that such a client compresses each message by itself, and a client demands a window that fits of its server. With more memory, up to 65,536,
   * messages that resemble each other become smaller. 0: no context takeover.
   */
  maxMemoryPerConnection?: number | undefined;
  /**
   * The compressor. Default `'wasm'`: our own module, except with `strategy`, which only zlib has. `'zlib'`: node:zlib, on runtimes that have
   * it.
   */
  engine?: 'wasm' | 'zlib' | undefined;
}

/** Settings of Node.js's zlib. Those without a comment have no visible effect. */
export interface ZlibSettings {
  flush?: number | undefined;
  finishFlush?: number | undefined;
  chunkSize?: number | undefined;
  windowBits?: number | undefined;
  /** 0, stored, to 9, smallest; -1 means 6. Default 5. */
  level?: number | undefined;
  /** 1 to 9, where node:zlib compresses. Default 8. */
  memLevel?: number | undefined;
  /** 0 to 4, as in zlib. With another value than 0, node:zlib compresses. */
  strategy?: number | undefined;
  /** The window that a context starts with. Both peers must use the same one; browsers have none. */
  dictionary?: NodeJS.ArrayBufferView | ArrayBuffer | undefined;
  info?: boolean | undefined;
  maxOutputLength?: number | undefined;
}

export interface AddressInfo {
  address: string;
  family: string;
  port: number;
}
