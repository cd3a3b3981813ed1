// The ws-style WebSocketServer on Bun.

import type { IncomingMessage } from 'node:http';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import { WebSocketServerBase } from '../../src/api/ws/server.ts';
import { lendToServers } from '../../src/api/ws/server-core.ts';
import { streamServerPlatform } from '../../src/http1/ws/server.ts';
import { runtime } from './runtime.ts';
import { WebSocket } from './websocket.ts';

/**
 * The WebSocketServer of ws 8 on Bun. With `port` or `unix` it listens by `Bun.listen`; with `server` and `noServer` it works with
 * Bun's node:http. Inside of `Bun.serve` use `upgrade`.
 */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  // oxlint-disable-next-line eslint/no-useless-constructor -- its number of parameters is that of ws
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super(options, onListening);
  }
}

lendToServers(WebSocketServer, streamServerPlatform(runtime, WebSocket));
