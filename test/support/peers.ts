// The WebSocket implementations that meet on Node: ours, `ws`, undici's and Node's own, as runtimes of the contract.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket as UndiciWebSocket } from 'undici';
import { WebSocket as WsWebSocket, WebSocketServer as WsServer } from 'ws';
import { WebSocket as OurWebSocket, WebSocketServer as OurServer } from '../../adapters/node/index.ts';
import { WebSocket as OurW3CWebSocket } from '../../adapters/node/w3c.ts';
import type { ClientSocket, WsStyleSocket } from '../contract/endpoint.ts';
import type { ContractRuntime, ServerPlan } from '../contract/runtime.ts';
import type { ServerSocket } from '../contract/script.ts';
import type { ClientPeer, ServerPeer } from './pair.ts';

type WsStyleServer = Pick<WsServer, 'on' | 'close' | 'address'> & { clients: Set<{ terminate(): void }> };
type ServerClass = new (options: object) => WsStyleServer;

function serverPeer(name: string, Server: ServerClass, options: object = {}, others: Partial<ServerPeer> = {}): ServerPeer {
  return {
    name,
    ...others,
    takesDeflate: 'perMessageDeflate' in options,
    async createServer({ script, maxPayload }: ServerPlan) {
      const server = new Server({
        port: 0,
        host: '127.0.0.1',
        ...options,
        ...(maxPayload !== undefined && { maxPayload }),
        verifyClient: ({ req }: { req: { url?: string; headers: Record<string, string> } }) => script.verify(req),
        handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
      });
      server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request));
      await once(server as never, 'listening');
      const { port } = server.address() as AddressInfo;
      return {
        url: `ws://127.0.0.1:${port}`,
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

export const ourServer: ServerPeer = serverPeer('our server', OurServer as unknown as ServerClass);
export const ourDeflatingServer: ServerPeer = serverPeer(
  'our server with permessage-deflate',
  OurServer as unknown as ServerClass,
  { perMessageDeflate: true },
);
const WS: Partial<ServerPeer> = { deflateParameters: '', capabilities: { serverOwnsMemory: false } };
/** Servers of others, for our clients. */
export const otherServers: readonly ServerPeer[] = [
  serverPeer('the server of ws', WsServer, {}, WS),
  serverPeer('the server of ws with permessage-deflate', WsServer, { perMessageDeflate: { threshold: 0 } }, WS),
];

type WsStyleClass = new (url: string, protocols: string[], options: object) => unknown;
type W3CClass = new (url: string, options: object) => unknown;

export const ourClients: ClientPeer = {
  name: 'our clients',
  capabilities: {},
  offersDeflate: true,
  createClient: (url, protocols, options) => new OurWebSocket(url, protocols, { ...options }) as unknown as WsStyleSocket,
  createW3CClient: (url, protocols, options) => new OurW3CWebSocket(url, protocols, options) as unknown as ClientSocket,
};

const wsClient = (perMessageDeflate: boolean | object): NonNullable<ContractRuntime['createClient']> => {
  return (url, protocols, options) =>
    new (WsWebSocket as unknown as WsStyleClass)(url, protocols, { ...options, perMessageDeflate }) as WsStyleSocket;
};

const w3cClient = (WebSocket: W3CClass): NonNullable<ContractRuntime['createW3CClient']> => {
  return (url, protocols, options) => new WebSocket(url, { protocols, ...options }) as ClientSocket;
};

/** Clients of others, for our server. */
export const otherClients: readonly ClientPeer[] = [
  {
    name: 'the client of ws',
    capabilities: { clientWritesAfterTurn: false, clientOwnsMemory: false, clientHasReady: false },
    offersDeflate: false,
    createClient: wsClient(false),
  },
  {
    name: 'the client of ws with permessage-deflate',
    capabilities: { clientWritesAfterTurn: false, clientOwnsMemory: false, clientHasReady: false },
    offersDeflate: true,
    createClient: wsClient({ threshold: 0 }),
  },
  {
    name: "undici's WebSocket",
    capabilities: { clientRepeatsReason: false, clientReadsToTheEnd: false },
    offersDeflate: true,
    createW3CClient: w3cClient(UndiciWebSocket),
  },
  // Node 22 and later.
  ...(typeof globalThis.WebSocket === 'function'
    ? [
        {
          name: "Node's own WebSocket",
          capabilities: { clientRepeatsReason: false, clientReadsToTheEnd: false },
          offersDeflate: true,
          createW3CClient: w3cClient(globalThis.WebSocket as unknown as W3CClass),
        },
      ]
    : []),
];
