import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Topics, type TopicsOptions } from '../../../src/topics/index.ts';
import { FakeSocket } from '../../support/fake-topic-socket.ts';
import { MemoryBus, MemoryEngine } from '../../support/memory-bus.ts';

const PRESENCE = { presence: { ttl: 1_000 } };

interface Process {
  readonly topics: Topics;
  readonly bus: MemoryBus;
  readonly errors: string[];
}

function start(engine: MemoryEngine, options: TopicsOptions = PRESENCE): Process {
  const bus = new MemoryBus(engine, { keeps: false });
  const topics = new Topics({ bus, ...options });
  const errors: string[] = [];
  topics.on('busError', ({ message }) => errors.push(message));
  return { topics, bus, errors };
}

async function subscribe({ topics }: Process, name: string, count: number): Promise<FakeSocket[]> {
  const sockets = Array.from({ length: count }, () => new FakeSocket());
  await Promise.all(sockets.map((socket) => topics.subscribe(socket, name)));
  return sockets;
}

/** Waits until a process counts so many. */
async function counts({ topics }: Process, name: string, expected: number): Promise<void> {
  await expect.poll(async () => (await topics.presence(name)).count).toBe(expected);
}

describe('presence over a bus', () => {
  test('has the subscribers of all processes, by exactly the name, while they are there', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine), start(engine)];
    await subscribe(one, 'room', 2);
    const [first] = await subscribe(two, 'room', 3);
    await subscribe(two, 'room.*', 1);
    await counts(one, 'room', 5);
    await counts(two, 'room', 5);
    await counts(one, 'room.*', 1);
    const [here, there] = [await one.topics.presence('room'), await two.topics.presence('room')];
    expect(here.ids.toSorted()).toEqual(there.ids.toSorted());
    expect(new Set(here.ids).size).toBe(5);
    first.close();
    // At once in its process.
    expect((await two.topics.presence('room')).count).toBe(4);
    await counts(one, 'room', 4);
  });

  test('withdraws at close(), also what is being announced', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine), start(engine)];
    await subscribe(one, 'a', 2);
    await counts(two, 'a', 2);
    void subscribe(one, 'b', 1);
    await one.topics.close();
    expect([await two.topics.presence('a'), await two.topics.presence('b')]).toEqual([
      { count: 0, ids: [] },
      { count: 0, ids: [] },
    ]);
    await expect(one.topics.presence('a')).rejects.toThrow('closed');
  });

  test('is refreshed in time, and expires with a process that died', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine), start(engine)];
    await subscribe(one, 'a', 1);
    await counts(two, 'a', 1);
    const { announcements } = one.bus;
    await expect.poll(() => one.bus.announcements).toBeGreaterThanOrEqual(announcements + 2);
    await counts(two, 'a', 1);
    // Nothing of this process arrives any more.
    one.bus.leave();
    await counts(two, 'a', 0);
    one.bus.comeBack();
    await counts(two, 'a', 1);
  });

  test('is announced again by a bus that has forgotten it', async () => {
    const engine = new MemoryEngine();
    const options = { presence: { ttl: 3_600_000 } };
    const [one, two] = [start(engine, options), start(engine, options)];
    await subscribe(one, 'a', 1);
    await counts(two, 'a', 1);
    one.bus.leave();
    engine.reset();
    await expect(one.topics.presence('a')).rejects.toThrow('away');
    const [, , third] = await subscribe(two, 'b', 3);
    one.bus.comeBack();
    await counts(two, 'a', 1);
    third.close();
    await counts(one, 'b', 2);
    expect([one.errors, two.errors]).toEqual([['The engine is away'], []]);
  });

  test('costs one announcement for subscribers that come together, and none for a topic that the option leaves out', async () => {
    const engine = new MemoryEngine();
    const options: TopicsOptions = { presence: (name) => (name === 'room' ? { ttl: 3_600_000 } : undefined) };
    const [one, two] = [start(engine, options), start(engine, options)];
    await subscribe(one, 'room', 500);
    await subscribe(one, 'other', 5);
    await counts(two, 'room', 500);
    expect(one.bus.announcements).toBeLessThanOrEqual(2);
    expect([...engine.presence.keys()]).toEqual(['room']);
    await expect(one.topics.presence('other')).rejects.toThrow(TypeError);
    await expect(one.topics.presence('other')).rejects.toThrow('subscribers()');
  });

  test('ends when all subscribers have gone', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine), start(engine)];
    for (const socket of await subscribe(one, 'a', 2)) socket.close();
    const [again] = await subscribe(one, 'a', 1);
    await counts(two, 'a', 1);
    again.close();
    await counts(two, 'a', 0);
    expect(engine.presence.get('a')!.size).toBe(0);
  });
});

describe('presence without a way to know', () => {
  test('is a TypeError that says what to do', async () => {
    const bus = new MemoryBus(new MemoryEngine(), { keeps: false, tells: false });
    expect(() => new Topics({ bus, ...PRESENCE })).toThrow('needs a bus that tells who is subscribed');
    const topics = new Topics({ bus });
    await expect(topics.presence('a')).rejects.toThrow(TypeError);
    await expect(topics.presence('a')).rejects.toThrow('subscribers()');
    const without = start(new MemoryEngine(), {});
    await expect(without.topics.presence('a')).rejects.toThrow('needs the "presence" option');
    await expect(without.topics.presence('a b')).rejects.toThrow('spaces');
  });

  test.each([[{ ttl: 0 }], [{ ttl: Infinity }], [{ ttl: 1.5 }], [{}]])('refuses %j', (presence) => {
    expect(() => new Topics({ presence: presence as never })).toThrow('presence.ttl');
  });

  test('works without a bus, and without the option', async () => {
    const topics = new Topics();
    await topics.subscribe(new FakeSocket(), 'a');
    expect((await topics.presence('a')).ids).toHaveLength(1);
  });
});

test('close() does not wait long for a bus that does not reply', async () => {
  const engine = new MemoryEngine();
  const { topics, bus } = start(engine, { presence: { ttl: 3_600_000 } });
  await subscribe({ topics, bus, errors: [] }, 'a', 1);
  await expect.poll(() => bus.announcements, { timeout: 20_000 }).toBe(1);
  bus.presence!.announce = () => new Promise(() => {});
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let isClosed = false;
  void topics.close().then(() => (isClosed = true));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(isClosed).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(isClosed).toBe(true);
});

test('close() does not wait for a bus that never connects', async () => {
  const bus = new MemoryBus(new MemoryEngine(), { keeps: false });
  bus.connect = () => new Promise(() => {});
  const topics = new Topics({ bus, ...PRESENCE });
  const subscribed = topics.subscribe(new FakeSocket(), 'a');
  await Promise.all([topics.close(), expect(subscribed).rejects.toThrow('closed')]);
});
