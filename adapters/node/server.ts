// The ws-style WebSocketServer on Node.js.

import { createServer, STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { sessionSettings } from '../../src/api/ws/options.ts';
import { WebSocketServerBase, type ServerOptions } from '../../src/api/ws/server.ts';
import type { Session } from '../../src/platform.ts';
import { createSession } from './session.ts';
import { WebSocket } from './websocket.ts';

/** The WebSocketServer of ws 8 on Node.js; see {@link WebSocketServerBase}. */
export class WebSocketServer<Socket extends WebSocket = WebSocket> extends WebSocketServerBase<Socket> {
  /** @internal */
  protected override createHttpServer(): Server {
    return createServer((_request, response) => {
      const body = STATUS_CODES[426]!;
      response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
      response.end(body);
    });
  }

  /** @internal */
  protected override createSession(socket: Duplex, options: ServerOptions<Socket>): Session {
    return createSession(socket, { role: 'server', ...sessionSettings(options) });
  }

  /** @internal */
  protected override createWebSocket(options: ServerOptions<Socket>): Socket {
    return new (options.WebSocket ?? (WebSocket as unknown as new (address: null) => Socket))(null);
  }
}
