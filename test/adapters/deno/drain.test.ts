// Deno tells of every write later: what 'drain' makes of it.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { upgrade, WebSocket, WebSocketServer } from '../../../adapters/deno/index.ts';
import { certificate, authority, key } from './certificates.ts';
import { sleep } from '../../support/sleep.ts';

interface HttpServer {
  readonly addr: { readonly port: number };
}
interface Serve {
  serve(options: object, handler: (request: Request) => Response): HttpServer;
}
const { serve } = (globalThis as unknown as { Deno: Serve }).Deno;

test('drains over a WebSocket of Deno.serve() after the program has seen that bytes wait', async () => {
  const controller = new AbortController();
  let accept!: (socket: WebSocket) => void;
  const accepted = new Promise<WebSocket>((resolve) => (accept = resolve));
  const { addr } = serve({ port: 0, hostname: '127.0.0.1', onListen() {}, signal: controller.signal }, (request) => {
    const { response, socket } = upgrade(request);
    if (socket !== null) accept(socket);
    return response;
  });
  const client = new WebSocket(`ws://127.0.0.1:${addr.port}`);
  onTestFinished(() => {
    client.terminate();
    controller.abort();
  });
  const [socket] = await Promise.all([accepted, once(client, 'open')]);
  if (socket.readyState === 0) await once(socket, 'open');
  let drains = 0;
  socket.on('drain', () => drains++);
  for (const length of [1, 100_000, 10, 1_000_000]) {
    const before = drains;
    const received = once(client, 'message');
    socket.send(new Uint8Array(length));
    const waits = socket.bufferedAmount > 0;
    if (waits) await once(socket, 'drain');
    expect(drains).toBe(waits ? before + 1 : before);
    expect(((await received)[0] as Uint8Array).length).toBe(length);
  }
});

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
