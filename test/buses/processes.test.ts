// Four server processes on three runtimes behind one engine, with clients that come back: every message, once and in order, while servers and the engine
// are killed, connections are cut and all servers are restarted one after the other.

import { afterEach, expect, test } from 'vitest';
import { ReconnectingWebSocket } from '../../adapters/node/reconnecting.ts';
import { TopicClient, TOPICS_PROTOCOL } from '../../src/topics/client.ts';
import { startProgram, type Program, type ProgramRuntime } from '../support/programs.ts';
import { freePort, sleep } from '../support/sockets.ts';
import { Engine } from './engine.ts';
import { KINDS, type BusKind, type KindName } from './kinds.ts';

const RUNTIMES: readonly ProgramRuntime[] = ['node', 'node-24', 'deno', 'bun'];
const CLIENTS = 120;
/** One kind for each engine that can be killed and keeps messages. */
const NAMES: readonly KindName[] = ['redis', 'nats', 'postgres'];

/** A server process that can be started again on its port. */
class Server {
  readonly runtime: ProgramRuntime;
  readonly #kind: KindName;
  readonly #enginePort: number;
  #port = 0;
  #program: Program | undefined;

  constructor(runtime: ProgramRuntime, kind: KindName, enginePort: number) {
    this.runtime = runtime;
    this.#kind = kind;
    this.#enginePort = enginePort;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<void> {
    this.#port ||= await freePort();
    const options = { port: this.#port, kind: this.#kind, enginePort: this.#enginePort, packages: import.meta.url };
    this.#program = await startProgram('test/buses/topic-server.ts', this.runtime, options);
    await this.#program.line();
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    process.kill(this.#program!.pid, 'SIGKILL');
    await this.#program!.ended;
    await this.#program!.close();
  }

  /** Shuts it down in order. @returns The connections that did not close cleanly. */
  async shutdown(): Promise<number> {
    this.#program!.send('shutdown');
    const { terminated } = JSON.parse(await this.#program!.line()) as { terminated: number };
    await this.#program!.close();
    return terminated;
  }

  async close(): Promise<void> {
    await this.#program?.close();
  }
}

/** A client with the messages that it got. */
class Subscriber {
  readonly received: string[] = [];
  gaps = 0;
  readonly ws: ReconnectingWebSocket;
  readonly topics: TopicClient;
  readonly ready: Promise<void>;

  constructor(urls: readonly string[], topic: string | undefined, first: number) {
    let turn = first;
    this.ws = new ReconnectingWebSocket(() => urls[turn++ % urls.length], {
      protocols: TOPICS_PROTOCOL,
      backoff: { initial: 20, maximum: 200, resetAfter: 0 },
      connectTimeout: 30_000,
    });
    this.topics = new TopicClient(this.ws);
    this.ready =
      topic === undefined
        ? Promise.resolve()
        : this.topics.subscribe(topic, ({ data }) => this.received.push(data as string), { onGap: () => this.gaps++ }).ready;
  }
}

let engine: Engine;
let servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
  await engine.remove();
});

async function startServers(kind: KindName): Promise<void> {
  engine = await Engine.start((KINDS[kind] as BusKind).engine!);
  servers = RUNTIMES.map((runtime) => new Server(runtime, kind, engine.port));
  await Promise.all(servers.map((server) => server.start()));
}

test.each(NAMES)(
  '%s: every subscriber gets every message once and in order, whatever is killed',
  { timeout: 180_000 },
  async (kind) => {
    await startServers(kind);
    const urls = servers.map(({ url }) => url);
    const subscribers = Array.from({ length: CLIENTS }, (_, index) => new Subscriber(urls, 'stream', index));
    await Promise.all(subscribers.map(({ ready }) => ready));

    // Publishers on all servers. A message whose publication is not confirmed may arrive or not.
    const confirmed: string[][] = [];
    const unsure = new Set<string>();
    let isOver = false;
    const publishers = urls.map(async (_, index) => {
      const { ws, topics } = new Subscriber(urls, undefined, index);
      const own: string[] = [];
      confirmed.push(own);
      for (let number = 0; !isOver; number++) {
        const text = `${index} ${number}`;
        await topics.publish('stream', text).then(
          () => own.push(text),
          () => unsure.add(text),
        );
        await sleep(10);
      }
      ws.close();
    });

    await sleep(500);
    // A server dies, and another one with it: half of the clients go elsewhere.
    await Promise.all([servers[0].kill(), servers[2].kill()]);
    await sleep(300);
    await Promise.all([servers[0].start(), servers[2].start()]);
    // The engine dies.
    await engine.kill();
    await sleep(300);
    await engine.restart();
    await sleep(500);
    // The clients' network breaks off: what they had received last may be anything.
    for (const { ws } of subscribers) ws.reconnect();
    await sleep(300);
    // A rolling restart.
    for (const server of servers) {
      expect(await server.shutdown()).toBe(0);
      await server.start();
    }
    await sleep(500);
    isOver = true;
    await Promise.all(publishers);

    const all = confirmed.flat();
    expect(all.length).toBeGreaterThan(100);
    const last = new Set(confirmed.map((own) => own.at(-1)!));
    const isComplete = ({ received }: Subscriber): boolean => [...last].every((text) => received.includes(text));
    await expect.poll(() => subscribers.every(isComplete)).toBe(true);

    // One order for all of them.
    const [{ received: order }] = subscribers;
    expect(new Set(order).size).toBe(order.length);
    for (const { received, gaps } of subscribers) {
      expect(received.length).toBe(order.length);
      expect(received.findIndex((text, index) => text !== order[index])).toBe(-1);
      expect(gaps).toBe(0);
    }
    for (const own of confirmed) {
      const prefix = `${own[0].split(' ')[0]} `;
      expect(order.filter((text) => text.startsWith(prefix) && !unsure.has(text))).toEqual(own);
    }
    for (const { ws } of subscribers) ws.close();
  },
);

test.each(NAMES.filter((name) => (KINDS[name] as BusKind).presence))(
  '%s: every server knows who is there, and forgets the clients of a server that was killed',
  { timeout: 180_000 },
  async (kind) => {
    await startServers(kind);
    const clients = servers.map(({ url }) => [0, 1, 2].map(() => new Subscriber([url], 'room', 0)));
    await Promise.all(clients.flat().map(({ ready }) => ready));
    const counts = async (expected: number, alive: readonly number[]): Promise<void> => {
      const ask = (): Promise<number[]> =>
        Promise.all(
          alive.map((index) =>
            clients[index][0].topics.presence('room').then(
              ({ count }) => count,
              () => -1,
            ),
          ),
        );
      await expect.poll(ask).toEqual(alive.map(() => expected));
    };
    await counts(12, [0, 1, 2, 3]);
    const presences = await Promise.all(clients.map(([{ topics }]) => topics.presence('room')));
    const [{ ids: same }] = presences;
    expect(new Set(same).size).toBe(12);
    for (const { ids } of presences) expect(ids.toSorted()).toEqual(same.toSorted());
    // Without a warning: its clients expire. Another one shuts down in order, and the last one loses clients.
    await servers[1].kill();
    await counts(9, [0, 2, 3]);
    expect(await servers[2].shutdown()).toBe(0);
    await counts(6, [0, 3]);
    for (const { ws } of clients[3].slice(1)) ws.close();
    await counts(4, [0, 3]);
    // They come back.
    await Promise.all([servers[1].start(), servers[2].start()]);
    await counts(10, [0, 1, 2, 3]);
    for (const { ws } of clients.flat()) ws.close();
  },
);
