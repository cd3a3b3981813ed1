// Entry point on Node.js: the ws-style API.

import type { IncomingMessage } from 'node:http';
import { extension, subprotocol } from '../../src/api/ws/extension.ts';
import { createWebSocketStream } from '../../src/api/ws/stream.ts';
import { PerMessageDeflate, Receiver, Sender } from '../../src/nodejs/lowlevel/index.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { lendPlatform } from '../../src/nodejs/lowlevel/lent.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { WebSocketServer } from './server.ts';
import { WebSocket } from './websocket.ts';

lendPlatform(platform, deflateEngine);
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

export * from '../../src/api/ws/public.ts';
export * from '../../src/nodejs/lowlevel/index.ts';
export { WebSocket, WebSocketServer };
export type { WebSocketServer as Server } from './server.ts';
export type ServerOptions<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> = WebSocket.ServerOptions<Socket, Request>;
export { WebSocket as default };
