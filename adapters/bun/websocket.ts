// The ws-style WebSocket on Bun.

import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex, DuplexOptions } from 'node:stream';
import { expose } from '../../src/api/ws/expose.ts';
import type { ClientOptions as ClientSettings } from '../../src/api/ws/options.ts';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import type * as types from '../../src/api/ws/types.ts';
import type { WebSocketBase } from '../../src/api/ws/websocket.ts';
import type { PerMessageDeflate, Receiver, Sender } from '../../src/nodejs/lowlevel/index.ts';
import { lendToSockets } from '../../src/api/ws/internals.ts';
import { streamSessionMaker } from '../../src/http1/ws/server.ts';
import { RawWebSocket } from '../../src/http1/ws/websocket.ts';
import { runtime } from './runtime.ts';
import type { WebSocketServer as Server_ } from './server.ts';

/** The WebSocket of ws 8 on Bun; see {@link WebSocketBase}. */
export class WebSocket extends RawWebSocket {
  /** The class itself. */
  declare static WebSocket: typeof WebSocket;
  declare static WebSocketServer: typeof Server_;
  declare static Server: typeof Server_;
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
   * @throws {TypeError} on an option of ws that raw sockets have nothing for: see {@link RawWebSocket}.
   */
  constructor(address: string | URL, options?: ClientSettings | ClientRequestArgs);
  /** @param protocols Subprotocols to offer, best first. */
  constructor(address: string | URL, protocols?: string | string[], options?: ClientSettings | ClientRequestArgs);
  constructor(
    address: string | URL | null,
    protocols?: string | string[] | ClientSettings | ClientRequestArgs,
    options?: ClientSettings | ClientRequestArgs,
  ) {
    super(runtime, address, protocols as string[] | ClientSettings, options as ClientSettings);
  }
}
expose(WebSocket);
lendToSockets(WebSocket, streamSessionMaker(runtime));

/** The class by a name that the namespace below does not hide. */
interface Self extends WebSocket {}

/** The types that `WebSocket.Name` means, as in ws's own. */
export declare namespace WebSocket {
  /** What `import * as ws from 'ws'` names by `ws.WebSocket`. A program may augment it. */
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
