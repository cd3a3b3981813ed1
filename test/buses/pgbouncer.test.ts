// PgBouncer in front of PostgreSQL, in each of its modes.

import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { postgresBus, type PostgresBusOptions, type PostgresPool } from '../../src/topics/postgres.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { Cleanup } from '../support/sockets.ts';
import { Engine, pgBouncer, POSTGRES } from './engine.ts';

interface Pool extends PostgresPool {
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}
const { Pool } = createRequire(import.meta.url)('pg') as { readonly Pool: new (options: object) => Pool };
const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };

let engine: Engine;
const cleanup = new Cleanup();
beforeAll(async () => {
  engine = await Engine.start(POSTGRES);
});
afterEach(() => cleanup.run());
afterAll(() => engine.remove());

function openPool(port: number): Pool {
  const pool = new Pool({ host: '127.0.0.1', port, user: 'wasock', database: 'postgres', max: 4 });
  pool.on('error', () => {});
  cleanup.add(() => pool.end());
  return pool;
}

function start(pool: Pool, options: TopicsOptions, bus: PostgresBusOptions = {}): Topics {
  const topics = new Topics({ bus: postgresBus(pool, { create: true, ...bus }), ...options });
  cleanup.add(() => topics.close());
  return topics;
}

async function startBouncer(mode: string): Promise<number> {
  const bouncer = await Engine.start(pgBouncer(engine.port, mode));
  cleanup.add(() => bouncer.remove());
  return bouncer.port;
}

/** Sends messages from one process to another, also long ones. */
async function works(make: () => Topics): Promise<void> {
  const [one, two] = [make(), make()];
  const a = new FakeSocket();
  await one.subscribe(a, 't.*');
  const expected = Array.from({ length: 100 }, (_, number) => `${number}`.padEnd(number % 10 === 0 ? 9000 : 1, ' '));
  for (const text of expected) await two.publish('t.1', text);
  await expect.poll(() => a.received.length).toBe(100);
  expect(a.received).toEqual(expected);
}

describe.each([
  ['without a history', {}],
  ['with a history', HISTORY],
])('PgBouncer, %s', (_, options) => {
  test('that pools by session', async () => {
    const port = await startBouncer('session');
    await works(() => start(openPool(port), options));
  });

  test.each(['transaction', 'statement'])(
    'that pools by %s, with a pool of its own for the connection that listens',
    async (mode) => {
      const port = await startBouncer(mode);
      await works(() => start(openPool(port), options, { listenPool: openPool(engine.port) }));
    },
  );
});

test.each(['transaction', 'statement'])('PgBouncer that pools by %s is an error without that', async (mode) => {
  const port = await startBouncer(mode);
  await expect(start(openPool(port), {}, { replyTimeout: 5000 }).ready).rejects.toThrow('"listenPool"');
});
