// Entry point of wasock/jsh: the `ws` module of JSH.

import { WebSocketServer } from './server.ts';
import { WebSocket } from './websocket.ts';

/** Everything that can be imported by name. */
const jsh: { readonly WebSocket: typeof WebSocket; readonly WebSocketServer: typeof WebSocketServer } = {
  WebSocket,
  WebSocketServer,
};

export type { MessageEvent } from './websocket.ts';
export type { RequestedProtocols, VerifyClientInfo, WebSocketServerOptions } from './server.ts';
export type { ServerRequest } from './request.ts';
export { WebSocket, WebSocketServer };
export { jsh as default };
