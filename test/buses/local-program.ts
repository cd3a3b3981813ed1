// A hub of one machine with four workers, processes or threads, as a program. The argument has the kind of workers and the scenario. Writes its result as a line.

import cluster from 'node:cluster';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Topics, type Position } from '../../src/topics/index.ts';
import { localBus, localHub, type LocalHub } from '../../src/topics/local.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';

interface Arguments {
  readonly workers: 'threads' | 'json' | 'advanced';
  readonly scenario: 'worker' | 'hub';
}

type Command =
  | { readonly do: 'publish'; readonly name: string; readonly count: number }
  | { readonly do: 'recover'; readonly since: Position }
  | { readonly do: 'report' };

export interface Published {
  readonly confirmed: readonly string[];
  readonly unsure: readonly string[];
}

export interface Report {
  readonly received: readonly string[];
  readonly gaps: readonly string[];
  readonly errors: readonly string[];
  /** Subscribers of all workers. Undefined while the hub is away. */
  readonly present: number | undefined;
}

const { workers, scenario } = JSON.parse(process.argv[2]) as Arguments;
const options = workers === 'threads' ? {} : { cluster };
// The end of a process shows at once, that of a thread by its silence.
const TOPICS = { history: { size: 10_000, ttl: 600_000 }, presence: { ttl: workers === 'threads' ? 2_000 : 600_000 } };
const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Messages are text, and each third one bytes. */
const texts = ({ received }: FakeSocket): string[] =>
  received.map((data) => (typeof data === 'string' ? data : new TextDecoder().decode(Uint8Array.from(data))));

async function publish(topics: Topics, name: string, count: number): Promise<Published> {
  const [confirmed, unsure]: string[][] = [[], []];
  for (let number = 0; number < count; number++) {
    const text = `${name} ${number}`;
    await topics.publish('stream', number % 3 === 0 ? new TextEncoder().encode(text) : text).then(
      () => confirmed.push(text),
      () => unsure.push(text),
    );
    if (number % 10 === 0) await sleep(1);
  }
  return { confirmed, unsure };
}

async function serveWorker(): Promise<void> {
  const topics = new Topics({ bus: localBus(options), ...TOPICS });
  const socket = new FakeSocket();
  const gaps: string[] = [];
  const errors: string[] = [];
  topics.on('gap', (name) => gaps.push(name)).on('busError', ({ message }) => errors.push(message));
  async function carryOut(command: Command): Promise<unknown> {
    if (command.do === 'publish') return publish(topics, command.name, command.count);
    if (command.do === 'report') {
      const present = await topics.presence('stream').then(
        ({ count }) => count,
        () => undefined,
      );
      return { received: texts(socket), gaps, errors, present };
    }
    const late = new FakeSocket();
    const { recovered } = await topics.subscribe(late, 'stream', { since: command.since });
    return { recovered, received: texts(late) };
  }
  const reply = (value: unknown): void => {
    if (isMainThread) process.send!({ value });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A MessagePort has none.
    else parentPort!.postMessage({ value });
  };
  const onCommand = (message: Partial<Command>): void => {
    if (message.do !== undefined) void carryOut(message as Command).then(reply);
  };
  if (isMainThread) process.on('message', onCommand).on('disconnect', () => process.exit());
  else parentPort!.on('message', onCommand);
  await topics.subscribe(socket, 'stream');
  reply('ready');
}

/** All that were started: Deno does not end workers with their primary process. */
const started = new Set<Peer>();

/** A worker, as the primary process or the main thread sees it. Replies come in the order of commands. */
class Peer {
  readonly #send: (command: Command) => void;
  readonly kill: () => void;
  readonly #waiting: ((value: never) => void)[] = [];
  readonly ready: Promise<unknown>;

  constructor() {
    started.add(this);
    this.ready = this.#next();
    const onMessage = (message: { readonly value?: unknown }): void => {
      if (message.value !== undefined) this.#waiting.shift()!(message.value as never);
    };
    if (workers === 'threads') {
      const worker = new Worker(new URL(import.meta.url), { argv: [process.argv[2]] });
      worker.on('message', onMessage);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A worker has none.
      this.#send = (command) => worker.postMessage(command);
      this.kill = () => void worker.terminate();
    } else {
      const worker = cluster.fork();
      worker.on('message', onMessage);
      this.#send = (command) => worker.send(command);
      this.kill = () => void worker.process.kill('SIGKILL');
    }
  }

  ask<Value>(command: Command): Promise<Value> {
    this.#send(command);
    return this.#next();
  }

  #next<Value>(): Promise<Value> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** A worker is killed in the middle of the stream, and another one is started that has missed everything. */
async function loseWorker(hub: LocalHub): Promise<unknown> {
  const topics = new Topics({ bus: hub.bus(), ...TOPICS });
  const observer = new FakeSocket();
  const { position } = await topics.subscribe(observer, 'stream');
  const four = Array.from({ length: 4 }, () => new Peer());
  await Promise.all(four.map(({ ready }) => ready));
  await until(async () => (await topics.presence('stream')).count === 5);
  const [last] = four.splice(3);
  void last.ask({ do: 'publish', name: 'lost', count: 100_000 });
  const publishing = four.map((peer, index) => peer.ask<Published>({ do: 'publish', name: `${index}`, count: 300 }));
  await until(() => observer.received.length > 200);
  last.kill();
  const published = await Promise.all(publishing);
  // All that was published has come once the last marker has.
  await topics.publish('stream', 'end');
  await until(() => texts(observer).at(-1) === 'end');
  const reports = await finalReports(four, 4);
  const newcomer = new Peer();
  await newcomer.ready;
  const recovery = await newcomer.ask({ do: 'recover', since: position! });
  return { published, reports, observed: texts(observer), recovery };
}

/** The hub is closed in the middle of the stream, and another one takes its place, without the histories of before. */
async function loseHub(hub: LocalHub): Promise<unknown> {
  const four = Array.from({ length: 4 }, () => new Peer());
  await Promise.all(four.map(({ ready }) => ready));
  const before = await Promise.all(
    four.map((peer, index) => peer.ask<Published>({ do: 'publish', name: `${index}`, count: 50 })),
  );
  hub.close();
  await untilAll(four, 'errors');
  const between = await four[0].ask<Published>({ do: 'publish', name: 'away', count: 3 });
  const next = localHub(options);
  const topics = new Topics({ bus: next.bus(), ...TOPICS });
  await topics.ready;
  await untilAll(four, 'gaps');
  const after = await four[1].ask<Published>({ do: 'publish', name: 'again', count: 50 });
  await topics.publish('stream', 'end');
  return { before, between, after, reports: await finalReports(four, 4) };
}

/** Waits until each worker has had something to report. */
async function untilAll(peers: readonly Peer[], kind: 'errors' | 'gaps'): Promise<void> {
  await until(async () => {
    const reports = await Promise.all(peers.map((peer) => peer.ask<Report>({ do: 'report' })));
    return reports.every((report) => report[kind].length > 0);
  });
}

/** The report of each worker, once it has the message `end`. */
async function finalReports(peers: readonly Peer[], present: number): Promise<Report[]> {
  const reports: Report[] = [];
  for (const peer of peers) {
    let report: Report;
    await until(async () => {
      report = await peer.ask<Report>({ do: 'report' });
      return report.received.at(-1) === 'end' && report.present === present;
    });
    reports.push(report!);
  }
  return reports;
}

if (workers === 'threads' ? isMainThread : cluster.isPrimary) {
  if (workers !== 'threads') cluster.setupPrimary({ serialization: workers, args: [process.argv[2]] });
  const end = (): void => {
    for (const { kill } of started) kill();
    process.exit();
  };
  process.stdin.resume().on('end', end);
  const hub = localHub(options);
  console.log(JSON.stringify(await (scenario === 'worker' ? loseWorker(hub) : loseHub(hub))));
  end();
} else {
  await serveWorker();
}
