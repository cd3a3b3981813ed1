// The process under attack: one of our servers, or our clients. Does as each line of its standard input says, and answers with a line.
// Bundled once for each runtime's adapter, which takes the place of the one import of an adapter (test/support/programs.ts).

import { Buffer } from 'node:buffer';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { broadcast, WebSocket, WebSocketServer } from '../../adapters/node/index.ts';
import { admissionCounters } from '../../src/admission/metrics.ts';
import { serverCoreOf } from '../../src/api/ws/server-core.ts';

/** The first line that a victim reads is this, as its argument. */
export interface VictimPlan {
  /** Options of WebSocketServer, as JSON; left out, there is no server. */
  readonly server?: object;
}

/** Asks a victim to do something. */
export type Order =
  | { readonly do: 'report' }
  /** Begins to count anew. */
  | { readonly do: 'reset' }
  /** Makes a client. Its options are JSON. */
  | { readonly do: 'connect'; readonly url: string; readonly options: object }
  | { readonly do: 'close' }
  /** Sends `count` messages of `length` bytes to all connections, or to those whose request had this path. */
  | { readonly do: 'broadcast'; readonly path?: undefined; readonly count: number; readonly length: number }
  | { readonly do: 'send'; readonly path: string; readonly count: number; readonly length: number };

/** All that a victim has seen since the last reset. */
export interface Report {
  /** Longest time in milliseconds for which a timer was late since the last report. */
  readonly block: number;
  /** Connections that are open. */
  readonly open: number;
  readonly messages: number;
  readonly bytes: number;
  readonly pings: number;
  /** How many errors had each `code`, or message. */
  readonly errors: Readonly<Record<string, number>>;
  /** How many connections ended with each close code. */
  readonly closes: Readonly<Record<string, number>>;
  /** Refusals of the server, by option. */
  readonly counters: Readonly<Record<string, number>>;
  readonly unhandled: readonly string[];
}

const plan = JSON.parse(process.argv[2]) as VictimPlan;
let errors: Record<string, number> = {};
let closes: Record<string, number> = {};
const unhandled: string[] = [];
const sockets = new Map<WebSocket, string>();
let messages = 0;
let bytes = 0;
let pings = 0;

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error: unknown) => unhandled.push(String((error as Error)?.stack ?? error)));
}

/** Milliseconds between two looks at the event loop. */
const TICK = 10;
let block = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  block = Math.max(block, now - last - TICK);
  last = now;
}, TICK);

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** Watches a WebSocket. A server echoes: a peer decides how much it makes us send. */
function watch(ws: WebSocket, path: string, echoes: boolean): void {
  sockets.set(ws, path);
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    messages++;
    bytes += data.length;
    if (echoes) ws.send(data, { binary: isBinary });
  });
  ws.on('ping', () => pings++);
  ws.on('error', (error: Error & { code?: string }) => count(errors, error.code ?? error.message));
  ws.on('close', (code: number) => {
    count(closes, String(code));
    sockets.delete(ws);
  });
}

const server = plan.server && new WebSocketServer({ port: 0, host: '127.0.0.1', ...plan.server });
server?.on('connection', (ws, request) => watch(ws, request.url ?? '', request.url !== '/silent'));

function report(): Report {
  const result: Report = {
    block: Math.round(block),
    open: sockets.size,
    messages,
    bytes,
    pings,
    errors,
    closes,
    counters: server ? { ...admissionCounters(serverCoreOf(server).gate.meter) } : {},
    unhandled,
  };
  block = 0;
  return result;
}

/** @returns The answer, if there is more to say than that it is done. */
async function obey(order: Order): Promise<unknown> {
  if (order.do === 'report') return report();
  if (order.do === 'reset') {
    errors = {};
    closes = {};
    messages = bytes = pings = block = 0;
  }
  if (order.do === 'connect') watch(new WebSocket(order.url, order.options), '/', false);
  if (order.do === 'close') for (const ws of sockets.keys()) ws.close();
  if (order.do === 'broadcast' || order.do === 'send') await send(order);
  return null;
}

/** Sends messages, each in a turn of its own. */
async function send({ path, count: times, length }: Extract<Order, { do: 'broadcast' | 'send' }>): Promise<void> {
  for (let index = 0; index < times; index++) {
    const message = Buffer.alloc(length);
    if (path === undefined) broadcast(sockets.keys(), message);
    else for (const [ws, at] of sockets) if (at === path && ws.readyState === WebSocket.OPEN) ws.send(message);
    await new Promise((resolve) => void setTimeout(resolve, 0));
  }
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

if (server === undefined) answer({ port: 0 });
else server.on('listening', () => answer({ port: (server.address() as AddressInfo).port }));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void obey(JSON.parse(line) as Order).then(answer));
lines.on('close', () => process.exit());
