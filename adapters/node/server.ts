// The ws-style WebSocketServer on Node.js.

import { createServer, type IncomingMessage } from 'node:http';
import { compressionSettings, deflateSettings, sessionSettings, type ServerOptions } from '../../src/api/ws/options.ts';
import { WebSocketServerBase, type ServerPlatform } from '../../src/api/ws/server.ts';
import { checkZlibOptions, deflateEngine } from '../../src/nodejs/compression.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { answerUpgradeRequired } from '../../src/nodejs/upgrade-required.ts';
import { WebSocket } from './websocket.ts';

const platform: ServerPlatform = {
  WebSocket,
  createHttpServer: () => createServer(answerUpgradeRequired),
  createSession(socket, options, agreement) {
    const deflate = deflateSettings(options.perMessageDeflate);
    const compression = agreement && deflate && compressionSettings(deflate, agreement, deflateEngine());
    return createSession(socket, { role: 'server', compression, ...sessionSettings(options) });
  },
};

/** The WebSocketServer of ws 8 on Node.js; see {@link WebSocketServerBase}. */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  constructor(options?: ServerOptions<Socket, Request>, onListening?: () => void) {
    checkZlibOptions(deflateSettings(options?.perMessageDeflate));
    super(platform, options, onListening);
  }
}
