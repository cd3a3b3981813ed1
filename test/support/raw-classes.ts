// The classes of src/http1 as an adapter makes them, over the sockets of Node.

import type { IncomingMessage } from 'node:http';
import { bindRuntime, type ServerRuntime } from '../../src/api/ws/binding.ts';
import { expose, WebSocketBase } from '../../src/api/ws/websocket.ts';
import { defineInternals } from '../../src/api/ws/internals.ts';
import type { ClientOptions, StandaloneServerOptions } from '../../src/api/ws/options.ts';
import { WebSocketServerBase } from '../../src/api/ws/server.ts';
import { createConnect, createWebSocketClass, type WebSocketConstructor } from '../../src/api/w3c/index.ts';
import { createClientRuntime } from '../../src/http1/runtime.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createNodeNetwork, streamRuntime, type NodeNetwork } from './node-network.ts';
import { platform } from '../../src/nodejs/platform.ts';

export const network: NodeNetwork = createNodeNetwork({ readsDirectly: 'alternately' });
const runtime: ServerRuntime = streamRuntime(network);

export class WebSocket extends WebSocketBase {
  // oxlint-disable-next-line eslint/no-useless-constructor -- its parameters are fewer
  constructor(address: string | URL | null, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super(address, protocols, options);
  }
}
expose(WebSocket);
defineInternals(WebSocket);
bindRuntime(WebSocket, runtime);

export class WebSocketServer<
  Socket extends typeof WebSocket = typeof WebSocket,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends WebSocketServerBase<Socket, Request> {
  constructor(options?: StandaloneServerOptions<Socket, Request>, onListening?: () => void) {
    super(WebSocket, options, onListening);
  }
}
bindRuntime(WebSocketServer, runtime);

export const W3CWebSocket: WebSocketConstructor = createWebSocketClass(
  createConnect(createClientRuntime(network, platform, () => deflateEngine)),
  platform,
);
