// Entry point of wasock/jsh: the `ws` module of JSH.

import { WebSocketServer, withWebSockets } from './server.ts';
import { WebSocket } from './websocket.ts';

/** Everything that can be imported by name. */
const jsh: {
  readonly WebSocket: typeof WebSocket;
  readonly WebSocketServer: typeof WebSocketServer;
  readonly withWebSockets: typeof withWebSockets;
} = { WebSocket, WebSocketServer, withWebSockets };

export type { CloseEvent, MessageEvent } from './websocket.ts';
export type {
  ConnectionHandler,
  RequestedProtocols,
  RouteOptions,
  VerifyClientInfo,
  WebSocketRoutes,
  WebSocketServerOptions,
} from './server.ts';
export type { ServerRequest } from './request.ts';
export { WebSocket, WebSocketServer, withWebSockets };
export { jsh as default };
