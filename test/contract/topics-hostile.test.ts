// Clients of `topics.serve()` that attack, on each runtime: floods, replies that are never read, names, and a server whose program throws.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { TopicClient } from '../../src/topics/client.ts';
import { plain } from '../../src/topics/member.ts';
import { Topics, TOPICS_PROTOCOL, type ServeOptions, type TopicsOptions } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { MemoryBus, MemoryEngine } from '../support/memory-bus.ts';
import { keepUncaught } from '../support/uncaught.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Peer = NodeWs.WebSocket;

interface Reply {
  readonly id?: number;
  readonly type: string;
  readonly [name: string]: unknown;
}

interface Served {
  readonly topics: Topics;
  readonly server: NodeWs.WebSocketServer;
  /** The server's side. */
  readonly peer: Peer;
  readonly client: Peer;
  readonly replies: Reply[];
  ask(request: object): void;
}

/** A client, and the server that serves it. */
async function serve(
  topicsOptions: TopicsOptions,
  serveOptions: ServeOptions,
  serverOptions: NodeWs.ServerOptions = {},
): Promise<Served> {
  const topics = new Topics(topicsOptions);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first, ...serverOptions });
  onTestFinished(async () => {
    for (const peer of server.clients) peer.terminate();
    server.close();
    await topics.close();
  });
  server.on('connection', (ws) => {
    ws.on('error', () => {});
    topics.serve(ws, serveOptions);
  });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, TOPICS_PROTOCOL);
  client.on('error', () => {});
  const replies: Reply[] = [];
  client.on('message', (data: Buffer) => replies.push(JSON.parse(data.toString()) as Reply));
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[Peer], unknown];
  const ask = (request: object): void => client.send(JSON.stringify(request));
  return { topics, server, peer, client, replies, ask };
}

async function happens(condition: () => unknown): Promise<void> {
  await expect.poll(condition).toBeTruthy();
}

/** Fails the test that runs if a promise is rejected that nothing handles. */
function watchRejections(): void {
  const rejections: unknown[] = [];
  const listener = (error: unknown): void => void rejections.push(error);
  process.on('unhandledRejection', listener);
  onTestFinished(() => {
    process.off('unhandledRejection', listener);
    expect(rejections).toEqual([]);
  });
}

const HISTORY = { history: { size: 100, ttl: 3_600_000 } };
const all = { authorize: () => true };

test('replies that a client does not read are not made', async () => {
  const { topics, peer, client, replies, ask } = await serve(HISTORY, all);
  for (let number = 1; number <= 100; number++) await topics.publish('big', 'x'.repeat(10_000));
  ask({ type: 'subscribe', id: 1, topic: 'big' });
  await happens(() => replies.length === 1);
  const { epoch } = replies[0]['position'] as { epoch: string };
  client.pause();
  // Each asks for a megabyte.
  for (let id = 2; id < 62; id++) ask({ type: 'subscribe', id, topic: 'big', since: { epoch, offset: 0 } });
  await happens(() => peer.bufferedAmount > 65_536);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(peer.bufferedAmount).toBeLessThan(4_000_000);
  client.resume();
  await happens(() => replies.some(({ id }) => id === 61));
});

test('a reply that a `bufferPolicy` of "throw" refuses closes the client, and ends nothing else', async () => {
  watchRejections();
  const limits = { maxBufferedAmount: 50_000, bufferPolicy: 'throw' } as const;
  const { topics, client, peer, ask } = await serve({ ...HISTORY, maxLag: 1_000_000 }, all, limits);
  client.pause();
  ask({ type: 'subscribe', id: 1, topic: 'hot' });
  await happens(() => topics.isSubscribed(peer, 'hot'));
  // Messages find no room and are counted.
  while (topics.counts.dropped === 0) {
    await topics.publish('hot', 'x'.repeat(40_000));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(topics.counts.delivered).toBeGreaterThan(0);
  // A reply finds none either.
  for (let id = 2; id < 500 && peer.readyState === 1; id++) ask({ type: 'subscribe', id, topic: 'x'.repeat(300) });
  await happens(() => peer.readyState > 1);
});

test('counts tell each subscriber that a message did not reach', async () => {
  const { server, peer, client } = await serve({}, all, { maxBufferedAmount: 100_000, bufferPolicy: 'throw' });
  const other = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, TOPICS_PROTOCOL);
  const [[second]] = (await Promise.all([once(server, 'connection'), once(other, 'open')])) as [[Peer], unknown];
  const topics = new Topics();
  for (const socket of [peer, second]) await topics.subscribe(socket, 't');
  client.pause();
  other.pause();
  client.removeAllListeners('message');
  const chunk = new Uint8Array(16 << 20);
  for (let number = 0; number < 3; number++) void topics.publish('t', chunk);
  // The first one waits for both, since nothing waited before. The others find no room.
  expect(topics.counts).toEqual({ delivered: 2, dropped: 4, conflated: 0 });
  other.terminate();
});

test('requests wait up to a number of bytes', async () => {
  const { client, ask } = await serve({}, { authorize: () => new Promise<boolean>(() => {}) });
  for (let id = 0; id < 10; id++) ask({ type: 'publish', id, topic: 'a', text: 'x'.repeat(1_000_000) });
  expect(await once(client, 'close')).toMatchObject([4400, expect.anything()]);
});

test('`authorize` gets valid names alone', async () => {
  const seen: string[] = [];
  const { replies, ask } = await serve({}, { authorize: (topic, action) => seen.push(`${action} ${topic}`) > 0 });
  const names = ['', 'a b', 'a.', 'a..b', '\ud800', 'x'.repeat(300)];
  for (const topic of names) {
    for (const type of ['subscribe', 'publish', 'presence']) ask({ type, id: 1, topic, text: '' });
  }
  ask({ type: 'publish', id: 1, topic: 'a.>', text: '' });
  ask({ type: 'subscribe', id: 2, topic: 'a.>' });
  await happens(() => replies.some(({ id }) => id === 2));
  expect(seen).toEqual(['subscribe a.>']);
  expect(replies.filter(({ reason }) => reason === 'invalid')).toHaveLength(names.length * 3 + 1);
});

test.each([Error, TypeError, RangeError])('a %o of the program is not for clients', async (Class) => {
  const options: TopicsOptions = {
    history() {
      throw new Class('postgres://admin:secret@10.0.0.1 is down');
    },
  };
  const { replies, ask } = await serve(options, all);
  ask({ type: 'subscribe', id: 1, topic: 'a' });
  ask({ type: 'publish', id: 2, topic: 'a', text: 'x' });
  await happens(() => replies.length === 2);
  expect(replies.map(({ reason }) => reason)).toEqual(['failed', 'failed']);
  expect(JSON.stringify(replies)).not.toContain('secret');
});

test('a TypeError of the bus is not for clients either, and a subscription that failed by it is tried again', async () => {
  const bus = new MemoryBus(new MemoryEngine(), { keeps: false });
  let failures = 0;
  const subscribe = bus.subscribe.bind(bus);
  bus.subscribe = async (name) => {
    if (failures++ === 0) throw new TypeError('fetch of http://secret failed');
    await subscribe(name);
  };
  const { client, replies } = await serve({ bus }, all);
  await new TopicClient(client).subscribe('a', () => {}).ready;
  expect(replies.map(({ type, reason }) => [type, reason])).toEqual([
    ['error', 'failed'],
    ['subscribed', undefined],
  ]);
  expect(JSON.stringify(replies)).not.toContain('secret');
});

test('what a client may not ask for is told with its reason', async () => {
  const bus = new MemoryBus(new MemoryEngine(), { keeps: true, tells: false });
  const { replies, ask } = await serve({ bus, ...HISTORY, maxSubscriptions: 1 }, all);
  ask({ type: 'presence', id: 1, topic: 'a' });
  ask({ type: 'subscribe', id: 2, topic: 'a.*', since: { epoch: 'e', offset: 0 } });
  ask({ type: 'subscribe', id: 3, topic: 'a' });
  ask({ type: 'subscribe', id: 4, topic: 'b' });
  await happens(() => replies.length === 4);
  expect(replies.map(({ reason }) => reason)).toEqual(['invalid', 'invalid', undefined, 'limit']);
});

test('a second serve() for a WebSocket is an error: each request would be carried out twice', async () => {
  const { topics, peer } = await serve({}, all);
  expect(() => topics.serve(peer, all)).toThrow('serves this WebSocket already');
});

test.each(['conflate', 'drop'] as const)(
  'a slow subscriber to a pattern with ever new topics takes a bounded memory: %s',
  async (slow) => {
    const topics = new Topics({ slow });
    const gaps: string[] = [];
    const socket = new FakeSocket();
    const member = topics.memberOf(socket, plain);
    member.onGap = (name) => gaps.push(name);
    await topics.join(member, 'flood.>');
    await topics.join(member, 'other.*');
    await topics.join(member, 'own');
    socket.bufferedAmount = 1 << 20;
    const text = 'x'.repeat(200_000);
    for (let number = 0; number < 200; number++) void topics.publish(`flood.${number}`, text);
    const long = `flood.${'x'.repeat(200)}`;
    for (let number = 0; number < 80_000; number++) void topics.publish(`${long}.${number}`, '');
    await topics.publish('own', text);
    socket.bufferedAmount = 0;
    await happens(() => gaps.includes('own'));
    const { delivered, dropped } = topics.counts;
    expect([delivered + dropped, socket.received.length]).toEqual([80_201, delivered]);
    expect(socket.received.join('').length).toBeLessThan(16 << 20);
    // A gap of the pattern stands for many.
    expect(gaps).toContain('flood.>');
    expect(gaps.length).toBeLessThan(65_000);
    await topics.close();
  },
);

test('an exception of a listener of "unsubscribed" is the program’s, not the client’s', async () => {
  const { messages, stop } = keepUncaught();
  onTestFinished(stop);
  const { topics, replies, ask } = await serve({}, all);
  topics.on('unsubscribed', () => {
    throw new Error('of the program');
  });
  ask({ type: 'subscribe', id: 1, topic: 'a' });
  ask({ type: 'unsubscribe', id: 2, topic: 'a' });
  await happens(() => replies.length === 2 && messages.length > 0);
  expect([replies[1], messages]).toEqual([{ type: 'unsubscribed', id: 2 }, ['of the program']]);
});

test('names that come and go leave nothing', async () => {
  const { topics, replies, ask } = await serve(HISTORY, all);
  const names: string[] = [];
  topics.on('subscribed', (name) => names.push(name));
  for (let id = 0; id < 400; id++) ask({ type: id % 2 === 0 ? 'subscribe' : 'unsubscribe', id, topic: `t.${id >> 1}` });
  await happens(() => replies.length === 400);
  expect(names).toHaveLength(200);
  expect(topics.size).toBe(0);
});

test('an answer of `authorize` after the end changes nothing', async () => {
  watchRejections();
  let answer!: (value: boolean) => void;
  const { topics, client, peer, ask } = await serve({}, { authorize: () => new Promise((resolve) => (answer = resolve)) });
  ask({ type: 'subscribe', id: 1, topic: 'a' });
  ask({ type: 'subscribe', id: 2, topic: 'b' });
  await happens(() => answer !== undefined);
  client.terminate();
  await happens(() => peer.readyState === 3);
  answer(true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([topics.of(peer), topics.subscribers('a'), topics.subscribers('b')]).toEqual([[], [], []]);
});

test('dropped messages are a gap for a client, once it has caught up', async () => {
  const { topics, client, peer, replies, ask } = await serve({ ...HISTORY, slow: 'drop' }, all);
  ask({ type: 'subscribe', id: 1, topic: 't' });
  await happens(() => replies.length === 1);
  client.pause();
  const chunk = 'x'.repeat(100_000);
  while (topics.counts.dropped < 5) {
    await topics.publish('t', chunk);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  client.resume();
  await happens(() => peer.bufferedAmount === 0 && replies.some(({ type }) => type === 'gap'));
  expect(replies.at(-1)).toEqual({ type: 'gap', topic: 't' });
});

test('a client with thousands of subscriptions asks for a few at a time', async () => {
  const { topics, client, replies } = await serve({ maxSubscriptions: 0 }, all);
  client.removeAllListeners('message');
  const topicClient = new TopicClient(client);
  const subscriptions = Array.from({ length: 3_000 }, (_, index) => topicClient.subscribe(`t.${index}`, () => {}));
  await Promise.all(subscriptions.map(({ ready }) => ready));
  expect([topics.size, client.readyState, replies.length]).toEqual([3_000, 1, 0]);
});
