// The ws-style WebSocketServer on Bun.

import type { IncomingMessage } from 'node:http';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import { RawWebSocketServer } from '../../src/raw/ws/server.ts';
import { runtime } from './runtime.ts';
import { WebSocket } from './websocket.ts';

/**
 * The WebSocketServer of ws 8 on Bun. With `port` or `unix` it listens by `Bun.listen`; with `server` and `noServer` it works with
 * Bun's node:http. Inside of `Bun.serve` use `upgrade`.
 */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends RawWebSocketServer<Socket, Request> {
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super(runtime, WebSocket, options, onListening);
  }
}
