// What a fan-out costs WebSockets of Bun.serve, in counts that are exact on every runtime: writes a turn, and strings made of a message.
// A stand-in takes the place of Bun's sockets here; test/adapters/bun/serve-broadcast.test.ts has the same over real ones.

import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ServerWebSocket } from '../../adapters/bun/bun.ts';
import { platform } from '../../adapters/bun/platform.ts';
import type { ServedSession } from '../../adapters/bun/served-session.ts';
import { upgrade } from '../../adapters/bun/upgrade.ts';
import { broadcast } from '../../src/api/ws/broadcast.ts';
import type { WebSocket } from '../../src/api/ws/classes.ts';
import { Topics } from '../../src/topics/index.ts';

/** As Bun gives it: the constructor of other runtimes drops these fields. */
const REQUEST = {
  method: 'GET',
  url: 'http://localhost/',
  headers: new Headers([
    ['Host', 'localhost'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Version', '13'],
  ]),
} as unknown as Request;

afterEach(() => vi.restoreAllMocks());

/** Takes everything, as Bun does: messages within `cork` leave in one write. */
class BunSocket {
  readonly data: ServedSession;
  readonly remoteAddress = '127.0.0.1';
  /** The messages of each write. */
  readonly writes: unknown[][] = [];
  /** Bytes that wait for the peer. */
  waiting = 0;
  /** Whether the system takes nothing. */
  isFull = false;
  #corked: unknown[] | null = null;

  constructor(data: ServedSession) {
    this.data = data;
  }

  cork(task: () => void): void {
    const own = (this.#corked = []);
    task();
    this.#corked = null;
    this.writes.push(own);
  }

  sendText(text: string): number {
    return this.#take(text, text.length);
  }

  sendBinary(bytes: Uint8Array): number {
    return this.#take([...bytes], bytes.length);
  }

  ping(): number {
    return this.#take('(ping)', 0);
  }

  close(code?: number): void {
    this.#take(`(close ${code})`, 0);
    this.data.closed(code ?? 1005, '');
  }

  terminate(): void {
    this.data.closed(1006, '');
  }

  getBufferedAmount(): number {
    return this.waiting;
  }

  /** The peer has read everything. */
  drain(): void {
    this.isFull = false;
    this.waiting = 0;
    this.data.drained();
  }

  #take(message: unknown, length: number): number {
    const wasFull = this.waiting > 0;
    if (this.isFull) this.waiting += length;
    if (this.#corked !== null) this.#corked.push(message);
    else this.writes.push([message]);
    // Within `cork` Bun does not know yet.
    return this.isFull && (this.#corked === null || wasFull) ? -1 : length;
  }
}

async function open(options: object = {}): Promise<{ ws: WebSocket; bun: BunSocket }> {
  let bun!: BunSocket;
  const server = {
    upgrade(_: Request, { data }: { data: unknown }) {
      bun = new BunSocket(data as ServedSession);
      bun.data.opened(bun as unknown as ServerWebSocket<ServedSession>);
      return true;
    },
  };
  const { socket } = upgrade(REQUEST, server, options);
  await once(socket!, 'open');
  return { ws: socket!, bun };
}

const openAll = (count: number): ReturnType<typeof open>[] => Array.from({ length: count }, () => open());

/** The turn, and what it leaves for its end. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const TEXTS = Array.from({ length: 16 }, (_, index) => `message ${index}`);

describe('16 messages of a turn to 10 sockets', () => {
  test('take a write for each socket, and a string for each message', async () => {
    const sockets = await Promise.all(openAll(10));
    const decode = vi.spyOn(platform, 'decodeText');
    for (const text of TEXTS) {
      broadcast(
        sockets.map(({ ws }) => ws),
        text,
      );
      // Bun runs microtasks between the messages of a read.
      await Promise.resolve();
    }
    expect(sockets.map(({ bun }) => bun.writes)).toEqual(sockets.map(() => []));
    await turn();
    expect(sockets.map(({ bun }) => bun.writes)).toEqual(sockets.map(() => [TEXTS]));
    expect(decode).toHaveBeenCalledTimes(16);
  });

  test('of a topic cost the same', async () => {
    const sockets = await Promise.all(openAll(10));
    const topics = new Topics();
    for (const { ws } of sockets) await topics.subscribe(ws, 'all');
    const decode = vi.spyOn(platform, 'decodeText');
    for (const text of TEXTS) void topics.publish('all', text);
    await turn();
    expect(sockets.map(({ bun }) => bun.writes)).toEqual(sockets.map(() => [TEXTS]));
    expect(decode).toHaveBeenCalledTimes(16);
  });
});

test('a socket sends what was gathered before anything else', async () => {
  const { ws, bun } = await open();
  broadcast([ws], 'one');
  broadcast([ws], Uint8Array.of(2));
  ws.send('three');
  broadcast([ws], 'four');
  ws.ping();
  broadcast([ws], 'five');
  ws.close(1000);
  expect(bun.writes.flat()).toEqual(['one', [2], 'three', 'four', '(ping)', 'five', '(close 1000)']);
  await turn();
  expect(bun.writes).toHaveLength(6);
});

test('a socket gathers at most 16 KiB, and no longer message', async () => {
  const { ws, bun } = await open();
  for (const text of ['a', 'b', 'c']) broadcast([ws], text.repeat(8192));
  expect(bun.writes.map((write) => write.length)).toEqual([2]);
  broadcast([ws], 'd'.repeat(16_385));
  expect(bun.writes.map((write) => write.length)).toEqual([2, 1, 1]);
});

test('a listener that sends to its own socket has sent when it returns: a Close frame may follow', async () => {
  const { ws, bun } = await open();
  ws.on('message', (data) => broadcast([ws], (data as Buffer).toString()));
  await turn();
  bun.data.message('text');
  expect(bun.writes).toEqual([['text']]);
});

test('bufferedAmount counts what was gathered, and a program that saw it is told of the end', async () => {
  const { ws } = await open();
  let drains = 0;
  ws.on('drain', () => drains++);
  broadcast([ws], 'unseen');
  await turn();
  broadcast([ws], 'seen');
  expect(ws.bufferedAmount).toBe(4);
  await turn();
  expect([ws.bufferedAmount, drains]).toEqual([0, 1]);
});

test('gathered messages that the system does not take are waited for', async () => {
  const { ws, bun } = await open({ maxBufferedAmount: 10, bufferPolicy: 'drop' });
  const drained = once(ws, 'drain');
  bun.isFull = true;
  broadcast([ws], '12345');
  broadcast([ws], '678901');
  // More than maxBufferedAmount would wait, so the first one is written before the second.
  expect([bun.writes, ws.bufferedAmount]).toEqual([[['12345']], 11]);
  // The system has not taken all, and there is no more room.
  broadcast([ws], 'lost');
  await turn();
  expect(bun.writes).toEqual([['12345'], ['678901']]);
  bun.drain();
  await drained;
  broadcast([ws], 'again');
  await turn();
  expect(bun.writes.at(-1)).toEqual(['again']);
});

test('two messages that leave in one write and wait are waited for', async () => {
  const { ws, bun } = await open();
  const drained = once(ws, 'drain');
  bun.isFull = true;
  broadcast([ws], 'one');
  broadcast([ws], 'two');
  await turn();
  expect([bun.writes, ws.bufferedAmount]).toEqual([[['one', 'two']], 6]);
  bun.drain();
  await drained;
});

test('messages of a connection that is lost before the end of the turn are reported as unsent', async () => {
  const { ws, bun } = await open();
  const unsent: number[] = [];
  bun.data.owner = { onUnsent: (messages) => unsent.push(messages), onEnded: () => {} };
  broadcast([ws], 'one');
  broadcast([ws], 'two');
  ws.terminate();
  await once(ws, 'close');
  await turn();
  expect([unsent, bun.writes]).toEqual([[2], []]);
});
