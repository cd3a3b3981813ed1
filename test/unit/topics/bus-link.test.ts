import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Topics, type Bus, type Position, type TopicsOptions } from '../../../src/topics/index.ts';
import { FakeSocket } from '../../support/fake-topic-socket.ts';
import { MemoryBus, MemoryEngine } from '../../support/memory-bus.ts';
import { sleep } from '../../support/sleep.ts';

const HISTORY = { history: { size: 100, ttl: 60_000 } };

interface Process {
  readonly topics: Topics;
  readonly bus: MemoryBus;
  readonly gaps: string[];
  readonly errors: string[];
}

function start(engine: MemoryEngine, keeps: boolean, options: TopicsOptions = {}): Process {
  const bus = new MemoryBus(engine, { keeps });
  const topics = new Topics({ bus, ...options });
  const gaps: string[] = [];
  const errors: string[] = [];
  topics.on('gap', (name) => gaps.push(name)).on('busError', ({ message }) => errors.push(message));
  return { topics, bus, gaps, errors };
}

const settle = (): Promise<void> => sleep(30);

describe.each([
  ['without a history', false, {}],
  ['with a history', true, HISTORY],
] as const)('processes on a bus %s', (_, keeps, options) => {
  test('get the messages of each other, once, in order', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, keeps, options), start(engine, keeps, options)];
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    await one.topics.subscribe(a, 't');
    await one.topics.subscribe(a, '*');
    await two.topics.subscribe(b, 't');
    const published = await one.topics.publish('t', 'from one');
    expect(published).toEqual({ local: 1, offset: keeps ? 1 : undefined });
    await two.topics.publish('t', Uint8Array.of(1, 2));
    await settle();
    expect(a.received).toEqual(['from one', [1, 2]]);
    expect(b.received).toEqual(['from one', [1, 2]]);
  });

  test('subscribe to what they need, and no longer', async () => {
    const { topics, bus } = start(new MemoryEngine(), keeps, options);
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    await Promise.all([topics.subscribe(a, 't'), topics.subscribe(b, 't'), topics.subscribe(b, 'x.>')]);
    expect([...bus.names].toSorted()).toEqual(['t', 'x.>']);
    topics.unsubscribe(a, 't');
    await settle();
    expect(bus.names.has('t')).toBe(true);
    b.close();
    await settle();
    expect([...bus.names]).toEqual([]);
    // The steps of a name follow each other, whatever is asked for in one turn.
    const c = new FakeSocket();
    void topics.subscribe(c, 't');
    topics.unsubscribe(c, 't');
    await topics.subscribe(c, 't');
    await settle();
    expect([...bus.names]).toEqual(['t']);
  });
});

describe('a bus that goes away', () => {
  test('has its messages of meanwhile delivered before newer ones, if it keeps them', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await two.topics.publish('t', '1');
    await settle();
    one.bus.leave();
    for (const text of ['2', '3']) await two.topics.publish('t', text);
    one.bus.comeBack();
    engine.publish('t', (await envelopeOf('4'))!, HISTORY.history);
    await settle();
    expect(a.received).toEqual(['1', '2', '3', '4']);
    expect([one.gaps, one.errors]).toEqual([[], ['The engine is away']]);
  });

  test('may bring newer messages before it says that it is back', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await two.topics.publish('t', '1');
    one.bus.leave();
    await two.topics.publish('t', '2');
    one.bus.reconnect();
    await two.topics.publish('t', '3');
    expect(a.received).toEqual(['1']);
    one.bus.comeBack();
    // It goes away again before it has sent what was missed.
    one.bus.leave();
    await settle();
    one.bus.reconnect();
    await two.topics.publish('t', '4');
    one.bus.comeBack();
    await expect.poll(() => a.received).toEqual(['1', '2', '3', '4']);
    expect(one.gaps).toEqual([]);
  });

  test('is asked again if it cannot tell what was missed', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    one.bus.leave();
    await two.topics.publish('t', '1');
    one.bus.failHistory();
    one.bus.comeBack();
    await settle();
    await two.topics.publish('t', '2');
    await expect.poll(() => a.received).toEqual(['1', '2']);
    expect([one.gaps, one.errors]).toEqual([[], ['The engine is away', 'The engine is busy']]);
  });

  test('is a gap if it keeps nothing, or has forgotten', async () => {
    const engine = new MemoryEngine();
    const one = start(engine, false);
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    await one.topics.subscribe(a, 'p.*');
    one.bus.leave();
    one.bus.comeBack();
    await settle();
    expect(one.gaps).toEqual(['t', 'p.*']);

    const two = start(engine, true, HISTORY);
    await two.topics.subscribe(a, 't');
    await two.topics.publish('t', 'x');
    await settle();
    two.bus.leave();
    engine.reset();
    two.bus.comeBack();
    await settle();
    expect(two.gaps).toEqual(['t']);
    await two.topics.publish('t', 'after');
    await settle();
    expect(a.received.at(-1)).toBe('after');
    expect(two.gaps).toEqual(['t']);
  });

  test('makes publishing reject, or wait up to a bound', async () => {
    const engine = new MemoryEngine();
    const one = start(engine, false);
    await one.topics.ready;
    one.bus.leave();
    await expect(one.topics.publish('t', 'x')).rejects.toThrow('away');

    const two = start(engine, false, { maxQueued: 50 });
    const listener = start(engine, false);
    const a = new FakeSocket();
    await listener.topics.subscribe(a, 't');
    await two.topics.ready;
    two.bus.leave();
    const first = two.topics.publish('t', '1');
    const second = two.topics.publish('t', '2');
    await expect(two.topics.publish('t', '3')).rejects.toThrow(
      'The bus is away, and the queue is full: it has room for 50 bytes; give "maxQueued" more room',
    );
    two.bus.comeBack();
    await Promise.all([first, second]);
    await settle();
    expect(a.received).toEqual(['1', '2']);
  });
});

describe('a bus that loses messages, and is not away', () => {
  /** A process, and a function that publishes messages of which the bus brings the last one only. */
  async function startLossy(): Promise<Process & { publish(...texts: string[]): Promise<void>; received: unknown[] }> {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    const publish = async (...texts: string[]): Promise<void> => {
      for (const [index, text] of texts.entries()) {
        if (index < texts.length - 1) engine.buses.delete(one.bus);
        else engine.buses.add(one.bus);
        await two.topics.publish('t', text);
      }
    };
    return { ...one, publish, received: a.received };
  }

  test('has them delivered from its history, before newer ones', async () => {
    const { publish, received, gaps, errors } = await startLossy();
    await publish('1', '2', '3');
    await publish('4');
    await settle();
    await publish('5', '6');
    await publish('7', '8');
    await settle();
    expect(received).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
    expect([gaps, errors]).toEqual([[], []]);
  });

  test('is a gap if they are gone', async () => {
    const { publish, received, gaps } = await startLossy();
    await publish(...Array.from({ length: 102 }, (_, number) => String(number)));
    await publish('end');
    await settle();
    expect([received, gaps]).toEqual([['end'], ['t']]);
  });

  test('is asked again while its history fails', async () => {
    const { bus, publish, received, gaps, errors } = await startLossy();
    const { history } = bus;
    (bus as { history: unknown }).history = () => Promise.reject(new Error('no history now'));
    await publish('1', '2', '3');
    await expect.poll(() => errors).toEqual(['no history now']);
    (bus as { history: unknown }).history = history;
    await publish('4');
    expect(received).toEqual([]);
    await expect.poll(() => received).toEqual(['1', '2', '3', '4']);
    expect(gaps).toEqual([]);
  });
});

describe('an epoch that goes on from another one', () => {
  test('is no gap: what was missed comes first, and the history is read once', async () => {
    const engine = new MemoryEngine();
    const { topics, bus, gaps, errors } = start(engine, true, HISTORY);
    const a = new FakeSocket();
    await topics.subscribe(a, 't');
    await topics.publish('t', '1');
    const asked: (Position | undefined)[] = [];
    const envelope = (await envelopeOf('2'))!;
    (bus as { history: Bus['history'] }).history = (_, since) => {
      asked.push(since);
      const missed = since!.offset < 2 ? [{ envelope, position: { epoch: 'next', offset: 2 } }] : [];
      return Promise.resolve({ envelopes: missed, position: { epoch: 'next', offset: Math.max(3, since!.offset) } });
    };
    bus.receive('t', (await envelopeOf('3'))!, { epoch: 'next', offset: 3 });
    bus.receive('t', (await envelopeOf('4'))!, { epoch: 'next', offset: 4 });
    await settle();
    bus.receive('t', (await envelopeOf('5'))!, { epoch: 'next', offset: 5 });
    expect([a.received, gaps, errors]).toEqual([['1', '2', '3', '4', '5'], [], []]);
    expect(asked).toEqual([{ epoch: engine.epoch, offset: 1 }]);
    // Late, from a server that was replaced.
    bus.receive('t', (await envelopeOf('late'))!, { epoch: engine.epoch, offset: 2 });
    await settle();
    bus.receive('t', (await envelopeOf('6'))!, { epoch: 'next', offset: 6 });
    expect([a.received.at(-1), gaps, errors.length, asked.length]).toEqual(['6', ['t'], 1, 2]);
  });
});

describe('a bus that comes back', () => {
  test('gets messages in the order in which they were published, also those of the moment in which it comes back', async () => {
    const engine = new MemoryEngine();
    const [one, listener] = [start(engine, false, { maxQueued: 10_000 }), start(engine, false)];
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    await listener.topics.subscribe(a, 't');
    // With subscriptions, it takes the bus a while until it publishes what waits.
    await one.topics.subscribe(b, 'other');
    one.bus.leave();
    const published = ['1', '2', '3'].map((text) => one.topics.publish('t', text));
    await settle();
    one.bus.comeBack();
    published.push(one.topics.publish('t', '4'));
    one.bus.comeBack();
    await settle();
    published.push(one.topics.publish('t', '5'));
    await Promise.all(published);
    await settle();
    expect(a.received).toEqual(['1', '2', '3', '4', '5']);
  });

  test.each([1, 20])('but whose history fails %i times: all messages, or a gap, and never silence', async (failures) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    void one.topics.subscribe(a, 't');
    await vi.advanceTimersByTimeAsync(100);
    one.bus.leave();
    void two.topics.publish('t', '1');
    await vi.advanceTimersByTimeAsync(100);
    one.bus.failHistory(failures);
    one.bus.comeBack();
    void two.topics.publish('t', '2');
    await vi.advanceTimersByTimeAsync(20_000);
    void two.topics.publish('t', '3');
    await vi.advanceTimersByTimeAsync(100);
    expect([a.received, one.gaps]).toEqual(failures === 1 ? [['1', '2', '3'], []] : [['2', '3'], ['t']]);
  });

  test('again while its history is being fetched: nothing of both times is missing', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    one.bus.leave();
    await two.topics.publish('t', '1');
    const release = one.bus.delayHistory();
    one.bus.comeBack();
    await settle();
    one.bus.leave();
    await two.topics.publish('t', '2');
    one.bus.comeBack();
    engine.publish('t', (await envelopeOf('3'))!, HISTORY.history);
    release();
    await settle();
    expect([a.received, one.gaps]).toEqual([['1', '2', '3'], []]);
  });
});

test('a socket that unsubscribes during a recovery and subscribes again has the second subscription', async () => {
  const engine = new MemoryEngine();
  const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
  const { position } = await one.topics.subscribe(new FakeSocket(), 't');
  await two.topics.publish('t', '1');
  const a = new FakeSocket();
  const release = one.bus.delayHistory();
  const first = one.topics.subscribe(a, 't');
  await settle();
  one.topics.unsubscribe(a, 't');
  const second = one.topics.subscribe(a, 't', { since: position });
  release();
  await first;
  engine.publish('t', (await envelopeOf('2'))!, HISTORY.history);
  expect((await second).recovered).toBe(true);
  await settle();
  expect(a.received).toEqual(['1', '2']);
});

describe('recovery over a bus', () => {
  test('delivers what was missed before what comes meanwhile', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const a = new FakeSocket();
    const { position } = await one.topics.subscribe(a, 't');
    a.close();
    for (const text of ['1', '2']) await two.topics.publish('t', text);
    const b = new FakeSocket();
    // Another subscriber, so that the bus delivers live messages during the recovery.
    await two.topics.subscribe(new FakeSocket(), 't');
    await one.topics.subscribe(new FakeSocket(), 't');
    const subscribed = one.topics.subscribe(b, 't', { since: position });
    for (const text of ['3', '4']) await two.topics.publish('t', text);
    expect((await subscribed).recovered).toBe(true);
    await settle();
    expect(b.received).toEqual(['1', '2', '3', '4']);
  });

  test('delivers no message again that the bus brings after its history', async () => {
    const engine = new MemoryEngine();
    const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
    const { position } = await one.topics.subscribe(new FakeSocket(), 't');
    const late: Parameters<MemoryBus['receive']>[] = [];
    const { receive } = one.bus;
    one.bus.receive = (...message) => void late.push(message);
    for (const text of ['1', '2', '3']) await two.topics.publish('t', text);
    const [a, b] = [new FakeSocket(), new FakeSocket()];
    expect((await one.topics.subscribe(a, 't', { since: position })).recovered).toBe(true);
    expect((await one.topics.subscribe(b, 't')).position?.offset).toBe(3);
    expect([a.received, b.received]).toEqual([['1', '2', '3'], []]);
    await two.topics.publish('t', '4');
    for (const message of late) receive.apply(one.bus, message);
    expect([a.received, b.received]).toEqual([['1', '2', '3', '4'], ['4']]);
    one.topics.unsubscribe(a, 't');
    one.bus.receive = receive;
    await two.topics.publish('t', '5');
    expect([a.received, b.received]).toEqual([
      ['1', '2', '3', '4'],
      ['4', '5'],
    ]);
  });

  test('says that it cannot', async () => {
    const engine = new MemoryEngine();
    const one = start(engine, true, HISTORY);
    const since = { epoch: 'another', offset: 3 };
    expect(await one.topics.subscribe(new FakeSocket(), 't', { since })).toMatchObject({ recovered: false });
  });
});

test('what is unsubscribed or closed during a recovery gets nothing of it', async () => {
  const engine = new MemoryEngine();
  const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
  const { position } = await one.topics.subscribe(new FakeSocket(), 't');
  await two.topics.publish('t', 'missed');
  const [a, b] = [new FakeSocket(), new FakeSocket()];
  const pending = [a, b].map((socket) => one.topics.subscribe(socket, 't', { since: position }));
  await expect(one.topics.subscribe(a, 't', { since: position })).rejects.toThrow('under way');
  one.topics.unsubscribe(a, 't');
  b.close();
  expect(await Promise.all(pending)).toEqual([
    expect.objectContaining({ recovered: false }),
    expect.objectContaining({ recovered: false }),
  ]);
  await settle();
  expect([a.received, b.received]).toEqual([[], []]);
});

test.each([
  ['without a history', false, {}],
  ['with a history', true, HISTORY],
] as const)('a subscription that the bus refuses is none, %s', async (_, keeps, options) => {
  const one = start(new MemoryEngine(), keeps, options);
  await one.topics.ready;
  one.bus.leave();
  const a = new FakeSocket();
  await expect(one.topics.subscribe(a, 't')).rejects.toThrow('away');
  expect([one.topics.of(a), one.topics.subscribers('t')]).toEqual([[], []]);
});

describe('a bus that is not connected yet', () => {
  test('lets a bounded number of bytes wait, and says so', async () => {
    const engine = new MemoryEngine();
    const one = start(engine, false);
    const a = new FakeSocket();
    await one.topics.subscribe(a, 't');
    const two = start(engine, false);
    const early = [two.topics.publish('t', 'x'.repeat(600_000)), two.topics.publish('t', 'y'.repeat(600_000))];
    await expect(early[1]).rejects.toThrow(
      'The bus is not connected yet, and the queue is full: it has room for 1048576 bytes; wait for "ready", or give "maxQueued" more room',
    );
    await early[0];
    await settle();
    expect(a.received).toEqual(['x'.repeat(600_000)]);
  });

  test('and never is: close() ends all that waits, and tells no error', async () => {
    const bus = new MemoryBus(new MemoryEngine(), { keeps: true });
    bus.connect = () => new Promise(() => {});
    const topics = new Topics({ bus, ...HISTORY, presence: { ttl: 600_000 } });
    const errors: Error[] = [];
    topics.on('busError', (error) => errors.push(error));
    const waiting = [topics.ready, topics.subscribe(new FakeSocket(), 't'), topics.publish('t', 'x')];
    const ended = Promise.all(waiting.map((promise) => promise.then(String, ({ message }: Error) => message)));
    await topics.close();
    expect(await ended).toEqual(Array.from({ length: 3 }, () => 'The topics are closed'));
    expect(errors).toEqual([]);
  });
});

test('a history needs a bus that keeps messages', () => {
  expect(() => new Topics({ bus: new MemoryBus(new MemoryEngine(), { keeps: false }), ...HISTORY })).toThrow(TypeError);
});

test('close() ends subscriptions to patterns as well, and tells no error', async () => {
  const one = start(new MemoryEngine(), false);
  const a = new FakeSocket();
  await one.topics.subscribe(a, 'p.*');
  await one.topics.subscribe(a, 't');
  await one.topics.close();
  await settle();
  expect([one.topics.of(a), one.errors]).toEqual([[], []]);
});

test('a message of an unknown version is an error, and nothing else', async () => {
  const engine = new MemoryEngine();
  const one = start(engine, false);
  const a = new FakeSocket();
  await one.topics.subscribe(a, 't');
  engine.publish('t', Uint8Array.of(9, 9, 9));
  expect(one.errors).toEqual(['The bus brought a message of an unknown kind']);
  await start(engine, false).topics.publish('t', 'fine');
  expect(a.received).toEqual(['fine']);
});

test('a pattern gets what the bus brings after the history of a topic was read', async () => {
  const engine = new MemoryEngine();
  const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
  const [a, b] = [new FakeSocket(), new FakeSocket()];
  await one.topics.subscribe(a, 'p.*');
  const late: Parameters<MemoryBus['receive']>[] = [];
  const { receive } = one.bus;
  one.bus.receive = (...message) => void late.push(message);
  await two.topics.publish('p.t', '1');
  expect((await one.topics.subscribe(b, 'p.t')).position?.offset).toBe(1);
  await two.topics.publish('p.t', '2');
  for (const message of late) receive.apply(one.bus, message);
  expect([a.received, b.received]).toEqual([['1', '2'], ['2']]);
});

test('a bus is asked once for a name that is unsubscribed and subscribed in one turn', async () => {
  const { topics, bus } = start(new MemoryEngine(), false);
  let asked = 0;
  const { subscribe } = bus;
  bus.subscribe = (name) => {
    asked++;
    return subscribe.call(bus, name);
  };
  const [a, b] = [new FakeSocket(), new FakeSocket()];
  await topics.subscribe(a, 't');
  a.close();
  await topics.subscribe(b, 't');
  expect([asked, [...bus.names]]).toEqual([1, ['t']]);
});

test('a message that the history does not know is a gap, and asked for once', async () => {
  const engine = new MemoryEngine();
  const { topics, bus, gaps, errors } = start(engine, true, HISTORY);
  const a = new FakeSocket();
  const { position } = await topics.subscribe(a, 't');
  bus.receive('t', (await envelopeOf('forged'))!, { epoch: position!.epoch, offset: 1_000_000 });
  await settle();
  engine.publish('t', (await envelopeOf('1'))!, HISTORY.history);
  expect([a.received, gaps, errors.length]).toEqual([['1'], ['t'], 1]);
});

test('`except` works with a history', async () => {
  const engine = new MemoryEngine();
  const [one, two] = [start(engine, true, HISTORY), start(engine, true, HISTORY)];
  const a = one.topics.extend(new FakeSocket());
  const b = new FakeSocket();
  await a.subscribe('t');
  await two.topics.subscribe(b, 't');
  await a.publish('t', 'x');
  await settle();
  expect([a.received, b.received]).toEqual([[], ['x']]);
});

async function envelopeOf(text: string): Promise<Uint8Array | undefined> {
  const { encodeEnvelope } = await import('../../../src/topics/bus.ts');
  return encodeEnvelope('another-process!', text);
}
