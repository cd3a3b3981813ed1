// Requests that were made to stop a server, at each kind of server on Deno. A handler that throws behind an upgrade ends its listener.

import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { WebSocketServer, upgrade } from '../../../adapters/deno/index.ts';
import * as fibjs from '../../../adapters/deno/fibjs.ts';
import { upgrade as upgradeW3C } from '../../../adapters/deno/w3c.ts';
import { describeHostileRequests } from '../../support/hostile-requests.ts';

type Handler = (request: Request) => Response;
interface Serving {
  readonly addr: { readonly port: number };
}
const { serve } = (globalThis as unknown as { Deno: { serve(options: object, handler: Handler): Serving } }).Deno;

const HANDLERS: Readonly<Record<string, Handler>> = {
  'ws style': (request) => upgrade(request).response,
  'W3C style': (request) => upgradeW3C(request).response,
  fibjs: fibjs.upgrade<Request>(() => {}),
};
const controller = new AbortController();
afterAll(() => controller.abort());
const settings = { onListen() {}, signal: controller.signal };

describe.each(Object.entries(HANDLERS))('%s', (_, handler) => {
  describeHostileRequests('Deno.serve', () => ({
    host: '127.0.0.1',
    port: serve({ ...settings, port: 0, hostname: '127.0.0.1' }, handler).addr.port,
  }));

  describeHostileRequests('Deno.serve on a Unix domain socket', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'hostile-')), 'socket');
    serve({ ...settings, path }, handler);
    return { path };
  });
});

describe('servers of our own', () => {
  const listening = async (server: WebSocketServer): Promise<NetConnectOpts> => {
    controller.signal.addEventListener('abort', () => server.close());
    await once(server, 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  };

  describeHostileRequests('a server on a port', () =>
    listening(new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/', allowedOrigins: () => true })),
  );

  describeHostileRequests('a server behind node:http', async () => {
    const http = createServer();
    const server = new WebSocketServer({ server: http, perMessageDeflate: true });
    controller.signal.addEventListener('abort', () => http.close());
    const place = listening(server);
    http.listen(0, '127.0.0.1');
    return place;
  });
});
