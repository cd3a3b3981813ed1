// Everything that our server and client can run over on Node: TCP, TLS, Unix sockets, IPv6, shared HTTP servers, plain streams.

import { once } from 'node:events';
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { Duplex } from 'node:stream';
import * as stream from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket as WsWebSocket } from 'ws';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/node/w3c.ts';
import { Endpoint, type ClientSocket } from '../../contract/endpoint.ts';
import { certificate, key } from '../../support/certificates.ts';
import { concat, frame, hex, pattern } from '../../support/frames.ts';
import {
  Cleanup,
  KEY,
  connectRaw,
  duplexPair,
  listen,
  requestHead,
  serveRaw,
  sleep,
  until,
  within,
} from '../../support/sockets.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const MASK = hex('0a 0b 0c 0d');

/** Makes a server that echoes. */
function serve(options: ConstructorParameters<typeof WebSocketServer>[0]): WebSocketServer {
  const server = new WebSocketServer(options);
  server.on('connection', (ws: WebSocket) =>
    ws.on('message', (data, isBinary: boolean) => ws.send(data, { binary: isBinary })),
  );
  cleanup.add(() => {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  });
  return server;
}

function endpoint(socket: unknown): Endpoint {
  const client = new Endpoint(socket as ClientSocket);
  cleanup.add(() => (socket as { close(): void }).close());
  return client;
}

/** Exchanges small and large messages and closes. */
async function expectEcho(client: Endpoint): Promise<void> {
  await within('open', client.opened);
  expect(await client.exchange('hällo')).toBe('hällo');
  const bytes = pattern(1_000_003);
  expect(Buffer.compare((await client.exchange(bytes)) as Uint8Array, bytes)).toBe(0);
  client.socket.close(1000, 'done');
  expect(await client.closed).toEqual({ code: 1000, reason: 'done', wasClean: true });
}

function portOf(server: WebSocketServer): number {
  return (server.address() as AddressInfo).port;
}

describe('a server by port', () => {
  test('serves over IPv4', async () => {
    const server = serve({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    await expectEcho(endpoint(new WebSocket(`ws://127.0.0.1:${portOf(server)}`)));
    await expectEcho(endpoint(new W3CWebSocket(`ws://127.0.0.1:${portOf(server)}`)));
  });

  test.runIf(hasIPv6)('serves over IPv6', async () => {
    const server = serve({ port: 0, host: '::1' });
    await once(server, 'listening');
    await expectEcho(endpoint(new WebSocket(`ws://[::1]:${portOf(server)}/`)));
    await expectEcho(endpoint(new W3CWebSocket(`ws://[::1]:${portOf(server)}/`)));
  });

  test('answers a plain request with 426', async () => {
    const server = serve({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const [response] = (await once(get(`http://127.0.0.1:${portOf(server)}/`), 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(426);
  });

  test('serves over TLS with a certificate of its own', async () => {
    const server = serve({ port: 0, host: '127.0.0.1', tls: { cert: certificate, key } });
    await once(server, 'listening');
    await expectEcho(endpoint(new WebSocket(`wss://127.0.0.1:${portOf(server)}/`, { ca: certificate })));
  });

  test('gives up on a request whose head does not come to an end', async () => {
    const server = serve({ port: 0, host: '127.0.0.1', headersTimeout: 100 });
    await once(server, 'listening');
    const socket = connect(portOf(server), '127.0.0.1');
    cleanup.add(() => socket.destroy());
    socket.write('GET / HTTP/1.1\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test('gives up on a client that sends no byte of TLS', async () => {
    const server = serve({ port: 0, host: '127.0.0.1', headersTimeout: 100, tls: { cert: certificate, key } });
    await once(server, 'listening');
    const socket = connect(portOf(server), '127.0.0.1');
    cleanup.add(() => socket.destroy());
    socket.on('error', () => {}).resume();
    await once(socket, 'close');
  });

  test.each(['', '\u0016\u0003\u0001'])('shuts down although a client has sent %j of its TLS handshake only', async (text) => {
    const server = serve({ port: 0, host: '127.0.0.1', headersTimeout: 0, tls: { cert: certificate, key } });
    await once(server, 'listening');
    const socket = connect(portOf(server), '127.0.0.1');
    cleanup.add(() => socket.destroy());
    socket.on('error', () => {}).resume();
    socket.write(text);
    const echo = new WebSocket(`wss://127.0.0.1:${portOf(server)}/`, { ca: certificate });
    await once(echo, 'open');
    const closed = Promise.all([once(socket, 'close'), once(echo, 'close')]);
    expect(await server.shutdown({ timeout: 5000 })).toEqual({ closed: 1, terminated: 0, unsentMessages: 0 });
    await closed;
  });

  test.each([0, 60_000.5, 400_000, 1e12, Infinity])('takes a headersTimeout of %s', async (headersTimeout) => {
    for (const tls of [undefined, { cert: certificate, key }]) {
      const server = serve({ port: 0, host: '127.0.0.1', headersTimeout, tls });
      await once(server, 'listening');
      const socket = connect(portOf(server), '127.0.0.1');
      await once(socket, 'connect');
      await sleep(50);
      expect(socket.destroyed || socket.readableEnded).toBe(false);
      socket.destroy();
    }
  });

  test.each([
    [{ noServer: true, tls: { cert: certificate, key } }, 'The "tls" option needs "port" or "unix"'],
    [{ port: 0, unix: '/a' }, 'Only one of the "port" and "unix" options may be specified'],
    [{ unix: '' }, 'The "unix" option must be the path of a socket'],
  ])('refuses what cannot go together: %o', (options, message) => {
    expect(() => new WebSocketServer(options)).toThrow(new TypeError(message));
  });

  test('reports a port that is taken', async () => {
    const server = serve({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const second = new WebSocketServer({ port: portOf(server), host: '127.0.0.1' });
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
  });
});

describe('TLS', () => {
  async function serveTls(): Promise<number> {
    const https = createHttpsServer({ cert: certificate, key });
    cleanup.add(() => https.close());
    serve({ server: https });
    return await listen(https);
  }

  test.each(['localhost', '127.0.0.1'])('carries our clients to %s', async (host) => {
    const port = await serveTls();
    await expectEcho(endpoint(new WebSocket(`wss://${host}:${port}/`, { ca: certificate, family: 4 })));
    await expectEcho(endpoint(new W3CWebSocket(`wss://${host}:${port}/`, { tls: { ca: certificate, family: 4 } })));
  });

  test('carries the client of ws', async () => {
    const port = await serveTls();
    await expectEcho(endpoint(new WsWebSocket(`wss://localhost:${port}/`, { ca: certificate, family: 4 })));
  });

  test('refuses a certificate that it does not trust', async () => {
    const port = await serveTls();
    const ws = new WebSocket(`wss://127.0.0.1:${port}/`);
    const [error] = (await once(ws, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    const w3c = endpoint(new W3CWebSocket(`wss://127.0.0.1:${port}/`));
    expect((await w3c.closed).code).toBe(1006);
  });

  test('tells verifyClient that it is secure', async () => {
    const https = createHttpsServer({ cert: certificate, key });
    cleanup.add(() => https.close());
    const seen: boolean[] = [];
    serve({ server: https, verifyClient: ({ secure }: { secure: boolean }) => seen.push(secure) > 0 });
    const client = endpoint(new WebSocket(`wss://127.0.0.1:${await listen(https)}/`, { ca: certificate }));
    await client.opened;
    expect(seen).toEqual([true]);
  });
});

describe('a Unix socket', () => {
  test.runIf(process.platform !== 'win32')('is what a server listens on by itself', async () => {
    const unix = join(tmpdir(), `own-${process.pid}-${Date.now()}.sock`);
    const server = serve({ unix });
    await once(server, 'listening');
    expect(server.address()).toBe(unix);
    await expectEcho(endpoint(new WebSocket(`ws+unix:${unix}`)));
  });

  test.runIf(process.platform !== 'win32')('carries path and query', async () => {
    const path = join(tmpdir(), `contract-${process.pid}-${Date.now()}.sock`);
    const http = createHttpServer();
    cleanup.add(() => rmSync(path, { force: true }));
    cleanup.add(() => http.close());
    const server = serve({ server: http });
    const urls: (string | undefined)[] = [];
    server.on('connection', (_ws, request: IncomingMessage) => urls.push(request.url));
    http.listen(path);
    await once(http, 'listening');
    expect(server.address()).toBe(path);
    await expectEcho(endpoint(new WebSocket(`ws+unix:${path}`)));
    await expectEcho(endpoint(new WebSocket(`ws+unix:${path}:/deep/path?a=b`)));
    expect(urls).toEqual(['/', '/deep/path?a=b']);
  });
});

describe('a shared HTTP server', () => {
  test('serves several WebSocketServers by path, and its own requests', async () => {
    const http = createHttpServer((_request, response) => response.end('plain'));
    cleanup.add(() => http.close());
    const one = serve({ noServer: true, path: '/one' });
    const two = serve({ noServer: true, path: '/two' });
    const counts = { one: 0, two: 0 };
    one.on('connection', () => counts.one++);
    two.on('connection', () => counts.two++);
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const { pathname } = new URL(request.url ?? '', 'http://localhost');
      const server = { '/one': one, '/two': two }[pathname];
      if (server === undefined) socket.destroy();
      else server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request));
    });
    const port = await listen(http);
    await expectEcho(endpoint(new WebSocket(`ws://127.0.0.1:${port}/one?x`)));
    await expectEcho(endpoint(new WebSocket(`ws://127.0.0.1:${port}/two`)));
    expect((await endpoint(new WebSocket(`ws://127.0.0.1:${port}/three`)).closed).code).toBe(1006);
    expect(counts).toEqual({ one: 1, two: 1 });
    const [response] = (await once(get(`http://127.0.0.1:${port}/`), 'response')) as [IncomingMessage];
    const [body] = (await once(response, 'data')) as [Buffer];
    expect(String(body)).toBe('plain');
  });

  test('is left running by close()', async () => {
    const http = createHttpServer();
    cleanup.add(() => http.close());
    const first = serve({ server: http });
    const port = await listen(http);
    await new Promise((resolve) => {
      first.close(resolve);
    });
    expect(http.listening).toBe(true);
    expect(http.listenerCount('upgrade')).toBe(0);
    serve({ server: http });
    await expectEcho(endpoint(new WebSocket(`ws://127.0.0.1:${port}/`)));
  });
});

describe('handleUpgrade', () => {
  test('may come late, with messages waiting already', async () => {
    const http = createHttpServer();
    cleanup.add(() => http.close());
    const server = serve({ noServer: true });
    const waiting: (() => void)[] = [];
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      waiting.push(() => server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request)));
    });
    const socket = connect({ port: await listen(http), host: '127.0.0.1' });
    cleanup.add(() => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    // The first message comes with the request, the second while nobody has taken the socket yet, the third is cut in two.
    const third = frame({ payload: pattern(200_000), opcode: 2, key: MASK });
    socket.write(concat(Buffer.from(requestHead()), frame({ payload: 'one', key: MASK })));
    await until('the request', () => waiting.length === 1);
    socket.write(concat(frame({ payload: 'two', key: MASK }), third.subarray(0, 100_000)));
    await sleep(50);
    waiting[0]();
    socket.write(third.subarray(100_000));
    const expected = concat(
      frame({ payload: 'one' }),
      frame({ payload: 'two' }),
      frame({ payload: pattern(200_000), opcode: 2 }),
    );
    await until(
      'the echoes',
      () => received.length >= received.indexOf('\r\n\r\n') + 4 + expected.length && received.includes('\r\n\r\n'),
    );
    expect(Buffer.compare(received.subarray(received.indexOf('\r\n\r\n') + 4), expected)).toBe(0);
  });

  test('gives up when the client has left meanwhile', async () => {
    const http = createHttpServer();
    cleanup.add(() => http.close());
    const server = serve({ noServer: true });
    let isUpgraded = false;
    const left = new Promise<void>((resolve) => {
      http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => {});
        socket.on('end', () => {
          server.handleUpgrade(request, socket, head, () => (isUpgraded = true));
          resolve();
        });
        socket.resume();
      });
    });
    const socket = connect({ port: await listen(http), host: '127.0.0.1' });
    socket.end(requestHead());
    await within('the end of the socket', left);
    expect(isUpgraded).toBe(false);
  });

  test('throws the second time for one socket', async () => {
    const http = createHttpServer();
    cleanup.add(() => http.close());
    const server = serve({ noServer: true });
    const second = new Promise<unknown>((resolve) => {
      http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        server.handleUpgrade(request, socket, head, () => {});
        try {
          server.handleUpgrade(request, socket, head, () => {});
          resolve(undefined);
        } catch (error) {
          resolve(error);
        }
      });
    });
    endpoint(new WebSocket(`ws://127.0.0.1:${await listen(http)}/`));
    expect(String(await second)).toContain('more than once');
  });

  const pairs: [string, () => Duplex[]][] = [['a pair of our own', duplexPair]];
  const { duplexPair: nodePair } = stream as { duplexPair?: () => Duplex[] };
  // Node 22.6 and 20.17 have one of their own.
  if (nodePair) pairs.push(['stream.duplexPair', nodePair]);
  test.each(pairs)('takes a plain Duplex: %s', async (_, make) => {
    const [ours, theirs] = make();
    const http = createHttpServer();
    const server = serve({ noServer: true });
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request));
    });
    http.emit('connection', ours);
    const client = endpoint(new WebSocket('ws://nowhere.invalid/', { createConnection: () => theirs }));
    await expectEcho(client);
  });

  test('takes a Duplex with a minimal request', async () => {
    const [ours, theirs] = duplexPair();
    const server = serve({ noServer: true });
    let received = Buffer.alloc(0);
    theirs.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    const upgrade = { host: 'localhost', upgrade: 'websocket', connection: 'upgrade' };
    const headers = { ...upgrade, 'sec-websocket-key': KEY, 'sec-websocket-version': '13' };
    const request = { method: 'GET', url: '/', headers, socket: ours, httpVersion: '1.1' };
    server.handleUpgrade(request as unknown as IncomingMessage, ours, frame({ payload: 'head', key: MASK }), (ws) =>
      server.emit('connection', ws, request),
    );
    await until('the echo', () => received.includes(frame({ payload: 'head' })));
    expect(received.toString('latin1')).toContain('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    theirs.write(frame({ opcode: 8, payload: hex('03 e8'), key: MASK }));
    await until('the end', () => ours.destroyed || ours.writableFinished);
    expect([...received.subarray(-4)]).toEqual([0x88, 0x02, 0x03, 0xe8]);
  });
});

describe('bytes in the packet of the handshake', () => {
  test('reach the server as messages', async () => {
    const server = serve({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const extra = concat(frame({ payload: 'a', key: MASK }), frame({ payload: 'b', key: MASK }), hex('81 85 0a'));
    const peer = await connectRaw(portOf(server), { extra });
    cleanup.add(() => peer.socket.destroy());
    expect([...(await peer.readBytes(6))]).toEqual([0x81, 1, 0x61, 0x81, 1, 0x62]);
    peer.write(hex('0b 0c 0d 62 6e 60 61 65'));
    expect(String((await peer.readBytes(13)).subarray(8))).toBe('hello');
  });

  test.each([
    ['ws-style', (url: string) => new WebSocket(url)],
    ['W3C-style', (url: string) => new W3CWebSocket(url)],
  ])('reach a %s client as messages and a close', async (_, create) => {
    const extra = concat(
      frame({ payload: 'first' }),
      frame({ payload: 'second' }),
      frame({ opcode: 8, payload: hex('0f a0') }),
    );
    const { url } = await serveRaw(cleanup, { extra });
    const client = endpoint(create(url));
    expect(await client.next()).toBe('first');
    expect(await client.next()).toBe('second');
    // The raw server never ends TCP: only the frames count here.
    client.socket.close();
    expect(client.socket.readyState).toBe(2);
    expect(client.events).toEqual(['open', 'message', 'message']);
  });
});

describe('the client', () => {
  test('uses an agent and createConnection', async () => {
    const server = serve({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    let calls = 0;
    const createConnection = (): ReturnType<typeof connect> => {
      calls++;
      return connect({ port: portOf(server), host: '127.0.0.1' });
    };
    await expectEcho(endpoint(new WebSocket('ws://nowhere.invalid/', { createConnection })));
    expect(calls).toBe(1);
  });

  test('fails on a server that does not speak HTTP', async () => {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('220 mail.example ESMTP\r\n');
    });
    cleanup.add(() => tcp.close());
    const ws = new WebSocket(`ws://127.0.0.1:${await listen(tcp)}/`);
    const client = endpoint(ws);
    expect((await client.closed).code).toBe(1006);
    expect(client.events).toEqual(['error', 'close']);
  });
});
