// The fibjs facade on Bun, with node:http and with Bun.serve.

import { expect, test } from 'vitest';
import fibjs, { bunBinding, createFibjs, Message, Socket, upgrade, websocket } from '../../../adapters/bun/fibjs.ts';
import type { UpgradeHandler } from '../../../src/compat/fibjs/upgrade.ts';
import { describeMounts, type Serving } from '../../compat/fibjs/mounts.ts';
import { sleep } from '../../support/sleep.ts';

interface ServeOptions {
  readonly port: number;
  readonly hostname: string;
  readonly fetch: (request: Request, ...context: unknown[]) => Response;
  readonly websocket: object;
}
const { Bun } = globalThis as unknown as {
  Bun: { serve(options: ServeOptions): { readonly port: number; stop(closesConnections: boolean): unknown } };
};

function serve(handler: UpgradeHandler): Serving {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: handler, websocket });
  return { port: server.port, close: () => server.stop(true) };
}

describeMounts({ fibjs, serve });

test('module has everything by name and as the default', () => {
  expect({ Message, Socket, upgrade, createFibjs, bunBinding, websocket }).toEqual({
    Message: fibjs.Message,
    Socket: fibjs.Socket,
    upgrade: fibjs.upgrade,
    createFibjs: fibjs.createFibjs,
    bunBinding: fibjs.bunBinding,
    websocket: fibjs.websocket,
  });
});

/** An opening handshake, without a connection behind it. */
function request(version: string): Request {
  const headers = new Headers({
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': version,
  });
  return { method: 'GET', url: 'http://localhost/', headers } as unknown as Request;
}

test('handler says what it needs, and refuses the version that Bun does not speak', async () => {
  let isAccepted = false;
  const handler = upgrade(() => (isAccepted = true));
  const without = handler(request('13'));
  expect([without.status, await without.text()]).toEqual([501, expect.stringContaining('handler(request, server)')]);
  const old = handler(request('8'), { upgrade: () => true });
  expect([old.status, old.headers.get('sec-websocket-version')]).toEqual([400, '13']);
  const refused = handler(request('13'), { upgrade: () => false });
  expect([refused.status, await refused.text()]).toEqual([400, 'The request cannot be upgraded']);
  await sleep(10);
  expect(isAccepted).toBe(false);
});
