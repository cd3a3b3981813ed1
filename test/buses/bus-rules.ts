// The contract of a bus, over a real engine. Two `Topics` stand for two processes.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Topics, type Bus, type TopicsOptions } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { Engine, type EngineKind } from './engine.ts';

/** A kind of bus. */
export interface BusKind {
  readonly name: string;
  readonly engine: EngineKind;
  /** Makes a bus, with a client of its own. `close` ends the client. */
  create(port: number): Promise<{ readonly bus: Bus; close(): Promise<void> }>;
}

const HISTORY: TopicsOptions = { history: { size: 1000, ttl: 600_000 } };

interface Process {
  readonly topics: Topics;
  readonly gaps: string[];
  readonly errors: Error[];
}

let lastTopic = 0;
const newTopic = (): string => `topic.${++lastTopic}`;

async function happens(condition: () => unknown): Promise<void> {
  await expect.poll(condition, { timeout: 25_000, interval: 5 }).toBeTruthy();
}

// oxlint-disable-next-line max-lines-per-function -- It is a list of tests.
export function describeBus(kind: BusKind): void {
  describe(`${kind.name}`, () => {
    let engine: Engine;
    const open: (() => Promise<void>)[] = [];
    beforeAll(async () => {
      engine = await Engine.start(kind.engine);
    });
    afterEach(async () => {
      for (const close of open.splice(0)) await close();
    });
    afterAll(() => engine.remove());

    async function start(options: TopicsOptions = {}): Promise<Process> {
      const { bus, close } = await kind.create(engine.port);
      const topics = new Topics({ bus, ...options });
      open.push(async () => {
        await topics.close();
        await close();
      });
      const gaps: string[] = [];
      const errors: Error[] = [];
      topics.on('gap', (name) => gaps.push(name)).on('busError', (error) => errors.push(error));
      await topics.ready;
      return { topics, gaps, errors };
    }

    test.each([
      ['without a history', {}],
      ['with a history', HISTORY],
    ])('brings each message once and in order, %s', async (_, options) => {
      const [one, two] = [await start(options), await start(options)];
      const [a, b, c] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
      const topic = newTopic();
      await one.topics.subscribe(a, topic);
      await one.topics.subscribe(a, 'topic.*');
      await one.topics.subscribe(b, 'topic.>');
      await two.topics.subscribe(c, topic);
      const expected: string[] = [];
      for (let number = 0; number < 300; number++) {
        expected.push(`message ${number}`);
        await two.topics.publish(topic, `message ${number}`);
      }
      await happens(() => a.received.length >= 300 && b.received.length >= 300 && c.received.length >= 300);
      expect(a.received).toEqual(expected);
      expect(b.received).toEqual(expected);
      expect(c.received).toEqual(expected);
      expect([one.errors, two.errors, one.gaps, two.gaps]).toEqual([[], [], [], []]);
    });

    test('brings all bytes, and text of every width', async () => {
      const [one, two] = [await start(HISTORY), await start(HISTORY)];
      const a = new FakeSocket();
      const topic = newTopic();
      const { position } = await one.topics.subscribe(a, topic);
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index & 255);
      await two.topics.publish(topic, bytes);
      await two.topics.publish(topic, 'ä \u{1f600} \u0000 \ufeff');
      await two.topics.publish(topic, '');
      await happens(() => a.received.length === 3);
      expect(a.received).toEqual([[...bytes], 'ä \u{1f600} \u0000 \ufeff', '']);
      const late = new FakeSocket();
      expect((await one.topics.subscribe(late, topic, { since: position })).recovered).toBe(true);
      expect(late.received).toEqual(a.received);
    });

    test('does not bring messages of names that were unsubscribed', async () => {
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

    test('recovers what was missed, or says that it cannot', async () => {
      const options = { history: { size: 3, ttl: 600_000 } };
      const [one, two] = [await start(options), await start(options)];
      const topic = newTopic();
      const { position } = await one.topics.subscribe(new FakeSocket(), topic);
      for (const text of ['1', '2', '3']) await two.topics.publish(topic, text);
      const a = new FakeSocket();
      expect((await two.topics.subscribe(a, topic, { since: position })).recovered).toBe(true);
      expect(a.received).toEqual(['1', '2', '3']);
      await two.topics.publish(topic, '4');
      const b = new FakeSocket();
      const late = await one.topics.subscribe(b, topic, { since: position });
      expect([late.recovered, late.position?.offset, b.received]).toEqual([false, position!.offset + 4, []]);
    });

    test('tells the same position in all processes', async () => {
      const [one, two] = [await start(HISTORY), await start(HISTORY)];
      const topic = newTopic();
      const first = await one.topics.publish(topic, 'x');
      const second = await two.topics.publish(topic, 'y');
      expect(second.offset).toBeGreaterThan(first.offset!);
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
        for (let number = 0; number < 150; number++) await topics.publish(topic, `${name} ${number}`);
      };
      await Promise.all([publish(one, 'one'), publish(two, 'two')]);
      await happens(() => a.received.length === 300 && b.received.length === 300);
      expect(a.received).toEqual(b.received);
      for (const name of ['one', 'two']) {
        const own = a.received.filter((text) => (text as string).startsWith(name));
        expect(own).toEqual(Array.from({ length: 150 }, (_, number) => `${name} ${number}`));
      }
    });

    test('loses nothing when the engine is killed and comes back, with a history', async () => {
      const [one, two] = [await start({ ...HISTORY, maxQueued: 1 << 20 }), await start({ ...HISTORY, maxQueued: 1 << 20 })];
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
      await engine.kill();
      await happens(() => one.errors.length > 0 && two.errors.length > 0);
      await engine.restart();
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

    test('says that there is a gap when the engine was away, without a history', async () => {
      const [one, two] = [await start(), await start()];
      const a = new FakeSocket();
      const topic = newTopic();
      await one.topics.subscribe(a, topic);
      await one.topics.subscribe(a, 'other.*');
      await engine.kill();
      await happens(() => one.errors.length > 0 && two.errors.length > 0);
      await expect(two.topics.publish(topic, 'lost')).rejects.toThrow();
      await engine.restart();
      await happens(() => one.gaps.length >= 2);
      expect([...new Set(one.gaps)].toSorted()).toEqual(['other.*', topic].toSorted());
      await happens(() =>
        two.topics.publish(topic, 'back').then(
          () => true,
          () => false,
        ),
      );
      await happens(() => a.received.includes('back'));
    });
  });
}
