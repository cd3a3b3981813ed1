// The ws-style WebSocketServer on Node.js.

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { compressionSettings, deflateSettings, sessionSettings } from '../../src/api/ws/options.ts';
import { WebSocketServerBase } from '../../src/api/ws/server.ts';
import { lendToServers, type HttpServer } from '../../src/api/ws/server-core.ts';
import type { StandaloneServerOptions } from '../../src/api/ws/standalone.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { answerUpgradeRequired } from '../../src/nodejs/upgrade-required.ts';
import { WebSocket } from './websocket.ts';

/** How often node:http looks for connections whose time is over, unless told otherwise. */
const CHECKING_INTERVAL = 30_000;

function createHttpServer({ tls, headersTimeout }: StandaloneServerOptions): HttpServer {
  const connectionsCheckingInterval = Math.min(CHECKING_INTERVAL, headersTimeout || CHECKING_INTERVAL);
  const timeouts = headersTimeout === undefined ? {} : { headersTimeout, connectionsCheckingInterval };
  return tls === undefined
    ? http.createServer(timeouts, answerUpgradeRequired)
    : https.createServer({ ...timeouts, ...tls }, answerUpgradeRequired);
}

/** The WebSocketServer of ws 8 on Node.js; see {@link WebSocketServerBase}. */
export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  // oxlint-disable-next-line eslint/no-useless-constructor -- its number of parameters is that of ws
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super(options, onListening);
  }
}

lendToServers(WebSocketServer, {
  WebSocket,
  checkDeflateOptions,
  createHttpServer,
  createSession(socket, options, agreement) {
    const deflate = deflateSettings(options.perMessageDeflate);
    const compression =
      agreement && deflate && compressionSettings(deflate, agreement, deflateEngine(deflate.engine), 'server');
    return createSession(socket, { role: 'server', compression, ...sessionSettings(options) });
  },
});
