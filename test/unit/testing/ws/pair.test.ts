// A ws-style client and server that are connected in memory.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import * as wasock from '../../../../adapters/node/index.ts';
import { createProxy } from '../../../../adapters/node/proxy.ts';
import { WebSocket as SocketClass } from '../../../../src/api/ws/classes.ts';
import { createPair as createMockPair, MockServer } from '../../../../src/testing/index.ts';
import * as kit from '../../../../src/testing/ws/index.ts';

const { createPair, WebSocket, WebSocketServer } = kit;
type WebSocket = kit.WebSocket;
type WebSocketServer = kit.WebSocketServer;
afterEach(() => void vi.useRealTimers());

/** The next message. */
async function next(ws: WebSocket): Promise<string> {
  const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean];
  expect(data).toBeInstanceOf(Buffer);
  return isBinary ? data.toString('hex') : data.toString();
}

describe.each(['the real clock', 'a fake clock'])('a ws-style pair, with %s,', (clock) => {
  const useClock = (): void => {
    if (clock === 'a fake clock') vi.useFakeTimers();
  };

  test('is open, of the classes of wasock, with a subprotocol and a request', async () => {
    useClock();
    const { client, server, request } = await createPair({
      client: { protocols: ['chat', 'other'], headers: { authorization: 'Bearer abc' } },
      path: '/news?since=5',
    });
    for (const ws of [client, server]) {
      expect(ws).toBeInstanceOf(SocketClass);
      expect([ws.readyState, ws.protocol, ws.extensions]).toEqual([WebSocket.OPEN, 'chat', '']);
    }
    expect(client.url).toMatch(/^ws:\/\/[\w.-]+\/news\?since=5$/);
    expect((await createPair({ path: 'news' })).request.url).toBe('/news');
    expect([request.url, request.headers.authorization]).toEqual(['/news?since=5', 'Bearer abc']);
  });

  test('passes text and bytes both ways, Pings, and a close code', async () => {
    useClock();
    const { client, server } = await createPair();
    client.send('question');
    expect(await next(server)).toBe('question');
    server.send(Uint8Array.of(1, 2));
    expect(await next(client)).toBe('0102');
    client.ping('p');
    const [pong] = (await once(client, 'pong')) as [Buffer];
    expect(pong.toString()).toBe('p');
    const closed = once(client, 'close');
    server.close(4000, 'over');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4000, 'over']);
  });

  test('agrees on permessage-deflate', async () => {
    useClock();
    const { client, server } = await createPair({ server: { perMessageDeflate: { threshold: 0 } } });
    expect(client.extensions).toContain('permessage-deflate');
    server.send('a'.repeat(100_000));
    expect((await next(client)).length).toBe(100_000);
  });
});

describe('a ws-style pair', () => {
  test('drops a half-open connection by the heartbeat of either side, with a fake clock', async () => {
    vi.useFakeTimers();
    for (const side of ['client', 'server'] as const) {
      const pair = await createPair({ [side]: { heartbeat: { interval: 1000, timeout: 500 } } });
      const ends: number[] = [];
      pair[side].on('close', (code) => ends.push(code)).on('error', () => {});
      await vi.advanceTimersByTimeAsync(3000);
      expect(ends).toEqual([]);
      pair.link.hold();
      await vi.advanceTimersByTimeAsync(1600);
      expect(ends).toEqual([1006]);
    }
  });

  test('is cut by its link, and fails at a violation', async () => {
    const one = await createPair();
    const ends = [one.client, one.server].map((ws) =>
      once(
        ws.on('error', () => {}),
        'close',
      ),
    );
    one.link.cut();
    expect((await Promise.all(ends)).map(([code]) => code as number)).toEqual([1006, 1006]);
    const two = await createPair({ server: { maxPayload: 10 } });
    const failed = once(two.server, 'error');
    const closed = once(two.client, 'close');
    two.client.send('longer than that');
    expect(await failed).toMatchObject([{ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }]);
    expect((await closed)[0]).toBe(1009);
  });

  test('shows a slow reader by bufferedAmount', async () => {
    const { client, server } = await createPair();
    server.pause();
    for (let count = 0; count < 10; count++) client.send(Buffer.alloc(100_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.bufferedAmount).toBeGreaterThan(500_000);
    const drained = once(client, 'drain');
    server.resume();
    await drained;
    expect(client.bufferedAmount).toBe(0);
  });

  test('rejects if the server refuses, and leaves nothing behind', async () => {
    await expect(createPair({ server: { verifyClient: () => false } })).rejects.toThrow('401');
    const pairs = await Promise.all([createPair({ path: '/a' }), createPair({ path: '/b' })]);
    expect(pairs.map(({ request }) => request.url)).toEqual(['/a', '/b']);
    expect(new Set(pairs.map(({ link }) => link)).size).toBe(2);
  });
});

describe('the classes in memory', () => {
  test.each([undefined, '0.0.0.0', '::'])('connect a client to a server at the host %s by any host', async (listening) => {
    const server = new WebSocketServer({ port: 8080, ...(listening !== undefined && { host: listening }) });
    server.on('connection', (ws, { url }) => ws.send(`${ws instanceof WebSocket} ${url}`));
    for (const host of ['localhost', '127.0.0.1', 'example.com']) {
      const client = new WebSocket(`ws://${host}:8080/${host}`);
      expect(await next(client)).toBe(`true /${host}`);
      client.close();
    }
    expect(server.address()).toMatchObject({ port: 8080 });
    await new Promise((resolve) => server.close(resolve));
    const refused = new WebSocket('ws://localhost:8080/');
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  test.each([
    ['LocalHost', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['127.0.0.1', '[::1]'],
    ['::1', 'localhost'],
  ])('connect by the names of this machine: a server at %s, a client to %s', async (host, name) => {
    const server = new WebSocketServer({ host, port: 0 });
    onTestFinished(() => server.close());
    const { port } = server.address() as AddressInfo;
    await once(new WebSocket(`ws://${name}:${port}/`), 'open');
    const refused = new WebSocket(`ws://example.com:${port}/`);
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  test('find a free port that no other server has', async () => {
    const portOf = (server: WebSocketServer): number => (server.address() as AddressInfo).port;
    const first = new WebSocketServer({ port: 0 });
    const second = new WebSocketServer({ port: portOf(first) + 1 });
    const third = new WebSocketServer({ port: 0 });
    await once(third, 'listening');
    expect(portOf(third)).toBe(portOf(second) + 1);
    for (const server of [first, second, third]) server.close();
  });

  test('connect in memory whatever proxy the code under test sets', async () => {
    const server = new WebSocketServer({ port: 8080 });
    onTestFinished(() => server.close());
    const proxy = createProxy('http://127.0.0.1:1');
    await once(new WebSocket('ws://localhost:8080/', { proxy }), 'open');
    const { client } = await createMockPair({ client: { proxy } });
    expect(client.readyState).toBe(client.OPEN);
  });

  test('reach a MockServer, and name each other', async () => {
    const server = new MockServer('ws://mock.example/', { takeGlobal: false });
    const client = new WebSocket('ws://mock.example/');
    await server.nextConnection();
    server.broadcast('hello');
    expect(await next(client)).toBe('hello');
    await server.close();
    expect([WebSocket.WebSocket, WebSocket.WebSocketServer, WebSocket.Server]).toEqual([
      WebSocket,
      WebSocketServer,
      WebSocketServer,
    ]);
  });

  test('come with the other exports of wasock, for code that imports them', async () => {
    const lowLevel = ['PerMessageDeflate', 'Receiver', 'Sender'];
    expect(Object.keys(kit)).toEqual(expect.arrayContaining(Object.keys(wasock).filter((name) => !lowLevel.includes(name))));
    const { client, server } = await createPair();
    kit.broadcast([server], 'all');
    server.close();
    let text = '';
    for await (const chunk of kit.createWebSocketStream(client)) text += String(chunk);
    expect(text).toBe('all');
  });
});
