// Runs one short program against ws and against us and compares what it saw: events, arguments, order, errors, bytes.

import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import * as oracle from 'ws';
import { expect } from 'vitest';
import * as wasock from '../../../adapters/node/index.ts';
import { PATIENCE } from '../../support/patience.ts';

export { sleep } from '../../support/sleep.ts';

export type Library = typeof wasock;
export type Socket_ = wasock.WebSocket;
export const ours: Library = wasock;
export const theirs: Library = oracle as unknown as Library;

/** Which library plays which side. */
export interface Sides {
  readonly client: Library;
  readonly server: Library;
}
const ALL_SIDES: readonly Sides[] = [
  { client: ours, server: theirs },
  { client: theirs, server: ours },
  { client: ours, server: ours },
];

/** Checks that a program that uses one library sees the same with both. */
export async function sameWithBoth(program: (library: Library) => unknown): Promise<void> {
  const [expected, actual] = await Promise.all([program(theirs), program(ours)]);
  expect(actual).toEqual(expected);
}

/** Checks that a program with both sides sees the same, whichever library plays which. */
export async function sameOnAllSides(program: (sides: Sides) => unknown): Promise<void> {
  const [expected, ...actual] = await Promise.all(
    [{ client: theirs, server: theirs }, ...ALL_SIDES].map((sides) => program(sides)),
  );
  expect(actual).toEqual([expected, expected, expected]);
}

/** An error as programs tell errors apart. */
export function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: string };
  return {
    name: error.name,
    message: error.message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST'),
    ...(code !== undefined && { code }),
  };
}

/** What `action` throws, or returns. */
export function outcome(action: () => unknown): unknown {
  try {
    const result = action();
    return { returns: result instanceof EventEmitter ? 'an emitter' : result };
  } catch (error) {
    return { throws: errorOf(error) };
  }
}

/** Values as they can be compared: with their type, without what differs from run to run. */
export function show(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('latin1')}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString('latin1')}`;
  if (value instanceof Blob) return `Blob ${value.size} ${value.type}`;
  if (Array.isArray(value)) return value.map(show);
  if (value instanceof Error) return errorOf(value);
  return typeof value === 'object' && value !== null ? value.constructor.name : value;
}

const EVENTS = ['open', 'message', 'ping', 'pong', 'close', 'error', 'upgrade', 'redirect', 'unexpected-response'];

/** Writes down every event of `ws`, with its arguments and the state it came in. */
export function record(
  ws: EventEmitter & { readyState?: number },
  log: unknown[] = [],
  events: readonly string[] = EVENTS,
): unknown[] {
  for (const event of events) ws.on(event, (...values: unknown[]) => log.push([event, ...values.map(show), ws.readyState]));
  return log;
}

export interface Pair {
  readonly client: Socket_;
  readonly peer: Socket_;
  readonly server: wasock.WebSocketServer;
  /** What the client saw; it has listeners for everything. */
  readonly clientLog: unknown[];
  readonly peerLog: unknown[];
  /** Closes the connection if need be, waits for both sides' end, gives both logs. */
  end(): Promise<{ client: unknown[]; peer: unknown[] }>;
}

/** Opens a connection between the two libraries. */
export async function open(
  { client: clientLibrary, server: serverLibrary }: Sides,
  clientOptions: wasock.ClientOptions = {},
  serverOptions: wasock.ServerOptions = {},
): Promise<Pair> {
  const server = new serverLibrary.WebSocketServer({ port: 0, host: '127.0.0.1', ...serverOptions });
  await once(server, 'listening');
  const connected = new Promise<[Socket_, unknown[]]>((resolve) => {
    server.on('connection', (ws) => resolve([ws, record(ws)]));
  });
  const client = new clientLibrary.WebSocket(urlOf(server), [], { perMessageDeflate: false, ...clientOptions });
  const clientLog = record(client);
  const [[peer, peerLog]] = await Promise.all([connected, once(client, 'open')]);
  return {
    client,
    peer,
    server,
    clientLog,
    peerLog,
    async end() {
      if (client.readyState === client.OPEN && peer.readyState === peer.OPEN) client.close();
      await Promise.all([closed(client), closed(peer)]);
      server.close();
      return { client: clientLog, peer: peerLog };
    },
  };
}

export function closed(ws: Socket_): Promise<unknown> {
  return ws.readyState === 3 ? Promise.resolve() : new Promise((resolve) => void ws.once('close', resolve));
}

export function urlOf(server: { address(): unknown }, scheme: string = 'ws'): string {
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The lines of an opening handshake; `changes` by name, undefined to leave one out. */
export function requestOf(changes: Record<string, string | undefined> = {}, first: string = 'GET / HTTP/1.1'): string {
  const headers: Record<string, string | undefined> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...changes,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined);
  return `${first}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Sends `text` to a server and gives all it answers, as Latin-1, until it ends or `end` matches. */
export async function exchange(port: number, text: string | Buffer, end?: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) {
    answer += (chunk as Buffer).toString('latin1');
    if (end?.test(answer)) break;
  }
  socket.destroy();
  return answer.replace(/^Date: .*\r\n/m, '');
}

/** A TCP server whose connections a test plays itself. */
export async function rawServer(
  onSocket: (socket: Socket, head: string, index: number) => void,
): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let head = '';
    socket.on('data', function onData(chunk: Buffer) {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.removeListener('data', onData);
      onSocket(socket, head, count++);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Waited in vain for ${condition.toString()}`);
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}
