// Entry point on Node.js: the W3C API.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createAcceptingClass } from '../../src/api/w3c/accepted.ts';
import type { W3CWebSocket, WebSocketConstructor } from '../../src/api/w3c/index.ts';
import type { ConnectCallbacks, ConnectRequest, PendingConnection } from '../../src/api/w3c/connect.ts';
import { parseAddress } from '../../src/api/address.ts';
import { blockPorts } from '../../src/api/w3c/ports.ts';
import { startHandshake } from '../../src/nodejs/client.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { acceptUpgrade, type UpgradeOptions } from './upgrade.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../src/base/options.ts';

export * from '../../src/api/w3c/public.ts';
export type { UpgradeOptions } from './upgrade.ts';

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

const accepting = createAcceptingClass(blockPorts(connect), platform);

/** The WebSocket of the WHATWG standard on Node.js. */
export const WebSocket: WebSocketConstructor = accepting.WebSocket;
export type WebSocket = W3CWebSocket;
export default WebSocket;

/** A request that was accepted. */
export interface Upgraded {
  /** The answer is on its way already. */
  readonly response: undefined;
  /** Still CONNECTING: it opens in a later turn, so add listeners before anything is awaited. */
  readonly socket: WebSocket;
}

/** A request that gets no WebSocket. It has been answered. */
export interface Refused {
  readonly response: undefined;
  readonly socket: null;
}

/**
 * Accepts a WebSocket on an HTTP server: the counterpart of `handleUpgrade` for the W3C class.
 *
 *     server.on('upgrade', (request, socket, head) => {
 *       const { socket: ws } = upgrade(request, socket, head);
 *       ws?.addEventListener('message', ({ data }) => ws.send(data));
 *     });
 *
 * @param socket The socket of the request: a `net.Socket`, a `tls.TLSSocket` or any Duplex.
 * @param head Bytes that came with the request. Kept.
 * @returns The WebSocket; null when the request was refused, which its client has been told. So it is when `handleProtocols` throws, or
 *   picks what was not offered: the client gets a 500, and the program a warning.
 * @throws {TypeError} for an option of no use; the client gets a 500.
 * @throws {Error} when the socket carries a WebSocket already.
 */
export function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options?: UpgradeOptions,
): Upgraded | Refused {
  const accepted = acceptUpgrade(request, socket, options);
  if (accepted === null) return { response: undefined, socket: null };
  const { url, protocol, extensions, session } = accepted;
  const ws = accepting.accept(url, (_request, { onOpen }) => {
    onOpen(session, protocol, extensions, head);
    return { abort: () => {} };
  });
  return { response: undefined, socket: ws };
}
