// The ws-style WebSocket in a worker: our client over raw sockets. Binary messages are Buffers.

import { Buffer } from 'node:buffer';
import { connect } from 'cloudflare:sockets';
import { expose } from '../../src/api/ws/expose.ts';
import type { ClientOptions } from '../../src/api/ws/options.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import type { Platform } from '../../src/platform.ts';
import type { StreamRuntime } from '../../src/http1/ws/runtime.ts';
import { RawWebSocket } from '../../src/http1/ws/websocket.ts';
import { deflateEngine } from './deflate-engine.ts';
import { createNetwork } from './network.ts';
import { createPlatform } from './platform.ts';

/** What byte arrays are in the ws-style classes. */
export const bufferPlatform: Platform = createPlatform({
  // Not from the pool: a message that a program keeps must not keep its neighbours.
  allocate: (length) => Buffer.allocUnsafeSlow(length),
  copy(source, start, end) {
    const bytes = Buffer.allocUnsafeSlow(end - start);
    bytes.set(source.subarray(start, end));
    return bytes;
  },
});

const runtime: StreamRuntime = {
  network: createNetwork(connect, bufferPlatform),
  platform: bufferPlatform,
  deflateEngine,
  createDuplexSession() {
    throw new TypeError('A worker accepts no sockets: call upgrade(request) in its fetch handler');
  },
  checkDeflateOptions,
};

/** The WebSocket of ws 8 in a worker; see {@link RawWebSocket}. One lives no longer than the request that made it. */
export class WebSocket extends RawWebSocket {
  /**
   * Opens a connection.
   *
   * @param address `ws:`, `wss:`, `http:` or `https:` URL. null makes an object that is not connected.
   * @param protocols Subprotocols to offer, best first.
   * @throws {SyntaxError} on an invalid URL or subprotocol.
   * @throws {TypeError} on an option of no use here.
   */
  constructor(address: string | URL | null, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super(runtime, address, protocols, options);
  }
}
expose(WebSocket);
