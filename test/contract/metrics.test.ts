// Metrics of servers and of the process: exact numbers, after scripted conversations. On each runtime.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type { ServerCore } from '../../src/api/ws/server-core.ts';
import { hex, pattern } from '../support/frames.ts';
import { outcome } from '../support/gate.ts';
import { connectRaw, until } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { metrics, WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { serverCoreOf } = (await import('../../src/api/ws/server-core.ts')) as { serverCoreOf(server: object): ServerCore };
type Client = NodeWs.WebSocket;

const servers: NodeWs.WebSocketServer[] = [];
const httpServers: Server[] = [];
const clients: Client[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.shutdown({ signal: AbortSignal.abort() });
  for (const server of httpServers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(options: object = {}, isBehind = false): Promise<{ server: NodeWs.WebSocketServer; port: number }> {
  const http = isBehind ? createServer() : undefined;
  const server = new WebSocketServer({ ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }), ...options });
  servers.push(server);
  if (http !== undefined) httpServers.push(http.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function dial(port: number, path = '/', options: object = {}): Client {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  client.on('error', () => {});
  clients.push(client);
  return client;
}

/** A client whose frames the test writes. */
async function raw(server: NodeWs.WebSocketServer, port: number): Promise<{ socket: Socket; peer: Client }> {
  const connected = once(server, 'connection');
  const { socket } = await connectRaw(port);
  sockets.push(socket);
  socket.on('error', () => {});
  const [peer] = (await connected) as [Client];
  peer.on('error', () => {});
  return { socket, peer };
}

describe.each([
  ['that listens by itself', false],
  ['behind node:http', true],
])('a server %s', (_, isBehind) => {
  test('starts with zeros', async () => {
    const { server } = await listen({}, isBehind);
    const { payloadIn, handshakeTime, deliveryTime, refused, limited, ...rest } = server.metrics();
    expect(rest).toMatchObject({ open: 0, opened: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 });
    expect(rest).toMatchObject({ bufferedIn: 0, bufferedOut: 0, closeCodes: {}, errors: {} });
    expect(rest.compressedOut).toEqual({ messages: 0, compressedBytes: 0, payloadBytes: 0 });
    for (const { bounds, counts, sum, count } of [payloadIn, handshakeTime, deliveryTime]) {
      expect(counts).toEqual(Array(bounds.length + 1).fill(0));
      expect([sum, count]).toEqual([0, 0]);
    }
    expect(Object.values(refused)).toEqual(Array(11).fill(0));
    expect(limited).toEqual({ messageRate: 0, byteRate: 0, maxTotalBuffered: 0 });
  });

  test('counts messages and their payload, whole and in fragments, in pieces and together', async () => {
    const { server, port } = await listen({}, isBehind);
    const { socket, peer } = await raw(server, port);
    const received: string[] = [];
    peer.on('message', (data) => received.push((data as Buffer).toString()));
    // "Hello"; "a" and "bc" as fragments around a Ping; an empty message; all masked with zeros.
    socket.write(hex('81 85 00 00 00 00 48 65 6c 6c 6f 01 81 00 00 00 00 61 89 80 00 00 00 00 80 82 00 00 00 00 62 63'));
    socket.write(hex('82 80 00 00 00 00'));
    await until('three messages', () => received.length === 3);
    // 300 bytes, of which the last come later.
    const long = Buffer.concat([hex('82 fe 01 2c 00 00 00 00'), pattern(300)]);
    socket.write(long.subarray(0, 100));
    await until('a part', () => server.metrics().bufferedIn === 92);
    expect(server.metrics()).toMatchObject({ messagesIn: 3, bytesIn: 8 });
    socket.write(long.subarray(100));
    await until('the rest', () => received.length === 4);
    const { messagesIn, bytesIn, payloadIn, messagesOut, bufferedIn } = server.metrics();
    expect([messagesIn, bytesIn, messagesOut, bufferedIn]).toEqual([4, 308, 0, 0]);
    // 0 bytes; 3; 5; 300.
    expect(payloadIn).toMatchObject({ sum: 308, count: 4 });
    expect(payloadIn.bounds.slice(0, 6)).toEqual([1, 4, 16, 64, 256, 1024]);
    expect(payloadIn.counts.slice(0, 6)).toEqual([1, 1, 1, 0, 0, 1]);
  });

  test('counts what it sends: text, binary, fragments, broadcasts; no control frames', async () => {
    const { server, port } = await listen({}, isBehind);
    const { peer } = await raw(server, port);
    const { peer: other } = await raw(server, port);
    const sent = new Promise((resolve) => {
      peer.send('ä');
      peer.send(pattern(1000));
      peer.send('one', { fin: false });
      peer.send('two', { fin: false });
      peer.send('', { fin: true });
      peer.ping('12345');
      peer.send(new Blob(['blob']), resolve);
    });
    await sent;
    expect(server.metrics()).toMatchObject({ messagesOut: 4, bytesOut: 2 + 1000 + 6 + 4 });
    expect(server.metrics().payloadOut.counts.slice(0, 6)).toEqual([0, 2, 1, 0, 0, 1]);
    const { broadcast } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
    broadcast([peer, other], pattern(50_000));
    await until('both', () => server.metrics().messagesOut === 6);
    expect(server.metrics().bytesOut).toBe(1012 + 100_000);
  });

  test('counts compressed messages: before and after, both ways', async () => {
    const { server, port } = await listen({ perMessageDeflate: { threshold: 0 } }, isBehind);
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data, { compress: (data as Buffer).length > 10 })));
    const client = dial(port, '/', { perMessageDeflate: { threshold: 100 } });
    await once(client, 'open');
    const text = 'compress me '.repeat(1000);
    client.send(text);
    expect(String((await once(client, 'message'))[0])).toBe(text);
    client.send('short', { compress: false });
    await once(client, 'message');
    const { messagesIn, bytesIn, bytesOut, compressedIn, compressedOut } = server.metrics();
    expect([messagesIn, bytesIn, bytesOut]).toEqual([2, 12_005, 12_005]);
    expect(compressedIn).toMatchObject({ messages: 1, payloadBytes: 12_000 });
    expect(compressedOut).toMatchObject({ messages: 1, payloadBytes: 12_000 });
    for (const { compressedBytes } of [compressedIn, compressedOut]) {
      expect(compressedBytes).toBeGreaterThan(10);
      expect(compressedBytes).toBeLessThan(300);
    }
  });

  test('counts connections, ends by close code, and errors by code', async () => {
    const { server, port } = await listen({}, isBehind);
    const close = dial(port);
    const none = dial(port);
    await Promise.all([once(close, 'open'), once(none, 'open')]);
    const { socket: lost } = await raw(server, port);
    const { socket: wrong } = await raw(server, port);
    await until('all', () => server.metrics().open === 4);
    expect(server.metrics()).toMatchObject({ open: 4, opened: 4, closeCodes: {} });
    close.close(4321);
    none.close();
    lost.end();
    // An opcode that there is not.
    wrong.write(hex('83 80 00 00 00 00'));
    await until('the errors', () => server.metrics().errors['WS_ERR_INVALID_OPCODE'] === 1);
    wrong.end();
    await until('all ends', () => server.metrics().open === 0);
    const { open, opened, closeCodes, errors } = server.metrics();
    expect({ open, opened, closeCodes, errors }).toEqual({
      open: 0,
      opened: 4,
      closeCodes: { 4321: 1, 1005: 1, 1006: 2 },
      errors: { WS_ERR_INVALID_OPCODE: 1 },
    });
  });

  test('counts refused requests once, by reason', async () => {
    const { server, port } = await listen(
      {
        path: '/here',
        maxConnections: 1,
        allowedOrigins: ['https://good.example'],
        verifyClient: ({ req }: { req: { headers: Record<string, string> } }) => {
          if (req.headers['x-throw']) throw new Error('of the hook');
          return !req.headers['x-refuse'];
        },
      },
      isBehind,
    );
    const warnings: unknown[] = [];
    server.on('wsClientError', (error, socket) => {
      warnings.push(error);
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    });
    const ask = (path: string, headers: object = {}, origin = 'https://good.example'): Promise<string> =>
      outcome(dial(port, path, { origin, headers }));
    expect(await ask('/there')).toMatch(/^400/);
    expect(await ask('/here', {}, 'https://evil.example')).toMatch(/^403/);
    expect(await ask('/here', { 'x-refuse': '1' })).toMatch(/^401/);
    expect(await ask('/here', { 'x-throw': '1' })).toMatch(/^400/);
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.write(
      'GET /here HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 400/);
    socket.destroy();
    await until('room', () => serverCoreOf(server).gate.pending === 0);
    expect(await ask('/here')).toBe('101');
    expect(await ask('/here')).toMatch(/^503/);
    const { refused, handshakeTime } = server.metrics();
    expect(refused).toMatchObject({ path: 1, origin: 1, verifyClient: 1, hook: 1, request: 1, maxConnections: 1, shutdown: 0 });
    expect(handshakeTime.count).toBe(1);
    expect(warnings).toHaveLength(2);
  });
});

test.each([
  ['426', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['426', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
  ['400', 'garbage\r\n\r\n'],
  ['400', 'GET / HTTP/1.1\r\nHo st: h\r\n\r\n'],
  ['431', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
])('an own server counts what it answers itself: %s for %j', async (status, request) => {
  const { server, port } = await listen();
  const before = metrics().server.refused.request;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.write(request);
  expect(String((await once(socket, 'data'))[0]).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  expect(server.metrics().refused.request).toBe(1);
  expect(metrics().server.refused.request).toBe(before + 1);
});

test('a request that waits for a hook counts once when the server shuts down', async () => {
  let answer: ((isAllowed: boolean) => void) | undefined;
  const { server, port } = await listen({
    verifyClient: () => new Promise<boolean>((resolve) => void (answer = resolve)),
  });
  const waiting = outcome(dial(port));
  await until('the hook', () => answer !== undefined);
  const down = server.shutdown();
  answer!(false);
  expect(await waiting).toMatch(/^503/);
  await down;
  expect(server.metrics().refused).toMatchObject({ shutdown: 1, verifyClient: 0 });
});

test('bytes that wait for a slow peer are told', async () => {
  const { server, port } = await listen();
  const { socket, peer } = await raw(server, port);
  socket.pause();
  for (let index = 0; index < 64; index++) peer.send(pattern(1 << 20));
  await until('a full pipe', () => server.metrics().bufferedOut > 1 << 20);
  expect(server.metrics().bufferedOut).toBe(peer.bufferedAmount);
  expect(server.metrics().bytesOut).toBe(64 << 20);
});

test('the time of a slow listener counts, from the first look at the metrics on', async () => {
  const { server, port } = await listen();
  server.metrics();
  const before = server.metrics().deliveryTime;
  const { socket, peer } = await raw(server, port);
  peer.on('message', () => {
    for (const end = performance.now() + 20; performance.now() < end;);
  });
  socket.write(hex('82 80 00 00 00 00'));
  await until('the message', () => server.metrics().messagesIn === 1 && server.metrics().deliveryTime.count > before.count);
  const { counts, sum, bounds } = server.metrics().deliveryTime;
  expect(sum).toBeGreaterThanOrEqual(19);
  expect(counts.slice(bounds.indexOf(8) + 1).reduce((one, other) => one + other)).toBeGreaterThanOrEqual(1);
});

test('a listener that throws does not change the numbers', async () => {
  const { server, port } = await listen();
  const { socket, peer } = await raw(server, port);
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  peer.once('message', () => {
    throw new Error('of a listener');
  });
  socket.write(hex('82 81 00 00 00 00 01 82 82 00 00 00 00 01 02'));
  expect(await thrown).toMatchObject({ message: 'of a listener' });
  await until('both', () => server.metrics().messagesIn === 2);
  expect(server.metrics()).toMatchObject({ bytesIn: 3, open: 1 });
});

test('the metrics of the process are those of all servers and of all clients', async () => {
  const before = metrics();
  const [one, other] = [await listen(), await listen()];
  for (const { server } of [one, other]) server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  const pairs: Client[] = [];
  for (const { port } of [one, other]) {
    const client = dial(port);
    pairs.push(client);
    await once(client, 'open');
    client.send(pattern(10));
    await once(client, 'message');
  }
  const during = metrics();
  expect(during.server.open - before.server.open).toBe(2);
  expect(during.client.open - before.client.open).toBe(2);
  expect(during.server.bytesIn - before.server.bytesIn).toBe(20);
  expect(during.client.bytesIn - before.client.bytesIn).toBe(20);
  expect(during.client.handshakeTime.count - before.client.handshakeTime.count).toBe(2);
  const [first] = pairs;
  first.send(pattern(1));
  await once(first, 'message');
  const closed = pairs.map((client) => once(client, 'close'));
  for (const client of pairs) client.close(4000);
  await Promise.all(closed);
  await until('all ends', () => one.server.metrics().open + other.server.metrics().open === 0);
  await one.server.shutdown();
  // Nobody listens on port 1. A port that was closed a moment ago may belong to another test.
  const refused = new WebSocket('ws://127.0.0.1:1/');
  const [error] = (await once(refused, 'error').catch((thrown: unknown) => [thrown])) as [Error];
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  const after = metrics();
  expect(after.server.bytesOut - before.server.bytesOut).toBe(21);
  expect(after.server.messagesIn - before.server.messagesIn).toBe(3);
  expect(after.client.messagesOut - before.client.messagesOut).toBe(3);
  expect((after.client.closeCodes[4000] ?? 0) - (before.client.closeCodes[4000] ?? 0)).toBe(2);
  expect(after.client.open).toBe(before.client.open);
  expect((after.client.failed['ECONNREFUSED'] ?? 0) - (before.client.failed['ECONNREFUSED'] ?? 0)).toBe(1);
});

test('metrics are plain: JSON keeps them', async () => {
  const { server } = await listen();
  for (const value of [metrics(), server.metrics()]) expect(JSON.parse(JSON.stringify(value))).toEqual(value);
});
