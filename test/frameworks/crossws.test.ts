// crossws with a server of wasock: its hooks see the same events, and its peers do the same, as over the copy of ws that crossws brings.

import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { WebSocketServer } from '../../adapters/node/index.ts';
import { closing, endPrograms, exchange, NODE, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

afterEach(endPrograms);

test('server has a plain route, echoes, and ends by SIGTERM', async () => {
  const server = new Program(NODE, [framework('crossws/server.mjs'), '0']);
  const authority = await server.listens();
  await serves(authority, { answer: 'The echo is at /echo.' });
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 404');
  await stops(server, authority);
});

// The types of crossws that this test needs: the types of the repository are checked without it.
interface Peer {
  readonly remoteAddress: string;
  readonly context: object;
  readonly namespace: string;
  readonly topics: Iterable<string>;
  subscribe(topic: string): void;
  publish(topic: string, data: unknown): void;
  send(data: unknown): void;
  ping(data: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}
interface Hooks {
  upgrade(request: Request): object;
  open(peer: Peer): void;
  message(peer: Peer, message: { readonly rawData: unknown; text(): string }): void;
  ping(peer: Peer, data: Uint8Array): void;
  pong(peer: Peer, data: Uint8Array): void;
  close(peer: Peer, details: { readonly code: number; readonly reason: string }): void;
  error(peer: Peer, error: Error): void;
}
interface Crossws {
  serve(options: object): { readonly url: string; ready(): Promise<unknown>; close(closeAll: boolean): Promise<void> };
}

const CROSSWS: string = 'crossws/server';

type Log = unknown[][];

/** The events in an order of their own: those of two connections mix. */
function sorted(log: Log): string[] {
  return log.map((event) => JSON.stringify(event)).toSorted();
}

/** Hooks that log all that they are told, and act on messages. */
function hooksWith(log: Log): Hooks {
  return {
    upgrade: ({ url }) => ({
      headers: { 'sec-websocket-protocol': 'second', 'x-header': 'yes' },
      perMessageDeflate: new URL(url).pathname === '/compressed',
      context: { user: 'ada' },
      namespace: 'room',
    }),
    open(peer) {
      peer.subscribe('news');
      log.push(['open', peer.remoteAddress, peer.context, peer.namespace, [...peer.topics]]);
    },
    message(peer, message) {
      const text = message.text();
      log.push(['message', typeof message.rawData, text]);
      if (text === 'publish') peer.publish('news', 'to all others');
      else if (text === 'ping') peer.ping('from the hook');
      else if (text === 'close') peer.close(4001, 'as asked');
      else if (text === 'terminate') peer.terminate();
      else peer.send(message.rawData);
    },
    ping: (_peer, data) => void log.push(['ping', String(data)]),
    pong: (_peer, data) => void log.push(['pong', String(data)]),
    close: (_peer, details) => void log.push(['close', details.code, details.reason]),
    error: (_peer, error) => void log.push(['error', error.message]),
  };
}

/** Two clients, one of which speaks to the server and to the other. Gives the events of both sides. */
async function run(path: string, wss: WebSocketServer | undefined): Promise<{ server: string[]; clients: string[] }> {
  const { serve } = (await import(CROSSWS)) as Crossws;
  const [log, heard]: [Log, Log] = [[], []];
  const server = serve({
    hostname: '127.0.0.1',
    port: 0,
    silent: true,
    gracefulShutdown: false,
    fetch: () => new Response(),
    websocket: { ...hooksWith(log), options: { node: { wss } } },
  });
  await server.ready();
  const clients: WebSocket[] = [];
  for (const name of ['ada', 'grace']) {
    const ws = new WebSocket(new URL(path, server.url.replace('http', 'ws')), ['first', 'second']);
    ws.on('upgrade', ({ headers }) => heard.push([name, headers['x-header']]));
    ws.on('close', (code, reason) => heard.push([name, 'close', code, reason.toString()]));
    await once(ws, 'open');
    heard.push([name, ws.protocol, ws.extensions.split(';')[0]]);
    clients.push(ws);
  }
  const [ada, grace] = clients;
  heard.push([await exchange(ada, 'grüß dich'), await exchange(ada, Buffer.of(0, 128, 255))]);
  const published = once(grace, 'message');
  ada.send('publish');
  heard.push([String((await published)[0])]);
  for (const [act, event] of [
    [() => ada.send('ping'), 'ping'],
    [() => ada.ping('from the client'), 'pong'],
  ] as const) {
    const happened = once(ada, event);
    act();
    heard.push([event, String((await happened)[0])]);
  }
  const closes = clients.map((ws) => closing(ws));
  ada.send('close');
  grace.send('terminate');
  await Promise.all(closes);
  await expect.poll(() => log.filter(([event]) => event === 'close').length).toBe(2);
  await server.close(true);
  return { server: sorted(log), clients: sorted(heard) };
}

describe.each(['/', '/compressed'])('the hooks of crossws at %s', (path) => {
  test('are called over wasock as over its own copy of ws', async () => {
    const own = await run(path, undefined);
    expect(own.clients.length).toBe(10);
    expect(await run(path, new WebSocketServer({ noServer: true, handleProtocols: () => false }))).toEqual(own);
  });
});
