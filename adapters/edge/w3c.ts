// Entry point in workers, workerd first: the W3C API, for clients over TCP sockets, for servers over a WebSocketPair. No Node.js module.

import { connect as connectSocket } from 'cloudflare:sockets';
import {
  accept,
  connectTo,
  createConnect,
  createWebSocketClass,
  type ClientRuntime,
  type W3CWebSocket,
  type WebSocketConstructor,
} from '../../src/api/w3c/index.ts';
import type { ByteStream } from '../../src/http1/network.ts';
import { createClientRuntime } from '../../src/http1/runtime.ts';
import { currentDeflateEngine } from './compression.ts';
import { createNetwork } from './network.ts';
import { platform, refuseBorrowing } from './platform.ts';
import { acceptUpgrade, type Refused, type UpgradeOptions } from './upgrade.ts';

export * from '../../src/admission/public.ts';
export * from '../../src/api/w3c/public.ts';
export type { Refused, UpgradeOptions } from './upgrade.ts';

const client = createClientRuntime(createNetwork(connectSocket, platform), platform, currentDeflateEngine);
const runtime: ClientRuntime<ByteStream> = {
  ...client,
  checkOptions(options) {
    client.checkOptions(options);
    refuseBorrowing(options);
    if (options.perMessageDeflate === true && currentDeflateEngine() === undefined) {
      throw new TypeError('perMessageDeflate: call enableDeflate() of "wasock/edge/deflate" first');
    }
  },
};

/** The WebSocket of the WHATWG standard in a worker. One lives no longer than the request that made it. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(createConnect(runtime), platform);
export type WebSocket = W3CWebSocket;
export default WebSocket;

/** A WebSocket that a worker accepts. */
export interface Upgraded {
  /** Return it from the fetch handler. */
  readonly response: Response;
  /** Open from the next microtask on: add listeners at once, send after "open". */
  readonly socket: WebSocket;
  /** The client's address, as `remoteAddress` and the gate's `trustProxy` tell it. Undefined without a gate. */
  readonly clientAddress: string | undefined;
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
  const { response, url, protocol, session, clientAddress } = accepted;
  return { response, socket: accept(WebSocket, url, connectTo(session, protocol)), clientAddress };
}
