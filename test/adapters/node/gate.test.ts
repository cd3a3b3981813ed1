// The gate of upgrade() of the W3C entry point on an HTTP server of Node.js.

import { createServer, type Server } from 'node:http';
import { afterAll } from 'vitest';
import { WebSocket } from '../../../adapters/node/index.ts';
import { Gate, upgrade } from '../../../adapters/node/w3c.ts';
import { describeGate } from '../../support/gate.ts';
import { listen } from '../../support/sockets.ts';

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => void server.close()));

describeGate('Node.js, W3C style', {
  WebSocket,
  Gate,
  cannotPause: false,
  hasAddresses: false,
  serve(options, thrown) {
    const server = createServer((_request, response) => void response.writeHead(426).end());
    servers.push(server);
    server.on('upgrade', (request, socket, head) => {
      try {
        const { socket: ws } = upgrade(request, socket, head, options);
        ws?.addEventListener('message', ({ data }) => ws.send(data as string));
      } catch (error) {
        thrown.push(error);
      }
    });
    return listen(server);
  },
});
