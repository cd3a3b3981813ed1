// Options, flags and listener arguments of the ws of 2013 (0.4). Types only.

import type { Agent, ClientRequest, IncomingMessage, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { WebSocket } from './websocket.ts';

/** Version of the protocol: RFC 6455 (13), its late draft (8), or draft-hixie-thewebsocketprotocol-76 (servers only). */
export type ProtocolVersion = 8 | 13 | 'hixie-76';

/** How to send a message, a Ping or a Pong. */
export interface SendOptions {
  /** Whether to mask. Default: as RFC 6455 section 5.1 demands. Peers refuse a message with another value. */
  mask?: boolean | undefined;
  /** Whether to send a binary message. Default: true for buffers and views, false for text, readable streams and `stream`. */
  binary?: boolean | undefined;
}

/** Properties of a received message, Ping or Pong. */
export interface MessageFlags {
  /** Whether the data is binary and a Buffer. If not, it is a string. */
  readonly binary: boolean;
  /** Whether the peer masked it. */
  readonly masked: boolean;
  /** The bytes of the message; text as UTF-8. The listener may keep them. */
  readonly buffer: Buffer;
}

/** Called when the operating system has taken the data, or with the error that prevented it. */
export type SendCallback = (error?: Error | null) => void;

/** Sends one fragment of a message. `final` ends the message. */
export type FragmentSender = (data: unknown, final?: boolean) => void;

/** Called on successive ticks, each time to send one fragment, or with the error that prevented it. */
export type StreamCallback = (error: Error | null, send: FragmentSender) => void;

/** Limits, which ws 0.4 did not have. An option that is undefined has its default. */
export interface Limits {
  /** Largest message in bytes; 0 for no limit. Default 100 MiB. */
  maxPayload?: number | undefined;
  /** Most payload bytes that may wait for the peer when another message is sent; 0 for no limit. Default 1 GiB. */
  maxBufferedAmount?: number | undefined;
  /**
   * Milliseconds that the closing handshake may take, and that the messages before it may pause; 0 for no limit. Default 30,000. After
   * the operating system has taken our Close frame, the peer has two seconds to answer.
   */
  closeTimeout?: number | undefined;
}

/** Options of `new WebSocket()`. */
export interface ClientOptions
  extends Limits, Pick<SecureContextOptions, 'pfx' | 'key' | 'passphrase' | 'cert' | 'ca' | 'ciphers'> {
  /** Subprotocols to offer, separated by commas, if the second argument has none. On a server: the subprotocol in use. */
  protocol?: string | undefined;
  agent?: Agent | false | undefined;
  /** More header fields of the request. */
  headers?: Readonly<Record<string, unknown>> | undefined;
  /** Default 13. `'hixie-76'` on a server's side only. */
  protocolVersion?: ProtocolVersion | undefined;
  /** Value of the Host header. Default: the address's. */
  host?: string | undefined;
  /** Value of the Origin header; with version 8 of Sec-WebSocket-Origin. */
  origin?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
  /** Milliseconds that the opening handshake may take; 0 for no limit. Default 30,000. */
  handshakeTimeout?: number | undefined;
}

/** An upgrade that was accepted, from which a server makes its WebSocket, and the bytes that came after the request. */
export type ServerClient = readonly [request: IncomingMessage, socket: Duplex, upgradeHead?: Uint8Array | null];

export interface VerifyClientInfo {
  /** Origin; with version 8 Sec-WebSocket-Origin. Only browsers set it reliably. */
  readonly origin: string | undefined;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** With one parameter it returns whether to accept the client, or a promise of that. With two it calls back, once. */
export type VerifyClient =
  | ((info: VerifyClientInfo) => boolean | PromiseLike<boolean>)
  | ((info: VerifyClientInfo, callback: (ok: boolean, status?: number, reason?: string) => void) => void);

/** Selects one of the subprotocols that the client offers. Calls back once; `ok` false refuses the client. */
export type HandleProtocols = (protocols: string[], callback: (ok: boolean, protocol?: string) => void) => unknown;

/** Options of `new Server()`. */
export interface ServerOptions extends Limits {
  /** Default `'0.0.0.0'`. */
  host?: string | undefined;
  port?: number | null | undefined;
  /** An HTTP or HTTPS server whose upgrade requests to handle. */
  server?: HttpServer | HttpsServer | null | undefined;
  verifyClient?: VerifyClient | null | undefined;
  /** Default: the first subprotocol that the client offers. */
  handleProtocols?: HandleProtocols | null | undefined;
  /** The only path whose requests to accept. Default: any. */
  path?: string | null | undefined;
  /** Whether there is no HTTP server, because the program calls `handleUpgrade`. Default false. */
  noServer?: boolean | undefined;
  /** Refuse clients that speak hixie-76. Default false. */
  disableHixie?: boolean | undefined;
  /** Whether to keep `clients`. Default true. */
  clientTracking?: boolean | undefined;
  /** Milliseconds that `handleProtocols` and the body of a hixie-76 handshake may take; 0 for no limit. Default 10,000. */
  handshakeTimeout?: number | undefined;
}

/** Arguments of the listeners of a WebSocket, by event. */
export interface SocketEvents {
  open: [];
  error: [error: Error];
  close: [code: number, message: string];
  message: [data: string | Buffer, flags: MessageFlags];
  ping: [data: Buffer, flags: MessageFlags];
  pong: [data: Buffer, flags: MessageFlags];
  /** The server responded with another status than 101. With a listener it comes instead of 'error'. */
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

/** Arguments of the listeners of a server, by event. `connection` followed by a path is one too: `connection/chat`. */
export interface ServerEvents {
  connection: [ws: WebSocket];
  error: [error: Error];
  headers: [headers: string[]];
  listening: [];
}
