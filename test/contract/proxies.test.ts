// Clients through proxies, on each runtime: both faces, over real sockets.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeProxy from '../../adapters/node/proxy.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';
import { certificate, key } from '../support/certificates.ts';
import { answerWith, ForwardProxy, openTunnel, SocksProxy, type Answer, type ProxyPlan } from '../support/forward-proxies.ts';
import { freePort, until, within } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket: WsStyle, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { WebSocket: W3C } = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;
const { createProxy, proxyFromEnvironment, ProxyError } = (await import(
  `../../adapters/${runtime}/proxy.ts`
)) as typeof NodeProxy;

type Proxy = NodeProxy.ProxyConnector;
type Client = InstanceType<typeof WsStyle> | InstanceType<typeof W3C>;
type Options = { proxy?: Proxy; headers?: Record<string, string>; handshakeTimeout?: number };
interface Listening {
  addEventListener(type: string, listener: (event: never) => void): void;
}

const ca = certificate;
/** Both faces, with the options of TLS to the server where each has them. */
const FACES = [
  ['ws-style', (url: string, options: Options, tls: object = {}): Client => new WsStyle(url, { ...options, ...tls })],
  ['W3C', (url: string, options: Options, tls?: object): Client => new W3C(url, { ...options, ...(tls && { tls }) })],
] as const;
const LONG = new Uint8Array(300_000).map((_, index) => index * 7);

const heads: Record<string, string | string[] | undefined>[] = [];
let plain: InstanceType<typeof WebSocketServer>;
let secure: InstanceType<typeof WebSocketServer>;
const open: { close(): void }[] = [];

function portOf(server: InstanceType<typeof WebSocketServer>): number {
  return (server.address() as AddressInfo).port;
}

async function serveEcho(options: object): Promise<InstanceType<typeof WebSocketServer>> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  server.on('connection', (ws, request) => {
    heads.push(request.headers);
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  });
  await once(server, 'listening');
  return server;
}

async function startProxy(plan?: ProxyPlan): Promise<ForwardProxy> {
  const proxy = await ForwardProxy.start(plan);
  open.push(proxy);
  return proxy;
}

async function startSocks(credentials?: string, reply?: string): Promise<SocksProxy> {
  const proxy = await SocksProxy.start(credentials, reply);
  open.push(proxy);
  return proxy;
}

beforeAll(async () => {
  plain = await serveEcho({});
  secure = await serveEcho({ tls: { cert: certificate, key } });
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  heads.length = 0;
});
afterAll(() => {
  for (const server of [plain, secure]) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

/** Sends a text and a long message, and waits until they are back and the connection is closed. */
async function converse(client: Client): Promise<void> {
  const ws = client as Listening & Pick<InstanceType<typeof WsStyle>, 'send' | 'close' | 'binaryType'>;
  ws.binaryType = 'arraybuffer';
  const got: unknown[] = [];
  const closed = new Promise<number>((resolve, reject) => {
    ws.addEventListener('open', () => {
      ws.send('hällo');
      ws.send(LONG);
    });
    ws.addEventListener('message', ({ data }: { data: unknown }) => {
      if (got.push(data) === 2) ws.close(1000, 'done');
    });
    ws.addEventListener('error', ({ error }: { error: Error }) => reject(error));
    ws.addEventListener('close', ({ code }: { code: number }) => resolve(code));
  });
  expect(await within('the conversation', closed)).toBe(1000);
  expect(got[0]).toBe('hällo');
  expect(Buffer.from(got[1] as ArrayBuffer).equals(LONG)).toBe(true);
}

/** The error that a client ends with, once it is closed with 1006. */
async function failureOf(client: Client): Promise<Error & { code?: string; proxyStatus?: number }> {
  const ws = client as Listening;
  const errors: Error[] = [];
  const closed = new Promise<number>((resolve) => {
    ws.addEventListener('open', () => errors.push(new Error('It opened')));
    ws.addEventListener('error', ({ error }: { error: Error }) => errors.push(error));
    ws.addEventListener('close', ({ code }: { code: number }) => resolve(code));
  });
  expect(await within('the failure', closed)).toBe(1006);
  expect(errors).toHaveLength(1);
  return errors[0];
}

const TEXT_OF_HEAD = (authority: string, ...fields: string[]): string =>
  [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...fields].join('\r\n');

describe.each(FACES)('%s client', (_face, connect) => {
  test('goes through a proxy, with the credentials of its URL', async () => {
    const proxy = await startProxy();
    const address = `localhost:${portOf(plain)}`;
    await converse(connect(`ws://${address}/chat`, { proxy: createProxy(proxy.url('ann:p%40ss%3A%C3%A4@')) }));
    // ann:p@ss:ä
    expect(proxy.heads).toEqual([TEXT_OF_HEAD(address, 'Proxy-Authorization: Basic YW5uOnBAc3M6w6Q=')]);
    expect(heads).toHaveLength(1);
    expect(heads[0]).toMatchObject({ host: address });
    expect(Object.keys(heads[0]).filter((name) => name.includes('proxy') || name === 'authorization')).toEqual([]);
  });

  test('sends the header fields of the proxy to it alone', async () => {
    const proxy = await startProxy();
    const headers = { 'Proxy-Authorization': 'Bearer token', 'X-Tenant': 'blue' };
    await converse(
      connect(`ws://localhost:${portOf(plain)}/`, {
        proxy: createProxy(proxy.url('ann:secret@'), { headers }),
        headers: { 'X-Mine': 'yes' },
      }),
    );
    const fields = ['Proxy-Authorization: Bearer token', 'X-Tenant: blue'];
    expect(proxy.heads).toEqual([TEXT_OF_HEAD(`localhost:${portOf(plain)}`, ...fields)]);
    expect(heads[0]).toMatchObject({ 'x-mine': 'yes' });
    expect(heads[0]).not.toHaveProperty('x-tenant');
  });

  test('has TLS to the server through the tunnel', async () => {
    const proxy = await startProxy();
    await converse(connect(`wss://localhost:${portOf(secure)}/`, { proxy: createProxy(proxy.url()) }, { ca }));
    expect(proxy.asked).toEqual([`localhost:${portOf(secure)}`]);
  });

  test.each([
    ['ws', 'a server without TLS'],
    ['wss', 'a server with TLS'],
  ])('has TLS to the proxy, and reaches by %s: %s', async (scheme) => {
    const proxy = await startProxy({ isSecure: true });
    const port = portOf(scheme === 'ws' ? plain : secure);
    const client = connect(`${scheme}://localhost:${port}/`, { proxy: createProxy(proxy.url(), { tls: { ca } }) }, { ca });
    await converse(client);
    expect(proxy.asked).toEqual([`localhost:${port}`]);
  });

  test.each([
    ['ws', false],
    ['ws', true],
    ['wss', false],
    ['wss', true],
  ])('closes the tunnel with the connection: %s, TLS to the proxy: %s', async (scheme, isSecure) => {
    const proxy = await startProxy({ isSecure });
    const url = `${scheme}://localhost:${portOf(scheme === 'ws' ? plain : secure)}/`;
    const options = { proxy: createProxy(proxy.url(), isSecure ? { tls: { ca } } : {}) };
    await converse(connect(url, options, { ca }));
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
    // And the other way round: the proxy breaks the connection.
    const client = connect(url, options, { ca }) as Listening;
    const code = new Promise<number>((resolve) => {
      client.addEventListener('open', () => proxy.clients.forEach((socket) => void socket.destroy()));
      client.addEventListener('error', () => {});
      client.addEventListener('close', (event: { code: number }) => resolve(event.code));
    });
    expect(await within('the end', code)).toBe(1006);
  });

  test('does not trust an unknown certificate of the server behind the proxy', async () => {
    const proxy = await startProxy();
    const error = await failureOf(connect(`wss://localhost:${portOf(secure)}/`, { proxy: createProxy(proxy.url()) }));
    expect(error).not.toBeInstanceOf(ProxyError);
    expect(error.message).toMatch(/certificate/i);
    expect(heads).toEqual([]);
  });

  test('does not trust a certificate for another name', async () => {
    const proxy = await startProxy();
    const error = await failureOf(
      connect(`wss://other.example:${portOf(secure)}/`, { proxy: createProxy(proxy.url()) }, { ca }),
    );
    expect(error).not.toBeInstanceOf(ProxyError);
    expect(error.message).toMatch(/certificate|altnames/i);
    expect(proxy.asked).toEqual([`other.example:${portOf(secure)}`]);
    expect(heads).toEqual([]);
  });

  test('does not trust an unknown certificate of the proxy, and says whose it is', async () => {
    const proxy = await startProxy({ isSecure: true });
    // What it trusts of the server does not count for the proxy.
    const error = await failureOf(connect(`wss://localhost:${portOf(secure)}/`, { proxy: createProxy(proxy.url()) }, { ca }));
    expect(error).toBeInstanceOf(ProxyError);
    expect(error.message).toMatch(`The proxy https://localhost:${proxy.port} cannot be reached: `);
    expect(proxy.heads).toEqual([]);
  });

  test('leaves the name of the server to the proxy', async () => {
    const proxy = await startProxy();
    await converse(connect(`ws://nowhere.invalid:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) }));
    expect(proxy.asked).toEqual([`nowhere.invalid:${portOf(plain)}`]);
  });

  test('puts an IPv6 address in brackets', async () => {
    const proxy = await startProxy();
    await converse(connect(`ws://[::1]:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) }));
    expect(proxy.heads).toEqual([TEXT_OF_HEAD(`[::1]:${portOf(plain)}`)]);
  });

  test.each<[string, string]>([
    ['200 without a phrase', 'HTTP/1.1 200\r\n\r\n'],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11\r\n\r\n'],
    ['fields that mean nothing in a tunnel', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
    [
      'interim responses before it',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
    ],
  ])('takes %s for a tunnel', async (_what, head) => {
    const proxy = await startProxy({ answer: (client, self) => openTunnel(client, self, head) });
    await converse(connect(`ws://localhost:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) }));
    expect(heads).toHaveLength(1);
  });

  test('reads a response that comes byte by byte', async () => {
    const proxy = await startProxy({
      answer(client, self) {
        const bytes = [...'HTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\n\r'];
        const next = (): void => {
          const byte = bytes.shift();
          if (byte === undefined) return openTunnel(client, self, '\n');
          client.write(byte);
          setTimeout(next, 1);
        };
        next();
      },
    });
    await converse(connect(`ws://localhost:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) }));
  });

  test('loses no byte behind the response', async () => {
    const proxy = await startProxy({
      answer(client) {
        let request = '';
        client.on('data', (chunk) => {
          request += chunk.toString('latin1');
          const key_ = /Sec-WebSocket-Key: (\S+)[^]*\r\n\r\n$/i.exec(request)?.[1];
          if (key_ === undefined) return;
          const accept = createHash('sha1').update(`${key_}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
          client.write(
            `ching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          );
          // "hi", and a Close frame with code 1000.
          client.end(Buffer.from('81026869880203e8', 'hex'));
        });
        // The server's response begins in the same segment as the proxy's ends.
        client.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Swit');
      },
    });
    const client = connect('ws://localhost:1234/', { proxy: createProxy(proxy.url()) }) as Listening;
    const events: unknown[] = [];
    await within(
      'the end',
      new Promise<void>((resolve) => {
        client.addEventListener('message', ({ data }: { data: unknown }) => events.push(data));
        client.addEventListener('error', ({ error }: { error: Error }) => events.push(error));
        client.addEventListener('close', ({ code }: { code: number }) => resolve(void events.push(code)));
      }),
    );
    expect(events).toEqual(['hi', 1000]);
  });

  test('takes no bytes that come before its TLS handshake', async () => {
    const proxy = await startProxy({ answer: answerWith('HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01') });
    const error = await failureOf(connect('wss://localhost:1234/', { proxy: createProxy(proxy.url()) }));
    expect(error.message).toBe(`The proxy ${proxy.url()} sent bytes before the TLS handshake`);
  });

  test.each<[string, string, string, number]>([
    [
      '407 without credentials',
      '',
      'HTTP/1.1 407 Go away\r\nProxy-Authenticate: Basic realm="x, y"\r\nContent-Length: 3\r\n\r\nno!',
      407,
    ],
    ['407 with credentials', 'ann:wrong@', 'HTTP/1.1 407 Go away\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n', 407],
    ['407 for another scheme', '', 'HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n', 407],
    ['403', 'ann:secret@', 'HTTP/1.1 403 Forbidden\r\n\r\n', 403],
    ['502', '', 'HTTP/1.1 502 Bad Gateway\r\n\r\n', 502],
    ['an unknown status', '', 'HTTP/1.1 599 \x1b[31m\r\n\r\n'.replace('\x1b', ''), 599],
    ['101', '', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 101],
    ['a redirect', '', 'HTTP/1.1 302 Found\r\nLocation: ws://evil.example/\r\n\r\n', 302],
  ])('says that the proxy refused with %s', async (what, credentials, response, status) => {
    const proxy = await startProxy({ answer: answerWith(response) });
    const address = `localhost:${portOf(plain)}`;
    const error = await failureOf(connect(`ws://${address}/`, { proxy: createProxy(proxy.url(credentials)) }));
    expect(error).toBeInstanceOf(ProxyError);
    expect(error).toMatchObject({ name: 'ProxyError', code: 'ERR_PROXY_TUNNEL', proxyStatus: status });
    const advice: Record<string, string> = {
      '407 without credentials': ' (its URL needs a user name and a password: http://user:password@host:port)',
      '407 with credentials': ' (it does not accept these credentials)',
      '407 for another scheme':
        ' (it does not take Basic authentication; set Proxy-Authorization among the headers of the proxy)',
    };
    const phrase: Record<number, string> = {
      407: ' Proxy Authentication Required',
      403: ' Forbidden',
      502: ' Bad Gateway',
      302: ' Found',
    };
    expect(error.message).toBe(
      `The proxy ${proxy.url()} refused to connect to ${address}: ${status}${phrase[status] ?? ''}${advice[what] ?? ''}`,
    );
    expect(JSON.stringify([error.message, error.stack])).not.toContain('secret');
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
    expect(proxy.heads).toHaveLength(1);
    expect(heads).toEqual([]);
  });

  test.each<[string, Answer]>([
    ['no HTTP', answerWith('SSH-2.0-OpenSSH_9.2\r\n\r\n')],
    ['frames', answerWith('\x81\x02hi')],
    ['zeros', answerWith('\0'.repeat(100))],
    ['HTTP/2', answerWith('HTTP/2.0 200 OK\r\n\r\n')],
    ['bare line feeds', answerWith('HTTP/1.1 200 OK\n\n')],
    ['a folded line', answerWith('HTTP/1.1 200 OK\r\nVia: a\r\n b\r\n\r\n')],
    ['a head of 64 KiB', answerWith(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`)],
    ['a status line without an end', answerWith('HTTP/1.1 200 '.padEnd(65_536, 'x'))],
    ['a thousand fields', answerWith(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(1000)}\r\n`)],
    ['interim responses without an end', answerWith('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000))],
    ['an end in the middle of the head', (client) => client.end('HTTP/1.1 200 OK\r\nVia: ')],
    ['no answer but an end', (client) => void client.end()],
    ['a reset', (client) => void client.destroy()],
  ])('fails at %s in the place of a response', async (_what, answer) => {
    const proxy = await startProxy({ answer });
    const error = await failureOf(connect(`ws://localhost:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) }));
    expect(error).toBeInstanceOf(ProxyError);
    expect(error.message).toMatch(`The proxy ${proxy.url()} `);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
    expect(heads).toEqual([]);
  });

  test('fails when the tunnel ends in the TLS handshake', async () => {
    const proxy = await startProxy({
      answer(client) {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.once('data', () => client.destroy());
      },
    });
    const error = await failureOf(connect('wss://localhost:1234/', { proxy: createProxy(proxy.url()) }, { ca }));
    expect(error).toBeInstanceOf(Error);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test('fails when nothing listens where the proxy should be', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const error = await failureOf(connect('ws://localhost:1234/', { proxy: createProxy(url.replace('//', '//ann:secret@')) }));
    expect(error).toMatchObject({ name: 'ProxyError', code: 'ECONNREFUSED' });
    expect(error.message).toMatch(`The proxy ${url} cannot be reached: `);
    expect(error.message).not.toContain('secret');
  });

  const stalls: [string, ProxyPlan, string][] = [
    ['the answer of the proxy', { answer: () => {} }, 'ws://localhost:1234/'],
    ['the rest of its answer', { answer: answerWith('HTTP/1.1 200 OK\r\n') }, 'ws://localhost:1234/'],
    ['the TLS handshake of the server', { answer: answerWith('HTTP/1.1 200 OK\r\n\r\n') }, 'wss://localhost:1234/'],
    ['the response of the server', { answer: answerWith('HTTP/1.1 200 OK\r\n\r\n') }, 'ws://localhost:1234/'],
  ];

  test.each(stalls)('waits no longer than handshakeTimeout for %s', async (_what, plan, url) => {
    const proxy = await startProxy(plan);
    const error = await failureOf(connect(url, { proxy: createProxy(proxy.url()), handshakeTimeout: 500 }));
    expect(error.message).toBe('Opening handshake has timed out');
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test.each(stalls)('can be given up while it waits for %s', async (_what, plan, url) => {
    const proxy = await startProxy(plan);
    const client = connect(url, { proxy: createProxy(proxy.url()) });
    const failure = failureOf(client);
    await until('the proxy to be asked', () => proxy.heads.length > 0);
    client.close();
    expect((await failure).message).toMatch(/was closed before/);
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test.each<[string, Record<string, string>, boolean, number]>([
    ['HTTP_PROXY for ws:', { HTTP_PROXY: 'P' }, false, 1],
    ['http_proxy before HTTP_PROXY', { http_proxy: 'P', HTTP_PROXY: 'http://127.0.0.1:1' }, false, 1],
    ['HTTPS_PROXY for wss:', { HTTPS_PROXY: 'P', HTTP_PROXY: 'http://127.0.0.1:1' }, true, 1],
    ['no HTTPS_PROXY for ws:', { HTTPS_PROXY: 'http://127.0.0.1:1' }, false, 0],
    ['NO_PROXY', { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: 'example.com, localhost' }, false, 0],
    ['a URL without a scheme', { HTTP_PROXY: 'A' }, false, 1],
    ['nothing', {}, false, 0],
  ])('follows the environment: %s', async (_what, given, isSecure, count) => {
    const proxy = await startProxy();
    const values = { P: proxy.url('ann:secret@'), A: `ann:secret@127.0.0.1:${proxy.port}` } as Record<string, string>;
    const variables = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, values[value] ?? value]));
    const url = isSecure ? `wss://localhost:${portOf(secure)}/` : `ws://localhost:${portOf(plain)}/`;
    await converse(connect(url, { proxy: proxyFromEnvironment({ variables }) }, { ca }));
    expect(proxy.heads).toHaveLength(count);
    expect(heads).toHaveLength(1);
    expect(heads[0]).not.toHaveProperty('proxy-authorization');
  });

  test.each(['socks5', 'socks5h'])('goes through a proxy of %s', async (scheme) => {
    const proxy = await startSocks();
    const port = portOf(plain);
    await converse(connect(`ws://localhost:${port}/`, { proxy: createProxy(`${scheme}://127.0.0.1:${proxy.port}`) }));
    // CONNECT, a reserved byte, a name of 9 bytes, the port.
    expect(proxy.requests).toEqual([`010003096c6f63616c686f7374${port.toString(16).padStart(4, '0')}`]);
  });

  test('goes through a SOCKS proxy with credentials, with TLS to the server', async () => {
    const proxy = await startSocks('ann:päss');
    const url = `socks5://ann:p%C3%A4ss@127.0.0.1:${proxy.port}`;
    await converse(connect(`wss://127.0.0.1:${portOf(secure)}/`, { proxy: createProxy(url) }, { ca }));
    expect(proxy.credentials).toEqual(['ann:päss']);
    expect(proxy.requests).toEqual([`0100017f000001${portOf(secure).toString(16).padStart(4, '0')}`]);
  });

  test.each<[string, string, string | undefined, string | undefined, string]>([
    [
      'wants credentials',
      '',
      'a:b',
      undefined,
      'takes none of our ways of authentication (its URL may need a user name and a password)',
    ],
    ['does not accept credentials', 'a:c@', 'a:b', undefined, 'does not accept these credentials'],
    ['refuses', '', undefined, '05020001000000000000', 'refused to connect to localhost:1234: not allowed by its rules'],
    ['sends another version', '', undefined, '0400', 'does not speak SOCKS version 5'],
    ['sends an unknown reply', '', undefined, '05ff', 'refused to connect to localhost:1234: reply 255'],
    ['sends an unknown type of address', '', undefined, '0500000900', 'sent an address of an unknown type'],
  ])('says that a SOCKS proxy %s', async (_what, given, credentials, reply, reason) => {
    const proxy = await startSocks(credentials, reply);
    const url = `socks5://${given}127.0.0.1:${proxy.port}`;
    const error = await failureOf(connect('ws://localhost:1234/', { proxy: createProxy(url) }));
    expect(error).toBeInstanceOf(ProxyError);
    expect(error.message).toBe(`The proxy socks5://127.0.0.1:${proxy.port} ${reason}`);
  });

  test.each<[string, unknown]>([
    ['a URL', 'http://ann:secret@proxy.example'],
    ['an object', { host: 'proxy.example' }],
    ['a number', 3128],
  ])('takes no %s as the option', (_what, proxy) => {
    let message = '';
    try {
      connect('ws://localhost:1234/', { proxy: proxy as Proxy });
    } catch (error) {
      message = String(error);
    }
    expect(message).toBe('TypeError: The "proxy" option must come from wasock/proxy');
  });
});

describe('ws-style client', () => {
  test('goes through the proxy again after a redirect, which gets none of its credentials', async () => {
    const { port } = await redirecting(`ws://localhost:${portOf(plain)}/there`);
    const proxy = await startProxy();
    const headers = { 'Proxy-Authorization': 'Basic x' };
    const options = { followRedirects: true, proxy: createProxy(proxy.url(), { headers }) };
    await converse(new WsStyle(`ws://127.0.0.1:${port}/here`, options));
    expect(proxy.heads).toEqual(
      [`127.0.0.1:${port}`, `localhost:${portOf(plain)}`].map((authority) =>
        TEXT_OF_HEAD(authority, 'Proxy-Authorization: Basic x'),
      ),
    );
    expect(heads[0]).not.toHaveProperty('proxy-authorization');
  });

  test('chooses the proxy anew after a redirect', async () => {
    const { port, requests } = await redirecting(`wss://localhost:${portOf(secure)}/there`);
    const [first, second] = [await startProxy(), await startProxy()];
    const variables = { HTTP_PROXY: first.url('one:1@'), HTTPS_PROXY: second.url('two:2@') };
    const options = { followRedirects: true, proxy: proxyFromEnvironment({ variables }), ca };
    await converse(new WsStyle(`ws://127.0.0.1:${port}/here`, options));
    expect(first.heads).toEqual([TEXT_OF_HEAD(`127.0.0.1:${port}`, 'Proxy-Authorization: Basic b25lOjE=')]);
    expect(second.heads).toEqual([TEXT_OF_HEAD(`localhost:${portOf(secure)}`, 'Proxy-Authorization: Basic dHdvOjI=')]);
    expect(requests.join()).not.toMatch(/proxy-authorization/i);
    expect(heads[0]).not.toHaveProperty('proxy-authorization');
  });

  test('whose request is destroyed closes its connection to the proxy', async () => {
    const proxy = await startProxy({ answer: () => {} });
    let destroy!: () => void;
    const client = new WsStyle('ws://localhost:1234/', {
      proxy: createProxy(proxy.url()),
      finishRequest(request) {
        request.end();
        destroy = () => void request.destroy(new Error('enough'));
      },
    });
    const failure = failureOf(client);
    await until('the proxy to be asked', () => proxy.heads.length > 0);
    destroy();
    expect((await failure).message).toBe('enough');
    await until('the connection to the proxy to be closed', () => proxy.clients.size === 0);
  });

  test('takes no proxy for a Unix domain socket', () => {
    expect(() => new WsStyle('ws+unix:/tmp/none.sock', { proxy: createProxy('http://127.0.0.1:1') })).toThrow(
      new TypeError('The "proxy" option is not for a Unix domain socket'),
    );
  });

  test('waits for slow readers on both sides of a tunnel', async () => {
    const proxy = await startProxy();
    const ws = new WsStyle(`ws://localhost:${portOf(plain)}/`, { proxy: createProxy(proxy.url()) });
    await once(ws, 'open');
    const message = Buffer.alloc(8_000_000, 'x');
    let received = 0;
    ws.on('message', (data) => {
      received += (data as Buffer).length;
      ws.pause();
      setTimeout(() => ws.resume(), 20);
    });
    for (let count = 0; count < 4; count++) ws.send(message);
    await until('all messages', () => received === 32_000_000);
    ws.close();
    await once(ws, 'close');
  });
});

/** A server that answers each request with a redirect. */
async function redirecting(to: string): Promise<{ port: number; requests: string[] }> {
  const requests: string[] = [];
  const server = await startProxyLikeServer((client, head) => {
    requests.push(head);
    client.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`);
  });
  return { port: server.port, requests };
}

async function startProxyLikeServer(onRequest: (client: Socket, head: string) => void): Promise<ForwardProxy> {
  return await startProxy({ answer: (client, { heads: all }) => onRequest(client, all.at(-1)!) });
}
