// Entry point on Node.js: the W3C API.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { makeBorrowedEvent } from '../../src/api/w3c/borrowed.ts';
import {
  accept,
  connectTo,
  createConnect,
  createWebSocketClass,
  type Borrowing,
  type ClientRuntime,
  type W3CWebSocket,
  type W3CWebSocketFor,
  type WebSocketConstructor,
} from '../../src/api/w3c/index.ts';
import type { BorrowMode } from '../../src/base/options.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { startOpening } from '../../src/nodejs/opening.ts';
import { platform } from '../../src/nodejs/platform.ts';
import { checkProxy } from '../../src/nodejs/proxies.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { acceptUpgrade, type UpgradeOptions } from './upgrade.ts';

export * from '../../src/admission/public.ts';
export * from '../../src/api/w3c/public.ts';
export type { UpgradeOptions } from './upgrade.ts';

const runtime: ClientRuntime<Duplex> = {
  startOpening,
  createSession,
  findDeflateEngine: () => deflateEngine,
  // A dispatcher has been checked by the constructor, and node:tls checks the rest.
  checkOptions: (options) => checkProxy({ ...options }),
};

/** The WebSocket of the WHATWG standard on Node.js. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(createConnect(runtime), platform, makeBorrowedEvent);
export type WebSocket = W3CWebSocket;
export default WebSocket;

/** A request that was accepted. */
export interface Upgraded<Socket extends WebSocket = WebSocket> {
  /** The answer is on its way already. */
  readonly response: undefined;
  /** Still CONNECTING: it opens in a later turn, so add listeners before anything is awaited. */
  readonly socket: Socket;
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
 *   picks a subprotocol that was not offered: the client gets a 500, and the program a warning.
 * @throws {TypeError} for an option of no use; the client gets a 500.
 * @throws {Error} when the socket carries a WebSocket already.
 */
export function upgrade<Mode extends BorrowMode = BorrowMode>(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  options?: Borrowing<UpgradeOptions, Mode>,
): Upgraded<W3CWebSocketFor<Mode>> | Refused {
  const accepted = acceptUpgrade(request, socket, options);
  if (accepted === null) return { response: undefined, socket: null };
  const { url, protocol, extensions, session, borrowMessages } = accepted;
  const connect = connectTo(session, protocol, extensions, head);
  return { response: undefined, socket: accept(WebSocket, url, connect, { borrowMessages }) };
}
