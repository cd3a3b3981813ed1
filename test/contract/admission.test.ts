// Limits of a server: who gets a connection, and how much a connection may send. On each runtime.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { admissionCounters } from '../../src/admission/metrics.ts';
import type { ServerCore } from '../../src/api/ws/server-core.ts';
import { outcome } from '../support/gate.ts';
import { connectRaw, requestHead, until } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { Gate, WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { serverCoreOf } = (await import('../../src/api/ws/server-core.ts')) as { serverCoreOf(server: object): ServerCore };
type Client = NodeWs.WebSocket;
type Requested = { readonly clientAddress?: string };

const servers: NodeWs.WebSocketServer[] = [];
const clients: Client[] = [];
const httpServers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.shutdown({ signal: AbortSignal.abort() });
  for (const server of httpServers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** Both kinds of server: one that listens by itself, and one behind node:http. */
async function listen(options: object = {}, isBehind = false): Promise<{ server: NodeWs.WebSocketServer; port: number }> {
  const http = isBehind ? createServer() : undefined;
  const server = new WebSocketServer({ ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }), ...options });
  servers.push(server);
  if (http !== undefined) httpServers.push(http.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function dial(port: number, options: object = {}): Client {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, options);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

const counters = (server: object): Record<string, number> => ({ ...admissionCounters(serverCoreOf(server).gate.meter) });
const from = (address: string): object => ({ headers: { 'X-Forwarded-For': address } });

describe.each([
  ['that listens by itself', false],
  ['behind node:http', true],
])('a server %s', (_, isBehind) => {
  test('maxConnections refuses with 503, and lets in when one has left', async () => {
    const { server, port } = await listen({ maxConnections: 2 }, isBehind);
    const first = dial(port);
    expect([await outcome(first), await outcome(dial(port)), await outcome(dial(port))]).toEqual(['101', '101', '503 5']);
    expect(counters(server)['maxConnections']).toBe(1);
    first.close();
    await until('an end', () => server.clients.size === 1 && serverCoreOf(server).gate.connections === 1);
    expect(await outcome(dial(port))).toBe('101');
  });

  test('maxConnectionsPerAddress refuses with 429, by address and by /64', async () => {
    const { server, port } = await listen({ maxConnectionsPerAddress: 1, trustProxy: 1 }, isBehind);
    const first = dial(port, from('2001:db8::1'));
    expect(await outcome(first)).toBe('101');
    expect(await outcome(dial(port, from('2001:db8::ffff:1')))).toBe('429 5');
    expect(await outcome(dial(port, from('2001:db8:0:1::1')))).toBe('101');
    expect(await outcome(dial(port, from('192.0.2.1')))).toBe('101');
    expect(await outcome(dial(port, from('::ffff:192.0.2.1')))).toBe('429 5');
    expect(counters(server)['maxConnectionsPerAddress']).toBe(2);
    first.terminate();
    await until('an end', () => server.clients.size === 2);
    expect(await outcome(dial(port, from('2001:db8::2')))).toBe('101');
  });

  test('handshakeRate refuses with 429 and the time until the next token', async () => {
    const { server, port } = await listen({ handshakeRate: { count: 2, interval: 600_000 } }, isBehind);
    const outcomes = [];
    for (let index = 0; index < 3; index++) outcomes.push(await outcome(dial(port)));
    expect(outcomes.slice(0, 2)).toEqual(['101', '101']);
    expect(outcomes[2]).toMatch(/^429 (300|29\d)$/);
    expect(counters(server)['handshakeRate']).toBe(1);
  });

  test('handshakeRate with a huge interval gives a Retry-After of digits', async () => {
    const { port } = await listen({ handshakeRate: { count: 1, interval: 1e30 } }, isBehind);
    expect([await outcome(dial(port)), await outcome(dial(port))]).toEqual(['101', '429 2147483647']);
  });

  test('refuses before any hook is asked', async () => {
    let asked = 0;
    const { port } = await listen({ maxConnections: 1, verifyClient: () => ++asked > 0 }, isBehind);
    expect([await outcome(dial(port)), await outcome(dial(port))]).toEqual(['101', '503 5']);
    expect(asked).toBe(1);
  });
});

test('maxHandshakesPending refuses with 503 while hooks have not answered; those who leave make room', async () => {
  const answers: ((isAllowed: boolean) => void)[] = [];
  const { server, port } = await listen({
    maxHandshakesPending: 2,
    maxConnections: 10,
    verifyClient: () => new Promise<boolean>((resolve) => void answers.push(resolve)),
  });
  const waiting = [dial(port), dial(port)];
  const outcomes = waiting.map(outcome);
  await until('both hooks', () => answers.length === 2);
  expect(await outcome(dial(port))).toBe('503 5');
  expect(counters(server)['maxHandshakesPending']).toBe(1);
  answers[0](true);
  expect(await Promise.race(outcomes)).toBe('101');
  const third = dial(port);
  await until('the third hook', () => answers.length === 3);
  // A client that leaves, where it is noticed: its socket is closed by our answer.
  for (const answer of answers) answer(false);
  expect(await outcome(third)).toBe('401 without Retry-After');
  await until('room', () => serverCoreOf(server).gate.pending === 0);
  expect(serverCoreOf(server).gate.connections).toBe(1);
});

test('behind node:http, a client that never reads gives the place of its refused request back', async () => {
  const http = createServer((_request, response) => void response.end(Buffer.alloc(64 << 20)));
  httpServers.push(http);
  const verifyClient = ({ req }: { req: { url?: string | undefined } }): boolean => req.url !== '/refused';
  const server = new WebSocketServer({ server: http, maxConnections: 1, verifyClient });
  servers.push(server);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const peer = connect(port, '127.0.0.1').pause();
  peer.on('error', () => {});
  sockets.push(peer);
  const asked = once(http, 'request');
  // The response to the first request fills the buffers of both sides, so the refusal of the second waits.
  peer.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${requestHead('/refused')}`);
  await asked;
  // Bun reads the second request only when the client has read the response to the first.
  if (runtime !== 'bun') await until('the refusal', () => server.metrics().refused.verifyClient === 1);
  await until('its place', () => serverCoreOf(server).gate.pending === 0);
  expect(await outcome(dial(port))).toBe('101');
});

test('a request that close() refuses within a listener of its headers does not become a connection', async () => {
  const { server, port } = await listen({ maxConnections: 1, verifyClient: () => Promise.resolve(true) });
  let connections = 0;
  server.on('connection', () => connections++);
  server.on('headers', () => server.close());
  expect(await outcome(dial(port))).toBe('503 5');
  await until('its place', () => serverCoreOf(server).gate.pending === 0);
  const { opened, refused } = server.metrics();
  expect({ connections, opened, closed: refused.closed }).toEqual({ connections: 0, opened: 0, closed: 1 });
});

test('a hook that fails, and a request that is none, give their places back', async () => {
  const { server, port } = await listen({ maxConnections: 1, verifyClient: () => Promise.resolve(false) });
  for (let index = 0; index < 3; index++) {
    expect(await outcome(dial(port))).toBe('401 without Retry-After');
    await until('room', () => serverCoreOf(server).gate.pending === 0);
  }
  expect(counters(server)['maxConnections']).toBe(0);
});

describe('request.clientAddress', () => {
  test.each([
    ['the socket', {}, '6.6.6.6', '127.0.0.1'],
    ['one hop', { trustProxy: 1 }, '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['a network', { trustProxy: ['127.0.0.0/8'] }, '6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['another network', { trustProxy: ['10.0.0.0/8'] }, '203.0.113.7', '127.0.0.1'],
    ['a field of no use', { trustProxy: 1 }, 'unknown', '127.0.0.1'],
  ])('with trust in %s is given to listeners and hooks', async (_, options, field, expected) => {
    const seen: unknown[] = [];
    const { server, port } = await listen({
      ...options,
      verifyClient: ({ req }: { req: Requested }) => seen.push(req.clientAddress) > 0,
    });
    server.on('connection', (_ws, request) => seen.push((request as Requested).clientAddress));
    expect(await outcome(dial(port, from(field)))).toBe('101');
    expect(seen).toEqual([expected, expected]);
  });

  test('reads Forwarded only if it is named', async () => {
    const { server, port } = await listen({ trustProxy: { hops: 1, header: 'forwarded' } });
    const connected = once(server, 'connection');
    const headers = { 'X-Forwarded-For': '6.6.6.6', Forwarded: 'for="[2001:db8::1]:80";proto=https' };
    dial(port, { headers });
    const [, request] = (await connected) as [unknown, Requested];
    expect(request.clientAddress).toBe('2001:db8::1');
  });
});

/** A server whose clients' messages are counted. */
async function counting(options: object): Promise<{ server: NodeWs.WebSocketServer; port: number; messages: string[] }> {
  const messages: string[] = [];
  const { server, port } = await listen(options);
  server.on('connection', (ws) => ws.on('message', (data) => messages.push((data as Buffer).toString())));
  return { server, port, messages };
}

describe('messageRate', () => {
  test('with "pause" loses nothing, and keeps the rate', async () => {
    const { server, port, messages } = await counting({ messageRate: { count: 10, interval: 500 } });
    const client = dial(port);
    expect(await outcome(client)).toBe('101');
    const begin = performance.now();
    for (let index = 0; index < 20; index++) client.send(`${index}`);
    await until('the first messages', () => messages.length >= 10);
    // The next read waits until the debt of the first is paid.
    client.send('late');
    await until('all messages', () => messages.length === 21);
    expect(performance.now() - begin).toBeGreaterThan(400);
    expect(messages).toEqual([...Array.from({ length: 20 }, (_, index) => `${index}`), 'late']);
    expect(counters(server)['messageRate']).toBeGreaterThan(0);
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test('does not undo the pause of a program, nor the other way around', async () => {
    const { server, port, messages } = await counting({ messageRate: { count: 1, interval: 300 } });
    const connected = once(server, 'connection');
    const client = dial(port);
    const [peer] = (await connected) as [Client];
    await outcome(client);
    const begin = performance.now();
    client.send('one');
    client.send('two');
    await until('the pause', () => messages.length === 2);
    peer.pause();
    peer.resume();
    client.send('three');
    await until('the third', () => messages.length === 3);
    // However late the test has seen the pause.
    expect(performance.now() - begin).toBeGreaterThan(290);
    peer.pause();
    client.send('four');
    await new Promise((resolve) => void setTimeout(resolve, 500));
    expect(messages.length).toBe(3);
    peer.resume();
    await until('the fourth', () => messages.length === 4);
  });

  test('with "close" fails the connection with 1008', async () => {
    const { server, port, messages } = await counting({ messageRate: 3, ratePolicy: 'close' });
    const errors: unknown[] = [];
    server.on('connectionError', (error) => errors.push((error as { code?: string }).code));
    const client = dial(port);
    await outcome(client);
    const closed = once(client, 'close');
    for (let index = 0; index < 10; index++) client.send(`${index}`);
    expect((await closed)[0]).toBe(1008);
    expect(messages).toEqual(['0', '1', '2']);
    expect(errors).toEqual(['WS_ERR_RATE_EXCEEDED']);
    expect(counters(server)['messageRate']).toBe(1);
  });

  test('counts Pings', async () => {
    const { server, port } = await counting({ messageRate: 3, ratePolicy: 'close' });
    let pings = 0;
    server.on('connection', (ws) => ws.on('ping', () => pings++));
    const client = dial(port);
    await outcome(client);
    const closed = once(client, 'close');
    for (let index = 0; index < 10; index++) client.ping();
    expect((await closed)[0]).toBe(1008);
    expect(pings).toBe(3);
  });
});

describe('byteRate', () => {
  test('counts payloads after decompression', async () => {
    const { server, port, messages } = await counting({
      byteRate: 10_000,
      ratePolicy: 'close',
      perMessageDeflate: { threshold: 0 },
    });
    const client = dial(port, { perMessageDeflate: { threshold: 0 } });
    await outcome(client);
    const closed = once(client, 'close');
    client.send('x'.repeat(9000));
    client.send('y'.repeat(9000));
    expect((await closed)[0]).toBe(1008);
    expect(messages.map(({ length }) => length)).toEqual([9000]);
    expect(counters(server)['byteRate']).toBe(1);
  });

  test('with "pause" goes on when the debt is paid', async () => {
    const { port, messages } = await counting({ byteRate: { count: 1000, interval: 200 } });
    const client = dial(port);
    await outcome(client);
    const begin = performance.now();
    client.send('x'.repeat(2500));
    await until('the first', () => messages.length === 1);
    client.send('y');
    await until('the second', () => messages.length === 2);
    // However late the test has seen the pause.
    expect(performance.now() - begin).toBeGreaterThan(290);
  });
});

describe('maxTotalBuffered', () => {
  test('drops the connection that holds the most output, and no other', async () => {
    const { server, port } = await listen({ maxTotalBuffered: 4 << 20 });
    const peers: Client[] = [];
    server.on('connection', (ws) => peers.push(ws));
    const errors: unknown[] = [];
    server.on('connectionError', (error) => errors.push((error as { code?: string }).code));
    const { socket } = await connectRaw(port);
    socket.pause();
    const reader = dial(port);
    await outcome(reader);
    await until('both', () => peers.length === 2);
    for (let index = 0; index < 40; index++) peers[0].send(Buffer.alloc(1 << 20));
    const received = once(reader, 'message');
    peers[1].send('small');
    await until('the drop', () => peers[0].readyState === WebSocket.CLOSED);
    expect(String((await received)[0])).toBe('small');
    expect(peers[1].readyState).toBe(WebSocket.OPEN);
    expect(errors).toEqual(['WS_ERR_TOO_MUCH_BUFFERED_IN_TOTAL']);
    expect(counters(server)['maxTotalBuffered']).toBe(1);
    socket.destroy();
  });

  test('counts unfinished messages', async () => {
    const { server, port } = await listen({ maxTotalBuffered: 1 << 20 });
    const peers: Client[] = [];
    server.on('connection', (ws) => peers.push(ws));
    const { socket } = await connectRaw(port);
    // The first 2 MiB of a message of 16 MiB, masked by zero.
    socket.write(Buffer.from('82ff000000000100000000000000', 'hex'));
    socket.write(Buffer.alloc(2 << 20));
    await until('the drop', () => peers[0]?.readyState === WebSocket.CLOSED);
    expect(counters(server)['maxTotalBuffered']).toBe(1);
  });
});

test.each([5, 'all', true, () => {}])('%j is no options of a Gate', (options) => {
  expect(() => new Gate(options as never)).toThrow(/object/);
  expect(() => new Gate(options as never)).toThrow(TypeError);
});

test.each([
  [{ maxConnections: -1 }, RangeError, /maxConnections/],
  [{ maxConnectionsPerAddress: 1.5 }, RangeError, /maxConnectionsPerAddress/],
  [{ maxHandshakesPending: '5' }, RangeError, /maxHandshakesPending/],
  [{ maxTotalBuffered: NaN }, RangeError, /maxTotalBuffered/],
  [{ handshakeRate: 0 }, RangeError, /handshakeRate/],
  [{ messageRate: { count: 1, interval: 0 } }, RangeError, /messageRate\.interval/],
  [{ byteRate: 'fast' }, TypeError, /byteRate/],
  [{ ratePolicy: 'drop' }, TypeError, /ratePolicy/],
  [{ trustProxy: true }, TypeError, /trustProxy/],
  [{ trustProxy: ['10.0.0.0/99'] }, RangeError, /trustProxy/],
])('%j is an error of the constructor', (options, type, words) => {
  const make = (): unknown => new WebSocketServer({ noServer: true, ...options } as never);
  expect(make).toThrow(words);
  expect(make).toThrow(type);
});
