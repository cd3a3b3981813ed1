// Entry point on Deno: the ws-style API.

import type { IncomingMessage } from 'node:http';
import { extension, subprotocol } from '../../src/api/ws/extension.ts';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import { createWebSocketStream } from '../../src/api/ws/stream.ts';
import { PerMessageDeflate, Receiver, Sender } from '../../src/nodejs/lowlevel/index.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { lendPlatform } from '../../src/nodejs/lowlevel/lent.ts';
import { platform } from './platform.ts';
import { WebSocketServer } from './server.ts';
import { upgrade } from './upgrade.ts';
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
export { upgrade, WebSocket, WebSocketServer };
export type { Refused, UpgradeOptions, Upgraded } from './native.ts';
export type { WebSocketServer as Server } from './server.ts';
export type ServerOptions<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> = StandaloneServerOptions<Socket, Request>;
export { WebSocket as default };
