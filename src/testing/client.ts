// The client of the test kit: the W3C class over the network in memory, with our connection below it.

import { createConnect, createWebSocketClass, type W3CWebSocket, type WebSocketConstructor } from '../api/w3c/index.ts';
import type { Network } from '../http1/network.ts';
import { createClientRuntime } from '../http1/runtime.ts';
import { createNetwork, withoutProxy } from './network.ts';
import { platform } from './platform.ts';

/** The network of all mock servers. */
export const network: Network = /* @__PURE__ */ createNetwork();

const runtime = /* @__PURE__ */ createClientRuntime(network, platform, () => undefined);
const connect = /* @__PURE__ */ createConnect({
  ...runtime,
  startOpening: /* @__PURE__ */ withoutProxy(runtime.startOpening),
  checkOptions(options) {
    runtime.checkOptions(options);
    if (options.borrowMessages) throw new TypeError('The "borrowMessages" option is not for connections in memory');
  },
});

/**
 * The WebSocket that reaches mock servers, and no others. A mock server puts it in the place of the global `WebSocket`; give it to code that takes
 * the class as an option. It offers no compression.
 */
export const WebSocket: WebSocketConstructor = /* @__PURE__ */ createWebSocketClass(connect, platform);
export type WebSocket = W3CWebSocket;
