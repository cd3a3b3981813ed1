// A standby of PostgreSQL that takes over: it lacks the last messages, unless replication is synchronous.

import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { postgresBus, type PostgresPool } from '../../src/topics/postgres.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import { Cleanup } from '../support/sockets.ts';
import type { Process } from './bus-rules.ts';
import { Engine, POSTGRES, postgresStandby } from './engine.ts';
import { expectGapOfLostMessages, publishWhenBack } from './failover.ts';
import { Forwarder } from './forwarder.ts';

interface Pool extends PostgresPool {
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}
const { Pool } = createRequire(import.meta.url)('pg') as { readonly Pool: new (options: object) => Pool };

const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };
/** Longer than a notification. */
const LONG = 'x'.repeat(20_000);
const cleanup = new Cleanup();
let primary: Engine;
let standby: Engine;
/** For questions to either. */
let pools: Map<Engine, Pool>;

function openPool(port: number): Pool {
  const pool = new Pool({ host: '127.0.0.1', port, user: 'wasock', database: 'postgres', max: 4 });
  pool.on('error', () => {});
  cleanup.add(() => pool.end());
  return pool;
}

/** The first value of the first row. */
async function ask(engine: Engine, text: string): Promise<unknown> {
  const { rows } = await pools.get(engine)!.query(text);
  return Object.values(rows[0] ?? {})[0];
}

/** Fulfilled once the standby has all that the primary has. */
async function isReplicated(): Promise<void> {
  const end = String(await ask(primary, 'SELECT pg_current_wal_flush_lsn()'));
  await happens(() => ask(standby, `SELECT pg_last_wal_replay_lsn() >= '${end}'`));
}

/** The standby gets nothing any more. */
async function part(): Promise<void> {
  await isReplicated();
  await ask(standby, `ALTER SYSTEM SET primary_conninfo = ''`);
  await ask(standby, 'SELECT pg_reload_conf()');
  await happens(() => ask(standby, 'SELECT count(*) = 0 FROM pg_stat_wal_receiver'));
}

async function promote(): Promise<void> {
  expect(await ask(standby, 'SELECT pg_promote()')).toBe(true);
}

beforeEach(async () => {
  primary = await Engine.start(POSTGRES);
  cleanup.add(() => primary.remove());
  standby = await Engine.start(postgresStandby(primary.port));
  cleanup.add(() => standby.remove());
  pools = new Map([primary, standby].map((engine) => [engine, openPool(engine.port)]));
  await isReplicated();
});
afterEach(() => cleanup.run());

async function start(port: number, options: TopicsOptions = HISTORY): Promise<Process> {
  const pool = openPool(port);
  const topics = new Topics({ bus: postgresBus(pool, { create: true }), ...options });
  cleanup.add(() => topics.close());
  const gaps: string[] = [];
  const errors: Error[] = [];
  topics.on('gap', (name) => gaps.push(name)).on('busError', (error) => errors.push(error));
  await topics.ready;
  return { topics, gaps, errors };
}

async function forward(): Promise<Forwarder> {
  const forwarder = await Forwarder.start(primary.port);
  cleanup.add(() => forwarder.close());
  return forwarder;
}

describe('a standby that takes over', () => {
  test('and lacks messages is a gap, though it gives their offsets again', async () => {
    await expectGapOfLostMessages({ forwarder: await forward(), copyPort: standby.port, start, part, promote });
  });

  test('and has all messages loses nothing, and tells no gap', async () => {
    const forwarder = await forward();
    const [one, two] = [await start(forwarder.port), await start(forwarder.port)];
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    await one.topics.subscribe(a, 't');
    const expected: string[] = [];
    const publish = async (count: number): Promise<void> => {
      for (let number = 0; number < count; number++) {
        expected.push(number % 2 === 0 ? `${expected.length}` : LONG);
        await two.topics.publish('t', expected.at(-1)!);
      }
    };
    await publish(5);
    await isReplicated();
    forwarder.leadTo(undefined);
    await primary.kill();
    await happens(() => one.errors.length > 0 && two.errors.length > 0);
    // It takes no messages yet.
    forwarder.leadTo(standby.port);
    await promote();
    expected.push('first');
    await publishWhenBack(two, 'first');
    await publish(5);
    await happens(() => a.received.length >= expected.length);
    expect([a.received, one.gaps]).toEqual([expected, []]);
    // A subscriber that comes later gets all that is kept, over the change.
    const since = { epoch: (await two.topics.subscribe(b, 't')).position!.epoch, offset: 0 };
    two.topics.unsubscribe(b, 't');
    expect((await two.topics.subscribe(b, 't', { since })).recovered).toBe(true);
    expect(b.received).toEqual(expected);
  });

  test('is a gap for a topic without a history', async () => {
    const forwarder = await forward();
    const [one, two] = [await start(forwarder.port, {}), await start(forwarder.port, {})];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await isReplicated();
    await promote();
    forwarder.leadTo(standby.port);
    await happens(() => one.gaps.length > 0);
    await publishWhenBack(two, 'after');
    await happens(() => a.received.includes('after'));
    expect(one.gaps).toEqual(['t']);
  });
});

test('a server that was killed without synchronous_commit is a gap for those that have messages which it forgot', async () => {
  const args = (port: number, folder: string): string[] => [...POSTGRES.args(port, folder), '-c synchronous_commit=off'];
  const engine = await Engine.start({ ...POSTGRES, args });
  cleanup.add(() => engine.remove());
  const [one, two] = [await start(engine.port), await start(engine.port)];
  const a = new FakeSocket();
  await one.topics.subscribe(a, 't');
  const numbers = Array.from({ length: 50 }, (_, number) => `${number}`);
  await Promise.all(numbers.map((text) => two.topics.publish('t', text)));
  await happens(() => a.received.length === 50);
  await engine.kill();
  await engine.restart();
  await happens(() => one.errors.length > 0 && two.errors.length > 0);
  await publishWhenBack(two, 'next');
  await happens(() => one.gaps.length > 0 || a.received.includes('next'));
  const { offset } = await two.topics.publish('t', 'last');
  await happens(() => a.received.includes('last'));
  // It may have written all of them in time. If not, a process that is back after the next message gets the gap alone.
  const hasAll = offset === 52;
  const next = hasAll || a.received.includes('next') ? ['next'] : [];
  expect([one.gaps, a.received]).toEqual([hasAll ? [] : ['t'], [...numbers, ...next, 'last']]);
});
