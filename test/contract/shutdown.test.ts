// Graceful shutdown of a server: what becomes of its connections, of pending requests, and of messages that wait. On each runtime.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { serverCoreOf } from '../../src/api/ws/server-core.ts';
import type * as NodeWs from '../../adapters/node/index.ts';
import { connectRaw, until } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Client = NodeWs.WebSocket;

const servers: NodeWs.WebSocketServer[] = [];
const clients: Client[] = [];
const httpServers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  }
  for (const server of httpServers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(options: object = {}): Promise<{ server: NodeWs.WebSocketServer; port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  servers.push(server);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function listenBehind(options: object = {}): Promise<{ server: NodeWs.WebSocketServer; http: Server; port: number }> {
  const http = createServer((_request, response) => void response.end('plain'));
  const server = new WebSocketServer({ server: http, ...options });
  servers.push(server);
  httpServers.push(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return { server, http, port: (http.address() as AddressInfo).port };
}

function dial(port: number, options: object = {}): Client {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, options);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

async function open(server: NodeWs.WebSocketServer, port: number, options?: object): Promise<{ client: Client; peer: Client }> {
  const connected = once(server, 'connection');
  const client = dial(port, options);
  const [[peer]] = (await Promise.all([connected, once(client, 'open')])) as [[Client], unknown];
  return { client, peer };
}

/** The status and a header field of the response that a client gets instead of a WebSocket. */
async function refusal(client: Client): Promise<{ status: number; retryAfter: string | undefined }> {
  const [, response] = (await once(client, 'unexpected-response')) as [
    unknown,
    { statusCode: number; headers: Record<string, string> },
  ];
  client.terminate();
  return { status: response.statusCode, retryAfter: response.headers['retry-after'] };
}

/** Never answers our Close frame. */
async function openSilent(server: NodeWs.WebSocketServer, port: number): Promise<{ socket: Socket; peer: Client }> {
  const connected = once(server, 'connection');
  const { socket } = await connectRaw(port);
  const [peer] = (await connected) as [Client];
  return { socket, peer };
}

describe('shutdown()', () => {
  test('closes all connections with 1001 and the reason, and counts them', async () => {
    const { server, port } = await listen();
    const pairs = [await open(server, port), await open(server, port), await open(server, port)];
    const closes = pairs.map(({ client }) => once(client, 'close'));
    const events: string[] = [];
    server.on('close', () => events.push('close'));
    const result = await server.shutdown({ reason: 'bis später' });
    expect(result).toEqual({ closed: 3, terminated: 0, unsentMessages: 0 });
    expect(events).toEqual(['close']);
    for (const [code, reason] of (await Promise.all(closes)) as [number, Buffer][]) {
      expect([code, reason.toString()]).toEqual([1001, 'bis später']);
    }
    expect(server.address()).toBe(null);
    const [error] = (await once(dial(port), 'error')) as [Error];
    expect(error).toBeInstanceOf(Error);
  });

  test('of an empty server ends, also twice, and after close()', async () => {
    const { server } = await listen();
    const none = { closed: 0, terminated: 0, unsentMessages: 0 };
    expect(await server.shutdown()).toEqual(none);
    expect(await server.shutdown()).toEqual(none);
    const { server: other } = await listen();
    other.close();
    expect(await other.shutdown()).toEqual(none);
    expect(await new WebSocketServer({ noServer: true }).shutdown()).toEqual(none);
  });

  test.each(['', 'GET / HTTP/1.1\r\nHost: x\r\n'])('after close() drops a client that has sent %j only', async (text) => {
    const { server, port } = await listen();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const gone = once(socket, 'close');
    socket.resume();
    await once(socket, 'connect');
    if (text !== '') socket.write(text);
    // The server accepts connections in their order.
    await open(server, port);
    server.close();
    expect(await server.shutdown()).toEqual({ closed: 1, terminated: 0, unsentMessages: 0 });
    await gone;
  });

  test.each([
    ['426', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['400', 'GET / HTTP/1.1\r\nHo st: x\r\n\r\n'],
    ['400', `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`],
  ])('does not wait for a client that got a %s and stays', async (status, request) => {
    const { server, port } = await listen();
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    const answered = once(socket, 'data');
    await once(socket, 'connect');
    socket.write(request);
    expect(String((await answered)[0]).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    const begin = performance.now();
    expect(await server.shutdown()).toEqual({ closed: 0, terminated: 0, unsentMessages: 0 });
    expect(performance.now() - begin).toBeLessThan(4500);
    socket.destroy();
    await closed;
  });

  test('within a hook that never answers refuses its request', async () => {
    let result: Promise<unknown> | undefined;
    const { server } = await listen({
      verifyClient: (_info: unknown, _decide: unknown) => void (result = server.shutdown({ timeout: 0 })),
    });
    expect(await refusal(dial((server.address() as AddressInfo).port))).toEqual({ status: 503, retryAfter: '5' });
    expect(await result).toEqual({ closed: 0, terminated: 0, unsentMessages: 0 });
  });

  test('called again joins the first, whose options count', async () => {
    const { server, port } = await listen();
    const { client } = await open(server, port);
    const closed = once(client, 'close');
    const results = await Promise.all([server.shutdown({ code: 1012 }), server.shutdown({ code: 4000 })]);
    expect(results[0]).toBe(results[1]);
    expect((await closed)[0]).toBe(1012);
  });

  test('sends what waits before the Close frame', async () => {
    const { server, port } = await listen({ perMessageDeflate: true });
    const { client, peer } = await open(server, port, { perMessageDeflate: true });
    const lengths: number[] = [];
    client.on('message', (data) => lengths.push((data as Buffer).length));
    const closed = once(client, 'close');
    const text = Array.from({ length: 50_000 }, (_, index) => `${index * 7919}`).join();
    for (let index = 0; index < 20; index++) peer.send(text);
    expect(await server.shutdown()).toEqual({ closed: 1, terminated: 0, unsentMessages: 0 });
    expect((await closed)[0]).toBe(1001);
    expect(lengths).toEqual(Array(20).fill(text.length));
  });

  test('drops those that do not answer at the timeout', async () => {
    const { server, port } = await listen();
    const { socket } = await openSilent(server, port);
    const { client } = await open(server, port);
    const begin = performance.now();
    expect(await server.shutdown({ timeout: 1000 })).toEqual({ closed: 1, terminated: 1, unsentMessages: 0 });
    expect(performance.now() - begin).toBeGreaterThan(950);
    expect(client.readyState).toBe(WebSocket.CLOSED);
    socket.destroy();
  });

  test('counts the messages of a peer that does not read', async () => {
    const { server, port } = await listen();
    const { socket, peer } = await openSilent(server, port);
    socket.pause();
    const payload = Buffer.alloc(1 << 20, 1);
    // More than the buffers of both sockets take.
    for (let index = 0; index < 40; index++) peer.send(payload);
    await until('a full socket', () => peer.bufferedAmount > 0);
    const { unsentMessages, ...rest } = await server.shutdown({ timeout: 300 });
    expect(rest).toEqual({ closed: 0, terminated: 1 });
    expect(unsentMessages).toBeGreaterThan(0);
    expect(unsentMessages).toBeLessThanOrEqual(40);
    socket.destroy();
  });

  test('waits for a paused connection, and drops it at the timeout', async () => {
    const { server, port } = await listen();
    const { peer } = await open(server, port);
    peer.pause();
    const messages: string[] = [];
    peer.on('message', (data) => messages.push((data as Buffer).toString()));
    expect(await server.shutdown({ timeout: 300 })).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
    expect(messages).toEqual([]);
  });

  test('lets a paused connection close once it is resumed', async () => {
    const { server, port } = await listen();
    const { client, peer } = await open(server, port);
    const messages: string[] = [];
    peer.on('message', (data) => messages.push((data as Buffer).toString()));
    peer.pause();
    client.send('still heard');
    const done = server.shutdown();
    peer.resume();
    expect(await done).toEqual({ closed: 1, terminated: 0, unsentMessages: 0 });
    expect(messages).toEqual(['still heard']);
  });

  test('drops all at once when its signal is aborted, also that of a second call', async () => {
    for (const isSecond of [false, true]) {
      const { server, port } = await listen();
      const { socket } = await openSilent(server, port);
      const controller = new AbortController();
      const { signal } = controller;
      const done = server.shutdown(isSecond ? {} : { signal });
      if (isSecond) void server.shutdown({ signal });
      controller.abort();
      expect(await done).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
      socket.destroy();
    }
    const { server, port } = await listen();
    await open(server, port);
    expect(await server.shutdown({ signal: AbortSignal.abort() })).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
  });

  test('spreads the closes evenly', async () => {
    const { server, port } = await listen();
    const times: number[] = [];
    for (let index = 0; index < 10; index++) {
      const { client } = await open(server, port);
      client.on('close', () => times.push(performance.now()));
    }
    const begin = performance.now();
    expect(await server.shutdown({ spread: 1000 })).toEqual({ closed: 10, terminated: 0, unsentMessages: 0 });
    await until('ten closes', () => times.length === 10);
    // A tenth of a second each: half of them in the first half, by a wide margin.
    const late = times.filter((time) => time - begin > 450);
    expect(late.length).toBeGreaterThanOrEqual(4);
    expect(times.at(-1)! - begin).toBeGreaterThan(800);
  });

  test('lets a connection be used until its turn in the spread', async () => {
    const { server, port } = await listen();
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    await open(server, port);
    const { client } = await open(server, port);
    const done = server.shutdown({ spread: 3000 });
    client.send('in between');
    expect(String((await once(client, 'message'))[0])).toBe('in between');
    expect((await done).closed).toBe(2);
  });

  test('knows its connections without clientTracking', async () => {
    const { server, port } = await listen({ clientTracking: false });
    const { client } = await open(server, port);
    const closed = once(client, 'close');
    expect((await server.shutdown()).closed).toBe(1);
    expect((await closed)[0]).toBe(1001);
  });

  test('ends although a program has removed all listeners and emptied `clients`', async () => {
    const { server, port } = await listenBehind();
    const { peer } = await open(server, port);
    peer.removeAllListeners();
    expect((await server.shutdown()).closed).toBe(1);
  });

  test('ends although a program removes the listeners of the server while it runs', async () => {
    const { server, port } = await listen();
    await open(server, port);
    const shutdown = server.shutdown();
    server.removeAllListeners();
    expect((await shutdown).closed).toBe(1);
  });

  test('ends although a program removes the listeners of the HTTP server inside, or has closed that before', async () => {
    const { server, port } = await listen();
    await open(server, port);
    const inner = server._server!;
    const shutdown = server.shutdown();
    inner.removeAllListeners();
    expect((await shutdown).closed).toBe(1);
    const { server: other, port: otherPort } = await listen();
    const { client } = await open(other, otherPort);
    const gone = once(other._server!, 'close');
    other._server!.close();
    client.close();
    await gone;
    await other.shutdown();
  });

  test.each([
    [{ timeout: -1 }, RangeError, /timeout/],
    [{ spread: 40_000 }, RangeError, /spread/],
    [{ spread: Infinity, timeout: 0 }, RangeError, /spread/],
    [{ code: 1005 }, TypeError, /code/],
    [{ code: '1001' }, TypeError, /code/],
    [{ reason: 'é'.repeat(62) }, RangeError, /reason/],
    [{ reason: 5 }, TypeError, /reason/],
    [{ signal: {} }, TypeError, /signal/],
    [5, TypeError, /object, not a number/],
    ['5 s', TypeError, /object/],
    [true, TypeError, /object/],
    [() => {}, TypeError, /object/],
  ])('with %j rejects, and changes nothing', async (options, type, words) => {
    const { server, port } = await listen();
    await expect(server.shutdown(options as never)).rejects.toThrow(words);
    await expect(server.shutdown(options as never)).rejects.toBeInstanceOf(type);
    await open(server, port);
  });
});

describe('shutdown() behind an HTTP server', () => {
  test("emits 'close' once, although messages come with the peer's Close frame and are delivered one a turn", async () => {
    const { server, port } = await listenBehind({ allowSynchronousEvents: false });
    const connected = once(server, 'connection');
    const { socket } = await connectRaw(port);
    sockets.push(socket);
    const [peer] = (await connected) as [Client];
    let closes = 0;
    server.on('close', () => closes++);
    socket.once('data', () => socket.write(Buffer.from('818100000000618181000000006288820000000003e9', 'hex')));
    await Promise.all([server.shutdown(), once(peer, 'close')]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(closes).toBe(1);
  });

  test('answers new upgrades with 503 and Retry-After, during and after', async () => {
    const { server, port } = await listenBehind();
    const { socket } = await openSilent(server, port);
    const done = server.shutdown({ timeout: 500 });
    expect(await refusal(dial(port))).toEqual({ status: 503, retryAfter: '5' });
    expect(await done).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
    expect((await refusal(dial(port))).status).toBe(503);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('plain');
    socket.destroy();
  });

  test('does the same with noServer', async () => {
    const http = createServer();
    httpServers.push(http);
    const server = new WebSocketServer({ noServer: true });
    servers.push(server);
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const { client } = await open(server, port);
    const closed = once(client, 'close');
    expect((await server.shutdown()).closed).toBe(1);
    expect((await closed)[0]).toBe(1001);
    expect(await refusal(dial(port))).toEqual({ status: 503, retryAfter: '5' });
  });

  test('refuses requests whose hooks have not answered', async () => {
    let answer: (isAllowed: boolean) => void = () => {};
    const { server, port } = await listenBehind({
      verifyClient: () => new Promise<boolean>((resolve) => (answer = resolve)),
    });
    const client = dial(port);
    const refused = refusal(client);
    const asked = answer;
    await until('the hook', () => answer !== asked);
    let connections = 0;
    server.on('connection', () => connections++);
    const done = server.shutdown();
    expect(await refused).toEqual({ status: 503, retryAfter: '5' });
    answer(true);
    expect(await done).toEqual({ closed: 0, terminated: 0, unsentMessages: 0 });
    expect(connections).toBe(0);
  });
});

describe('`await using` of a server', () => {
  test('shuts down, and takes its listeners off an HTTP server', async () => {
    const { server, http, port } = await listenBehind();
    const { client } = await open(server, port);
    const closed = once(client, 'close');
    await server[Symbol.asyncDispose]();
    expect((await closed)[0]).toBe(1001);
    expect(http.listenerCount('upgrade')).toBe(0);
  });
});

describe('close()', () => {
  test.each([
    ['waits for a promise', () => new Promise<boolean>(() => {})],
    ['waits for a callback', (_info: unknown, _decide: unknown) => {}],
  ])('refuses a request whose hook %s, and ends', async (_name, verifyClient) => {
    const { server, port } = await listen({ verifyClient });
    const client = dial(port);
    await until('the hook', () => server.metrics().open === 0 && serverCoreOf(server).gate.pending === 1);
    const refused = refusal(client);
    await new Promise((resolve) => server.close(resolve));
    expect(await refused).toEqual({ status: 503, retryAfter: '5' });
    expect(server.metrics().refused.closed).toBe(1);
  });

  test('refuses such a request behind an HTTP server, and a late answer of the hook does nothing', async () => {
    let decide: ((isAllowed: boolean) => void) | undefined;
    const verifyClient = (_info: unknown, answer: (isAllowed: boolean) => void): void => void (decide = answer);
    const { server, port } = await listenBehind({ verifyClient });
    const client = dial(port);
    await until('the hook', () => decide !== undefined);
    const refused = refusal(client);
    server.close();
    decide!(true);
    expect((await refused).status).toBe(503);
    expect(server.metrics()).toMatchObject({ opened: 0, refused: { closed: 1 } });
  });

  test.each([
    ['426', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
    ['400', 'GET / HTTP/1.1\r\nHo st: x\r\n\r\n'],
  ])('does not wait for a client that got a %s and stays', async (status, request) => {
    const { server, port } = await listen();
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    const answered = once(socket, 'data');
    socket.write(request);
    expect(String((await answered)[0]).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    const begin = performance.now();
    await new Promise((resolve) => server.close(resolve));
    expect(performance.now() - begin).toBeLessThan(4500);
  });
});

test('an own server does not wait for an HTTP connection that sends nothing', async () => {
  const { server, port } = await listen();
  const idle = connect(port, '127.0.0.1');
  await once(idle, 'connect');
  const { client } = await open(server, port);
  await server.shutdown();
  expect(client.readyState).toBeGreaterThanOrEqual(WebSocket.CLOSING);
  idle.destroy();
});
