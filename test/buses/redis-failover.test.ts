// A replica of Redis that takes over: it lacks the last messages, since Redis replicates them after it has confirmed them.

import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { redisBus, type RedisClient } from '../../src/topics/redis.ts';
import type { TopicsOptions } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import { Cleanup } from '../support/sockets.ts';
import { startProcess, type Process } from './bus-rules.ts';
import { Engine, REDIS, SENTINEL } from './engine.ts';
import { expectGapOfLostMessages, publishWhenBack } from './failover.ts';
import { Forwarder } from './forwarder.ts';
import { KINDS, type BusKind } from './kinds.ts';
import { ask } from './redis-cluster.ts';

const load = createRequire(import.meta.url);
const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };
const cleanup = new Cleanup();
let master: Engine;
let replica: Engine;

/** Fulfilled once the replica has all that the master has. */
async function isReplicated(): Promise<void> {
  const offset = async ({ port }: Engine): Promise<string> =>
    /master_repl_offset:(\d+)/.exec(await ask(port, 'INFO replication'))![1];
  await happens(async () => /master_link_status:up/.test(await ask(replica.port, 'INFO replication')));
  await happens(async () => (await offset(master)) === (await offset(replica)));
}

beforeEach(async () => {
  [master, replica] = await Promise.all([Engine.start(REDIS), Engine.start(REDIS)]);
  cleanup.add(() => Promise.all([master.remove(), replica.remove()]));
  await ask(replica.port, `REPLICAOF 127.0.0.1 ${master.port}`);
  await isReplicated();
});
afterEach(() => cleanup.run());

function start(kind: Pick<BusKind, 'create'>, port: number, options: TopicsOptions = HISTORY): Promise<Process> {
  return startProcess(kind, port, options, (close) => cleanup.add(close));
}

describe.each([KINDS.redis, KINDS.ioredis])('a replica that takes over, $name', (kind) => {
  test('and lacks messages is a gap, though it gives their offsets again', async () => {
    const forwarder = await Forwarder.start(master.port);
    cleanup.add(() => forwarder.close());
    // A replica that leaves its master takes over by that.
    const part = async (): Promise<unknown> => {
      await isReplicated();
      return ask(replica.port, 'REPLICAOF NO ONE');
    };
    const promote = (): Promise<void> => Promise.resolve();
    await expectGapOfLostMessages({ forwarder, copyPort: replica.port, start: (port) => start(kind, port), part, promote });
  });

  test('and has all messages loses nothing, and tells no gap', async () => {
    const forwarder = await Forwarder.start(master.port);
    cleanup.add(() => forwarder.close());
    const [one, two] = [await start(kind, forwarder.port), await start(kind, forwarder.port)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    const expected: string[] = [];
    const publish = async (count: number): Promise<void> => {
      for (let number = 0; number < count; number++) {
        expected.push(`${expected.length}`);
        await two.topics.publish('t', expected.at(-1)!);
      }
    };
    await publish(5);
    await isReplicated();
    forwarder.leadTo(undefined);
    await ask(replica.port, 'REPLICAOF NO ONE');
    await happens(() => one.errors.length > 0 && two.errors.length > 0);
    forwarder.leadTo(replica.port);
    await publishWhenBack(two, 'first');
    expected.push('first');
    await publish(5);
    await happens(() => a.received.includes(expected.at(-1)!));
    expect([a.received, one.gaps]).toEqual([expected, []]);
  });

  test('is a gap for a topic without a history', async () => {
    const forwarder = await Forwarder.start(master.port);
    cleanup.add(() => forwarder.close());
    const [one, two] = [await start(kind, forwarder.port, {}), await start(kind, forwarder.port, {})];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await ask(replica.port, 'REPLICAOF NO ONE');
    forwarder.leadTo(replica.port);
    await happens(() => one.gaps.length > 0);
    await happens(async () => {
      await two.topics.publish('t', 'after').catch(() => {});
      return a.received.includes('after');
    });
    expect(one.gaps).toEqual(['t']);
  });
});

describe('Sentinel', () => {
  let sentinel: Engine;
  beforeEach(async () => {
    sentinel = await Engine.start(SENTINEL);
    cleanup.add(() => sentinel.remove());
    await ask(sentinel.port, `SENTINEL MONITOR main 127.0.0.1 ${master.port} 1`);
    await ask(sentinel.port, 'SENTINEL SET main down-after-milliseconds 1000');
    await ask(sentinel.port, 'SENTINEL SET main failover-timeout 5000');
    await happens(async () => /slaves=1/.test(await ask(sentinel.port, 'INFO sentinel')));
  });

  test('leads ioredis to the replica when the master dies, and messages go on', async () => {
    interface IoRedis extends RedisClient {
      on(event: string, listener: () => void): unknown;
      disconnect(): void;
    }
    const { Redis } = load('ioredis') as { readonly Redis: new (options: object) => IoRedis };
    const kind: Pick<BusKind, 'create'> = {
      create() {
        const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
        const client = new Redis({ sentinels, name: 'main', retryStrategy: () => 50, sentinelRetryStrategy: () => 50 });
        client.on('error', () => {});
        return Promise.resolve({ bus: redisBus(client), close: () => Promise.resolve(client.disconnect()) });
      },
    };
    const options = { ...HISTORY, maxQueued: 1 << 20 };
    const [one, two] = [await start(kind, 0, options), await start(kind, 0, options)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await two.topics.publish('t', '1');
    await isReplicated();
    await master.kill();
    await happens(() => two.errors.length > 0);
    // It waits until there is a master again.
    await two.topics.publish('t', '2');
    await happens(() => a.received.includes('2'));
    expect([a.received, one.gaps]).toEqual([['1', '2'], []]);
  });
});
