// Fake clocks: what the library needs for itself goes on, what a program sees as time follows the fake, and nothing is wedged after it.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';
import { fakeClock, fakeOnly, pass, until, type FakeClock } from '../support/fake-clock.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { WebSocket: W3CWebSocket } = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;

let clock: FakeClock | undefined;
const cleanups: (() => void)[] = [];

function fake(...and: string[]): FakeClock {
  return (clock = fakeClock(...and));
}

function unfake(): void {
  clock?.uninstall();
  clock = undefined;
}

afterEach(() => {
  unfake();
  for (const cleanup of cleanups.splice(0).toReversed()) cleanup();
});

/** An echo server of the runtime, and where it is. */
async function serve(options: object = {}): Promise<{ wss: NodeWs.WebSocketServer; url: string }> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanups.push(() => {
    for (const client of wss.clients) client.terminate();
    wss.close();
  });
  wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  await once(wss as never, 'listening');
  return { wss, url: `ws://127.0.0.1:${(wss.address() as AddressInfo).port}` };
}

/** A TCP server that takes connections and says nothing. */
async function silence(): Promise<{ server: Server; port: number }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function open(url: string, options: object = {}): Promise<InstanceType<typeof WebSocket>> {
  const ws = new WebSocket(url, options);
  cleanups.push(() => ws.terminate());
  await once(ws as never, 'open');
  return ws;
}

/** What `ws` says: its messages, its end. */
function listen(ws: InstanceType<typeof WebSocket>): string[] {
  const seen: string[] = [];
  ws.on('message', (data) => seen.push((data as Buffer).toString()));
  ws.on('close', (code) => seen.push(`closed ${code}`));
  return seen;
}

describe('what the library needs for itself', () => {
  // Node.js's own sockets need process.nextTick: an echo while it is faked is theirs to fail.
  test.each([
    ['microtasks', ['queueMicrotask']],
    ['timers and immediates', ['setTimeout', 'setImmediate', 'clearTimeout', 'clearImmediate', 'Date']],
  ])('%s may be faked: messages and the closing handshake go their way', async (_, names) => {
    const { url } = await serve();
    const ws = await open(url);
    const seen = listen(ws);
    clock = fakeOnly(...names);
    ws.send('one');
    await until(() => seen.length === 1);
    ws.close(1000);
    await until(() => seen.length === 2);
    unfake();
    expect(seen).toEqual(['one', 'closed 1000']);
  });

  test.each([
    ['microtasks', ['queueMicrotask']],
    ['ticks', ['nextTick']],
    ['all of them', ['queueMicrotask', 'nextTick', 'setTimeout', 'setImmediate', 'Date']],
  ])('%s: what is sent, pinged and closed while they are faked wedges nothing', async (_, names) => {
    const { wss, url } = await serve();
    const ws = await open(url);
    const other = await open(url);
    const [seen, others] = [listen(ws), listen(other)];
    clock = fakeOnly(...names);
    ws.send('faked');
    ws.ping();
    for (const client of wss.clients) client.send('served');
    unfake();
    await until(() => seen.length === 2 && others.length === 1);
    ws.send('real');
    other.send('real');
    await until(() => seen.length === 3 && others.length === 2);
    ws.close(1000);
    other.close(1000);
    await until(() => seen.length === 4 && others.length === 3);
    expect(seen.toSorted()).toEqual(['closed 1000', 'faked', 'real', 'served']);
    expect(others).toEqual(['served', 'real', 'closed 1000']);
  });

  test('a long compressed message and one event a turn do with faked immediates', async () => {
    const options = { perMessageDeflate: { threshold: 0 }, allowSynchronousEvents: false };
    const { url } = await serve(options);
    const ws = await open(url, options);
    const seen = listen(ws);
    const text = Array.from({ length: 300_000 }, (_, index) => index).join();
    fake('queueMicrotask');
    ws.send(text);
    ws.send('short');
    await until(() => seen.length === 2);
    expect(seen.map((message) => message.length)).toEqual([text.length, 5]);
  });

  test('the W3C class does with them, too', async () => {
    const { url } = await serve();
    const ws = new W3CWebSocket(url);
    const seen: unknown[] = [];
    ws.addEventListener('message', (event) => seen.push(event.data));
    ws.addEventListener('close', (event) => seen.push(event.code));
    await until(() => ws.readyState === 1);
    clock = fakeOnly('queueMicrotask', 'setTimeout', 'setImmediate', 'Date');
    ws.send('one');
    await until(() => seen.length === 1);
    ws.send(new Blob(['two']));
    await until(() => seen.length === 2);
    ws.close(3000);
    await until(() => seen.length === 3);
    expect(seen[0]).toBe('one');
    expect(seen[2]).toBe(3000);
  });
});

describe('what a program sees as time', () => {
  test('heartbeat follows a fake clock', async () => {
    const { wss, url } = await serve();
    fake();
    const ws = await open(url, { heartbeat: { interval: 1_000_000, timeout: 1_000_000 } });
    let pings = 0;
    for (const client of wss.clients) client.on('ping', () => pings++);
    await pass(50);
    expect(pings).toBe(0);
    clock!.tick(1_000_000);
    await until(() => pings === 1);
    expect(ws.readyState).toBe(1);
  });

  test('heartbeat spares a peer that answers, however far a fake clock is advanced', async () => {
    const { url } = await serve();
    fake();
    const ws = await open(url, { heartbeat: { interval: 1000, timeout: 1000 } });
    clock!.tick(60_000);
    await pass(300);
    clock!.tick(60_000);
    await pass(300);
    expect(ws.readyState).toBe(1);
  });

  test('heartbeat gives a dead peer up by a fake clock', async () => {
    const { url } = await serve({ autoPong: false });
    fake();
    const ws = await open(url, { heartbeat: { interval: 1_000_000, timeout: 1_000_000 } });
    const seen = listen(ws);
    while (ws.readyState === 1) {
      clock!.tick(500_000);
      await pass(5);
    }
    await until(() => seen.length === 1);
    expect(seen).toEqual(['closed 1006']);
  });

  test('heartbeat goes on by itself when the fake clock is removed', async () => {
    const { wss, url } = await serve();
    fake();
    await open(url, { heartbeat: { interval: 20, timeout: 10_000 } });
    let pings = 0;
    for (const client of wss.clients) client.on('ping', () => pings++);
    await pass(100);
    expect(pings).toBe(0);
    unfake();
    await until(() => pings >= 2);
  });

  test('heartbeat goes over to the next fake clock, and the removed one drives it no more', async () => {
    const { wss, url } = await serve();
    const first = fake();
    await open(url, { heartbeat: { interval: 1_000_000, timeout: 10_000 } });
    let pings = 0;
    for (const client of wss.clients) client.on('ping', () => pings++);
    unfake();
    fake();
    await until(() => clock!.countTimers() > 0);
    first.tick(10_000_000);
    await pass(50);
    expect(pings).toBe(0);
    clock!.tick(1_000_000);
    await until(() => pings === 1);
  });

  test('closeTimeout follows a fake clock, and goes on without it', async () => {
    const { wss, url } = await serve();
    for (const isRemoved of [false, true]) {
      const ws = await open(url, { closeTimeout: isRemoved ? 50 : 1_000_000 });
      const seen = listen(ws);
      for (const client of wss.clients) client.pause();
      fake();
      ws.close(1000);
      await pass(100);
      expect(seen).toEqual([]);
      if (isRemoved) unfake();
      else clock!.tick(1_000_000);
      await until(() => seen.length === 1);
      unfake();
      for (const client of wss.clients) client.terminate();
    }
  });

  test.each([
    ['ws-style client', (url: string, options: object) => new WebSocket(url, options)],
    ['W3C client', (url: string, options: object) => new W3CWebSocket(url, options)],
  ])('handshakeTimeout of the %s follows a fake clock', async (_, create) => {
    const { port } = await silence();
    const failed = vi.fn<() => void>();
    for (const isRemoved of [false, true]) {
      fake();
      const ws = create(`ws://127.0.0.1:${port}`, { handshakeTimeout: isRemoved ? 50 : 1_000_000 });
      cleanups.push(() => ws.close());
      ws.addEventListener('error', failed);
      await pass(100);
      expect(failed).not.toHaveBeenCalled();
      if (isRemoved) unfake();
      else clock!.tick(1_000_000);
      await until(() => failed.mock.calls.length === 1);
      failed.mockClear();
      unfake();
    }
  });

  test('a timer that is cleared after its clock was removed does not fire', async () => {
    const { url } = await serve();
    const removed = fake();
    const ws = await open(url, { heartbeat: { interval: 10, timeout: 10 } });
    const seen = listen(ws);
    unfake();
    ws.close(1000);
    await until(() => seen.length === 1);
    removed.tick(1_000_000);
    await pass(50);
    expect(seen).toEqual(['closed 1000']);
  });
});

describe('timers that are numbers, as in web pages, Electron and jsdom', () => {
  test('both classes close, beat and give up', async () => {
    const { setTimeout, clearTimeout } = globalThis;
    const timers = new Map<number, ReturnType<typeof setTimeout>>();
    let last = 0;
    cleanups.push(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
    Object.assign(globalThis, {
      setTimeout(task: () => void, milliseconds: number) {
        timers.set(++last, setTimeout(task, milliseconds));
        return last;
      },
      clearTimeout: (timer: number) => clearTimeout(timers.get(timer)),
    });
    const { wss, url } = await serve({ heartbeat: true });
    let pings = 0;
    wss.on('connection', (client) => client.on('ping', () => pings++));
    const ws = await open(url, { handshakeTimeout: 10_000, heartbeat: { interval: 10, timeout: 10_000 } });
    await until(() => pings > 0);
    const seen = listen(ws);
    ws.close(1000);
    await until(() => seen.length === 1);
    const w3c = new W3CWebSocket(url, { handshakeTimeout: 10_000 } as never);
    await until(() => w3c.readyState === 1);
    w3c.close();
    await until(() => w3c.readyState === 3);
    expect(seen).toEqual(['closed 1000']);
  });
});
