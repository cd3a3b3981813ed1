// Entry point on Node.js: the W3C API.

import { createWebSocketClass, type W3CWebSocket, type WebSocketConstructor } from '../../src/api/w3c/index.ts';
import type { ConnectCallbacks, ConnectRequest, PendingConnection } from '../../src/api/w3c/connect.ts';
import { parseAddress } from '../../src/api/address.ts';
import { startHandshake } from '../../src/nodejs/client.ts';
import { deflateEngine } from '../../src/nodejs/compression.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { createSession } from '../../src/nodejs/session.ts';

export * from '../../src/api/w3c/public.ts';

/** Milliseconds. Browsers wait longer, but they have a user who can stop waiting. */
const DEFAULT_HANDSHAKE_TIMEOUT = 30_000;

function connect(request: ConnectRequest, callbacks: ConnectCallbacks): PendingConnection {
  const {
    tls,
    dispatcher,
    handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT,
    maxPayload,
    perMessageDeflate = true,
  } = request.options;
  const plan = {
    target: parseAddress(request.url),
    protocols: request.protocols,
    version: 13,
    deflate: perMessageDeflate ? {} : undefined,
    headers: request.headers,
    handshakeTimeout,
    request: { ...tls },
    dispatcher,
  } as const;
  const handshake = startHandshake(plan, {
    onUpgrade: () => true,
    onResponse: () => false,
    onOpen(socket, { protocol, extensions, agreement, head }) {
      const compression = agreement && { engine: deflateEngine(), agreement };
      const session = createSession(socket, { role: 'client', compression, ...(maxPayload !== undefined && { maxPayload }) });
      callbacks.onOpen(session, protocol, extensions, head);
    },
    onFail: (error) => callbacks.onFail(error),
  });
  handshake.request.end();
  return handshake;
}

/** The WebSocket of the WHATWG standard on Node.js. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(connect, platform);
export type WebSocket = W3CWebSocket;
export default WebSocket;
