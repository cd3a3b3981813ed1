// vitest's own fake timers drive the times of a WebSocket, and leave the rest of it alone. On each runtime.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';
import { pass, until } from '../support/fake-clock.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { WebSocket: W3CWebSocket } = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;

/** Milliseconds that no test waits for. */
const LONG = 1_000_000;

afterEach(() => void vi.useRealTimers());

/** A server whose client is open, with the server's side. */
async function openPair(options: object): Promise<{ client: NodeWs.WebSocket; peer: NodeWs.WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[NodeWs.WebSocket]>;
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  onTestFinished(() => {
    for (const ws of server.clients) ws.terminate();
    client.terminate();
    server.close();
  });
  const [[peer]] = await Promise.all([accepted, once(client, 'open')]);
  return { client, peer };
}

test('they drive a heartbeat, which gives a mute peer up', async () => {
  vi.useFakeTimers();
  const { client, peer } = await openPair({ heartbeat: { interval: LONG, timeout: LONG } });
  let pings = 0;
  let code = 0;
  peer.on('ping', () => pings++);
  client.on('error', () => {}).on('close', (given) => (code = given));
  await pass(50);
  expect([pings, code]).toEqual([0, 0]);
  vi.advanceTimersByTime(LONG);
  await until(() => pings === 1);
  expect(code).toBe(0);
  while (code === 0) {
    vi.advanceTimersByTime(LONG);
    await pass(5);
  }
  expect(code).toBe(1006);
});

test.each([
  ['drive', () => vi.advanceTimersByTime(LONG), LONG],
  ['let go of', () => vi.useRealTimers(), 50],
])('they %s the time of the closing handshake', async (_, proceed, closeTimeout) => {
  const { client, peer } = await openPair({ closeTimeout });
  let code = 0;
  client.on('close', (given) => (code = given));
  peer.pause();
  vi.useFakeTimers();
  client.close(1000);
  await pass(100);
  expect(code).toBe(0);
  proceed();
  await until(() => code === 1006);
});

test.each([
  ['ws-style', WebSocket],
  ['W3C', W3CWebSocket],
])('they drive the time of the opening handshake of a %s client', async (_, Class) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  vi.useFakeTimers();
  const ws = new Class(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, [], { handshakeTimeout: LONG });
  let failures = 0;
  ws.addEventListener('error', () => failures++);
  await until(() => sockets.length === 1);
  expect(failures).toBe(0);
  vi.advanceTimersByTime(LONG);
  await until(() => failures === 1);
});

test('they hold up no message, and no end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Date'] });
  const { client, peer } = await openPair({});
  const seen: string[] = [];
  peer.on('message', (data) => seen.push((data as Buffer).toString()));
  peer.on('close', (code) => seen.push(`closed ${code}`));
  client.send('one');
  await until(() => seen.length === 1);
  client.send('two');
  client.close(1000);
  await until(() => seen.length === 3);
  expect(seen).toEqual(['one', 'two', 'closed 1000']);
});
