// Channels of node:diagnostics_channel: their names, their order and their messages, on each runtime.

import { AsyncLocalStorage } from 'node:async_hooks';
import dc from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { serverCoreOf } from '../../src/api/ws/server-core.ts';
import { serverMeter } from '../../src/admission/meters.ts';
import { hex } from '../support/frames.ts';
import { outcome } from '../support/gate.ts';
import { connectRaw, until } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { WebSocket: W3CWebSocket } = (await import(`../../adapters/${runtime}/w3c.ts`)) as {
  WebSocket: new (url: string) => globalThis.WebSocket;
};
type Client = NodeWs.WebSocket;
type Message = Record<string, unknown>;

const EVENTS = ['upgrade', 'refused', 'open', 'message', 'close', 'error'];
const PARTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function subscribe(name: string, listener: (message: never, name: string) => void): void {
  dc.subscribe(name, listener as never);
  cleanUps.push(() => dc.unsubscribe(name, listener as never));
}

/** Writes down all messages of a role: their names, and they themselves. */
function record(role: 'client' | 'server', names = [...EVENTS, ...PARTS.map((part) => `tracing:${part}`)]) {
  const log: string[] = [];
  const messages: Message[] = [];
  for (const name of names) {
    const channel = name.startsWith('tracing:') ? `tracing:wasock:${role}:handshake${name.slice(7)}` : `wasock:${role}:${name}`;
    subscribe(channel, (message: Message) => {
      log.push(name);
      messages.push({ ...message });
    });
  }
  return { log, messages, last: (name: string) => messages[log.lastIndexOf(name)] };
}

async function listen(options: object = {}): Promise<{ server: NodeWs.WebSocketServer; url: string; port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanUps.push(() => server.shutdown({ signal: AbortSignal.abort() }));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `ws://127.0.0.1:${port}/`, port };
}

function dial(url: string): Client {
  const client = new WebSocket(url);
  client.on('error', () => {});
  cleanUps.push(() => client.terminate());
  return client;
}

test('a server publishes its events in order, always with the WebSocket', async () => {
  const { log, messages, last } = record('server');
  const { server, url } = await listen();
  const connected = once(server, 'connection');
  const client = dial(url);
  const [ws, request] = (await connected) as [Client, object];
  await until('the client', () => client.readyState === 1);
  client.send('hällo');
  await until('the message', () => log.includes('message'));
  expect(log).toEqual(['upgrade', 'tracing:start', 'tracing:asyncStart', 'tracing:asyncEnd', 'open', 'tracing:end', 'message']);
  expect(last('upgrade')).toMatchObject({ server, request });
  expect(last('upgrade')['socket']).toBe(ws._socket);
  expect(last('tracing:asyncEnd')).toMatchObject({ websocket: ws });
  expect(last('open')).toMatchObject({ server, request, websocket: ws, socket: ws._socket });
  const { data, isBinary, websocket } = last('message');
  expect([String(data), isBinary, websocket]).toEqual(['hällo', false, ws]);
  client.close(4001, 'why');
  await until('the close', () => log.includes('close'));
  expect(last('close')).toMatchObject({ websocket: ws, code: 4001, wasClean: true });
  expect(String(last('close')['reason'])).toBe('why');
  expect(messages).toHaveLength(8);
});

test('a client publishes its events in order, ws style and W3C style', async () => {
  const { url } = await listen();
  for (const Class of [WebSocket, W3CWebSocket]) {
    const { log, last } = record('client');
    const client = new Class(url) as Client;
    await until('the open', () => log.includes('open'));
    expect(log).toEqual(['upgrade', 'tracing:start', 'tracing:end', 'tracing:asyncStart', 'tracing:asyncEnd', 'open']);
    expect(last('upgrade')).toMatchObject({ url, websocket: client });
    expect(last('open')['websocket']).toBe(client);
    expect(client.readyState).toBe(1);
    client.close(3000);
    await until('the close', () => log.includes('close'));
    expect(last('close')).toMatchObject({ websocket: client, code: 3000, wasClean: true });
    for (const cleanUp of cleanUps.splice(-11)) await cleanUp();
  }
});

test('a refusal tells its reason, and a hook that throws its error', async () => {
  const { log, last } = record('server');
  const failure = new Error('of the hook');
  let answer: () => boolean = () => false;
  const { server, url, port } = await listen({ maxConnections: 1, verifyClient: () => answer() });
  server.on('wsClientError', (_error, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  expect(await outcome(dial(url))).toMatch(/^401/);
  await until('its end', () => log.includes('tracing:asyncEnd'));
  expect(last('refused')).toMatchObject({ server, reason: 'verifyClient' });
  expect(log).toEqual(['upgrade', 'tracing:start', 'refused', 'tracing:asyncStart', 'tracing:asyncEnd', 'tracing:end']);
  answer = () => {
    throw failure;
  };
  await outcome(dial(url));
  expect(last('refused')).toMatchObject({ reason: 'hook', error: failure });
  expect(last('tracing:error')).toMatchObject({ error: failure });
  await until('room', () => serverCoreOf(server).gate.pending === 0);
  answer = () => new Promise<boolean>(() => {}) as never;
  const leaving = connect(port, '127.0.0.1');
  leaving.write(
    'GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await until('the request', () => log.filter((name) => name === 'upgrade').length === 3);
  expect(await outcome(dial(url))).toMatch(/^503/);
  expect(last('refused')).toMatchObject({ reason: 'maxConnections' });
  const down = server.shutdown();
  expect(last('refused')).toMatchObject({ reason: 'shutdown' });
  leaving.destroy();
  await down;
});

test('a client that is refused, or gives up, tells why', async () => {
  const { log, last } = record('client');
  const { url } = await listen({ verifyClient: () => false });
  dial(url);
  await until('the refusal', () => log.includes('tracing:asyncEnd'));
  expect(last('refused')).toMatchObject({ url });
  expect((last('refused')['error'] as Error).message).toContain('401');
  expect(log).toContain('tracing:error');
  const given = dial(url);
  given.close();
  await until('its end', () => given.readyState === 3);
  expect(last('refused')).toMatchObject({ websocket: given, reason: 'aborted' });
});

test('an error of a connection is published, with its code', async () => {
  const { last, log } = record('server');
  const { port } = await listen();
  const { socket } = await connectRaw(port);
  socket.write(hex('83 80 00 00 00 00'));
  await until('the error', () => log.includes('error'));
  expect(last('error')['error']).toMatchObject({ code: 'WS_ERR_INVALID_OPCODE' });
  expect(last('error')['websocket']).toBeInstanceOf(WebSocket);
  socket.destroy();
});

test('hooks and listeners of a request run in the store of the tracing channel', async () => {
  const storage = new AsyncLocalStorage<string>();
  const { start } = dc.tracingChannel('wasock:server:handshake');
  start.bindStore(storage as never, (() => 'of this request') as never);
  cleanUps.push(() => start.unbindStore(storage as never));
  const stores: unknown[] = [];
  const { server, url } = await listen({
    verifyClient: async () => {
      await Promise.resolve();
      stores.push(storage.getStore());
      return true;
    },
  });
  server.on('connection', () => stores.push(storage.getStore()));
  await once(dial(url), 'open');
  expect(stores).toEqual(['of this request', 'of this request']);
});

test('a subscriber that throws does not harm the connection', async () => {
  const uncaught: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const onUncaught = (error: unknown): void => void uncaught.push((error as Error).message);
  process.on('uncaughtException', onUncaught);
  cleanUps.push(() => {
    process.removeListener('uncaughtException', onUncaught);
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  for (const name of EVENTS) {
    subscribe(`wasock:server:${name}`, () => {
      throw new Error(name);
    });
  }
  const { server, url } = await listen();
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  const client = dial(url);
  await once(client, 'open');
  client.send('echo');
  expect(String((await once(client, 'message'))[0])).toBe('echo');
  client.close(4000);
  expect((await once(client, 'close'))[0]).toBe(4000);
  await until('the exceptions', () => uncaught.length === 4);
  expect(uncaught).toEqual(['upgrade', 'open', 'message', 'close']);
});

test('without a subscriber no object is made for a message', async () => {
  let calls = 0;
  const { observer } = serverMeter.watch;
  const { message } = observer!;
  observer!.message = (...values) => {
    calls++;
    message.apply(observer, values);
  };
  cleanUps.push(() => delete (observer as { message?: unknown }).message);
  const { server, url } = await listen();
  let received = 0;
  server.on('connection', (ws) => ws.on('message', () => received++));
  const client = dial(url);
  await once(client, 'open');
  for (let index = 0; index < 100; index++) client.send('x');
  await until('all', () => received === 100);
  expect(calls).toBe(0);
  const { log } = record('server', ['message']);
  client.send('x');
  await until('one more', () => received === 101);
  expect([calls, log]).toEqual([1, ['message']]);
});
