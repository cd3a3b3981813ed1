// The contract of a bus, over a real engine. Two `Topics` stand for two processes. Steered by the capabilities of a kind, never by names.

import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Topics, type Bus, type TopicsOptions } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import { Engine, type RunningEngine } from './engine.ts';
import type { BusKind } from './kinds.ts';
import { testPresence } from './presence-rules.ts';

const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };
const load = createRequire(import.meta.url);

export interface Process {
  readonly topics: Topics;
  readonly gaps: string[];
  readonly errors: Error[];
}

/** What the tests of a kind share. */
export interface Context {
  readonly kind: BusKind;
  /** Without a history, and with one if the bus keeps messages. */
  readonly modes: readonly (readonly [name: string, options: TopicsOptions])[];
  readonly engine: () => RunningEngine;
  /** @param adapt Changes the bus. */
  start(options?: TopicsOptions, adapt?: (bus: Bus) => Bus): Promise<Process>;
}

/** The functions that close all that a test has started, in order. */
export type Cleanup = (close: () => Promise<void>) => void;

/** Starts a `Topics` over a bus. @param port Of the engine. */
export async function startProcess(
  kind: Pick<BusKind, 'create'>,
  port: number,
  options: TopicsOptions,
  cleanup: Cleanup,
  adapt: (bus: Bus) => Bus = (bus) => bus,
): Promise<Process> {
  const { bus, close } = await kind.create(port, load);
  const topics = new Topics({ bus: adapt(bus), ...options });
  cleanup(async () => {
    await topics.close();
    await close();
  });
  const gaps: string[] = [];
  const errors: Error[] = [];
  topics.on('gap', (name) => gaps.push(name)).on('busError', (error) => errors.push(error));
  await topics.ready;
  return { topics, gaps, errors };
}

let lastTopic = 0;
const newTopic = (): string => `topic.${++lastTopic}`;

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${name} ${number}`);
}

export function describeBus(kind: BusKind): void {
  describe(`${kind.name}`, () => {
    let engine: RunningEngine | undefined;
    const open: (() => Promise<void>)[] = [];
    beforeAll(async () => {
      engine = kind.start ? await kind.start() : kind.engine && (await Engine.start(kind.engine));
    });
    afterEach(async () => {
      for (const close of open.splice(0)) await close();
    });
    afterAll(() => engine?.remove());

    const start: Context['start'] = (options = {}, adapt) =>
      startProcess(kind, engine?.port ?? 0, options, (close) => open.push(close), adapt);

    const modes: [string, TopicsOptions][] = [['without a history', {}]];
    if (kind.keeps) modes.push(['with a history', HISTORY]);
    const context: Context = { kind, modes, engine: () => engine!, start };
    testMessages(context);
    testNames(context);
    if (kind.patterns) testPatterns(context);
    if (kind.keeps) testHistory(context);
    if (kind.presence) testPresence(context);
    if (kind.engine) testLoss(context);
    if (kind.engine && kind.keeps) testRecoveryFromLoss(context);
  });
}

function testMessages({ modes, start }: Context): void {
  test.each(modes)('brings each message once and in order, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const [a, b, c] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    await one.topics.subscribe(b, topic);
    await two.topics.subscribe(c, topic);
    const expected = numbered('message', 300);
    for (const text of expected) await two.topics.publish(topic, text);
    await happens(() => [a, b, c].every(({ received }) => received.length >= 300));
    for (const { received } of [a, b, c]) expect(received).toEqual(expected);
    expect([one.errors, two.errors, one.gaps, two.gaps]).toEqual([[], [], [], []]);
  });

  test.each(modes)('keeps the order of messages that one process publishes without waiting, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    const expected = numbered('message', 500);
    await Promise.all(expected.map((text) => two.topics.publish(topic, text)));
    await happens(() => a.received.length >= 500);
    expect(a.received).toEqual(expected);
  });

  test.each(modes)('brings equal messages as often as they were published, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    await Promise.all(Array.from({ length: 200 }, () => two.topics.publish(topic, 'the same')));
    await two.topics.publish(topic, 'end');
    await happens(() => a.received.includes('end'));
    expect(a.received).toEqual([...Array.from({ length: 200 }, () => 'the same'), 'end']);
  });

  test.each(modes)('brings all bytes, and text of every width, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    const bytes = Uint8Array.from({ length: 70_000 }, (_byte, index) => index & 255);
    await two.topics.publish(topic, bytes);
    await two.topics.publish(topic, 'ä \u{1f600} \u0000 \ufeff');
    await two.topics.publish(topic, '');
    await two.topics.publish(topic, new Uint8Array());
    await happens(() => a.received.length === 4);
    expect(a.received).toEqual([[...bytes], 'ä \u{1f600} \u0000 \ufeff', '', []]);
  });

  test('does not bring messages of a topic that was unsubscribed', async () => {
    const [one, two] = [await start(), await start()];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    await one.topics.subscribe(a, 'marker');
    await two.topics.publish(topic, 'first');
    await happens(() => a.received.length === 1);
    one.topics.unsubscribe(a, topic);
    // Its promise is fulfilled after the bus has taken the step before.
    await one.topics.subscribe(a, 'marker.2');
    await two.topics.publish(topic, 'never');
    await two.topics.publish('marker', 'end');
    await happens(() => a.received.length === 2);
    expect(a.received).toEqual(['first', 'end']);
  });
}

function testNames({ modes, start }: Context): void {
  // Characters that have a meaning in the names, patterns, commands or quotes of some engine.
  const names = [
    'a*b.c',
    'a.>.b',
    'a>',
    '$SYS.a',
    '_INBOX.a',
    'a/b\\c',
    '{tag}.a',
    '[a-c]?^',
    `it's "quoted"`.replace(' ', '-'),
    '%41.%',
    ':a:b:',
    'Aa.aA',
    'größe.\u{1f600}',
    '\u4e2d'.repeat(255),
  ];

  test.each(modes)('takes every name that a topic may have, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const sockets = names.map(() => new FakeSocket());
    await Promise.all(names.map((name, index) => one.topics.subscribe(sockets[index], name)));
    for (const name of names) await two.topics.publish(name, `to ${name}`);
    // Names that differ only in these characters are others.
    for (const name of ['axb.c', 'a.x.b', 'aa.aa', 'A.%', 'b', 'tag.a']) await two.topics.publish(name, 'never');
    await two.topics.publish(names[0], 'end');
    await happens(() => sockets[0].received.at(-1) === 'end' && sockets.every(({ received }) => received.length > 0));
    sockets[0].received.pop();
    expect(sockets.map(({ received }) => received)).toEqual(names.map((name) => [`to ${name}`]));
  });
}

function testPatterns({ modes, start }: Context): void {
  test.each(modes)('brings a message once to sockets with several names that match, %s', async (_, options) => {
    const [one, two] = [await start(options), await start(options)];
    const [a, b, c] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
    const topic = newTopic();
    await one.topics.subscribe(a, 'topic.>');
    await one.topics.subscribe(a, topic);
    await one.topics.subscribe(a, 'topic.*');
    await one.topics.subscribe(b, '*.*');
    await two.topics.subscribe(c, '>');
    await two.topics.subscribe(c, topic);
    await Promise.all(numbered('two', 100).map((text) => two.topics.publish(topic, text)));
    for (const text of numbered('one', 200)) await one.topics.publish(topic, text);
    await happens(() => [a, b, c].every(({ received }) => received.length >= 300));
    // A copy would come before these.
    await one.topics.publish(topic, 'end');
    await two.topics.publish(topic, 'end');
    await happens(() => [a, b, c].every(({ received }) => received.filter((text) => text === 'end').length === 2));
    for (const { received } of [a, b, c]) {
      expect(received.filter((text) => (text as string).startsWith('two'))).toEqual(numbered('two', 100));
      expect(received.filter((text) => (text as string).startsWith('one'))).toEqual(numbered('one', 200));
    }
  });

  test('has the patterns of topics, not those of the engine', async () => {
    const [one, two] = [await start(), await start()];
    const patterns = ['p.*', 'p.>', 'p.*.c', '*.q.>', 'p?.[a].*', 'p.a*.>'];
    const sockets = patterns.map(() => new FakeSocket());
    await Promise.all(patterns.map((name, index) => one.topics.subscribe(sockets[index], name)));
    const end = new FakeSocket();
    await one.topics.subscribe(end, 'end');
    for (const topic of ['p', 'p.a', 'p.a.c', 'p.b.c.d', 'x.q', 'x.q.r', 'p?.[a].z', 'px.a.z', 'p.a*.z', 'p.ax.z']) {
      await two.topics.publish(topic, topic);
    }
    await two.topics.publish('end', 'end');
    await happens(() => end.received.length === 1);
    await happens(() => sockets[5].received.length > 0 && sockets[1].received.length >= 5);
    // Topics have no order among each other.
    expect(sockets.map(({ received }) => (received as string[]).toSorted())).toEqual([
      ['p.a'],
      ['p.a', 'p.a*.z', 'p.a.c', 'p.ax.z', 'p.b.c.d'],
      ['p.a.c'],
      ['x.q.r'],
      ['p?.[a].z'],
      ['p.a*.z'],
    ]);
  });

  test('brings messages of a pattern that follows the end of another one, or of itself, at once', async () => {
    const [one, two] = [await start(), await start()];
    for (let round = 0; round < 10; round++) {
      const a = new FakeSocket();
      const topic = newTopic();
      // To some engines, the first two are one.
      const patterns = [`${topic}.*`, `${topic}.>`, `${topic}.*`];
      await one.topics.subscribe(a, patterns[0]);
      for (const [index, pattern] of patterns.entries()) {
        one.topics.unsubscribe(a, pattern);
        const next = patterns[index + 1] ?? pattern;
        await one.topics.subscribe(a, next);
        await two.topics.publish(`${topic}.x`, next);
        await happens(() => a.received.length === index + 1);
      }
      expect(a.received).toEqual([patterns[1], patterns[2], patterns[2]]);
    }
  });

  test('does not bring messages of patterns that were unsubscribed', async () => {
    const [one, two] = [await start(), await start()];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    await one.topics.subscribe(a, 'topic.*');
    await one.topics.subscribe(a, 'topic.>');
    one.topics.unsubscribe(a, topic);
    one.topics.unsubscribe(a, 'topic.*');
    await one.topics.subscribe(a, 'marker');
    await two.topics.publish(topic, 'by the last pattern');
    await happens(() => a.received.length === 1);
    one.topics.unsubscribe(a, 'topic.>');
    await one.topics.subscribe(a, 'marker.2');
    await two.topics.publish(topic, 'never');
    await two.topics.publish('marker', 'end');
    await happens(() => a.received.length === 2);
    expect(a.received).toEqual(['by the last pattern', 'end']);
  });
}

function testHistory({ start }: Context): void {
  test('recovers what was missed, or says that it cannot', async () => {
    const options = { history: { size: 3, ttl: 600_000 } };
    const [one, two] = [await start(options), await start(options)];
    const topic = newTopic();
    const { position } = await one.topics.subscribe(new FakeSocket(), topic);
    const none = await two.topics.subscribe(new FakeSocket(), topic, { since: position });
    expect([none.recovered, none.position]).toEqual([true, position]);
    for (const text of ['1', '2', '3']) await two.topics.publish(topic, text);
    const a = new FakeSocket();
    expect((await two.topics.subscribe(a, topic, { since: position })).recovered).toBe(true);
    expect(a.received).toEqual(['1', '2', '3']);
    await two.topics.publish(topic, '4');
    const b = new FakeSocket();
    const late = await one.topics.subscribe(b, topic, { since: position });
    expect([late.recovered, late.position, b.received]).toEqual([false, { ...position, offset: position!.offset + 4 }, []]);
  });

  test('keeps the bytes of messages', async () => {
    const { topics } = await start(HISTORY);
    const topic = newTopic();
    const { position } = await topics.subscribe(new FakeSocket(), topic);
    const messages = [Uint8Array.from({ length: 70_000 }, (_, index) => index & 255), 'ä \u{1f600} \u0000 \ufeff', '', ''];
    for (const message of messages) await topics.publish(topic, message);
    const late = new FakeSocket();
    expect((await topics.subscribe(late, topic, { since: position })).recovered).toBe(true);
    expect(late.received).toEqual([[...(messages[0] as Uint8Array)], ...messages.slice(1)]);
  });

  test('recovers a thousand messages, from each place', async () => {
    const [one, two] = [await start(HISTORY), await start(HISTORY)];
    const topic = newTopic();
    const { position } = await one.topics.subscribe(new FakeSocket(), topic);
    const expected = numbered('message', 1000);
    await Promise.all(expected.map((text) => two.topics.publish(topic, text)));
    for (const known of [0, 1, 500, 998, 999, 1000]) {
      const a = new FakeSocket();
      const since = { epoch: position!.epoch, offset: position!.offset + known };
      expect((await one.topics.subscribe(a, topic, { since })).recovered).toBe(true);
      expect(a.received).toEqual(expected.slice(known));
    }
    // Positions of another history, and of the future.
    for (const since of [
      { epoch: 'other', offset: 1000 },
      { epoch: position!.epoch, offset: position!.offset + 1001 },
    ]) {
      const a = new FakeSocket();
      expect([(await one.topics.subscribe(a, topic, { since })).recovered, a.received]).toEqual([false, []]);
    }
  });

  test.each([
    // Limits of a stream of NATS do not get smaller.
    [3, 3e12],
    [3, 4e12],
    [3, 1e13],
    [3, 1e17],
    [Number.MAX_SAFE_INTEGER, 1e300],
    [Infinity, Infinity],
  ])('keeps up to %d messages for %d milliseconds', async (size, ttl) => {
    const { topics } = await start({ history: { size, ttl } });
    const topic = newTopic();
    const { position } = await topics.subscribe(new FakeSocket(), topic);
    for (const text of ['1', '2', '3']) await topics.publish(topic, text);
    const a = new FakeSocket();
    expect((await topics.subscribe(a, topic, { since: position })).recovered).toBe(true);
    expect(a.received).toEqual(['1', '2', '3']);
  });

  test('does not recover messages that are older than the ttl', async () => {
    const options = { history: { size: 1000, ttl: 300 } };
    const [one, two] = [await start(options), await start(options)];
    const topic = newTopic();
    const { position } = await one.topics.subscribe(new FakeSocket(), topic);
    await two.topics.publish(topic, '1');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const { offset } = await two.topics.publish(topic, '2');
    expect(offset).toBe(position!.offset + 2);
    const a = new FakeSocket();
    expect([(await one.topics.subscribe(a, topic, { since: position })).recovered, a.received]).toEqual([false, []]);
  });

  test('delivers what was missed before newer messages, while others publish', async () => {
    const [one, two] = [await start(HISTORY), await start(HISTORY)];
    const topic = newTopic();
    const { position } = await one.topics.subscribe(new FakeSocket(), topic);
    const expected = numbered('message', 400);
    const publish = async (): Promise<void> => {
      for (const text of expected) await two.topics.publish(topic, text);
    };
    const published = publish();
    const sockets: FakeSocket[] = [];
    let isOver = false;
    void published.finally(() => (isOver = true));
    while (!isOver) {
      const socket = new FakeSocket();
      sockets.push(socket);
      expect((await one.topics.subscribe(socket, topic, { since: position })).recovered).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await published;
    await happens(() => sockets.every(({ received }) => received.length >= 400));
    for (const { received } of sockets) expect(received).toEqual(expected);
  });

  test('tells the same position in all processes, and numbers without a hole', async () => {
    const [one, two] = [await start(HISTORY), await start(HISTORY)];
    const topic = newTopic();
    const first = await one.topics.publish(topic, 'x');
    const second = await two.topics.publish(topic, 'y');
    expect(second.offset).toBe(first.offset! + 1);
    const [a, b] = [await one.topics.subscribe(new FakeSocket(), topic), await two.topics.subscribe(new FakeSocket(), topic)];
    expect(a.position).toEqual(b.position);
    expect(a.position?.offset).toBe(second.offset);
  });

  test('keeps publishers on several processes in one order', async () => {
    const [one, two] = [await start(HISTORY), await start(HISTORY)];
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    await two.topics.subscribe(b, topic);
    const publish = async ({ topics }: Process, name: string): Promise<void> => {
      for (const text of numbered(name, 150)) await topics.publish(topic, text);
    };
    await Promise.all([publish(one, 'one'), publish(two, 'two')]);
    await happens(() => a.received.length === 300 && b.received.length === 300);
    expect(a.received).toEqual(b.received);
    for (const name of ['one', 'two']) {
      expect(a.received.filter((text) => (text as string).startsWith(name))).toEqual(numbered(name, 150));
    }
  });
}

function testLoss({ engine, kind, modes, start }: Context): void {
  test.each(modes)('ends all that waits when topics are closed while the engine is away, %s', async (_, options) => {
    const { topics, errors } = await start({ ...options, maxQueued: 1_000_000 });
    await topics.subscribe(new FakeSocket(), 'before');
    await engine().kill();
    await happens(() => errors.length > 0);
    const a = new FakeSocket();
    const names = kind.patterns ? ['a', 'b.*', 'before'] : ['a', 'before'];
    // One of them is there.
    const waiting = [...names.map((name) => topics.subscribe(a, name)), topics.publish('a', 'x')];
    const settled = Promise.allSettled(waiting);
    await topics.close();
    const results = await settled;
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(names.length);
    await engine().restart();
  });

  test('says that there is a gap when the engine was away, without a history', async () => {
    const [one, two] = [await start(), await start()];
    const a = new FakeSocket();
    const topic = newTopic();
    const names = kind.patterns ? [topic, 'other.*'] : [topic, 'other'];
    for (const name of names) await one.topics.subscribe(a, name);
    await engine().kill();
    await happens(() => one.errors.length > 0 && two.errors.length > 0);
    await expect(two.topics.publish(topic, 'lost')).rejects.toThrow();
    await engine().restart();
    await happens(() => one.gaps.length >= 2);
    expect([...new Set(one.gaps)].toSorted()).toEqual(names.toSorted());
    await happens(() =>
      two.topics.publish(topic, 'back').then(
        () => true,
        () => false,
      ),
    );
    await happens(() => a.received.includes('back'));
  });
}

function testRecoveryFromLoss({ engine, start }: Context): void {
  test('loses nothing when the engine is killed and comes back, with a history', async () => {
    const options = { ...HISTORY, maxQueued: 1 << 20 };
    const [one, two] = [await start(options), await start(options)];
    const a = new FakeSocket();
    const topic = newTopic();
    await one.topics.subscribe(a, topic);
    const published: string[] = [];
    const unsure = new Set<string>();
    let isOver = false;
    const publisher = (async () => {
      for (let number = 0; !isOver; number++) {
        const text = `message ${number}`;
        try {
          await two.topics.publish(topic, text);
          published.push(text);
        } catch {
          unsure.add(text);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await happens(() => a.received.length > 20);
    await engine().kill();
    await happens(() => one.errors.length > 0 && two.errors.length > 0);
    await engine().restart();
    const before = a.received.length;
    await happens(() => a.received.length > before + 20);
    isOver = true;
    await publisher;
    await happens(() => a.received.at(-1) === published.at(-1));
    // A message whose publication failed may be there or not; all others are, once, in order.
    expect(a.received.filter((text) => !unsure.has(text as string))).toEqual(published);
    expect(new Set(a.received).size).toBe(a.received.length);
    expect(one.gaps).toEqual([]);
  });
}
