// Entry point on Deno: the W3C API.

import { makeBorrowedEvent } from '../../src/api/w3c/borrowed.ts';
import {
  accept,
  createConnect,
  createWebSocketClass,
  type W3CWebSocket,
  type WebSocketConstructor,
} from '../../src/api/w3c/index.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createClientRuntime } from '../../src/http1/runtime.ts';
import { upgradeNatively, type Refused, type UpgradeOptions, type Upgraded } from './native.ts';
import { network } from './network.ts';
import { platform } from './platform.ts';

export * from '../../src/admission/public.ts';
export * from '../../src/api/w3c/public.ts';
export type { Refused, UpgradeOptions, Upgraded } from './native.ts';

const runtime = createClientRuntime(network, platform, () => deflateEngine);

/** The WebSocket of the WHATWG standard on Deno, over its TCP sockets: with `tls`, permessage-deflate and limits, which Deno's own has not. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(createConnect(runtime), platform, makeBorrowedEvent);
export type WebSocket = W3CWebSocket;
export default WebSocket;

/**
 * Accepts a WebSocket in a handler of `Deno.serve`. The protocol is done by Deno.
 *
 * Deno ends its listener when a handler throws, or returns another response, after a request was upgraded. Code that may throw must run before.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here, which says what has, and when `handleProtocols` picks a subprotocol that was not offered.
 */
export function upgrade(request: Request, options?: UpgradeOptions): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, options);
  if ('socket' in upgraded) return upgraded;
  const { response, url, protocol, open, clientAddress } = upgraded;
  const socket = accept(WebSocket, url, (_request, { onOpen, onFail }) => {
    let isGivenUp = false;
    open(
      (session) => (isGivenUp ? session.terminate() : onOpen(session, protocol, '')),
      (error) => isGivenUp || onFail(error),
    );
    return { abort: () => void (isGivenUp = true) };
  });
  return { response, socket, clientAddress };
}
