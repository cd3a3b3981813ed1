// Topics in one process over real sockets, on each runtime: subscriptions, patterns, history, slow subscribers, and the subprotocol.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeReconnecting from '../../adapters/node/reconnecting.ts';
import { TopicClient, type ClientTopicMessage, type TopicError } from '../../src/topics/client.ts';
import { Topics, TOPICS_PROTOCOL, type TopicsOptions } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { MemoryBus, MemoryEngine } from '../support/memory-bus.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { ReconnectingWebSocket } = (await import(`../../adapters/${runtime}/reconnecting.ts`)) as typeof NodeReconnecting;
type Peer = NodeWs.WebSocket;

let server: NodeWs.WebSocketServer;
let url: string;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first });
  server.on('connection', (ws) => ws.on('error', () => {}));
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

async function happens(condition: () => unknown): Promise<void> {
  await expect.poll(condition).toBeTruthy();
}

/** A connection: the server's socket, and the messages that its client got. */
async function connect(): Promise<{ peer: Peer; client: Peer; received: string[] }> {
  const client = new WebSocket(url);
  const received: string[] = [];
  client.on('message', (data: Buffer, isBinary: boolean) => {
    received.push(isBinary ? `binary ${data.toString('hex')}` : data.toString());
  });
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[Peer], unknown];
  return { peer, client, received };
}

function create(options?: TopicsOptions): Topics {
  const topics = new Topics(options);
  onTestFinished(() => topics.close());
  return topics;
}

/** Text messages of a topic's history. */
const HISTORY = { history: { size: 5, ttl: 60_000 } };

describe('subscribers', () => {
  test('get messages of their topics and patterns, each once', async () => {
    const topics = create();
    const [one, two, three] = [await connect(), await connect(), await connect()];
    await topics.subscribe(one.peer, 'news.uk');
    await topics.subscribe(one.peer, 'news.*');
    await topics.subscribe(two.peer, 'news.>');
    await topics.subscribe(three.peer, 'sport');
    expect(await topics.publish('news.uk', 'a')).toEqual({ local: 2, offset: undefined });
    expect(await topics.publish('news.uk.london', Uint8Array.of(1, 2))).toMatchObject({ local: 1 });
    expect(await topics.publish('sport', new Uint8Array([0x61, 0x62]), { binary: false })).toMatchObject({ local: 1 });
    expect(await topics.publish('nobody', 'x')).toMatchObject({ local: 0 });
    await happens(() => one.received.length === 1 && two.received.length === 2 && three.received.length === 1);
    expect([one.received, two.received, three.received]).toEqual([['a'], ['a', 'binary 0102'], ['ab']]);
    expect(topics.counts).toEqual({ delivered: 4, dropped: 0, conflated: 0 });
  });

  test('leave at unsubscribe(), and all their topics when they close', async () => {
    const topics = create();
    const log: string[] = [];
    topics.on('subscribed', (name) => log.push(`+${name}`)).on('unsubscribed', (name) => log.push(`-${name}`));
    const { peer, client } = await connect();
    const other = await connect();
    for (const name of ['a', 'b', 'c.*']) await topics.subscribe(peer, name);
    await topics.subscribe(other.peer, 'b');
    expect(topics.of(peer)).toEqual(['a', 'b', 'c.*']);
    expect(topics.subscribers('b')).toEqual([peer, other.peer]);
    expect([topics.unsubscribe(peer, 'a'), topics.unsubscribe(peer, 'a'), topics.isSubscribed(peer, 'a')]).toEqual([
      true,
      false,
      false,
    ]);
    client.close();
    await happens(() => topics.of(peer).length === 0);
    expect(log).toEqual(['+a', '+b', '+c.*', '-a', '-c.*']);
    expect(topics.subscribers('b')).toEqual([other.peer]);
    await expect(topics.subscribe(peer, 'late')).rejects.toThrow('closed');
  });

  test('of all classes get the same', async () => {
    const topics = create();
    const w3c = new ReconnectingWebSocket(url);
    onTestFinished(() => w3c.close());
    const [peer] = (await once(server, 'connection')) as [Peer];
    await happens(() => w3c.readyState === 1);
    const received: unknown[] = [];
    peer.on('message', (data: Buffer, isBinary: boolean) => received.push(isBinary ? [...data] : data.toString()));
    // The client subscribes its own end: a class that broadcast() does not know.
    await topics.subscribe(w3c, 'up');
    await topics.publish('up', 'text');
    await topics.publish('up', Uint8Array.of(5));
    await happens(() => received.length === 2);
    expect(received).toEqual(['text', [5]]);
  });

  test('do not get what they publish themselves, with the methods of extend()', async () => {
    const topics = create();
    const [one, two] = [await connect(), await connect()];
    const socket = topics.extend(one.peer);
    await socket.subscribe('chat');
    await topics.subscribe(two.peer, 'chat');
    expect([socket.topics, socket.isSubscribed('chat')]).toEqual([['chat'], true]);
    await socket.publish('chat', 'from one');
    await topics.publish('chat', 'to all');
    await happens(() => one.received.length === 1 && two.received.length === 2);
    expect([one.received, two.received]).toEqual([['to all'], ['from one', 'to all']]);
    expect(socket.unsubscribe('chat')).toBe(true);
  });

  test('are extended once, by one object of topics', async () => {
    const [topics, others] = [create(), create()];
    const { peer, received } = await connect();
    const socket = topics.extend(topics.extend(peer));
    expect(socket).toBe(peer);
    expect(() => others.extend(peer)).toThrow('Other topics have extended this WebSocket');
    // It has the methods of the first, and may subscribe to the others by theirs.
    await socket.subscribe('first');
    await others.subscribe(peer, 'second');
    expect([socket.topics, topics.of(peer), others.of(peer)]).toEqual([['first'], ['first'], ['second']]);
    await topics.publish('first', '1');
    await others.publish('second', '2');
    await happens(() => received.length === 2);
    expect(received).toEqual(['1', '2']);
  });

  test('are there: presence', async () => {
    const topics = create();
    const [one, two] = [await connect(), await connect()];
    await topics.subscribe(one.peer, 'room');
    await topics.subscribe(two.peer, 'room');
    const { count, ids } = await topics.presence('room');
    expect([count, new Set(ids).size]).toEqual([2, 2]);
    expect(await topics.presence('other')).toEqual({ count: 0, ids: [] });
  });
});

describe('a history', () => {
  test('delivers what was missed before anything newer, or says that it cannot', async () => {
    const topics = create(HISTORY);
    const first = await topics.publish('t', '1');
    expect(first.offset).toBe(1);
    const { position } = await topics.subscribe((await connect()).peer, 't');
    for (let number = 2; number <= 4; number++) await topics.publish('t', `${number}`);
    const { peer, received } = await connect();
    const subscribed = topics.subscribe(peer, 't', { since: position });
    void topics.publish('t', '5');
    expect(await subscribed).toEqual({ recovered: true, position: { epoch: position!.epoch, offset: 4 } });
    await happens(() => received.length === 4);
    expect(received).toEqual(['2', '3', '4', '5']);

    for (let number = 6; number <= 9; number++) await topics.publish('t', `${number}`);
    const late = await connect();
    expect(await topics.subscribe(late.peer, 't', { since: position })).toMatchObject({ recovered: false });
    const other = { epoch: 'of another process', offset: 9 };
    expect(await topics.subscribe((await connect()).peer, 't', { since: other })).toMatchObject({ recovered: false });
    await topics.publish('t', 'new');
    await happens(() => late.received.length > 0);
    expect(late.received).toEqual(['new']);
  });
});

describe('a history that was forgotten', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  test('has no position in common with the next one of its topic', async () => {
    const topics = create({ history: { size: 100, ttl: 5_000 } });
    const [before, after] = [new FakeSocket(), new FakeSocket()];
    for (let number = 1; number <= 5; number++) await topics.publish('t', `old ${number}`);
    const { position } = await topics.subscribe(before, 't');
    before.close();
    vi.advanceTimersByTime(20_000);
    expect(topics.size).toBe(0);
    for (let number = 1; number <= 8; number++) await topics.publish('t', `new ${number}`);
    // It missed eight messages, not the last three.
    expect(await topics.subscribe(after, 't', { since: position })).toMatchObject({ recovered: false });
    expect(after.received).toEqual([]);
  });
});

describe('a slow subscriber', () => {
  test('gets nothing of what it has unsubscribed, or what a recovery brought', async () => {
    const topics = create({ ...HISTORY, slow: 'conflate', maxLag: 10 });
    const socket = new FakeSocket();
    for (const name of ['left', 'stays', 'again']) await topics.subscribe(socket, name);
    socket.bufferedAmount = 11;
    for (const name of ['left', 'stays', 'again']) await topics.publish(name, name);
    topics.unsubscribe(socket, 'left');
    const { epoch } = (await topics.subscribe(new FakeSocket(), 'again')).position!;
    await topics.subscribe(socket, 'again', { since: { epoch, offset: 0 } });
    socket.bufferedAmount = 0;
    await happens(() => socket.received.length > 1);
    expect(socket.received).toEqual(['again', 'stays']);
  });

  /** A connection whose client does not read, with more waiting than `maxLag`. */
  async function stall(topics: Topics): Promise<Awaited<ReturnType<typeof connect>>> {
    const connection = await connect();
    const { peer, client } = connection;
    await topics.subscribe(peer, 't');
    client.pause();
    const chunk = new Uint8Array(1 << 20);
    while (peer.bufferedAmount < 4 << 20) {
      peer.send(chunk);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return connection;
  }
  const texts = (received: string[]): string[] => received.filter((text) => !text.startsWith('binary'));

  test('gets the newest message with the policy "conflate", once it has caught up', async () => {
    const topics = create({ slow: 'conflate' });
    const { client, received } = await stall(topics);
    for (let number = 1; number <= 100; number++) await topics.publish('t', `${number}`);
    client.resume();
    await happens(() => texts(received).length > 0);
    await topics.publish('t', 'after');
    await happens(() => received.includes('after'));
    expect(texts(received)).toEqual(['100', 'after']);
    expect(topics.counts).toEqual({ delivered: 2, dropped: 0, conflated: 99 });
  });

  test('misses messages with the policy "drop", which counts them', async () => {
    const topics = create({ slow: (topic) => (topic === 't' ? 'drop' : 'send') });
    const { client, peer, received } = await stall(topics);
    for (let number = 1; number <= 10; number++) await topics.publish('t', `${number}`);
    client.resume();
    await happens(() => peer.bufferedAmount === 0);
    await topics.publish('t', 'after');
    await happens(() => received.includes('after'));
    expect(texts(received)).toEqual(['after']);
    expect(topics.counts.dropped).toBe(10);
  });
});

describe('wasock.topics.v1', () => {
  const QUICK = { initial: 1, maximum: 20, resetAfter: 0 };

  function serve(topics: Topics, log: string[] = []): void {
    server.on('connection', (ws) => {
      topics.serve(ws, {
        authorize(topic, action, context) {
          log.push(`${action} ${topic} ${context}`);
          if (topic === 'boom') throw new Error('of the program');
          return !topic.startsWith('secret');
        },
        context: 'me',
      });
    });
  }

  function createClient(): { ws: NodeReconnecting.ReconnectingWebSocket; client: TopicClient } {
    const ws = new ReconnectingWebSocket(url, { protocols: TOPICS_PROTOCOL, backoff: QUICK });
    onTestFinished(() => ws.close());
    return { ws, client: new TopicClient(ws) };
  }

  test('delivers each message once and in order over lost connections', async () => {
    const topics = create({ history: { size: 1000, ttl: 60_000 } });
    serve(topics);
    const { client } = createClient();
    const received: string[] = [];
    let gaps = 0;
    const subscription = client.subscribe('t', ({ data }) => received.push(data as string), { onGap: () => gaps++ });
    await subscription.ready;
    const expected: string[] = [];
    for (let number = 1; number <= 300; number++) {
      expected.push(`${number}`);
      await topics.publish('t', `${number}`);
      if (number % 50 === 0) for (const ws of server.clients) ws.terminate();
      if (number % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await happens(() => received.length >= 300);
    expect(received).toEqual(expected);
    expect([gaps, subscription.position?.offset]).toEqual([0, 300]);
    subscription.unsubscribe();
    await happens(() => topics.subscribers('t').length === 0);
  });

  test('says that messages may be missing', async () => {
    const topics = create({ history: { size: 2, ttl: 60_000 } });
    serve(topics);
    const { client } = createClient();
    const log: string[] = [];
    const options = { onGap: () => log.push('gap') };
    await client.subscribe('t', ({ data }) => log.push(data as string), options).ready;
    await topics.publish('t', '1');
    await happens(() => log.length === 1);
    topics.once('unsubscribed', () => {
      for (const text of ['2', '3', '4', '5']) void topics.publish('t', text);
    });
    for (const ws of server.clients) ws.terminate();
    await happens(() => log.includes('gap'));
    await topics.publish('t', '6');
    await happens(() => log.includes('6'));
    expect(log).toEqual(['1', 'gap', '6']);
  });

  test('asks again when the server could not subscribe', async () => {
    const engine = new MemoryEngine();
    const bus = new MemoryBus(engine, { keeps: true });
    const topics = create({ bus, ...HISTORY });
    await topics.ready;
    serve(topics);
    bus.leave();
    const { client } = createClient();
    const received: string[] = [];
    const { ready } = client.subscribe('t', ({ data }) => received.push(data as string));
    await new Promise((resolve) => setTimeout(resolve, 200));
    bus.comeBack();
    await ready;
    await topics.publish('t', 'here');
    await happens(() => received.length === 1);
  });

  test('tells many clients of a gap without a listener for each', async () => {
    const bus = new MemoryBus(new MemoryEngine(), { keeps: false });
    const topics = create({ bus });
    serve(topics);
    let gaps = 0;
    const clients = Array.from({ length: 15 }, () => createClient().client);
    await Promise.all(clients.map((client) => client.subscribe('t', () => {}, { onGap: () => gaps++ }).ready));
    expect(topics.listenerCount('gap')).toBe(0);
    bus.leave();
    bus.comeBack();
    await happens(() => gaps === 15);
  });

  test('carries text and bytes both ways, and patterns', async () => {
    const topics = create(HISTORY);
    serve(topics);
    const { client } = createClient();
    const received: ClientTopicMessage[] = [];
    await client.subscribe('a.*', (message) => received.push(message)).ready;
    expect(await client.publish('a.b', 'text \ud83d\ude00')).toEqual({ offset: 1 });
    expect(await client.publish('a.c', Uint8Array.of(0, 128, 255))).toEqual({ offset: 1 });
    await happens(() => received.length === 2);
    expect(received.map(({ topic, data }) => [topic, typeof data === 'string' ? data : [...data]])).toEqual([
      ['a.b', 'text \ud83d\ude00'],
      ['a.c', [0, 128, 255]],
    ]);
  });

  test('refuses subscriptions once the client has ended', async () => {
    const { ws, client } = createClient();
    const { ready } = client.subscribe('early', () => {});
    ws.close();
    await expect(ready).rejects.toMatchObject({ name: 'TopicError', reason: 'failed' });
    await expect(client.subscribe('late', () => {}).ready).rejects.toMatchObject({ name: 'TopicError' });
    await expect(client.publish('late', 'x')).rejects.toMatchObject({ name: 'TopicError', reason: 'failed' });
  });

  test('tells who is there, if `authorize` allows it', async () => {
    const topics = create();
    const log: string[] = [];
    serve(topics, log);
    const [one, two] = [createClient(), createClient()];
    await Promise.all([one, two].map(({ client }) => client.subscribe('room', () => {}).ready));
    const { count, ids } = await one.client.presence('room');
    expect([count, ids]).toEqual([2, (await topics.presence('room')).ids]);
    expect(log).toContain('presence room me');
    expect(await one.client.presence('room.*')).toEqual({ count: 0, ids: [] });
    await expect(one.client.presence('secret')).rejects.toMatchObject({ reason: 'forbidden' });
    await expect(one.client.presence('a..b')).rejects.toMatchObject({ reason: 'invalid' });
    two.ws.close();
    await happens(async () => (await one.client.presence('room')).count === 1);
  });

  test('allows nothing that `authorize` does not', async () => {
    const topics = create({ maxSubscriptions: 2 });
    const log: string[] = [];
    serve(topics, log);
    const { client, ws } = createClient();
    await happens(() => ws.readyState === 1);
    const refused = (topic: string): Promise<unknown> =>
      client.subscribe(topic, () => {}).ready.catch(({ reason }: TopicError) => reason);
    expect([await refused('secret.plans'), await refused('boom')]).toEqual(['forbidden', 'forbidden']);
    await expect(client.publish('secret', 'x')).rejects.toMatchObject({ reason: 'forbidden' });
    expect([await refused('a..b'), await refused(`${'a.'.repeat(16)}*`)]).toEqual(['invalid', 'limit']);
    await client.subscribe('one', () => {}).ready;
    await client.subscribe('two', () => {}).ready;
    expect(await refused('three')).toBe('limit');
    expect(log).toContain('subscribe secret.plans me');
    expect(() => topics.serve(ws as never, {} as never)).toThrow('authorize');
    expect(topics.subscribers('secret.plans')).toEqual([]);
  });

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no id', '{"type":"subscribe"}'],
    ['bytes', Uint8Array.of(1)],
  ])('closes a client that sends %s', async (_, message) => {
    serve(create());
    const client = new WebSocket(url, TOPICS_PROTOCOL);
    await once(client, 'open');
    client.send(message);
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(4400);
  });

  test.each([
    [{ type: 'subscribe' }, 'invalid'],
    [{ type: 'dance', topic: 'a' }, 'invalid'],
    [{ type: 'subscribe', topic: 'a', since: { epoch: 5 } }, 'invalid'],
    [{ type: 'publish', topic: 'a' }, 'invalid'],
    [{ type: 'publish', topic: 'a', base64: '§' }, 'invalid'],
    [{ type: 'publish', topic: 'a.*', text: '' }, 'invalid'],
  ])('answers %j with an error', async (request, reason) => {
    serve(create());
    const client = new WebSocket(url, TOPICS_PROTOCOL);
    await once(client, 'open');
    client.send(JSON.stringify({ ...request, id: 7 }));
    const [data] = (await once(client, 'message')) as [Buffer];
    expect(JSON.parse(data.toString())).toMatchObject({ type: 'error', id: 7, reason });
    client.close();
  });

  test('limits the requests that wait for the program', async () => {
    const topics = create();
    server.on('connection', (ws) => topics.serve(ws, { authorize: () => new Promise(() => {}) }));
    const client = new WebSocket(url, TOPICS_PROTOCOL);
    await once(client, 'open');
    for (let id = 0; id < 1100; id++) client.send(JSON.stringify({ type: 'subscribe', topic: 'a', id }));
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(4400);
  });
});

describe('arguments', () => {
  test.each([
    [{ maxLag: -1 }, RangeError],
    [{ maxSubscriptions: 1.5 }, RangeError],
    [{ maxQueued: '1' }, RangeError],
    [{ slow: 'wait' }, TypeError],
    [{ history: 5 }, TypeError],
    [{ history: { size: -1, ttl: 5 } }, RangeError],
    [{ history: { size: 1 } }, RangeError],
  ])('%j is an error', (options, kind) => {
    expect(() => new Topics(options as never)).toThrow(kind);
  });

  test.each([
    ['an object', {}],
    [
      'a client of Redis, which has its methods',
      Object.assign(new MemoryBus(new MemoryEngine(), { keeps: true }), { duplicate() {} }),
    ],
    ['an address', 'redis://localhost'],
  ])('refuse %s as a bus', (_, bus) => {
    expect(() => new Topics({ bus: bus as never })).toThrow(/"bus" option must be a bus, such as redisBus\(client\), not/);
  });

  test('that are wrong reject', async () => {
    const topics = create(HISTORY);
    const { peer } = await connect();
    await expect(topics.publish('a.*', 'x')).rejects.toThrow('not a pattern');
    await expect(topics.publish('a', 5 as never)).rejects.toThrow(TypeError);
    await expect(topics.subscribe(peer, '')).rejects.toThrow(TypeError);
    await expect(topics.subscribe({} as never, 'a')).rejects.toThrow('addEventListener');
    await expect(topics.subscribe(peer, 'a.*', { since: { epoch: 'x', offset: 0 } })).rejects.toThrow('pattern');
    await expect(topics.subscribe(peer, 'a', { since: { epoch: 'x', offset: -1 } })).rejects.toThrow(RangeError);
    await topics.close();
    await expect(topics.publish('a', 'x')).rejects.toThrow('closed');
  });
});
