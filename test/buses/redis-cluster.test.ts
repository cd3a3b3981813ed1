// A cluster of three nodes of Redis, with both clients, with and without sharded Pub/Sub.

import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { slotOf } from '../../src/topics/redis-cluster.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { sleep } from '../support/sockets.ts';
import { describeBus } from './bus-rules.ts';
import { KINDS, type BusKind } from './kinds.ts';
import { RedisCluster } from './redis-cluster.ts';

const load = createRequire(import.meta.url);
const HISTORY = { history: { size: 10_000, ttl: 600_000 }, maxQueued: 1 << 20 };
const SHARDED = [KINDS.redisSharded, KINDS.ioredisSharded];
const ALL = [KINDS.redisCluster, KINDS.ioredisCluster, ...SHARDED];

// All rules for one of them. What a cluster changes is tested with all four.
describeBus(KINDS.redisCluster);

async function start(kind: BusKind, port: number, options: TopicsOptions): Promise<Topics> {
  const { bus, close } = await kind.create(port, load);
  const topics = new Topics({ bus, ...options });
  onTestFinished(async () => {
    await topics.close();
    await close();
  });
  await topics.ready;
  return topics;
}

/** A topic while messages are published to it, one after the other. */
interface Stream {
  readonly name: string;
  readonly received: FakeSocket['received'];
  readonly confirmed: string[];
  /** Those whose publication failed: they may be there or not. */
  readonly unsure: Set<string>;
}

/** Publishes to nine topics, which are on all nodes, while `change` is under way, until messages come after it. */
async function streams(
  kind: BusKind,
  port: number,
  change: () => Promise<void>,
): Promise<{ readonly all: readonly Stream[]; readonly gaps: readonly string[] }> {
  const [one, two] = [await start(kind, port, HISTORY), await start(kind, port, HISTORY)];
  const gaps: string[] = [];
  one.on('gap', (name) => gaps.push(name));
  let isOver = false;
  const publishing: Promise<void>[] = [];
  const all: Stream[] = [];
  for (let index = 0; index < 9; index++) {
    const name = `${kind.name.replaceAll(' ', '-')}.${index}`;
    const socket = new FakeSocket();
    await one.subscribe(socket, name);
    const stream: Stream = { name, received: socket.received, confirmed: [], unsure: new Set() };
    all.push(stream);
    const publish = async (): Promise<void> => {
      for (let number = 0; !isOver; number++) {
        const text = `${number}`;
        await two.publish(name, text).then(
          () => stream.confirmed.push(text),
          () => stream.unsure.add(text),
        );
        await sleep(5);
      }
    };
    publishing.push(publish());
  }
  await sleep(200);
  await change();
  const counts = all.map(({ received }) => received.length);
  const goesOn = (): boolean => all.every(({ received }, index) => received.length > counts[index] + 5);
  await expect.poll(goesOn).toBe(true);
  isOver = true;
  await Promise.all(publishing);
  for (const { received, confirmed } of all) {
    await expect.poll(() => received.includes(confirmed.at(-1)!)).toBe(true);
  }
  return { all, gaps };
}

/** All that was confirmed came, once and in order. */
function isWhole({ received, confirmed, unsure }: Stream): void {
  expect(received.filter((text) => !unsure.has(text as string))).toEqual(confirmed);
  expect(new Set(received).size).toBe(received.length);
}

describe('a Redis cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster.remove());

  test.each(ALL)('loses nothing when a node is killed and comes back: $name', async (kind) => {
    const { all, gaps } = await streams(kind, cluster.port, async () => {
      const [, node] = cluster.nodes;
      await node.kill();
      await sleep(300);
      await node.restart();
      await cluster.ready();
    });
    for (const stream of all) isWhole(stream);
    expect(gaps).toEqual([]);
  });

  test.each(SHARDED)('follows a topic to another node, and says that there may be a gap: $name', async (kind) => {
    const [one, two] = [await start(kind, cluster.port, {}), await start(kind, cluster.port, {})];
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

describe.each(ALL)('a Redis cluster with replicas, $name', (kind) => {
  let cluster: RedisCluster;
  beforeEach(async () => {
    cluster = await RedisCluster.start(true);
  });
  afterEach(() => cluster.remove());

  test('loses nothing when a replica takes over in order', async () => {
    const { all, gaps } = await streams(kind, cluster.port, () => cluster.swap(1));
    for (const stream of all) isWhole(stream);
    expect(gaps).toEqual([]);
  });

  test('goes on with the replica of a node that dies, and says where messages may be missing', async () => {
    const { all, gaps } = await streams(kind, cluster.port, async () => {
      await cluster.nodes[1].kill();
      await cluster.tookOver(1);
    });
    for (const stream of all) {
      if (!gaps.includes(stream.name)) isWhole(stream);
      expect(new Set(stream.received).size).toBe(stream.received.length);
    }
  });
});

test('the slot of a key is that of Redis', () => {
  // CRC-16/XMODEM's check value, and keys of the documentation of Redis Cluster.
  expect(slotOf('123456789')).toBe(0x31c3 % 16_384);
  expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
  expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
});
