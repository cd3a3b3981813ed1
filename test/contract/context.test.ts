// Callbacks run in the asynchronous context of their own sender, although one write serves many.

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;

test('a callback of send, ping and pong sees the store of its own call', async () => {
  const storage = new AsyncLocalStorage<string>();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = [1, 2, 3].map(() => new WebSocket(`ws://127.0.0.1:${port}`));
  await Promise.all(clients.map((client) => once(client, 'open')));
  const seen: string[] = [];
  const expected: string[] = [];
  const calls = [...clients, ...server.clients].flatMap((ws, index) =>
    ['text', 'bytes', 'long', 'ping', 'pong'].map((kind) => {
      const name = `${index} ${kind}`;
      expected.push(name);
      return storage.run(
        name,
        () =>
          new Promise<void>((resolve) => {
            const done = (): void => {
              seen.push(`${storage.getStore()}`);
              resolve();
            };
            if (kind === 'text') ws.send('text', done);
            else if (kind === 'ping') ws.ping('ping', undefined, done);
            else if (kind === 'pong') ws.pong('pong', undefined, done);
            else ws.send(new Uint8Array(kind === 'long' ? 300_000 : 10), done);
          }),
      );
    }),
  );
  await Promise.all(calls);
  expect(seen.toSorted()).toEqual(expected.toSorted());
  for (const client of clients) client.close();
});
