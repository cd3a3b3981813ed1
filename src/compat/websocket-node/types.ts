// Types that programs name, as @types/websocket names them.

import type { Buffer } from 'node:buffer';
import type { Server as HttpServer } from 'node:http';
import type { RequestOptions, Server as HttpsServer } from 'node:https';

/** Whatever can be written as text. */
export interface IStringified {
  // oxlint-disable-next-line typescript/no-explicit-any -- As programs' types have it.
  toString: (...values: any[]) => string;
}

/** What a client and a server can be told alike. */
export interface IConfig {
  /** Largest frame that is received, in bytes. Default 1 MiB for a client, 64 KiB for a server. */
  maxReceivedFrameSize?: number | undefined;
  /** Largest message that is received, in bytes. Default 8 MiB for a client, 1 MiB for a server. */
  maxReceivedMessageSize?: number | undefined;
  /** Whether messages that are longer than `fragmentationThreshold` go out in several frames. Default true. */
  fragmentOutgoingMessages?: boolean | undefined;
  /** Longest frame of an outgoing message, in bytes. Default 16 KiB. */
  fragmentationThreshold?: number | undefined;
  /** Whether 'message' brings whole messages. Otherwise 'frame' brings each frame, control frames too. Default true. */
  assembleFragments?: boolean | undefined;
  /** How long the closing handshake may take, in milliseconds. Default 5,000. */
  closeTimeout?: number | undefined;
  /** Whether small packets are sent at once (TCP_NODELAY). Default true. */
  disableNagleAlgorithm?: boolean | undefined;
}

export interface IServerConfig extends IConfig {
  /** Where upgrade requests come from: one server or several. */
  httpServer: HttpServer | HttpsServer | (HttpServer | HttpsServer)[];
  /** Whether a client that is silent is sent a Ping. Default true. */
  keepalive?: boolean | undefined;
  /** After how much silence, in milliseconds. Default 20,000. */
  keepaliveInterval?: number | undefined;
  /** Whether a client that stays silent after that is dropped. Default true. */
  dropConnectionOnKeepaliveTimeout?: boolean | undefined;
  /** How long it may stay silent after a Ping, in milliseconds. Default 10,000. */
  keepaliveGracePeriod?: number | undefined;
  /** Whether TCP's own keep-alive is used instead of Pings. Default false. */
  useNativeKeepalive?: boolean | undefined;
  /** Whether requests are accepted without a 'request' event, with the first protocol that is asked for. Default false. */
  autoAcceptConnections?: boolean | undefined;
  /** Whether X-Forwarded-For is not believed. Default false: only right behind a proxy that sets the field. */
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

/** What a connection reads of a configuration. */
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

/** An extension in use. There is none yet. */
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

/** Called once what was sent has been handed to the operating system, or with the error that prevented it. */
export type SendCallback = (error?: Error) => void;

/** A queue of bytes that a frame reads from: what is used of the `bufferlist` package. */
export interface IBufferList {
  /** Bytes that have not been passed. */
  readonly length: number;
  /** Copies [start, end) to `target` at `offset`. */
  joinInto(target: Buffer, offset: number, start: number, end: number): unknown;
  /** Passes `count` bytes. */
  advance(count: number): unknown;
  /** The first `count` bytes, which stay. */
  take(count: number): unknown;
}
