// The classes of ws: WebSocket and WebSocketServer, with the static members and the namespace of types that programs of ws know. An entry
// point binds them to its runtime.

import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex, DuplexOptions } from 'node:stream';
import { PerMessageDeflate, Receiver, Sender } from '../../nodejs/lowlevel/index.ts';
import { bindRuntime, type ServerRuntime } from './binding.ts';
import { emitBorrowed } from './borrowed.ts';
import { SocketCore } from './core.ts';
import { expose, WebSocketBase } from './websocket.ts';
import { extension, subprotocol } from './extension.ts';
import { defineInternals } from './internals.ts';
import type { ClientOptions as ClientSettings, StandaloneServerOptions } from './options.ts';
import { WebSocketServerBase } from './server.ts';
import { createWebSocketStream } from './stream.ts';
import type * as types from './types.ts';

/** The WebSocket of ws 8; see {@link WebSocketBase}. */
export class WebSocket extends WebSocketBase {
  /** The class itself. */
  declare static WebSocket: typeof WebSocket;
  declare static WebSocketServer: typeof WebSocketServer;
  declare static Server: typeof WebSocketServer;
  declare static PerMessageDeflate: typeof PerMessageDeflate;
  declare static Receiver: typeof Receiver;
  declare static Sender: typeof Sender;
  declare static createWebSocketStream: (ws: WebSocketBase, options?: DuplexOptions) => Duplex;

  /** Makes the server-side object that `handleUpgrade` fills. */
  constructor(address: null);
  /**
   * Opens a connection.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   * @throws {TypeError} on Deno and Bun: on an option of node:http or node:tls, such as `agent`, that their sockets do not support.
   */
  constructor(address: string | URL, options?: ClientSettings | ClientRequestArgs);
  /** @param protocols Subprotocols to offer, best first. */
  constructor(address: string | URL, protocols?: string | string[], options?: ClientSettings | ClientRequestArgs);
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientSettings | ClientRequestArgs,
    options?: ClientSettings | ClientRequestArgs,
  ) {
    super(address, protocols as string[] | ClientSettings, options as ClientSettings);
  }
}
expose(WebSocket);
defineInternals(WebSocket);
SocketCore.emitBorrowed = emitBorrowed;

/**
 * The WebSocketServer of ws 8; see {@link WebSocketServerBase}. With `port` or `unix` it listens by itself; with `server` and `noServer` it
 * works with the node:http of its runtime. Inside of `Deno.serve` and `Bun.serve` use `upgrade`.
 */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super(WebSocket, options, onListening);
  }
}

Object.assign(WebSocket, {
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  Server: WebSocketServer,
  subprotocol,
  WebSocket,
  WebSocketServer,
});

/** Binds both classes to the runtime of an entry point. @throws {TypeError} if they are bound to another. */
export function bindClasses(runtime: ServerRuntime): void {
  bindRuntime(WebSocket, runtime);
  bindRuntime(WebSocketServer, runtime);
}

export type { WebSocketServer as Server };
/** Options of {@link WebSocketServer}. */
type Options<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> = WebSocket.ServerOptions<Socket, Request>;
export type { Options as ServerOptions };

// The classes by names that the namespace below does not hide.
interface Self extends WebSocket {}
type Server_<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> = WebSocketServer<Socket, Request>;

/** The types that `WebSocket.Name` means, as in ws's own. */
export declare namespace WebSocket {
  /** The type `ws.WebSocket` after `import * as ws from 'ws'`. A program may augment it. */
  interface WebSocket extends Self {}
  type RawData = types.RawData;
  type Data = types.Data;
  type CertMeta = types.CertMeta;
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = types.VerifyClientCallbackSync<Request>;
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = types.VerifyClientCallbackAsync<Request>;
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void;
  interface ClientOptions extends ClientSettings {}
  interface PerMessageDeflateOptions extends types.PerMessageDeflateOptions {}
  interface Event extends types.Event {}
  interface ErrorEvent extends types.ErrorEvent {}
  interface CloseEvent extends types.CloseEvent {}
  interface MessageEvent extends types.MessageEvent {}
  interface WebSocketEventMap extends types.WebSocketEventMap {}
  interface EventListenerOptions extends types.EventListenerOptions {}
  interface ServerOptions<
    Socket extends typeof WebSocket = typeof WebSocket,
    Request extends typeof IncomingMessage = typeof IncomingMessage,
  > extends StandaloneServerOptions<Socket, Request> {}
  interface AddressInfo extends types.AddressInfo {}
  interface Server<
    Socket extends typeof WebSocket = typeof WebSocket,
    Request extends typeof IncomingMessage = typeof IncomingMessage,
  > extends Server_<Socket, Request> {}
  interface WebSocketServer extends Server {}
}
