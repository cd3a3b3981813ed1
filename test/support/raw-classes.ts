// The classes of src/http1 as an adapter makes them, over the sockets of Node.

import type { IncomingMessage } from 'node:http';
import { expose } from '../../src/api/ws/expose.ts';
import type { ClientOptions } from '../../src/api/ws/options.ts';
import { createWebSocketClass, type WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createConnect } from '../../src/http1/w3c.ts';
import { WebSocketServerBase } from '../../src/api/ws/server.ts';
import { lendToServers } from '../../src/api/ws/server-core.ts';
import { streamServerPlatform } from '../../src/http1/ws/server.ts';
import { RawWebSocket } from '../../src/http1/ws/websocket.ts';
import { createNodeNetwork, nodeRawRuntime, type NodeNetwork } from './node-network.ts';

export const network: NodeNetwork = createNodeNetwork({ readsDirectly: 'alternately' });
const runtime = { ...nodeRawRuntime(network), checkDeflateOptions };

export class WebSocket extends RawWebSocket {
  constructor(address: string | URL | null, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super(runtime, address, protocols, options);
  }
}
expose(WebSocket);

export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {}
lendToServers(WebSocketServer, streamServerPlatform(runtime, WebSocket));

export const W3CWebSocket: WebSocketConstructor = createWebSocketClass(
  createConnect(network, runtime.platform, deflateEngine),
  runtime.platform,
);
