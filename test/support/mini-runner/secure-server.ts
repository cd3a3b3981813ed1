// Our server over TLS, with the certificate for tests.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type VerifyClientInfo } from '../../../adapters/node/index.ts';
import type { ServerSocket } from '../../contract/script.ts';
import { certificate, key } from '../certificates.ts';
import type { ServerPeer } from '../pair.ts';

export const ourSecureServer: ServerPeer = {
  name: 'our server over TLS',
  takesDeflate: false,
  async createServer({ script, maxPayload }) {
    const http = createServer({ cert: certificate, key });
    const server = new WebSocketServer({
      server: http,
      ...(maxPayload !== undefined && { maxPayload }),
      verifyClient: ({ req }: VerifyClientInfo) => script.verify(req),
      handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
    });
    server.on('connection', (ws, request) => script.accept(ws as unknown as ServerSocket, request));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    return {
      url: `wss://localhost:${port}`,
      async close() {
        for (const client of server.clients) client.terminate();
        server.close();
        http.close();
        await once(http, 'close');
      },
    };
  },
};
