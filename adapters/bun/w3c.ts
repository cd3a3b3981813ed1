// Entry point on Bun: the W3C API.

import { createWebSocketClass, type W3CWebSocket, type WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { deflateEngine } from '../../src/nodejs/compression.ts';
import { platform } from './platform.ts';
import { createConnect } from '../../src/raw/w3c.ts';
import { network } from './network.ts';

export * from '../../src/api/w3c/public.ts';

/** The WebSocket of the WHATWG standard on Bun, over its raw sockets: with `headers`, `tls` and limits, which Bun's own has not all of. */
export const WebSocket: WebSocketConstructor = createWebSocketClass(createConnect(network, platform, deflateEngine), platform);
export type WebSocket = W3CWebSocket;
export default WebSocket;
