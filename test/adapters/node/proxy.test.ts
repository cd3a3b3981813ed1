// Opening handshakes through proxies: undici's dispatchers as `dispatcher`, and an http.Agent as `agent`. docs/proxies.md shows these.

import { once } from 'node:events';
import { Agent as HttpAgent, request, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { Agent, EnvHttpProxyAgent, ProxyAgent, type Dispatcher } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as WsStyle } from '../../../adapters/node/index.ts';
import { Socket as FibjsSocket } from '../../../src/compat/fibjs/index.ts';
import { certificate } from '../../support/certificates.ts';
import { freePort, until } from '../../support/sockets.ts';
import { converse, FACES, failureOf, serveEcho, serveProxy } from './proxies.ts';

/** A dispatcher that ends with the test. */
function kept<Kept extends Dispatcher>(dispatcher: Kept): Kept {
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

/** Sets variables of the environment until the test is over; all others that name proxies are taken away. */
function setEnvironment(values: Record<string, string>): void {
  for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY']) {
    const before = process.env[name];
    delete process.env[name];
    if (values[name] !== undefined) process.env[name] = values[name];
    onTestFinished(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

describe.each(FACES)('%s client', (_, connect) => {
  describe('through ProxyAgent', () => {
    test('reaches a ws: address', async () => {
      const target = await serveEcho();
      const proxy = await serveProxy();
      const dispatcher = kept(new ProxyAgent(proxy.url));
      expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
      expect([proxy.asked, proxy.tunnels.length]).toEqual([[target.authority], 1]);
    });

    test('reaches a wss: address', async () => {
      const target = await serveEcho({});
      const proxy = await serveProxy();
      const dispatcher = kept(new ProxyAgent({ uri: proxy.url, requestTls: { ca: certificate } }));
      expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
      expect([proxy.asked, proxy.tunnels.length]).toEqual([[target.authority], 1]);
    });

    test('fails when it does not trust the server behind the proxy', async () => {
      const target = await serveEcho({});
      const proxy = await serveProxy();
      const dispatcher = kept(new ProxyAgent(proxy.url));
      expect(await failureOf(connect(target.url, { dispatcher }))).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    });

    test('reaches both over a proxy that speaks TLS', async () => {
      const proxy = await serveProxy({ isSecure: true });
      const tls = { ca: certificate };
      const dispatcher = kept(new ProxyAgent({ uri: proxy.url, proxyTls: tls, requestTls: tls }));
      for (const target of [await serveEcho(), await serveEcho({})]) {
        expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
      }
      expect(proxy.tunnels).toHaveLength(2);
    });

    test('says who it is, by a token or in the URL', async () => {
      const target = await serveEcho();
      const proxy = await serveProxy({ credentials: 'ann:s3cret' });
      const token = `Basic ${Buffer.from('ann:s3cret').toString('base64')}`;
      await converse(connect(target.url, { dispatcher: kept(new ProxyAgent({ uri: proxy.url, token })) }));
      const uri = proxy.url.replace('//', '//ann:s3cret@');
      await converse(connect(target.url, { dispatcher: kept(new ProxyAgent(uri)) }));
      expect(proxy.tunnels).toHaveLength(2);
      // What the proxy is told is not for the server.
      expect(target.requests.map(({ headers }) => headers['proxy-authorization'])).toEqual([undefined, undefined]);
    });

    test.each([
      ['403 Forbidden', '403'],
      ['407 Proxy Authentication Required', '407'],
      ['502 Bad Gateway', '502'],
    ])('fails with the status when the proxy answers %s', async (refusal, status) => {
      const target = await serveEcho();
      const proxy = await serveProxy({ refusal });
      const { message } = await failureOf(connect(target.url, { dispatcher: kept(new ProxyAgent(proxy.url)) }));
      expect(message).toContain(status);
      expect(message).toMatch(/proxy/i);
      expect(proxy.asked.length).toBeGreaterThan(0);
    });

    test('fails with the status when the proxy asks for credentials that it has not', async () => {
      const target = await serveEcho({});
      const proxy = await serveProxy({ credentials: 'ann:s3cret' });
      const { message } = await failureOf(connect(target.url, { dispatcher: kept(new ProxyAgent(proxy.url)) }));
      expect(message).toContain('407');
      expect(proxy.tunnels).toEqual([]);
    });

    test('fails when nobody listens where the proxy should be', async () => {
      const dispatcher = kept(new ProxyAgent(`http://127.0.0.1:${await freePort()}`));
      const target = await serveEcho();
      expect(await failureOf(connect(target.url, { dispatcher }))).toMatchObject({ code: 'ECONNREFUSED' });
    });

    test('fails after handshakeTimeout when the proxy does not answer', async () => {
      const target = await serveEcho();
      const proxy = await serveProxy({ isSilent: true });
      const dispatcher = kept(new ProxyAgent(proxy.url));
      const { message } = await failureOf(connect(target.url, { dispatcher, handshakeTimeout: 200 }));
      expect(message).toBe('Opening handshake has timed out');
    });

    test('fails at once when it is closed while the proxy thinks', async () => {
      const target = await serveEcho();
      const proxy = await serveProxy({ isSilent: true });
      const client = connect(target.url, { dispatcher: kept(new ProxyAgent(proxy.url)) });
      const failure = failureOf(client);
      await until('the proxy to be asked', () => proxy.asked.length > 0);
      client.close();
      expect((await failure).message).toMatch(/closed before/);
    });

    test('fails when the dispatcher is destroyed already', async () => {
      const dispatcher = new ProxyAgent('http://127.0.0.1:1');
      await dispatcher.destroy();
      expect(await failureOf(connect('ws://127.0.0.1:8123', { dispatcher }))).toMatchObject({ code: 'UND_ERR_DESTROYED' });
    });

    test('fails when the program sends Proxy-Authorization itself', async () => {
      const proxy = await serveProxy();
      const dispatcher = kept(new ProxyAgent(proxy.url));
      const client = connect('ws://127.0.0.1:8123', { dispatcher, headers: { 'Proxy-Authorization': 'Basic eDp5' } });
      expect((await failureOf(client)).message).toContain('Proxy-Authorization');
      expect(proxy.asked).toEqual([]);
    });
  });

  describe('through EnvHttpProxyAgent', () => {
    test('uses the proxy that its options name for the scheme', async () => {
      setEnvironment({});
      const [plain, secure] = [await serveEcho(), await serveEcho({})];
      const [httpProxy, httpsProxy] = [await serveProxy(), await serveProxy()];
      const requestTls = { ca: certificate };
      const options = { httpProxy: httpProxy.url, httpsProxy: httpsProxy.url, requestTls };
      const dispatcher = kept(new EnvHttpProxyAgent(options as EnvHttpProxyAgent.Options));
      await converse(connect(plain.url, { dispatcher }));
      await converse(connect(secure.url, { dispatcher }));
      expect([httpProxy.asked, httpsProxy.asked]).toEqual([[plain.authority], [secure.authority]]);
    });

    test('uses the proxy of the environment, and none for the hosts of NO_PROXY', async () => {
      const proxy = await serveProxy();
      const target = await serveEcho();
      setEnvironment({ HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' });
      const dispatcher = kept(new EnvHttpProxyAgent());
      await converse(connect(target.url, { dispatcher }));
      await converse(connect(target.url.replace('localhost', '127.0.0.1'), { dispatcher }));
      expect(proxy.asked).toEqual([target.authority]);
      expect(target.requests).toHaveLength(2);
    });
  });
});

describe('facades', () => {
  test("fibjs's Socket takes a dispatcher as httpClient", async () => {
    const target = await serveEcho();
    const proxy = await serveProxy();
    const conn = new FibjsSocket(target.url, { httpClient: kept(new ProxyAgent(proxy.url)) });
    await once(conn, 'open');
    conn.send('through');
    const [event] = (await once(conn, 'message')) as [{ data: unknown }];
    conn.close();
    await once(conn, 'close');
    expect([event.data, proxy.asked]).toEqual(['through', [target.authority]]);
  });
});

/** An http.Agent that opens tunnels, in as few lines as do it. */
class TunnelAgent extends HttpAgent {
  /** Looked at by node:http: `https:` where requests are to be made over TLS. */
  readonly protocol: string;
  readonly #proxy: URL;

  constructor(proxy: string, protocol: 'http:' | 'https:' = 'http:') {
    super();
    this.protocol = protocol;
    this.#proxy = new URL(proxy);
  }

  override createConnection(
    options: ClientRequestArgs & ConnectionOptions,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { hostname, port } = this.#proxy;
    const path = `${options.host}:${options.port}`;
    const connecting = request({ host: hostname, port, method: 'CONNECT', path, agent: false });
    // Without an error's stream: what the type does not say, Node.js does.
    const fail = done as (error: Error) => void;
    connecting.on('error', fail);
    connecting.on('connect', (response, socket: Socket) => {
      if (response.statusCode !== 200) fail(new Error(`The proxy answered ${response.statusCode}`));
      else done!(null, this.protocol === 'https:' ? connectTls({ ...options, path: undefined, socket }) : socket);
    });
    connecting.end();
  }
}

describe('http.Agent', () => {
  test('ws-style client reaches ws: and wss: addresses through agents that open tunnels', async () => {
    const proxy = await serveProxy();
    const [plain, secure] = [await serveEcho(), await serveEcho({})];
    await converse(new WsStyle(plain.url, { agent: new TunnelAgent(proxy.url) }));
    await converse(new WsStyle(secure.url, { agent: new TunnelAgent(proxy.url, 'https:'), ca: certificate }));
    expect(proxy.asked).toEqual([plain.authority, secure.authority]);
  });

  test('ws-style client fails with what such an agent says', async () => {
    const proxy = await serveProxy({ refusal: '403 Forbidden' });
    const agent = new TunnelAgent(proxy.url);
    expect((await failureOf(new WsStyle('ws://127.0.0.1:1', { agent }))).message).toBe('The proxy answered 403');
  });

  test.each([
    ['agent', { agent: new HttpAgent() }],
    ['createConnection', { createConnection: () => undefined }],
    ['ca', { ca: certificate }],
    ['rejectUnauthorized', { rejectUnauthorized: false }],
    ['servername', { servername: 'other' }],
    ['lookup', { lookup: () => {} }],
  ])('ws-style client refuses dispatcher together with %s', (name, options) => {
    const dispatcher = kept(new Agent());
    const create = (): WsStyle => new WsStyle('ws://127.0.0.1:1', { ...options, dispatcher });
    expect(create).toThrow(
      new TypeError(`The options dispatcher and ${name} exclude each other: the dispatcher decides how to connect`),
    );
  });
});
