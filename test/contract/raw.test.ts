// The contract over raw sockets: our classes of src/http1 against each other and against those of the Node adapter.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocket as NodeWebSocket, WebSocketServer as NodeWebSocketServer } from '../../adapters/node/index.ts';
import { WebSocket as NodeW3CWebSocket } from '../../adapters/node/w3c.ts';
import { certificate, key } from '../support/certificates.ts';
import { pair, type ClientPeer, type ServerPeer } from '../support/pair.ts';
import { ourDeflatingServer, ourServer } from '../support/peers.ts';
import { W3CWebSocket, WebSocket, WebSocketServer } from '../support/raw-classes.ts';
import { describeContract } from './contract.ts';
import type { ClientSocket, WsStyleSocket } from './endpoint.ts';
import type { ServerPlan } from './runtime.ts';
import type { ServerSocket } from './script.ts';

/** What the two kinds of server have in common. */
type Server = Pick<WebSocketServer, 'on' | 'close' | 'address' | 'clients'>;

/** A server of the contract. `create` starts to listen and gives the server, and who says where. */
function serverPeer(
  name: string,
  options: { readonly scheme: 'ws' | 'wss'; readonly takesDeflate: boolean },
  create: (settings: object) => Server,
): ServerPeer {
  return {
    name,
    takesDeflate: options.takesDeflate,
    async createServer({ script, maxPayload }: ServerPlan) {
      const server = create({
        perMessageDeflate: options.takesDeflate,
        ...(maxPayload !== undefined && { maxPayload }),
        verifyClient: ({ req }: { req: { url?: string; headers: Record<string, string> } }) => script.verify(req),
        handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
      });
      server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request as never));
      await once(server as never, 'listening');
      const { port } = server.address() as AddressInfo;
      return {
        url: `${options.scheme}://127.0.0.1:${port}`,
        async close() {
          for (const client of server.clients) client.terminate();
          await new Promise<void>((resolve) => {
            server.close(() => resolve());
          });
        },
      };
    },
  };
}

const where = { port: 0, host: '127.0.0.1' };
const rawServer = serverPeer(
  'raw server',
  { scheme: 'ws', takesDeflate: false },
  (settings) => new WebSocketServer({ ...where, ...settings }),
);
const rawDeflatingServer = serverPeer(
  'raw server with permessage-deflate',
  { scheme: 'ws', takesDeflate: true },
  (settings) => new WebSocketServer({ ...where, ...settings }),
);
const rawTlsServer = serverPeer(
  'raw server over TLS',
  { scheme: 'wss', takesDeflate: true },
  (settings) => new WebSocketServer({ ...where, ...settings, tls: { cert: certificate, key } }),
);
const nodeTlsServer = serverPeer('Node server over TLS', { scheme: 'wss', takesDeflate: false }, (settings) => {
  const server = createServer({ cert: certificate, key });
  const sockets = new NodeWebSocketServer({ ...settings, server });
  server.listen(0, '127.0.0.1');
  const { close } = sockets;
  sockets.close = (callback) => {
    server.close();
    close.call(sockets, callback);
  };
  sockets.address = () => server.address();
  return sockets;
});

const rawClients: ClientPeer = {
  name: 'raw clients',
  capabilities: {},
  offersDeflate: true,
  createClient: (url, protocols, options) =>
    new WebSocket(url, protocols, { ...options, ca: certificate }) as unknown as WsStyleSocket,
  createW3CClient: (url, protocols, options) =>
    new W3CWebSocket(url, protocols, { ...options, tls: { ca: certificate } }) as unknown as ClientSocket,
};
const plainRawClients: ClientPeer = {
  name: 'raw clients without permessage-deflate',
  capabilities: {},
  offersDeflate: false,
  createClient: (url, protocols, options) =>
    new WebSocket(url, protocols, { ...options, perMessageDeflate: false }) as unknown as WsStyleSocket,
  createW3CClient: (url, protocols, options) =>
    new W3CWebSocket(url, protocols, { ...options, perMessageDeflate: false }) as unknown as ClientSocket,
};
const nodeClients: ClientPeer = {
  name: 'Node clients',
  capabilities: {},
  offersDeflate: true,
  createClient: (url, protocols, options) =>
    new NodeWebSocket(url, protocols, { ...options, ca: certificate }) as unknown as WsStyleSocket,
  createW3CClient: (url, protocols, options) =>
    new NodeW3CWebSocket(url, protocols, { ...options, tls: { ca: certificate } }) as unknown as ClientSocket,
};

for (const server of [rawServer, rawDeflatingServer, rawTlsServer]) {
  describeContract(pair(rawClients, server));
  describeContract(pair(nodeClients, server));
}
describeContract(pair(plainRawClients, rawDeflatingServer));
for (const server of [ourServer, ourDeflatingServer, nodeTlsServer]) describeContract(pair(rawClients, server));
