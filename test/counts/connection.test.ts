// What an open connection holds while nothing moves, over the sockets of the runtime: listeners and timers. And bytes of the heap, of the
// connection alone.

import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type { SessionSink, Transport } from '../../src/platform.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';

/** Timers that run. Counted from here on, before the library takes the functions of the runtime. */
const timers = new Set<unknown>();
const { clearTimeout: clearReal, setTimeout: setReal } = globalThis;
globalThis.setTimeout = Object.assign((task: (...given: never[]) => void, time?: number, ...values: never[]) => {
  const run = (...given: never[]): void => {
    timers.delete(timer);
    task(...given);
  };
  const timer = setReal(run, time, ...values);
  timers.add(timer);
  return timer;
}, setReal);
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clearReal(timer);
};
const { WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { Connection } = await import('../../src/protocol/connection.ts');
const { platform } = await import('../../src/nodejs/platform.ts');

type ServerSocket = NodeWs.WebSocket & { _socket: Socket };

const HELD = 50;
const HEAD = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
].join('\r\n');
let cleanUp = (): void => {};
afterEach(() => cleanUp());

/** Opens connections to a server of ours. */
async function open(count: number): Promise<ServerSocket[]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const clients: Socket[] = [];
  cleanUp = () => {
    for (const client of clients) client.destroy();
    server.close();
  };
  await once(server as never, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted: ServerSocket[] = [];
  server.on('connection', (ws) => accepted.push(ws as never));
  for (let index = 0; index < count; index++) {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => {});
    clients.push(client);
    client.write(`${HEAD}\r\n\r\n`);
    await once(client, 'data');
  }
  await expect.poll(() => accepted).toHaveLength(count);
  return accepted;
}

type Emitter = Pick<Socket, 'eventNames' | 'listeners'>;

/** Listeners of one that are none of the other, by event. */
function ownListeners(one: Emitter, other: Emitter): string[] {
  return one.eventNames().filter((name) => {
    const shared = other.listeners(name as never);
    return one.listeners(name as never).some((listener) => !shared.includes(listener));
  }) as string[];
}

describe('an open connection', () => {
  test('has one listener on its WebSocket, which all connections share', async () => {
    const [one, other] = await open(2);
    expect(one.eventNames()).toEqual(['close']);
    expect(ownListeners(one as never, other as never)).toEqual([]);
  });

  test('has no listener of its own on its socket', async () => {
    const [one, other] = await open(2);
    expect(ownListeners(one._socket, other._socket)).toEqual([]);
  });

  test('has no timer', async () => {
    await open(1);
    cleanUp();
    const before = timers.size;
    await open(HELD);
    expect(timers.size - before).toBeLessThan(HELD / 2);
  });
});

/** Collects garbage. @returns Bytes of the heap in use. */
function collect(): number {
  const { Bun } = globalThis as { Bun?: { gc(isSynchronous: boolean): void } };
  if (Bun) Bun.gc(true);
  else {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }
  return process.memoryUsage().heapUsed;
}

test('a connection without its socket takes at most 1,200 bytes of the heap', () => {
  const COUNT = 5000;
  const nothing = (): void => {};
  const transport = {
    start: nothing,
    write: () => true,
    end: nothing,
    destroy: nothing,
    pause: nothing,
    resume: nothing,
  } as Transport;
  const sink = {} as SessionSink;
  const make = (): object => {
    const connection = new Connection(platform, transport, { role: 'server' });
    connection.attach(sink);
    return connection;
  };
  const kept: object[] = Array.from({ length: COUNT }, make);
  kept.length = 0;
  const before = collect();
  for (let index = 0; index < COUNT; index++) kept.push(make());
  const bytes = (collect() - before) / kept.length;
  // 1,008 bytes on Node.js, 1,011 on Deno, 1,121 on Bun.
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(1200);
});
