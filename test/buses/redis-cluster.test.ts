// A cluster of three nodes of Redis, with both clients, with and without sharded Pub/Sub.

import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { slotOf } from '../../src/topics/redis-cluster.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { sleep } from '../support/sockets.ts';
import { describeBus } from './bus-rules.ts';
import { KINDS } from './kinds.ts';
import { RedisCluster } from './redis-cluster.ts';

const load = createRequire(import.meta.url);
const HISTORY = { history: { size: 10_000, ttl: 600_000 }, maxQueued: 1 << 20 };
const SHARDED = [KINDS.redisSharded, KINDS.ioredisSharded];
const ALL = [KINDS.redisCluster, KINDS.ioredisCluster, ...SHARDED];

// All rules for one of them. What a cluster changes is tested with all four.
describeBus(KINDS.redisCluster);

describe('a Redis cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster.remove());

  async function start(kind: (typeof ALL)[number], options: TopicsOptions): Promise<Topics> {
    const { bus, close } = await kind.create(cluster.port, load);
    const topics = new Topics({ bus, ...options });
    onTestFinished(async () => {
      await topics.close();
      await close();
    });
    await topics.ready;
    return topics;
  }

  test.each(ALL)('loses nothing when a node is killed and comes back: $name', async (kind) => {
    const [one, two] = [await start(kind, HISTORY), await start(kind, HISTORY)];
    const gaps: string[] = [];
    one.on('gap', (name) => gaps.push(name));
    const names = Array.from({ length: 9 }, (_, index) => `${kind.name.replaceAll(' ', '-')}.${index}`);
    const sockets = names.map(() => new FakeSocket());
    await Promise.all(names.map((name, index) => one.subscribe(sockets[index], name)));
    let isOver = false;
    const publishing = names.map(async (name) => {
      const [confirmed, unsure] = [[] as string[], new Set<string>()];
      for (let number = 0; !isOver; number++) {
        const text = `${number}`;
        await two.publish(name, text).then(
          () => confirmed.push(text),
          () => unsure.add(text),
        );
        await sleep(5);
      }
      return { confirmed, unsure };
    });
    await sleep(200);
    const [, node] = cluster.nodes;
    await node.kill();
    await sleep(300);
    await node.restart();
    await cluster.ready();
    const counts = sockets.map(({ received }) => received.length);
    await expect.poll(() => sockets.every(({ received }, index) => received.length > counts[index] + 5)).toBe(true);
    isOver = true;
    for (const [index, { confirmed, unsure }] of (await Promise.all(publishing)).entries()) {
      const { received } = sockets[index];
      await expect.poll(() => received.includes(confirmed.at(-1)!)).toBe(true);
      expect(received.filter((text) => !unsure.has(text as string))).toEqual(confirmed);
      expect(new Set(received).size).toBe(received.length);
    }
    expect(gaps).toEqual([]);
  });

  test.each(SHARDED)('follows a topic to another node, and says that there may be a gap: $name', async (kind) => {
    const [one, two] = [await start(kind, {}), await start(kind, {})];
    const gaps: string[] = [];
    one.on('gap', (name) => gaps.push(name));
    const socket = new FakeSocket();
    const name = `moving.${kind.name.length}`;
    await one.subscribe(socket, name);
    await two.publish(name, 'before');
    await expect.poll(() => socket.received).toEqual(['before']);
    await cluster.moveSlot(slotOf(`{:${name}}`));
    await expect.poll(() => gaps).toContain(name);
    await expect
      .poll(async () => {
        await two.publish(name, 'after').catch(() => {});
        return socket.received.includes('after');
      })
      .toBe(true);
  });
});

test('the slot of a key is that of Redis', () => {
  // CRC-16/XMODEM's check value, and keys of the documentation of Redis Cluster.
  expect(slotOf('123456789')).toBe(0x31c3 % 16_384);
  expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
});
