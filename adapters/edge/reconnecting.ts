// Entry point in workers, workerd first: a WebSocket that connects again.

import { createReconnectingWebSocketClass } from '../../src/reconnecting/class.ts';
import type { ReconnectingWebSocketConstructor, ReconnectingWebSocket as Instance } from '../../src/reconnecting/types.ts';
import { WebSocket } from './w3c.ts';

export * from '../../src/reconnecting/public.ts';

/** A WebSocket that connects again, over the WebSocket of wasock/w3c. */
export const ReconnectingWebSocket: ReconnectingWebSocketConstructor = createReconnectingWebSocketClass({
  WebSocket,
  isNative: false,
});
export type ReconnectingWebSocket = Instance;
export default ReconnectingWebSocket;
