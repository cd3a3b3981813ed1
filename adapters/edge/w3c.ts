// Entry point in workers, workerd first: the W3C API, for clients over raw sockets, for servers over a WebSocketPair. No Node.js module.

import { connect as connectSocket } from 'cloudflare:sockets';
import { createAcceptingClass } from '../../src/api/w3c/accepted.ts';
import type { ConnectRequest } from '../../src/api/w3c/connect.ts';
import type { W3CWebSocket, WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { createConnect } from '../../src/http1/w3c.ts';
import { currentDeflateEngine } from './compression.ts';
import { createNetwork } from './network.ts';
import { platform } from './platform.ts';
import { acceptUpgrade, type Refused, type UpgradeOptions } from './upgrade.ts';

export * from '../../src/api/w3c/public.ts';
export type { Refused, UpgradeOptions } from './upgrade.ts';

const network = createNetwork(connectSocket, platform);
const connectPlainly = createConnect(network, platform);
const connectWithDeflate = createConnect(network, platform, () => currentDeflateEngine()!());

/** @throws {TypeError} if the program asks for compression and it is not enabled. */
function mayDeflate({ options }: ConnectRequest): boolean {
  const isEnabled = currentDeflateEngine() !== undefined;
  if (options.perMessageDeflate === true && !isEnabled) {
    throw new TypeError('perMessageDeflate: call enableDeflate() of "wasock/edge/deflate" first');
  }
  return isEnabled;
}

const accepting = createAcceptingClass(
  (request, callbacks) => (mayDeflate(request) ? connectWithDeflate : connectPlainly)(request, callbacks),
  platform,
);

/** The WebSocket of the WHATWG standard in a worker. One lives no longer than the request that made it. */
export const WebSocket: WebSocketConstructor = accepting.WebSocket;
export type WebSocket = W3CWebSocket;
export default WebSocket;

/** A WebSocket that a worker accepts. */
export interface Upgraded {
  /** Return it from the fetch handler. */
  readonly response: Response;
  /** Open from the next microtask on: add listeners at once, send after "open". */
  readonly socket: WebSocket;
}

/**
 * Accepts a WebSocket in a worker's fetch handler. The runtime implements the protocol: it answers Pings, negotiates compression
 * and limits messages (32 MiB on workerd) by itself.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here (the message names the alternative), if `handleProtocols` picks a name
 *   that was not offered, or if the runtime has no WebSocketPair.
 */
export function upgrade(request: Request, options?: UpgradeOptions): Upgraded | Refused {
  const accepted = acceptUpgrade(request, options);
  if ('socket' in accepted) return accepted;
  const { response, url, protocol, session } = accepted;
  const socket = accepting.accept(url, (_request, { onOpen }) => {
    onOpen(session, protocol, '');
    return { abort: () => {} };
  });
  return { response, socket };
}
