// Our classes over Bun's sockets: what the contract does not ask.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/bun/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/bun/w3c.ts';
import { Endpoint, type ClientSocket } from '../../contract/endpoint.ts';
import { certificate, key } from '../../support/certificates.ts';
import { pattern } from '../../support/frames.ts';
import { freePort, sleep } from '../../support/sockets.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanup.splice(0).toReversed()) task();
});

/** Makes a server. */
function serve(options: ConstructorParameters<typeof WebSocketServer>[0] = {}): WebSocketServer {
  const server = new WebSocketServer({ ...(options.unix === undefined && { port: 0, host: '127.0.0.1' }), ...options });
  cleanup.push(() => {
    for (const ws of server.clients) ws.terminate();
    server.close();
  });
  return server;
}

function portOf(server: WebSocketServer): number {
  return (server.address() as { port: number }).port;
}

/** Opens a connection, and waits for both sides of it. */
async function open(server: WebSocketServer): Promise<{ client: WebSocket; peer: WebSocket }> {
  const accepted = once(server, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${portOf(server)}/`);
  const [[peer]] = (await Promise.all([accepted, once(client, 'open')])) as [[WebSocket], unknown];
  return { client, peer };
}

async function expectEcho(socket: unknown): Promise<void> {
  const client = new Endpoint(socket as ClientSocket);
  await client.opened;
  expect(await client.exchange('hällo')).toBe('hällo');
  const bytes = pattern(1_000_003);
  expect(Buffer.compare((await client.exchange(bytes)) as Uint8Array, bytes)).toBe(0);
  client.socket.close(1000, 'done');
  expect(await client.closed).toEqual({ code: 1000, reason: 'done', wasClean: true });
}

function echo(server: WebSocketServer): WebSocketServer {
  server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  return server;
}

describe('a server', () => {
  test('knows its address at once', async () => {
    const server = serve();
    expect(server.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
    await once(server, 'listening');
  });

  test('listens on a Unix domain socket', async () => {
    const path = join(tmpdir(), `wasock-bun-${process.pid}.sock`);
    const server = echo(serve({ unix: path }));
    expect(server.address()).toBe(path);
    await expectEcho(new WebSocket(`ws+unix:${path}:/chat`));
  });

  test('speaks TLS', async () => {
    const server = echo(serve({ tls: { cert: certificate, key }, perMessageDeflate: true }));
    await expectEcho(new WebSocket(`wss://localhost:${portOf(server)}/`, { ca: certificate }));
    await expectEcho(new W3CWebSocket(`wss://localhost:${portOf(server)}/`, { tls: { ca: certificate } }));
  });

  test('reports a port that is taken', async () => {
    const second = serve({ port: portOf(serve()) });
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
  });

  test('sees 1006 when a client is reset', async () => {
    const server = serve();
    const socket = connect(portOf(server), '127.0.0.1');
    const accepted = once(server, 'connection');
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
        'Sec-WebSocket-Version: 13\r\n\r\n',
    );
    const [ws] = (await accepted) as [WebSocket];
    const closed = once(ws, 'close');
    socket.resetAndDestroy();
    expect((await closed)[0]).toBe(1006);
  });
});

describe('a client', () => {
  test.each([WebSocket, W3CWebSocket])('fails when nobody listens', async (Class) => {
    const client = new Endpoint(new Class(`ws://127.0.0.1:${await freePort()}/`) as unknown as ClientSocket);
    expect(await client.closed).toMatchObject({ code: 1006 });
    expect(client.events).toEqual(['error', 'close']);
  });

  test('names why there is no connection', async () => {
    const server = serve({ tls: { cert: certificate, key } });
    const client = new WebSocket(`wss://localhost:${portOf(server)}/`);
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  describe('heeds NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
    const NAME = 'NODE_TLS_REJECT_UNAUTHORIZED';
    const secureUrl = (): string => {
      vi.stubEnv(NAME, '0');
      cleanup.push(() => vi.unstubAllEnvs());
      return `wss://localhost:${portOf(echo(serve({ tls: { cert: certificate, key } })))}/`;
    };

    test('as long as the program says nothing', async () => {
      const url = secureUrl();
      await expectEcho(new WebSocket(url));
      await expectEcho(new WebSocket(url, { rejectUnauthorized: undefined }));
      await expectEcho(new W3CWebSocket(url));
      await expectEcho(new W3CWebSocket(url, { tls: { servername: 'localhost' } }));
    });

    test.each([
      ['ws style', (url: string) => new WebSocket(url, { rejectUnauthorized: true })],
      ['W3C style', (url: string) => new W3CWebSocket(url, { tls: { rejectUnauthorized: true } })],
    ])('but not where the program demands trust (%s)', async (_, dial) => {
      const client = new Endpoint(dial(secureUrl()) as unknown as ClientSocket);
      expect(await client.closed).toMatchObject({ code: 1006 });
      expect(client.events).toEqual(['error', 'close']);
    });

    test('at the call', async () => {
      const url = secureUrl();
      vi.stubEnv(NAME, '1');
      const client = new Endpoint(new WebSocket(url) as unknown as ClientSocket);
      expect(await client.closed).toMatchObject({ code: 1006 });
    });
  });
});

describe('backpressure', () => {
  test('counts payload bytes that a paused peer leaves waiting, down to 0 and drain', async () => {
    const { client, peer } = await open(serve());
    client.pause();
    let drains = 0;
    let received = 0;
    let calls = 0;
    peer.on('drain', () => drains++);
    client.on('message', (data: Buffer) => (received += data.length));
    for (let index = 0; index < 10; index++) peer.send(pattern(3_000_000), () => calls++);
    // Long messages are written within send(), so the system may have taken the first ones; what it took in part still counts.
    expect(peer.bufferedAmount).toBeGreaterThan(15_000_000);
    await sleep(50);
    const waiting = peer.bufferedAmount;
    expect(calls).toBe((30_000_000 - waiting) / 3_000_000);
    peer.send('four');
    expect(peer.bufferedAmount).toBe(waiting + 4);
    expect([drains, received]).toEqual([0, 0]);
    const drained = once(peer, 'drain');
    client.resume();
    await drained;
    expect(peer.bufferedAmount).toBe(0);
    expect(calls).toBe(10);
    while (received < 30_000_004) await once(client, 'message');
    expect(drains).toBe(1);
  });

  test('holds the peer back while the program has paused', async () => {
    const { client, peer } = await open(serve());
    peer.pause();
    let received = 0;
    peer.on('message', (data: Buffer) => (received += data.length));
    client.send(pattern(30_000_000));
    await sleep(100);
    expect(received).toBe(0);
    expect(client.bufferedAmount).toBe(30_000_000);
    peer.resume();
    await once(client, 'drain');
    while (received < 30_000_000) await once(peer, 'message');
  });
});

test('a process ends by itself once its connections are closed', async () => {
  const program = fileURLToPath(new URL('exits.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 90_000 });
  expect(stdout.trim().split('\n')).toEqual(['echo hello', 'client closed 1000', 'server closed']);
});
