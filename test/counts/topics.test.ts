// What topics cost, in counts: bytes of random numbers, and bytes of the heap for a subscription.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { Topics } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';

const isBun = 'Bun' in globalThis;

afterEach(() => vi.restoreAllMocks());

test('a socket draws no random numbers, until it is asked for its id', async () => {
  const draw = vi.spyOn(crypto, 'getRandomValues');
  const topics = new Topics();
  // Ids come from a pool. That of the topics themselves may have filled it.
  const before = draw.mock.calls.length;
  for (let index = 0; index < 1000; index++) {
    const socket = new FakeSocket();
    await topics.subscribe(socket, 'all');
    await topics.publish('all', 'text', { except: socket });
  }
  expect(draw).toHaveBeenCalledTimes(before);
  const { count, ids } = await topics.presence('all');
  expect([count, new Set(ids).size]).toEqual([1000, 1000]);
  for (const id of ids) expect(id).toMatch(/^[\w-]{16}$/);
  expect(draw.mock.calls.length - before).toBe(Math.ceil(1000 / 128));
  expect(await topics.presence('all')).toEqual({ count, ids });
  await topics.close();
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

// 161 to 167, 268 to 283 and 65 to 88 bytes on Node.js and Deno; 246, 330 and 135 on Bun.
test.each([
  ['a topic of its own', (socket: number, index: number) => `room.${socket}.${index}`, 200, 300],
  ['a pattern of its own', (socket: number, index: number) => `room.${socket}.${index}.*`, 340, 400],
  ['a topic of many', (_: number, index: number) => `room.${index}`, 110, 170],
])('a subscription to %s takes few bytes of the heap', async (_, nameOf, most, mostOnBun) => {
  const COUNT = 200;
  const topics = new Topics();
  const sockets = Array.from({ length: COUNT }, () => new FakeSocket());
  const before = collect();
  for (const [number, socket] of sockets.entries()) {
    for (let index = 0; index < COUNT; index++) await topics.subscribe(socket, nameOf(number, index));
  }
  const bytes = (collect() - before) / COUNT ** 2;
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(isBun ? mostOnBun : most);
  await topics.close();
});
