// Requests that were made to stop a server, at each kind of server on Bun.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, type NetConnectOpts } from 'node:net';
import { afterAll, describe } from 'vitest';
import * as fibjs from '../../../adapters/bun/fibjs.ts';
import { upgrade, WebSocketServer, websocket, type BunServer } from '../../../adapters/bun/index.ts';
import { describeHostileRequests } from '../../support/hostile-requests.ts';

type Handler = (request: Request, server: BunServer) => Response | undefined;
interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: object): Serving } };

const HANDLERS: Readonly<Record<string, Handler>> = {
  'ws style': (request, server) => upgrade(request, server).response,
  fibjs: fibjs.upgrade<Request>(() => {}),
};
const closing: (() => unknown)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

describe.each(Object.entries(HANDLERS))('%s', (_, fetch) => {
  describeHostileRequests('Bun.serve', () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch, websocket });
    closing.push(() => server.stop(true));
    return { host: '127.0.0.1', port: server.port };
  });
});

describe('servers of our own', () => {
  const listening = async (server: WebSocketServer): Promise<NetConnectOpts> => {
    closing.push(() => server.close());
    await once(server, 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  };

  describeHostileRequests('a server on a port', () =>
    listening(new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/', allowedOrigins: () => true })),
  );

  describeHostileRequests('a server behind node:http', async () => {
    const http = createServer();
    closing.push(() => http.close());
    const place = listening(new WebSocketServer({ server: http, perMessageDeflate: true }));
    http.listen(0, '127.0.0.1');
    return place;
  });
});
