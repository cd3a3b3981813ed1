// The ws-style WebSocketServer on Node.js.

import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { compressionSettings, deflateSettings, sessionSettings } from '../../src/api/ws/options.ts';
import { WebSocketServerBase, type ServerPlatform } from '../../src/api/ws/server.ts';
import { wsOptions, type StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import { checkZlibOptions, deflateEngine } from '../../src/nodejs/compression.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { answerUpgradeRequired } from '../../src/nodejs/upgrade-required.ts';
import { WebSocket } from './websocket.ts';

/** How often node:http looks for connections whose time is over, unless told otherwise. */
const CHECKING_INTERVAL = 30_000;

function platformOf({ tls, unix, headersTimeout }: StandaloneServerOptions): ServerPlatform {
  const connectionsCheckingInterval = Math.min(CHECKING_INTERVAL, headersTimeout || CHECKING_INTERVAL);
  const timeouts = headersTimeout === undefined ? {} : { headersTimeout, connectionsCheckingInterval };
  return {
    WebSocket,
    unix,
    createHttpServer: () =>
      tls === undefined
        ? createServer(timeouts, answerUpgradeRequired)
        : createSecureServer({ ...timeouts, ...tls }, answerUpgradeRequired),
    createSession(socket, options, agreement) {
      const deflate = deflateSettings(options.perMessageDeflate);
      const compression = agreement && deflate && compressionSettings(deflate, agreement, deflateEngine());
      return createSession(socket, { role: 'server', compression, ...sessionSettings(options) });
    },
  };
}

/** The WebSocketServer of ws 8 on Node.js; see {@link WebSocketServerBase}. */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    checkZlibOptions(deflateSettings(options?.perMessageDeflate));
    super(platformOf(options ?? {}), wsOptions(options), onListening);
  }
}
