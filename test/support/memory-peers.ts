// Clients and servers over the network of the test kit, as peers of the contract: the W3C class of the kit, and ws-style classes.

import type { IncomingMessage } from 'node:http';
import { bindRuntime } from '../../src/api/ws/binding.ts';
import { defineInternals } from '../../src/api/ws/internals.ts';
import type { ClientOptions, StandaloneServerOptions } from '../../src/api/ws/options.ts';
import { WebSocketServerBase } from '../../src/api/ws/server.ts';
import { expose, WebSocketBase } from '../../src/api/ws/websocket.ts';
import { network, WebSocket as W3CWebSocket } from '../../src/testing/client.ts';
import type { ClientSocket, WsStyleSocket } from '../contract/endpoint.ts';
import type { ServerPlan } from '../contract/runtime.ts';
import type { ServerSocket } from '../contract/script.ts';
import { streamRuntime } from './node-network.ts';
import type { ClientPeer, ServerPeer } from './pair.ts';

const runtime = streamRuntime(network);

class MemoryWebSocket extends WebSocketBase {
  // oxlint-disable-next-line eslint/no-useless-constructor -- its parameters are fewer
  constructor(address: string | URL | null, protocols?: string | string[] | ClientOptions, options?: ClientOptions) {
    super(address, protocols, options);
  }
}
expose(MemoryWebSocket);
defineInternals(MemoryWebSocket);
bindRuntime(MemoryWebSocket, runtime);

class MemoryServer extends WebSocketServerBase<typeof MemoryWebSocket, typeof IncomingMessage> {
  constructor(options: StandaloneServerOptions<typeof MemoryWebSocket>) {
    super(MemoryWebSocket, options);
  }
}
bindRuntime(MemoryServer, runtime);

/** A server of the contract in memory. */
function serverPeer(name: string, perMessageDeflate: boolean): ServerPeer {
  return {
    name,
    takesDeflate: perMessageDeflate,
    async createServer({ script, maxPayload }: ServerPlan) {
      const server = new MemoryServer({
        port: 0,
        host: '127.0.0.1',
        perMessageDeflate,
        ...(maxPayload !== undefined && { maxPayload }),
        verifyClient: ({ req }) => script.verify(req),
        handleProtocols: (offered) => script.chooseProtocol(offered),
      });
      server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request));
      await new Promise((resolve) => {
        server.once('listening', resolve);
      });
      return {
        url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`,
        async close() {
          for (const client of server.clients) client.terminate();
          await new Promise((resolve) => {
            server.close(resolve);
          });
        },
      };
    },
  };
}

export const memoryServer: ServerPeer = serverPeer('our server in memory', false);
export const deflatingMemoryServer: ServerPeer = serverPeer('our server in memory with permessage-deflate', true);

export const memoryClients: ClientPeer = {
  name: 'our ws-style client in memory',
  capabilities: {},
  offersDeflate: true,
  createClient: (url, protocols, options) => new MemoryWebSocket(url, protocols, { ...options }) as unknown as WsStyleSocket,
};

export const kitClient: ClientPeer = {
  name: 'the client of the test kit',
  capabilities: {},
  offersDeflate: false,
  createW3CClient: (url, protocols, options) => new W3CWebSocket(url, protocols, options) as unknown as ClientSocket,
};
