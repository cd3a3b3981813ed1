// The fibjs facade on Deno, with node:http and with Deno.serve.

import { describe, expect, test } from 'vitest';
import fibjs, { createFibjs, denoBinding, Message, Socket, upgrade } from '../../../adapters/deno/fibjs.ts';
import type { UpgradeHandler } from '../../../src/compat/fibjs/upgrade.ts';
import { describeMounts } from '../../compat/fibjs/mounts.ts';
import { sleep } from '../../support/sleep.ts';

interface HttpServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}
interface Serve {
  serve(options: object, handler: (request: Request, ...context: unknown[]) => Response): HttpServer;
}
const { serve } = (globalThis as unknown as { Deno: Serve }).Deno;

describeMounts({
  fibjs,
  serve(handler: UpgradeHandler) {
    const server = serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, handler);
    return { port: server.addr.port, close: () => server.shutdown() };
  },
});

describe('module', () => {
  test('has everything by name and as the default', () => {
    expect({ Message, Socket, upgrade, createFibjs, denoBinding }).toEqual({
      Message: fibjs.Message,
      Socket: fibjs.Socket,
      upgrade: fibjs.upgrade,
      createFibjs: fibjs.createFibjs,
      denoBinding: fibjs.denoBinding,
    });
  });
});

test('handler refuses the version that Deno does not speak, and forgets the connection', async () => {
  const headers = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '8',
  };
  let isAccepted = false;
  const handler = upgrade(() => (isAccepted = true));
  const request = { method: 'GET', url: 'http://localhost/', headers: new Headers(headers) } as unknown as Request;
  const response = handler(request);
  expect([response.status, response.headers.get('sec-websocket-version')]).toEqual([400, '13']);
  await sleep(10);
  expect(isAccepted).toBe(false);
});
