// Clients in workerd through proxies.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../../adapters/node/index.ts';
import { certificate, key } from '../../support/certificates.ts';
import { answerWith, ForwardProxy, openTunnel, SocksProxy, type ProxyPlan } from '../../support/forward-proxies.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { hasWorkerd, startWorker, type RunningWorker } from '../../support/mini-runner/workerd.ts';
import { freePort, until } from '../../support/sockets.ts';

describe.runIf(hasWorkerd)('a client in workerd', () => {
  let worker: RunningWorker;
  let plain: WebSocketServer;
  let secure: WebSocketServer;
  const heads: Record<string, string | string[] | undefined>[] = [];
  const open: { close(): void }[] = [];

  async function serveEcho(options: object): Promise<WebSocketServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    server.on('connection', (ws, request) => {
      heads.push(request.headers);
      ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary }));
    });
    await once(server, 'listening');
    return server;
  }

  const portOf = (server: WebSocketServer): number => (server.address() as AddressInfo).port;

  async function startProxy(plan?: ProxyPlan): Promise<ForwardProxy> {
    const proxy = await ForwardProxy.start(plan);
    open.push(proxy);
    return proxy;
  }

  async function attempt(plan: object): Promise<unknown[]> {
    const response = await fetch(`http://127.0.0.1:${worker.port}/`, { method: 'POST', body: JSON.stringify(plan) });
    if (!response.ok) throw new Error(`${await response.text()}\n${worker.output()}`);
    return (await response.json()) as unknown[];
  }

  beforeAll(async () => {
    worker = await startWorker({
      files: { 'worker.js': await bundle('test/adapters/edge/proxy.program.ts'), ...moduleFiles() },
      certificate,
    });
    plain = await serveEcho({});
    secure = await serveEcho({ tls: { cert: certificate, key } });
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
    heads.length = 0;
  });
  afterAll(async () => {
    for (const server of [plain, secure]) {
      for (const client of server.clients) client.terminate();
      server.close();
    }
    await worker.close();
  });

  const SUCCESS = ['hällo', true, 1000];

  test('goes through a proxy, with the credentials of its URL', async () => {
    const proxy = await startProxy();
    const authority = `localhost:${portOf(plain)}`;
    expect(await attempt({ url: `ws://${authority}/`, proxy: proxy.url('ann:p%40ss@') })).toEqual(SUCCESS);
    expect(proxy.heads).toEqual([
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic YW5uOnBAc3M=`,
    ]);
    expect(heads[0]).not.toHaveProperty('proxy-authorization');
  });

  test('has TLS to the server through the tunnel', async () => {
    const proxy = await startProxy();
    expect(await attempt({ url: `wss://localhost:${portOf(secure)}/`, proxy: proxy.url() })).toEqual(SUCCESS);
    expect(proxy.asked).toEqual([`localhost:${portOf(secure)}`]);
  });

  test('does not trust a certificate for another name', async () => {
    const proxy = await startProxy();
    const events = await attempt({ url: `wss://other.example:${portOf(secure)}/`, proxy: proxy.url() });
    expect(events.at(-1)).toBe(1006);
    expect(events).toHaveLength(2);
    expect(proxy.asked).toEqual([`other.example:${portOf(secure)}`]);
    expect(heads).toEqual([]);
  });

  test('has TLS to the proxy for a ws: URL', async () => {
    const proxy = await startProxy({ isSecure: true });
    expect(await attempt({ url: `ws://localhost:${portOf(plain)}/`, proxy: proxy.url() })).toEqual(SUCCESS);
    expect(proxy.heads).toHaveLength(1);
  });

  test('goes through a SOCKS proxy, with credentials', async () => {
    const proxy = await SocksProxy.start('ann:secret');
    open.push(proxy);
    const url = `socks5://ann:secret@127.0.0.1:${proxy.port}`;
    expect(await attempt({ url: `wss://localhost:${portOf(secure)}/`, proxy: url })).toEqual(SUCCESS);
    expect(proxy.credentials).toEqual(['ann:secret']);
  });

  test('follows variables', async () => {
    const proxy = await startProxy();
    const url = `ws://localhost:${portOf(plain)}/`;
    expect(await attempt({ url, proxy: { HTTP_PROXY: proxy.url() } })).toEqual(SUCCESS);
    expect(await attempt({ url, proxy: { HTTP_PROXY: proxy.url(), NO_PROXY: 'localhost' } })).toEqual(SUCCESS);
    expect(proxy.heads).toHaveLength(1);
  });

  test('loses no byte behind the response', async () => {
    const proxy = await startProxy({
      answer(client, self) {
        client.once('data', () => {
          client.write('ching Protocols\r\n');
          client.end('Sec-WebSocket-Accept: wrong\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
        });
        client.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Swit');
        void self;
      },
    });
    expect(await attempt({ url: 'ws://localhost:1234/', proxy: proxy.url() })).toMatchObject([
      { message: 'Invalid Sec-WebSocket-Accept header' },
      1006,
    ]);
  });

  test('reads a response that comes byte by byte', async () => {
    const proxy = await startProxy({
      answer(client, self) {
        const bytes = [...'HTTP/1.1 200 OK\r\n\r'];
        const next = (): void => {
          const byte = bytes.shift();
          if (byte === undefined) return openTunnel(client, self, '\n');
          client.write(byte);
          setTimeout(next, 1);
        };
        next();
      },
    });
    expect(await attempt({ url: `ws://localhost:${portOf(plain)}/`, proxy: proxy.url() })).toEqual(SUCCESS);
  });

  test.each<[string, ProxyPlan, string, string]>([
    [
      'refuses',
      { answer: answerWith('HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n') },
      'ws',
      'refused to connect to localhost:1234: 407 Proxy Authentication Required (its URL needs a user name and a password: http://user:password@host:port)',
    ],
    [
      'sends garbage',
      { answer: answerWith('SSH-2.0-x\r\n\r\n') },
      'ws',
      'sent no valid HTTP response: The start line has no valid HTTP version',
    ],
    [
      'sends a head of 64 KiB',
      { answer: answerWith(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`) },
      'ws',
      'sent no valid HTTP response: The header fields are too large',
    ],
    ['ends', { answer: (client) => void client.end() }, 'ws', 'closed the connection without an answer'],
    [
      'sends bytes before the TLS handshake',
      { answer: answerWith('HTTP/1.1 200 OK\r\n\r\nx') },
      'wss',
      'sent bytes before the TLS handshake',
    ],
  ])('says that the proxy %s', async (_what, plan, scheme, reason) => {
    const proxy = await startProxy(plan);
    const [error, ...rest] = await attempt({ url: `${scheme}://localhost:1234/`, proxy: proxy.url() });
    expect(error).toMatchObject({
      name: 'ProxyError',
      message: `The proxy ${proxy.url()} ${reason}`,
      code: 'ERR_PROXY_TUNNEL',
    });
    expect(rest).toEqual([1006]);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test('fails when nothing listens where the proxy should be', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const [error] = await attempt({ url: 'ws://localhost:1234/', proxy: url });
    expect((error as Error).message).toMatch(`The proxy ${url} cannot be reached: `);
  });

  const stalls: [string, ProxyPlan, string][] = [
    ['the answer of the proxy', { answer: () => {} }, 'ws://localhost:1234/'],
    ['the TLS handshake of the server', { answer: answerWith('HTTP/1.1 200 OK\r\n\r\n') }, 'wss://localhost:1234/'],
  ];

  test.each(stalls)('waits no longer than handshakeTimeout for %s', async (_what, plan, url) => {
    const proxy = await startProxy(plan);
    expect(await attempt({ url, proxy: proxy.url(), handshakeTimeout: 500 })).toMatchObject([
      { message: 'Opening handshake has timed out' },
      1006,
    ]);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test.each(stalls)('can be given up while it waits for %s', async (_what, plan, url) => {
    const proxy = await startProxy(plan);
    const events = await attempt({ url, proxy: proxy.url(), closeAfter: 300 });
    expect(events.at(-1)).toBe(1006);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test.each([
    [
      'TLS within TLS',
      { url: 'wss://localhost:1234/', proxy: 'https://localhost:1234' },
      'A worker has no TLS within TLS: use an http: or socks5: proxy for a wss: URL',
    ],
    [
      'certificates',
      { url: 'ws://localhost:1234/', proxy: 'https://localhost:1234', tls: { ca: 'x' } },
      'tls: a worker always uses the certificates of its platform',
    ],
  ])('takes no %s', async (_what, plan, message) => {
    expect(await attempt(plan)).toEqual([`TypeError: ${message}`]);
  });
});
