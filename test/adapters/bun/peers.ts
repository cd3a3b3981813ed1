// Our classes on Bun as runtimes of the contract. Only for tests that run on Bun.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from '../../../adapters/bun/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/bun/w3c.ts';
import type { ClientSocket, WsStyleSocket } from '../../contract/endpoint.ts';
import type { ServerPlan } from '../../contract/runtime.ts';
import type { ServerRequest, ServerSocket } from '../../contract/script.ts';
import { certificate, key } from '../../support/certificates.ts';
import type { ClientPeer, ServerPeer } from '../../support/pair.ts';

function serverPeer(name: string, options: { readonly isSecure: boolean; readonly takesDeflate: boolean }): ServerPeer {
  const { isSecure, takesDeflate } = options;
  return {
    name,
    takesDeflate,
    async createServer({ script, maxPayload }: ServerPlan) {
      const server = new WebSocketServer({
        port: 0,
        host: '127.0.0.1',
        perMessageDeflate: takesDeflate,
        maxPayload,
        tls: isSecure ? { cert: certificate, key } : undefined,
        verifyClient: ({ req }: { req: unknown }) => script.verify(req as ServerRequest),
        handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
      });
      server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request as ServerRequest));
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      return {
        url: `${isSecure ? 'wss' : 'ws'}://127.0.0.1:${port}`,
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

export const bunServer: ServerPeer = serverPeer("Bun's raw server", { isSecure: false, takesDeflate: false });
export const bunTlsServer: ServerPeer = serverPeer("Bun's raw server over TLS", { isSecure: true, takesDeflate: false });
export const bunDeflatingServer: ServerPeer = serverPeer("Bun's raw server with permessage-deflate", {
  isSecure: false,
  takesDeflate: true,
});
export const bunDeflatingTlsServer: ServerPeer = serverPeer("Bun's raw server over TLS with permessage-deflate", {
  isSecure: true,
  takesDeflate: true,
});

export const bunClients: ClientPeer = {
  name: 'our clients on Bun',
  capabilities: {},
  offersDeflate: true,
  createClient: (url, protocols, options) =>
    new WebSocket(url, protocols, { ...options, ca: certificate }) as unknown as WsStyleSocket,
  createW3CClient: (url, protocols, options) =>
    new W3CWebSocket(url, { protocols, ...options, tls: { ca: certificate } }) as unknown as ClientSocket,
};
