// Requests that were made to stop a server, at each kind of server on Node.js.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, type NetConnectOpts } from 'node:net';
import { afterAll, describe } from 'vitest';
import { WebSocketServer } from '../../../adapters/node/index.ts';
import * as classic from '../../../src/compat/classic/index.ts';
import * as fibjs from '../../../src/compat/fibjs/index.ts';
import * as jsh from '../../../src/compat/jsh/index.ts';
import * as websocketNode from '../../../src/compat/websocket-node/index.ts';
import { describeHostileRequests } from '../../support/hostile-requests.ts';

const closing: (() => unknown)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

describe('servers of our own', () => {
  describeHostileRequests('a server on a port', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/', allowedOrigins: () => true });
    closing.push(() => server.close());
    await once(server, 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  });
});

type Server = ReturnType<typeof createServer>;

const MOUNTS: Readonly<Record<string, (http: Server) => unknown>> = {
  'ws style': (server) => new WebSocketServer({ server, perMessageDeflate: true }),
  classic: (server) => new classic.Server({ server }),
  fibjs: (http) => http.on('upgrade', fibjs.route({ '/': fibjs.upgrade(() => {}) })),
  jsh: (server) => new jsh.WebSocketServer({ server }),
  'WebSocket-Node': (httpServer) => {
    const server = new websocketNode.server({ httpServer });
    server.on('request', (request: { accept(protocol?: string, origin?: string): unknown }) => request.accept());
  },
};

describe.each(Object.entries(MOUNTS))('%s', (_, mount) => {
  describeHostileRequests('a server behind node:http', async (): Promise<NetConnectOpts> => {
    const http = createServer();
    closing.push(() => http.close());
    mount(http);
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return { host: '127.0.0.1', port: (http.address() as AddressInfo).port };
  });
});
