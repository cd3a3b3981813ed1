// The ws-style WebSocket in a worker: our client over raw sockets. Binary messages are Buffers.

import { connect } from 'cloudflare:sockets';
import { expose } from '../../src/api/ws/expose.ts';
import type { ClientOptions } from '../../src/api/ws/options.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import type { StreamRuntime } from '../../src/http1/ws/runtime.ts';
import { RawWebSocket } from '../../src/http1/ws/websocket.ts';
import { bufferPlatform } from './buffers.ts';
import { deflateEngine } from './deflate-engine.ts';
import { createNetwork } from './network.ts';

const runtime: StreamRuntime = {
  network: createNetwork(connect, bufferPlatform),
  platform: bufferPlatform,
  deflateEngine,
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
