// The bus over NATS: the contract of all buses, and the ways of NATS itself.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Topics, type TopicsOptions } from '../../src/topics/index.ts';
import { natsBus, type NatsBusOptions, type NatsConnection, type NatsJetStream } from '../../src/topics/nats.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import { describeBus } from './bus-rules.ts';
import { Engine, NATS, type EngineKind } from './engine.ts';
import { connectNats, connectNats2, KINDS, type Nats } from './kinds.ts';

describeBus(KINDS.nats);
describeBus(KINDS.natsCore);
describeBus(KINDS.nats2);

const load = createRequire(import.meta.url);
const HISTORY = { size: 100, ttl: 600_000 };

interface StreamManager {
  readonly streams: {
    add(config: object): Promise<unknown>;
    info(name: string): Promise<{ config: Record<string, unknown>; state: { messages: number } }>;
    purge(name: string): Promise<unknown>;
    delete(name: string): Promise<unknown>;
    deleteMessage(name: string, number: number): Promise<unknown>;
  };
}

interface Process {
  readonly topics: Topics;
  readonly connection: Nats;
  readonly manager: StreamManager;
  readonly gaps: string[];
  readonly errors: string[];
}

describe('NATS', () => {
  let engine: Engine;
  const open: (() => Promise<void>)[] = [];
  let count = 0;
  let prefix: string;
  beforeAll(async () => {
    engine = await Engine.start(NATS);
  });
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
    prefix = '';
  });
  afterAll(() => engine.remove());

  /** Processes of one test share a prefix. */
  async function start(options: TopicsOptions = { history: HISTORY }, busOptions: NatsBusOptions = {}): Promise<Process> {
    prefix ||= `test.p${++count}`;
    const { connection, jetstream } = await connectNats(engine.port, load);
    const topics = new Topics({ bus: natsBus(connection, { jetstream, prefix, ...busOptions }), ...options });
    open.push(async () => {
      await topics.close();
      await connection.close();
    });
    const gaps: string[] = [];
    const errors: string[] = [];
    topics.on('gap', (name) => gaps.push(name)).on('busError', ({ message }) => errors.push(message));
    await topics.ready;
    const manager = (await jetstream.jetstreamManager(false)) as StreamManager;
    return { topics, connection, manager, gaps, errors };
  }

  const streamName = (): string => `${prefix.replaceAll('.', '-')}-history`;

  test('has subscriptions to topics with subscribers only', async () => {
    const { topics } = await start({});
    const { connection } = await connectNats(engine.port, load);
    open.push(() => connection.close());
    const hears = (subject: string): Promise<boolean> =>
      connection.request(`${prefix}.topics.${subject}`, new Uint8Array(), { timeout: 1500 }).then(
        () => true,
        ({ message }: Error) => !/no responders/.test(message),
      );
    expect([await hears('news.uk'), await hears('n%C3%A4.%3E')]).toEqual([false, false]);
    const a = new FakeSocket();
    await topics.subscribe(a, 'news.*');
    await topics.subscribe(a, 'nä.>.x');
    expect([await hears('news.uk'), await hears('news.uk.london'), await hears('n%C3%A4.%3E.x')]).toEqual([true, false, true]);
    topics.unsubscribe(a, 'news.*');
    a.close();
    await topics.publish('a.round.trip', '');
    expect([await hears('news.uk'), await hears('n%C3%A4.%3E.x')]).toEqual([false, false]);
  });

  test('ignores what others publish on its subjects, and goes on', async () => {
    const { topics, connection } = await start();
    const a = new FakeSocket();
    for (const name of ['t', '>']) await topics.subscribe(a, name);
    const payloads = [[], [1], [2], [2, 200], [2, 0, ...Array<number>(8).fill(255)], [3, 3, 3], Array<number>(40).fill(2)];
    for (const payload of payloads) {
      for (const subject of ['topics.t', 'topics.%E0%A4%A', 'topics.%2A', 'history.t', 'history.x']) {
        connection.publish(`${prefix}.${subject}`, Uint8Array.from(payload));
      }
    }
    expect(await topics.subscribe(a, 'x')).toMatchObject({ position: { offset: 0 } });
    await topics.publish('t', 'fine');
    await happens(() => a.received.length > 0);
    expect(a.received).toEqual(['fine']);
  });

  test('goes on when a listener throws', async () => {
    const [one, two] = [await start({}), await start({})];
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => thrown.push(error));
    try {
      one.topics.on('busError', () => {
        throw new Error('by a listener');
      });
      const a = new FakeSocket();
      await one.topics.subscribe(a, 't');
      // An envelope of an unknown version is an error for listeners.
      two.connection.publish(`${prefix}.topics.t`, Uint8Array.of(1, ...new Uint8Array(40).fill(9)));
      await happens(() => thrown.length > 0);
      await two.topics.publish('t', 'fine');
      await happens(() => a.received.length > 0);
      expect([a.received, String(thrown[0])]).toEqual([['fine'], 'Error: by a listener']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  test('rejects a message that is longer than NATS takes, and keeps its connection', async () => {
    const { topics, errors } = await start({ history: (topic) => (topic === 'kept' ? HISTORY : undefined) });
    for (const topic of ['kept', 'other']) {
      await expect(topics.publish(topic, new Uint8Array(2 ** 20 + 1))).rejects.toThrow(/payload/i);
      // The longest ones come with those that were published in the same turn.
      const texts = ['1', '2'];
      await Promise.all([
        ...texts.map((text) => topics.publish(topic, text)),
        topics.publish(topic, new Uint8Array(1_040_000)),
      ]);
    }
    expect(errors).toEqual([]);
  });

  test('numbers messages without a hole while four processes publish as fast as they can', async () => {
    const processes = [await start(), await start(), await start(), await start()];
    const a = new FakeSocket();
    await processes[0].topics.subscribe(a, 't');
    const offsets: number[] = [];
    await Promise.all(
      processes.map(async ({ topics }, index) => {
        for (let round = 0; round < 20; round++) {
          const texts = Array.from({ length: 10 }, (_, number) => `${index} ${round * 10 + number}`);
          const published = await Promise.all(texts.map((text) => topics.publish('t', text)));
          offsets.push(...published.map(({ offset }) => offset!));
        }
      }),
    );
    expect(offsets.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 800 }, (_, index) => index + 1));
    await happens(() => a.received.length === 800);
    for (const index of processes.keys()) {
      const own = a.received.filter((text) => (text as string).startsWith(`${index} `));
      expect(own).toEqual(Array.from({ length: 200 }, (_, number) => `${index} ${number}`));
    }
  });

  test('gives its stream the largest limits, and keeps larger ones', async () => {
    const limits: Record<string, { size: number; ttl: number }> = {
      small: { size: 5, ttl: 1000 },
      large: { size: 50, ttl: 7_200_000 },
      all: { size: Infinity, ttl: Infinity },
    };
    const { topics, manager } = await start({ history: (topic) => limits[topic] });
    const configured = async (): Promise<unknown[]> => {
      const { config } = await manager.streams.info(streamName());
      return [config['max_msgs_per_subject'], config['max_age'], config['storage']];
    };
    const found: unknown[] = [];
    for (const topic of ['small', 'large', 'small', 'all', 'large']) {
      await topics.publish(topic, 'x');
      found.push(await configured());
    }
    const [small, large, all] = [
      [5, 3.6e12],
      [50, 7.2e12],
      [-1, 0],
    ].map((values) => [...values, 'file']);
    expect(found).toEqual([small, large, large, all, all]);
    await start({ history: HISTORY });
    expect(await configured()).toEqual(all);
    // The limits of a topic hold although the stream keeps more.
    const { position } = await topics.subscribe(new FakeSocket(), 'small');
    for (let number = 0; number < 6; number++) await topics.publish('small', 'x');
    const since = (offset: number): object => ({ since: { ...position!, offset: position!.offset + offset } });
    expect(await topics.subscribe(new FakeSocket(), 'small', since(0))).toMatchObject({ recovered: false });
    expect(await topics.subscribe(new FakeSocket(), 'small', since(1))).toMatchObject({ recovered: true });
  });

  test('a stream that is another one is an error', async () => {
    const { manager } = await start({});
    await manager.streams.delete(streamName());
    await manager.streams.add({ name: streamName(), subjects: [`${prefix}.other.>`] });
    await expect(start()).rejects.toThrow(`The stream "${streamName()}" is another one`);
  });

  test('a stream that was deleted is made again, and has another epoch', async () => {
    const { topics, manager, gaps } = await start();
    const a = new FakeSocket();
    const { position } = await topics.subscribe(a, 't');
    await topics.publish('t', '1');
    await manager.streams.delete(streamName());
    // If the news of it comes later than this, the first attempt fails.
    await happens(() =>
      topics.publish('t', '2').then(
        () => true,
        () => false,
      ),
    );
    await happens(() => a.received.length === 2);
    expect([a.received, gaps]).toEqual([['1', '2'], ['t']]);
    const late = await topics.subscribe(new FakeSocket(), 't', { since: position });
    expect([late.recovered, late.position!.offset, late.position!.epoch === position!.epoch]).toEqual([false, 1, false]);
  });

  test('a topic that has lost its last messages has another epoch', async () => {
    const [one, two] = [await start(), await start()];
    const a = new FakeSocket();
    const { position } = await two.topics.subscribe(a, 't');
    for (const text of ['1', '2', '3']) await one.topics.publish('t', text);
    await happens(() => a.received.length === 3);
    // The messages 1 to 3 have the numbers 2 to 4.
    for (const number of [3, 4]) await one.manager.streams.deleteMessage(streamName(), number);
    await one.topics.publish('t', '4');
    await happens(() => a.received.length === 4);
    expect([a.received, two.gaps]).toEqual([['1', '2', '3', '4'], ['t']]);
    const late = await two.topics.subscribe(new FakeSocket(), 't', { since: { ...position!, offset: 3 } });
    expect([late.recovered, late.position!.offset, late.position!.epoch === position!.epoch]).toEqual([false, 1, false]);
  });

  test('a topic whose messages are all gone has another epoch', async () => {
    const { topics, manager } = await start();
    const { position } = await topics.subscribe(new FakeSocket(), 't');
    await topics.publish('t', '1');
    await manager.streams.purge(streamName());
    const b = new FakeSocket();
    expect(await topics.subscribe(b, 't', { since: position })).toMatchObject({ recovered: false, position: { offset: 0 } });
    await topics.publish('t', '2');
    await happens(() => b.received.length === 1);
    expect(b.received).toEqual(['2']);
  });

  test.each([
    ['was deleted', {}, ({ manager }: Process) => manager.streams.delete(streamName())],
    ['in memory is gone', { stream: { storage: 'memory' } }, () => engine.kill().then(() => engine.restart())],
  ] as const)(
    'a stream that %s and made again does not take a message for the next one of before',
    async (_, options, lose) => {
      const processes = [await start({ history: HISTORY }, options), await start({ history: HISTORY }, options)];
      const [one, two] = processes;
      await one.topics.publish('t', 'before');
      const b = new FakeSocket();
      const { position } = await two.topics.subscribe(b, 't');
      two.topics.unsubscribe(b, 't');
      // The next message has the number in its stream that the last one had.
      await lose(one);
      for (const { topics } of processes.toReversed()) {
        await happens(() =>
          topics.publish('t', topics === two.topics ? 'missed' : 'next').then(
            () => true,
            () => false,
          ),
        );
      }
      const a = new FakeSocket();
      expect((await two.topics.subscribe(a, 't', { since: position })).recovered).toBe(false);
      const { epoch, offset } = (await two.topics.subscribe(a, 't')).position!;
      expect([epoch === position!.epoch, offset]).toEqual([false, 2]);
    },
  );

  test('says that there is a gap when a server has lost its memory', async () => {
    const one = await start({ history: HISTORY }, { stream: { storage: 'memory', name: 'in-memory' } });
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await one.topics.publish('t', '1');
    await happens(() => a.received.length === 1);
    await engine.kill();
    await happens(() => one.errors.length > 0);
    await engine.restart();
    await happens(() => one.gaps.length > 0);
    await one.topics.publish('t', '2');
    await happens(() => a.received.length === 2);
    expect([a.received, one.gaps]).toEqual([['1', '2'], ['t']]);
  });

  test('has its subscriptions back after each of many losses, and rejects what is under way at once', async () => {
    const [one, two] = [await start(), await start()];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    const confirmed: string[] = [];
    const attempts: Promise<unknown>[] = [];
    const reasons = new Set<string>();
    for (let round = 0; round < 5; round++) {
      for (let number = 0; number < 20; number++) {
        const text = `${round} ${number}`;
        attempts.push(
          two.topics.publish('t', text).then(
            () => confirmed.push(text),
            ({ message }: Error) => reasons.add(message),
          ),
        );
      }
      void two.connection.reconnect();
      void one.connection.reconnect();
      await happens(() => one.errors.length > round && two.errors.length > round);
      // Both are back.
      for (const [{ topics }, topic, text] of [
        [one, 'other', ''],
        [two, 't', `after ${round}`],
      ] as const) {
        await happens(() =>
          topics.publish(topic, text).then(
            () => confirmed.push(text),
            () => false,
          ),
        );
      }
    }
    await Promise.all(attempts);
    // None of them by a time limit.
    for (const reason of reasons) expect(reason).toMatch(/^The connection to NATS (?:is|was) lost$/);
    await happens(() => a.received.includes('after 4'));
    expect(a.received.filter((text) => confirmed.includes(text as string))).toEqual(confirmed.filter((text) => text !== ''));
    expect(new Set(a.received).size).toBe(a.received.length);
    expect(one.gaps).toEqual([]);
  });

  test('stays away when its connection is closed', async () => {
    const { topics, connection, errors } = await start({});
    await connection.close();
    await happens(() => errors.length > 0);
    await expect(topics.publish('t', 'x')).rejects.toThrow('lost');
    await expect(topics.subscribe(new FakeSocket(), 't')).rejects.toThrow('lost');
    await expect(start({}, {}).then(() => natsBus(connection).connect('x'.repeat(16), {} as never))).rejects.toThrow('closed');
  });

  test('checks its options', () => {
    const connection = { flush() {}, status() {} } as unknown as NatsConnection;
    expect(() => natsBus({} as NatsConnection)).toThrow(TypeError);
    const invalid: [NatsBusOptions, string][] = [
      [{ prefix: 'a.>' }, 'prefix'],
      [{ prefix: '' }, 'prefix'],
      [{ jetstream: {} as NatsJetStream }, 'jetstream'],
      [{ stream: { name: 'a.b' } }, 'stream.name'],
      [{ stream: { storage: 'disk' as 'file' } }, 'stream.storage'],
      [{ stream: { keep: -1 } }, 'stream.keep'],
    ];
    for (const [options, name] of invalid) expect(() => natsBus(connection, options)).toThrow(`"${name}" option`);
  });
});

describe('a user of NATS without permissions', () => {
  const USERS = `authorization { users = [
    { user: reader, password: x, permissions: { publish: { deny: "wasock.topics.>" } } }
    { user: writer, password: x, permissions: { subscribe: { deny: "wasock.topics.secret" } } }
  ] }`;
  const kind: EngineKind = {
    ...NATS,
    args(port, folder) {
      const file = join(folder, 'nats.conf');
      writeFileSync(file, USERS);
      return [...NATS.args(port, folder), `-c ${file}`];
    },
  };
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start(kind);
  });
  afterAll(() => engine.remove());

  test.each([
    [
      '@nats-io/transport-node',
      (user: string) => connectNats(engine.port, load, { user, pass: 'x' }).then(({ connection }) => connection),
    ],
    ['nats', (user: string) => connectNats2(engine.port, load, { user, pass: 'x' })],
  ])('is told so, by the package %s', async (_, connect) => {
    const [reader, writer] = [await connect('reader'), await connect('writer')];
    const refused = new Topics({ bus: natsBus(reader) });
    await expect(refused.ready).rejects.toThrow('may not publish on "wasock.topics.');
    await expect(refused.publish('t', 'x')).rejects.toThrow('may not publish');
    const topics = new Topics({ bus: natsBus(writer) });
    await topics.ready;
    const a = new FakeSocket();
    await expect(topics.subscribe(a, 'secret')).rejects.toThrow(/permission/i);
    expect(topics.of(a)).toEqual([]);
    await topics.subscribe(a, 'public');
    await topics.publish('secret', 'allowed');
    for (const closing of [refused, topics, reader, writer]) await closing.close();
  });
});
