// `wasock/websocket`: the API of WebSocket-Node 1.0.35 (the npm package `websocket`).

import { WebSocketClient } from './client.ts';
import { WebSocketConnection } from './connection.ts';
import { deprecation } from './deprecation.ts';
import { WebSocketFrame } from './frame.ts';
import { WebSocketRequest } from './request.ts';
import { WebSocketRouter, WebSocketRouterRequest } from './router.ts';
import { WebSocketServer } from './server.ts';
import { version } from '../../base/version.ts';
import { W3CWebSocket } from './w3c.ts';

export {
  deprecation,
  version,
  W3CWebSocket,
  W3CWebSocket as w3cwebsocket,
  WebSocketClient,
  WebSocketClient as client,
  WebSocketConnection,
  WebSocketConnection as connection,
  WebSocketFrame,
  WebSocketFrame as frame,
  WebSocketRequest,
  WebSocketRequest as request,
  WebSocketRouter,
  WebSocketRouter as router,
  WebSocketRouterRequest,
  WebSocketServer,
  WebSocketServer as server,
};
export type { IRouterConfig, IRouterHandler, WebSocketRouterRequest as IRouterRequest } from './router.ts';
export type { Deprecation } from './deprecation.ts';
export type {
  IBinaryMessage,
  IBufferList,
  IClientConfig,
  ICloseEvent,
  IConfig,
  ICookie,
  IExtension,
  IMessageEvent,
  IServerConfig,
  IStringified,
  IUtf8Message,
  Message,
} from './types.ts';

/** All exports in one object, as `require('websocket')` returns it. */
const all: {
  readonly server: typeof WebSocketServer;
  readonly client: typeof WebSocketClient;
  readonly router: typeof WebSocketRouter;
  readonly frame: typeof WebSocketFrame;
  readonly request: typeof WebSocketRequest;
  readonly connection: typeof WebSocketConnection;
  readonly w3cwebsocket: typeof W3CWebSocket;
  readonly deprecation: typeof deprecation;
  readonly version: string;
} = {
  server: WebSocketServer,
  client: WebSocketClient,
  router: WebSocketRouter,
  frame: WebSocketFrame,
  request: WebSocketRequest,
  connection: WebSocketConnection,
  w3cwebsocket: W3CWebSocket,
  deprecation,
  version,
};
export default all;
