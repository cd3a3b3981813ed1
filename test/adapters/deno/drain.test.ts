// Deno tells of every write later: what 'drain' makes of it.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/deno/index.ts';
import { certificate, authority, key } from './certificates.ts';
import { sleep } from '../../support/sleep.ts';

test.each([
  ['TCP', undefined],
  ['TLS', { cert: certificate, key }],
])('server drains over %s only what the client has kept waiting', async (_name, tls) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', tls });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}`, { ca: authority });
  const [[connection]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[WebSocket], unknown];
  const onDrain = vi.fn<() => void>();
  connection.on('drain', onDrain);
  for (let count = 0; count < 20; count++) {
    connection.send('short');
    await once(client, 'message');
  }
  expect(onDrain).not.toHaveBeenCalled();
  client.pause();
  connection.send(new Uint8Array(32_000_000));
  await sleep(100);
  expect(connection.bufferedAmount).toBe(32_000_000);
  client.resume();
  await expect.poll(() => onDrain).toHaveBeenCalledOnce();
  expect(connection.bufferedAmount).toBe(0);
  client.terminate();
  connection.terminate();
  server.close();
});
