// Entry point on Bun: the W3C API.

import { makeBorrowedEvent } from '../../src/api/w3c/borrowed.ts';
import {
  accept,
  connectTo,
  createConnect,
  createWebSocketClass,
  type W3CWebSocket,
  type WebSocketConstructor,
} from '../../src/api/w3c/index.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createClientRuntime } from '../../src/http1/runtime.ts';
import type { BunServer } from './bun.ts';
import { upgradeNatively, type Refused, type Upgraded, type UpgradeOptions } from './native.ts';
import { network } from './network.ts';
import { platform } from './platform.ts';

export * from '../../src/admission/public.ts';
export * from '../../src/api/w3c/public.ts';
export type { BunServer, ServerWebSocketHandlers } from './bun.ts';
export { websocket, type WebSocketOption } from './handlers.ts';
export type { Refused, Upgraded, UpgradeOptions } from './native.ts';

const runtime = createClientRuntime(network, platform, () => deflateEngine);

/** The WebSocket of the WHATWG standard on Bun, over its TCP sockets: with `headers`, `tls` and limits, which Bun's own has not all of. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(createConnect(runtime), platform, makeBorrowedEvent);
export type WebSocket = W3CWebSocket;
export default WebSocket;

/**
 * Accepts a WebSocket in the `fetch` handler of `Bun.serve`, whose `websocket` option must be `websocket` of this module. The protocol is
 * done by Bun.
 *
 * @param server The second argument of the handler.
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here, which says what has, and when `handleProtocols` picks a subprotocol that was not offered.
 */
export function upgrade(request: Request, server: BunServer, options?: UpgradeOptions): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, server, options);
  if ('socket' in upgraded) return upgraded;
  const { url, protocol, session, clientAddress } = upgraded;
  return { response: undefined, socket: accept(WebSocket, url, connectTo(session, protocol)), clientAddress };
}
