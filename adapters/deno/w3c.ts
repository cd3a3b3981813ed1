// Entry point on Deno: the W3C API.

import type { Connect } from '../../src/api/w3c/connect.ts';
import { createWebSocketClass, type WebSocketConstructor } from '../../src/api/w3c/create.ts';
import type { WebSocketBase } from '../../src/api/w3c/websocket.ts';
import { deflateEngine } from '../../src/nodejs/compression.ts';
import { createConnect } from '../../src/raw/w3c.ts';
import { upgradeNatively, type Refused, type UpgradeOptions, type Upgraded } from './native.ts';
import { network } from './network.ts';
import { platform } from './platform.ts';

export * from '../../src/api/w3c/public.ts';
export type { Refused, UpgradeOptions, Upgraded } from './native.ts';

const connect = createConnect(network, platform, deflateEngine);
/** Where the WebSocket that is being constructed has its connection from, when not from {@link connect}. */
let source: Connect | null = null;

/** The WebSocket of the WHATWG standard on Deno, over its raw sockets: with `tls`, permessage-deflate and limits, which Deno's own has not. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(
  (request, callbacks) => (source ?? connect)(request, callbacks),
  platform,
);
export type WebSocket = WebSocketBase;
export default WebSocket;

/**
 * Accepts a WebSocket in a handler of `Deno.serve`. The protocol is done by Deno, without limits.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} when `handleProtocols` picks what the client did not offer.
 */
export function upgrade(request: Request, options: UpgradeOptions = {}): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, options);
  if ('socket' in upgraded) return upgraded;
  const { response, protocol, open } = upgraded;
  source = (_request, { onOpen, onFail }) => {
    let isGivenUp = false;
    open(
      (session) => (isGivenUp ? session.terminate() : onOpen(session, protocol, '')),
      (error) => isGivenUp || onFail(error),
    );
    return { abort: () => void (isGivenUp = true) };
  };
  try {
    return { response, socket: new WebSocket(request.url) };
  } finally {
    source = null;
  }
}
