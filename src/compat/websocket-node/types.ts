// Types that programs name, as @types/websocket names them.

import type { Buffer } from 'node:buffer';
import type { Server as HttpServer } from 'node:http';
import type { RequestOptions, Server as HttpsServer } from 'node:https';

/** A value that can be converted to text. */
export interface IStringified {
  // oxlint-disable-next-line typescript/no-explicit-any -- As programs' types have it.
  toString: (...values: any[]) => string;
}

/** Options of clients and servers. */
export interface IConfig {
  /** Largest frame that is received, in bytes. Default 1 MiB for a client, 64 KiB for a server. */
  maxReceivedFrameSize?: number | undefined;
  /** Largest message that is received, in bytes. Default 8 MiB for a client, 1 MiB for a server. */
  maxReceivedMessageSize?: number | undefined;
  /** Whether messages longer than `fragmentationThreshold` are sent in several frames. Default true. */
  fragmentOutgoingMessages?: boolean | undefined;
  /** Longest frame of an outgoing message, in bytes. Default 16 KiB. */
  fragmentationThreshold?: number | undefined;
  /** Whether 'message' is emitted with whole messages. If not, 'frame' is emitted with each frame, including control frames. Default true. */
  assembleFragments?: boolean | undefined;
  /** How long the closing handshake may take, in milliseconds. Default 5,000. */
  closeTimeout?: number | undefined;
  /** Whether small packets are sent at once (TCP_NODELAY). Default true. */
  disableNagleAlgorithm?: boolean | undefined;
}

export interface IServerConfig extends IConfig {
  /** One or several HTTP servers whose upgrade requests to handle. */
  httpServer: HttpServer | HttpsServer | (HttpServer | HttpsServer)[];
  /** Whether to send a Ping to a silent client. Default true. */
  keepalive?: boolean | undefined;
  /** Milliseconds of silence before the Ping. Default 20,000. */
  keepaliveInterval?: number | undefined;
  /** Whether to drop a client that stays silent after the Ping. Default true. */
  dropConnectionOnKeepaliveTimeout?: boolean | undefined;
  /** Milliseconds that it may stay silent after the Ping. Default 10,000. */
  keepaliveGracePeriod?: number | undefined;
  /** Whether to use TCP's keep-alive instead of Pings. Default false. */
  useNativeKeepalive?: boolean | undefined;
  /** Whether to accept all requests without a 'request' event, with the first subprotocol that the client offers. Default false. */
  autoAcceptConnections?: boolean | undefined;
  /** Whether to ignore X-Forwarded-For. Default false, which is safe only behind a proxy that sets the field. */
  ignoreXForwardedFor?: boolean | undefined;
  /** Whether `request.cookies` is filled. Default true. */
  parseCookies?: boolean | undefined;
  /** Whether `request.requestedExtensions` is filled. Default true. */
  parseExtensions?: boolean | undefined;
}

export interface IClientConfig extends IConfig {
  /** 8 or 13, the default. They differ in the name of the field that carries the origin. */
  webSocketVersion?: number | undefined;
  /** Options of `https.request`, for `wss:`. */
  tlsOptions?: RequestOptions | undefined;
}

/** Options of a connection. */
export type ConnectionConfig = Omit<IServerConfig, 'httpServer'>;

export interface ICookie {
  name: string;
  value: string;
  path?: string | undefined;
  domain?: string | undefined;
  expires?: Date | undefined;
  /** Seconds. */
  maxage?: number | undefined;
  secure?: boolean | undefined;
  httponly?: boolean | undefined;
}

/** An extension in use. No extension is supported yet. */
export interface IExtension {
  name: string;
  value: string;
}

/** An extension that a client asks for. */
export interface RequestedExtension {
  name: string;
  params: { name: string; value?: string }[];
}

export interface IUtf8Message {
  type: 'utf8';
  utf8Data: string;
}

export interface IBinaryMessage {
  type: 'binary';
  binaryData: Buffer;
}

export type Message = IUtf8Message | IBinaryMessage;

export interface ICloseEvent {
  code: number;
  reason: string;
  wasClean: boolean;
}

export interface IMessageEvent {
  data: string | Buffer | ArrayBuffer;
}

/** Called when the operating system has taken the data, or with the error that prevented it. */
export type SendCallback = (error?: Error) => void;

/** A queue of bytes from which a frame is read: the part of the `bufferlist` package that is used. */
export interface IBufferList {
  /** Length of the queue, in bytes. */
  readonly length: number;
  /** Copies [start, end) to `target` at `offset`. */
  joinInto(target: Buffer, offset: number, start: number, end: number): unknown;
  /** Removes the first `count` bytes. */
  advance(count: number): unknown;
  /** The first `count` bytes, which stay in the queue. */
  take(count: number): unknown;
}
