// Entry point in browsers, and on other runtimes that have only their own WebSocket: a WebSocket that connects again.

import { createReconnectingWebSocketClass } from '../../src/reconnecting/class.ts';
import type { ReconnectingWebSocketConstructor, ReconnectingWebSocket as Instance } from '../../src/reconnecting/types.ts';
import { refuseOptions } from './options.ts';
import { WebSocket } from './w3c.ts';

export * from '../../src/reconnecting/public.ts';

/** A WebSocket that connects again, over the WebSocket of wasock/w3c. */
export const ReconnectingWebSocket: ReconnectingWebSocketConstructor = /* @__PURE__ */ createReconnectingWebSocketClass({
  WebSocket,
  isNative: true,
  checkOptions: refuseOptions,
});
export type ReconnectingWebSocket = Instance;
export default ReconnectingWebSocket;
