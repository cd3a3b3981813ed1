// PostgreSQL beyond the contract of a bus: its tables, its connections, and long messages.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { channelNumber } from '../../src/topics/postgres-channels.ts';
import {
  postgresBus,
  postgresTables,
  type PostgresBusOptions,
  type PostgresClient,
  type PostgresPool,
} from '../../src/topics/postgres.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import { Cleanup, listen } from '../support/sockets.ts';
import { describeBus } from './bus-rules.ts';
import { Engine, POSTGRES } from './engine.ts';
import { KINDS } from './kinds.ts';

describeBus(KINDS.postgres);

/** A pool of the package, which is installed for these tests alone. */
interface Pool extends PostgresPool {
  readonly totalCount: number;
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}
const { Pool } = createRequire(import.meta.url)('pg') as { readonly Pool: new (options: object) => Pool };

interface Process {
  readonly topics: Topics;
  /** Texts of all queries that did not go over the connection that listens. */
  readonly queries: string[];
  readonly gaps: string[];
  readonly errors: Error[];
}

interface Settings {
  readonly topics?: TopicsOptions;
  readonly bus?: PostgresBusOptions;
  readonly pool?: object;
}

const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };
const LONG = 'x'.repeat(20_000);

let engine: Engine;
/** For questions to the database. */
let admin: Pool;
const cleanup = new Cleanup();
beforeAll(async () => {
  engine = await Engine.start(POSTGRES);
  admin = openPool({});
});
afterEach(() => cleanup.run());
afterAll(async () => {
  await admin.end();
  await engine.remove();
});

function openPool(options: object): Pool {
  const pool = new Pool({ host: '127.0.0.1', port: engine.port, user: 'wasock', database: 'postgres', max: 4, ...options });
  pool.on('error', () => {});
  return pool;
}

function start({ topics: options, bus, pool: poolOptions }: Settings = {}): Process {
  const pool = openPool(poolOptions ?? {});
  const queries: string[] = [];
  const counting: PostgresPool = {
    query(text, values) {
      queries.push(text);
      return pool.query(text, values);
    },
    connect: () => pool.connect(),
  };
  const topics = new Topics({ bus: postgresBus(counting, { create: true, ...bus }), ...options });
  const gaps: string[] = [];
  const errors: Error[] = [];
  topics.on('gap', (name) => gaps.push(name)).on('busError', (error) => errors.push(error));
  cleanup.add(async () => {
    await topics.close();
    await pool.end();
  });
  return { topics, queries, gaps, errors };
}

/** The first value of the first row. */
async function ask(text: string, values?: unknown[]): Promise<unknown> {
  const { rows } = await admin.query(text, values);
  return Object.values(rows[0] ?? {})[0];
}

/** Ends all connections of a process. @returns Their number. */
async function terminate(name: string): Promise<number> {
  const count = await ask(
    'SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1',
    [name],
  );
  return Number(count);
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `message ${number}`);
}

describe('tables', () => {
  test('are created once, though several processes start at the same time, whatever their names', async () => {
    await admin.query('CREATE SCHEMA "odd ""schema""; --"');
    const bus = { schema: 'odd "schema"; --', table: `it's "ä" ${'\u{1f600}'.repeat(6)}` };
    const processes = Array.from({ length: 6 }, () => start({ topics: HISTORY, bus }));
    await Promise.all(processes.map(({ topics }) => topics.ready));
    const a = new FakeSocket();
    await processes[0].topics.subscribe(a, 't');
    for (const [number, { topics }] of processes.entries()) await topics.publish('t', `${number}`);
    await happens(() => a.received.length === 6);
    expect(a.received).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(await ask(`SELECT count(*) FROM pg_tables WHERE schemaname = $1`, [bus.schema])).toBe('4');
  });

  test('that are missing are an error, until the program has created them', async () => {
    const bus = { table: 'own', create: false };
    await expect(start({ bus }).topics.ready).rejects.toThrow('public.own_… are missing');
    await admin.query(postgresTables({ table: 'own' }));
    const { topics } = start({ bus });
    await topics.ready;
    // Other tables are another bus.
    const [a, other] = [new FakeSocket(), start({ topics: HISTORY, bus: { table: 'other' } })];
    await topics.subscribe(a, '>');
    await other.topics.publish('t', 'never');
    await start({ bus }).topics.publish('t', 'own');
    await happens(() => a.received.length > 0);
    expect(a.received).toEqual(['own']);
  });

  test('keep no more messages than needed', async () => {
    const history = { size: 5, ttl: 600_000 };
    const { topics } = start({ topics: { history } });
    const count = (topic: string): Promise<unknown> =>
      ask('SELECT count(*) FROM wasock_messages WHERE topic = $1', [topic]).then(Number);
    for (const text of numbered(30)) await topics.publish('trim.short', text);
    expect(await count('trim.short')).toBe(5);
    // Other processes have a minute to fetch a long one.
    for (let number = 0; number < 10; number++) await topics.publish('trim.long', LONG);
    expect(await count('trim.long')).toBe(10);
    await admin.query(`UPDATE wasock_messages SET time = time - interval '2 minutes'`);
    await topics.publish('trim.long', LONG);
    expect(await count('trim.long')).toBe(5);
  });

  test('lose what has expired', async () => {
    const { topics } = start({ topics: { history: (topic) => (topic === 'short' ? undefined : { size: 100, ttl: 100 }) } });
    const count = (): Promise<unknown> =>
      ask(`SELECT (SELECT count(*) FROM wasock_messages WHERE topic IN ('gone', 'old')) + (SELECT count(*) FROM wasock_long)
        + (SELECT count(*) FROM wasock_presence) + (SELECT count(*) FROM wasock_topics WHERE topic = 'old')`).then(Number);
    await topics.publish('gone', 'x');
    await topics.publish('old', 'x');
    await topics.publish('short', LONG);
    await admin.query(`INSERT INTO wasock_presence VALUES ('t', 'p', 'i', now())`);
    await admin.query('UPDATE wasock_long SET expires = now()');
    await admin.query(`UPDATE wasock_topics SET expires = now() WHERE topic = 'old'`);
    await happens(async () => (await count()) === 0);
    expect(await ask(`SELECT count(*) FROM wasock_topics WHERE topic = 'gone'`)).toBe('1');
  });

  test('that were emptied begin another history', async () => {
    const { topics, gaps } = start({ topics: HISTORY });
    const a = new FakeSocket();
    const { position } = await topics.subscribe(a, 'emptied');
    for (const text of ['1', '2']) await topics.publish('emptied', text);
    await happens(() => a.received.length === 2);
    const recover = async (): Promise<unknown[]> => {
      const socket = new FakeSocket();
      const { recovered, position: now } = await topics.subscribe(socket, 'emptied', { since: position });
      topics.unsubscribe(socket, 'emptied');
      return [recovered, now!.epoch === position!.epoch, now!.offset, socket.received];
    };
    expect(await recover()).toEqual([true, true, 2, ['1', '2']]);
    await admin.query(`DELETE FROM wasock_messages WHERE topic = 'emptied' AND "offset" = 2`);
    expect(await recover()).toEqual([false, true, 2, []]);
    await admin.query(`DELETE FROM wasock_topics WHERE topic = 'emptied'`);
    expect(await recover()).toEqual([false, false, 0, []]);
    await topics.publish('emptied', '3');
    await happens(() => a.received.length === 3);
    expect([a.received, gaps]).toEqual([['1', '2', '3'], ['emptied']]);
    await admin.query('TRUNCATE wasock_topics, wasock_messages');
    expect(await recover()).toEqual([false, false, 0, []]);
  });
});

describe('messages', () => {
  test.each([
    ['without a history', {}],
    ['with a history', HISTORY],
  ])('of each length come in order, %s', async (_, options) => {
    const [one, two] = [start({ topics: options }), start({ topics: options })];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 'lengths.*');
    // Until then, 1 MiB may wait, and this is more.
    await two.topics.ready;
    // Those about 5,900 bytes are on both sides of the limit of a notification.
    const lengths = [0, 9000, 1, ...Array.from({ length: 60 }, (_length, index) => 5900 + index * 2), 200_000, 7, 1_500_000, 8];
    const messages = lengths.map((length, index) => String.fromCharCode(97 + (index % 26)).repeat(length));
    await Promise.all(messages.map((message) => two.topics.publish('lengths.ä', message)));
    await happens(() => a.received.length === messages.length);
    expect(a.received.findIndex((message, index) => message !== messages[index])).toBe(-1);
    expect([one.errors, one.gaps]).toEqual([[], []]);
  });

  test('that are long are fetched for subscribers only', async () => {
    const [one, two] = [start(), start()];
    // Two topics that share a channel.
    const topic = 'fetch.0';
    const other = numbered(1000)
      .map((text) => `fetch.${text.slice(8)}`)
      .find((name) => name !== topic && channelNumber(name) === channelNumber(topic))!;
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    await one.topics.subscribe(a, topic);
    await two.topics.subscribe(b, other);
    one.queries.length = two.queries.length = 0;
    const publisher = start();
    await publisher.topics.publish(other, LONG);
    await publisher.topics.publish(topic, 'end');
    await happens(() => a.received.length > 0 && b.received.length > 0);
    expect([a.received, b.received]).toEqual([['end'], [LONG]]);
    expect(one.queries).toEqual([]);
    expect(two.queries).toHaveLength(1);
  });

  test('of a long message that is gone are a gap, and the next ones come', async () => {
    const [one, two] = [start(), start()];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 'gone');
    await one.topics.subscribe(a, 'other');
    // One transaction stores it, notifies of it, and deletes it.
    const channel = `public.wasock:${channelNumber('gone')}`;
    await admin.query('SELECT pg_notify($1, $2)', [channel, 'gone no-such-id']);
    await happens(() => one.gaps.includes('gone') && one.gaps.includes('other'));
    expect(one.errors.map(({ message }) => message)).toEqual(['A long message of gone is no longer there']);
    await two.topics.publish('gone', 'next');
    await happens(() => a.received.length === 1);
  });

  test('of others on a channel are ignored', async () => {
    const { topics, errors } = start();
    const a = new FakeSocket();
    await topics.subscribe(a, 'strange');
    const channel = `public.wasock:${channelNumber('strange')}`;
    for (const payload of ['', ' ', 'strange', 'no topic at all', 'strange x AAAA']) {
      await admin.query('SELECT pg_notify($1, $2)', [channel, payload]);
    }
    await start().topics.publish('strange', 'end');
    await happens(() => a.received.length === 1);
    expect(a.received).toEqual(['end']);
    expect(errors.map(({ message }) => message)).toEqual(['The bus brought a message of an unknown kind']);
  });

  test('of many topics that several processes publish at once have one order a topic', async () => {
    const processes = [start({ topics: HISTORY }), start({ topics: HISTORY }), start({ topics: HISTORY })];
    const names = Array.from({ length: 40 }, (_, number) => `many.${number}`);
    const sockets = names.map(() => [new FakeSocket(), new FakeSocket()]);
    for (const [index, name] of names.entries()) {
      await Promise.all(sockets[index].map((socket, side) => processes[side].topics.subscribe(socket, name)));
    }
    // Each in an order of its own: their transactions lock the same rows.
    const published = processes.flatMap(({ topics }, index) =>
      numbered(15).flatMap((text) => {
        const turned = [...names.slice(index * 13), ...names.slice(0, index * 13)];
        return (index === 1 ? turned.toReversed() : turned).map((name) => topics.publish(name, `${index} ${text}`));
      }),
    );
    const offsets = (await Promise.all(published)).map(({ offset }) => offset!);
    expect(Math.max(...offsets)).toBe(45);
    await happens(() => sockets.flat().every(({ received }) => received.length === 45));
    for (const [a, b] of sockets) {
      expect(a.received).toEqual(b.received);
      for (const index of [0, 1, 2]) {
        const own = a.received.filter((text) => (text as string).startsWith(`${index} `));
        expect(own).toEqual(numbered(15).map((text) => `${index} ${text}`));
      }
    }
  });

  test('since positions that no history has are not recovered', async () => {
    const { topics, errors } = start({ topics: HISTORY });
    const { position } = await topics.subscribe(new FakeSocket(), 'hostile');
    const { epoch } = position!;
    for (const since of [
      { epoch: '\0', offset: 0 },
      { epoch: `${epoch}\0`, offset: 0 },
      { epoch: '\ud800'.repeat(30), offset: 0 },
      { epoch: `' OR 1=1 -- ${epoch}`, offset: 0 },
      { epoch: '', offset: 0 },
      { epoch: 'x'.repeat(100_000), offset: 0 },
      { epoch, offset: Infinity },
      { epoch, offset: Number.MAX_SAFE_INTEGER },
    ]) {
      const { recovered } = await topics.subscribe(new FakeSocket(), 'hostile', { since });
      expect([since.epoch.length, since.offset, recovered]).toEqual([since.epoch.length, since.offset, false]);
    }
    expect(errors).toEqual([]);
  });

  test('have histories without limits', async () => {
    const { topics } = start({ topics: { history: { size: Infinity, ttl: Infinity } } });
    const { position } = await topics.subscribe(new FakeSocket(), 'endless');
    for (const text of ['1', '2', '3']) await topics.publish('endless', text);
    const a = new FakeSocket();
    expect((await topics.subscribe(a, 'endless', { since: position })).recovered).toBe(true);
    expect(a.received).toEqual(['1', '2', '3']);
  });
});

describe('connections', () => {
  test('that are terminated lose nothing with a history', async () => {
    const one = start({ topics: HISTORY, pool: { application_name: 'one' } });
    const two = start({ topics: HISTORY });
    const a = new FakeSocket();
    await one.topics.subscribe(a, 'stream');
    await one.topics.subscribe(a, 'stream.*');
    const expected = numbered(600);
    for (const [number, text] of expected.entries()) {
      // Long ones among them: some are under way when the connections end.
      await two.topics.publish('stream', number % 10 === 0 ? text + LONG : text);
      // It may not be back yet from the time before.
      if (number % 150 === 100) await happens(async () => (await terminate('one')) > 0);
    }
    await happens(() => a.received.length >= 600);
    expect(a.received.map((text) => (text as string).replace(LONG, ''))).toEqual(expected);
    expect(one.errors.length).toBeGreaterThan(0);
    // Only the pattern: its topics are unknown.
    expect(one.gaps.filter((name) => name !== 'stream.*')).toEqual([]);
  });

  test('that are terminated are a gap without a history, and come back with all names', async () => {
    const one = start({ pool: { application_name: 'one' } });
    const two = start();
    const a = new FakeSocket();
    const names = ['first', 'second.*', '*.third'];
    for (const name of names) await one.topics.subscribe(a, name);
    await terminate('one');
    await happens(() => one.gaps.length === 3);
    expect(one.gaps.toSorted()).toEqual(names.toSorted());
    for (const topic of ['first', 'second.x', 'x.third']) await two.topics.publish(topic, topic);
    await happens(() => a.received.length === 3);
    expect(a.received).toEqual(['first', 'second.x', 'x.third']);
    // What was unsubscribed meanwhile is not back.
    await terminate('one');
    one.topics.unsubscribe(a, 'first');
    await one.topics.subscribe(a, 'late');
    await happens(() => one.gaps.includes('late'));
    for (const topic of ['first', 'late']) await two.topics.publish(topic, topic);
    await happens(() => a.received.length === 4);
    expect(a.received.at(-1)).toBe('late');
  });

  test('that fall silent are given up', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      const upstream = connect(engine.port, '127.0.0.1');
      for (const [from, to] of [
        [socket, upstream],
        [upstream, socket],
      ]) {
        sockets.add(from);
        from.on('error', () => {}).pipe(to);
        from.on('close', () => to.destroy());
      }
    });
    const port = await listen(server);
    const one = start({ topics: HISTORY, bus: { replyTimeout: 4000 }, pool: { port } });
    const two = start({ topics: HISTORY });
    // Before the pools are ended: they wait for connections that are silent.
    cleanup.add(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
    const a = new FakeSocket();
    await one.topics.subscribe(a, 'silent');
    await two.topics.publish('silent', '1');
    await happens(() => a.received.length === 1);
    for (const socket of sockets) socket.unpipe().pause();
    await two.topics.publish('silent', '2');
    await expect(one.topics.publish('silent', 'x')).rejects.toThrow();
    await happens(() => a.received.length >= 2);
    await two.topics.publish('silent', '3');
    await happens(() => a.received.length >= 3);
    expect([a.received, one.gaps]).toEqual([['1', '2', '3'], []]);
  });

  test('are all given back, also while the database is away', async () => {
    const pool = openPool({});
    const topics = new Topics({ bus: postgresBus(pool, { create: true }) });
    await topics.subscribe(new FakeSocket(), 't');
    await engine.kill();
    const waiting = topics.subscribe(new FakeSocket(), 'other').catch(({ message }: Error) => message);
    await topics.close();
    expect(await waiting).toBe('The bus is closed');
    await pool.end();
    expect(pool.totalCount).toBe(0);
    await engine.restart();
    await happens(() =>
      ask('SELECT 1').then(
        () => true,
        () => false,
      ),
    );
  });

  test('of a database that is away at the start are an error', async () => {
    const { topics, errors } = start({ pool: { port: 1 } });
    await expect(topics.ready).rejects.toThrow('ECONNREFUSED');
    await expect(topics.publish('t', 'x')).rejects.toThrow('ECONNREFUSED');
    await expect(topics.subscribe(new FakeSocket(), 't')).rejects.toThrow('ECONNREFUSED');
    expect(errors).toHaveLength(1);
  });

  test('may listen through another pool', async () => {
    const listenPool = openPool({ max: 1, application_name: 'listens' });
    cleanup.add(() => listenPool.end());
    const one = start({ bus: { listenPool } });
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    expect(await ask(`SELECT query FROM pg_stat_activity WHERE application_name = 'listens'`)).toMatch(/^LISTEN /);
    await start().topics.publish('t', 'x');
    await happens(() => a.received.length === 1);
  });
});

describe('what the bus cannot use is an error', () => {
  test('options and pools', () => {
    const pool = openPool({});
    cleanup.add(() => pool.end());
    const make =
      (options: object, ...given: unknown[]) =>
      (): unknown =>
        postgresBus((given.length > 0 ? given[0] : pool) as PostgresPool, options);
    for (const given of [undefined, null, {}, { query() {} }, 'postgres://']) expect(make({}, given)).toThrow(TypeError);
    expect(make({ listenPool: {} })).toThrow(TypeError);
    const [query, single] = [(): Promise<never> => new Promise(() => {}), { max: 1 }];
    expect(make({}, { options: single, query, connect: query as unknown as () => Promise<PostgresClient> })).toThrow('"max"');
    for (const name of ['', 'a\0b', '\ud800', 5, 'x'.repeat(64), 'ä'.repeat(32)]) {
      expect(make({ schema: name })).toThrow('"schema"');
      expect(make({ table: name })).toThrow('"table"');
      expect(() => postgresTables({ table: name as string })).toThrow('"table"');
    }
    expect(make({ table: 'x'.repeat(47) })).toThrow('"table"');
    expect(make({ create: 1 })).toThrow('"create"');
    expect(make({ replyTimeout: 0 })).toThrow('"replyTimeout"');
  });

  test('another isolation level', async () => {
    const { topics } = start({ pool: { options: '-c default_transaction_isolation=serializable' } });
    await expect(topics.ready).rejects.toThrow('"read committed": it is "serializable"');
  });

  test('another encoding', async () => {
    await admin.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`);
    const { topics } = start({ pool: { database: 'latin' } });
    await expect(topics.ready).rejects.toThrow('must be UTF8, so that it takes each topic: it is LATIN1');
  });
});

test('the program of the documents runs', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const documented = readFileSync(join(root, 'docs/topics.md'), 'utf8');
  const [, program] = /### PostgreSQL\n+```js\n(.*?)```/s.exec(documented)!;
  const folder = await mkdtemp(join(tmpdir(), 'wasock-documented-'));
  cleanup.add(() => rm(folder, { recursive: true }));
  await symlink(join(root, 'test/buses/node_modules'), join(folder, 'node_modules'));
  const source = program
    .replaceAll(/'wasock\/(\w+(?:\/\w+)?)'/g, (_, name: string) => {
      const file = name === 'topics' ? 'topics/index' : name;
      return `'${pathToFileURL(join(root, `src/${file}.ts`)).href}'`;
    })
    .replace('postgres://localhost/app', `postgres://wasock@127.0.0.1:${engine.port}/postgres`);
  writeFileSync(join(folder, 'program.mjs'), `${source}\nexport { pool, topics };\n`);
  const { pool, topics } = (await import(join(folder, 'program.mjs'))) as { pool: Pool; topics: Topics };
  expect((await topics.publish('documented', 'x')).offset).toBe(1);
  await topics.close();
  await pool.end();
});
