// Plays one script on `ws` and on our ws-style classes, and notes what their emitters tell.

import { once, type EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket as WsWebSocket, WebSocketServer as WsServer } from 'ws';
import { WebSocket as OurWebSocket, WebSocketServer as OurServer } from '../../../adapters/node/index.ts';
import { Cleanup, sleep } from '../../support/sockets.ts';

interface Implementation {
  readonly WebSocket: typeof WsWebSocket;
  readonly WebSocketServer: typeof WsServer;
}

const THEIRS: Implementation = { WebSocket: WsWebSocket, WebSocketServer: WsServer };
const OURS = { WebSocket: OurWebSocket, WebSocketServer: OurServer } as unknown as Implementation;
/** What is listened to: every event of ws but 'unexpected-response' and 'wsClientError', which change what happens. */
const EVENTS = [
  'listening',
  'headers',
  'connection',
  'upgrade',
  'redirect',
  'open',
  'message',
  'ping',
  'pong',
  'error',
  'close',
];

type Entry = readonly unknown[];
/** The events of each emitter, in order. */
export type Story = Record<string, Entry[]>;

/** What happened on the emitters of a script. */
class Log {
  readonly entries: Record<string, Entry[]> = {};

  /** Notes the events of `emitter`, with its `readyState`. */
  watch<Emitter extends EventEmitter>(name: string, emitter: Emitter): Emitter {
    const entries = (this.entries[name] ??= []);
    for (const event of EVENTS) {
      emitter.on(event, (...values: unknown[]) => {
        entries.push([event, (emitter as { readyState?: number }).readyState, ...values.map(simplify)]);
      });
    }
    return emitter;
  }

  note(name: string, ...values: unknown[]): void {
    (this.entries[name] ??= []).push(values.map(simplify));
  }
}

function simplify(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString()}`;
  if (value instanceof Error) {
    const { code = '' } = value as { code?: string };
    return `${value.constructor.name === 'AggregateError' ? 'Error' : value.name} ${code}: ${simplify(value.message) as string}`;
  }
  if (typeof value === 'string') return value.replace(/:\d{4,5}\b/, ':port');
  return typeof value === 'object' && value !== null ? value.constructor.name : value;
}

export interface Stage {
  readonly api: Implementation;
  readonly log: Log;
  readonly cleanup: Cleanup;
}
export type Script = (stage: Stage) => Promise<void>;

async function perform(api: Implementation, script: Script): Promise<Story> {
  const stage = { api, log: new Log(), cleanup: new Cleanup() };
  try {
    await script(stage);
    // Whatever comes too often or too late would come now.
    await sleep(30);
    return structuredClone(stage.log.entries);
  } finally {
    await stage.cleanup.run();
  }
}

/** A server and a client of the same implementation, connected. */
export async function connectPair(stage: Stage, options: object = {}): Promise<{ client: WsWebSocket; peer: WsWebSocket }> {
  const { api, log } = stage;
  const { port, accepted } = await startServer(stage, options);
  const client = log.watch(
    'client',
    new api.WebSocket(`ws://127.0.0.1:${port}/`, { maxPayload: 1000, perMessageDeflate: false }),
  );
  client.on('message', () => {});
  const [[peer]] = await Promise.all([accepted, once(client, 'open')]);
  return { client, peer };
}

export async function startServer(
  { api, log, cleanup }: Stage,
  options: object,
): Promise<{ port: number; accepted: Promise<[WsWebSocket]> }> {
  const server = log.watch('server', new api.WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 1000, ...options }));
  server.on('connection', (ws) => log.watch('peer', ws));
  cleanup.add(() => {
    for (const ws of server.clients) ws.terminate();
    server.close();
  });
  const accepted = once(server, 'connection') as Promise<[WsWebSocket]>;
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, accepted };
}

/** Resolves when all of `emitters` have closed. */
export async function closed(...emitters: EventEmitter[]): Promise<void> {
  const ends = emitters.map(
    (emitter) =>
      new Promise((resolve) => {
        emitter.on('close', resolve);
      }),
  );
  await Promise.all(ends);
}

/** Plays `script` on ws and on our classes. */
export async function playTwice(script: Script): Promise<{ theirs: Story; ours: Story }> {
  const theirs = await perform(THEIRS, script);
  const ours = await perform(OURS, script);
  return { theirs, ours };
}
