// The ws-style WebSocket in a worker: our client over its sockets. Binary messages are Buffers.

import { connect } from 'cloudflare:sockets';
import { bindRuntime } from '../../src/api/ws/binding.ts';
import { expose, WebSocketBase } from '../../src/api/ws/websocket.ts';
import type { ClientOptions } from '../../src/api/ws/options.ts';
import { createStreamRuntime } from '../../src/http1/ws/runtime.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';
import { bufferPlatform } from './buffers.ts';
import { deflateEngine } from './deflate-engine.ts';
import { createNetwork } from './network.ts';
import { refuseBorrowing } from './platform.ts';

/**
 * The WebSocket of ws 8 in a worker; see {@link WebSocketBase}. One lives no longer than the request that made it. Options that speak of
 * node:http or node:tls (`agent`, `createConnection`, `lookup`, …) are a TypeError.
 */
export class WebSocket extends WebSocketBase {
  /**
   * Opens a connection.
   *
   * @param address `ws:`, `wss:`, `http:` or `https:` URL. null makes an object that is not connected.
   * @param protocols Subprotocols to offer, best first.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   * @throws {TypeError} on an option of no use here.
   */
  // oxlint-disable-next-line eslint/no-useless-constructor -- its parameters are those that make sense in a worker
  constructor(address: string | URL | null, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super(address, protocols, options);
  }
}
expose(WebSocket);
const runtime = createStreamRuntime({
  network: createNetwork(connect, bufferPlatform),
  platform: bufferPlatform,
  deflateEngine,
  checkDeflateOptions,
  createSession() {
    throw new TypeError('A worker accepts no sockets: call upgrade(request) in its fetch handler');
  },
});
bindRuntime(WebSocket, {
  ...runtime,
  checkClientOptions(options, target) {
    refuseBorrowing(options);
    runtime.checkClientOptions(options, target);
  },
});
