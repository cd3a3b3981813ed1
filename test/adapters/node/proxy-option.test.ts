// The option `proxy` on Node.js: what the contract does not ask, and the proxy of the environment that Node.js itself uses.

import http from 'node:http';
import { Agent } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as WsStyle, type ClientOptions } from '../../../adapters/node/index.ts';
import * as proxies from '../../../adapters/node/proxy.ts';
import { WebSocket as W3C } from '../../../adapters/node/w3c.ts';
import { certificate } from '../../support/certificates.ts';
import { describeProxyRules } from '../../support/proxy-rules.ts';
import { converse, serveEcho, serveProxy, type Client, type Options as Common } from './proxies.ts';

describeProxyRules(proxies);

const { createProxy } = proxies;
type Options = Common & { proxy?: proxies.ProxyConnector };
const ca = certificate;
/** Both faces, which trust the server of the tests if `isSecure`. */
const FACES = [
  [
    'ws-style',
    (url: string, options: Options, isSecure = false): Client => new WsStyle(url, { ...options, ...(isSecure && { ca }) }),
  ],
  [
    'W3C',
    (url: string, options: Options, isSecure = false): Client => new W3C(url, { ...options, ...(isSecure && { tls: { ca } }) }),
  ],
] as const;

/** From Node.js 24 on: what NODE_USE_ENV_PROXY=1 does at the start of a process. */
const { setGlobalProxyFromEnv } = http as { setGlobalProxyFromEnv?: (variables: Record<string, string>) => () => void };

describe.runIf(setGlobalProxyFromEnv).each(FACES)('%s client where Node.js uses the proxy of the environment', (_, connect) => {
  function useEnvironment(variables: Record<string, string>): void {
    const restore = setGlobalProxyFromEnv!(variables);
    onTestFinished(() => restore());
  }

  test('connects by CONNECT, for ws: and for wss: URLs', async () => {
    const [plain, secure] = [await serveEcho(), await serveEcho({})];
    const [first, second] = [await serveProxy({ credentials: 'ann:s3cret' }), await serveProxy()];
    useEnvironment({ HTTP_PROXY: first.url.replace('//', '//ann:s3cret@'), https_proxy: second.url });
    await converse(connect(plain.url, {}));
    await converse(connect(secure.url, {}, true));
    expect([first.asked, second.asked]).toEqual([[plain.authority], [secure.authority]]);
    expect(plain.requests[0].headers).not.toHaveProperty('proxy-authorization');
  });

  test('connects without it to the hosts of NO_PROXY', async () => {
    const [target, proxy] = [await serveEcho(), await serveProxy()];
    useEnvironment({ HTTP_PROXY: proxy.url, NO_PROXY: 'localhost' });
    await converse(connect(target.url, {}));
    expect(proxy.asked).toEqual([]);
  });

  test('prefers what the program says', async () => {
    const [target, proxy, own] = [await serveEcho(), await serveProxy(), await serveProxy()];
    useEnvironment({ HTTP_PROXY: proxy.url });
    const dispatcher = new Agent();
    onTestFinished(() => dispatcher.destroy());
    await converse(connect(target.url, { dispatcher }));
    await converse(connect(target.url, { proxy: createProxy(own.url) }));
    expect([proxy.asked, own.asked]).toEqual([[], [target.authority]]);
  });
});

describe.each(FACES)('%s client', (_, connect) => {
  test('takes no dispatcher with a proxy', () => {
    const dispatcher = new Agent();
    onTestFinished(() => dispatcher.destroy());
    expect(() => connect('ws://localhost:1234', { proxy: createProxy('http://127.0.0.1:1'), dispatcher })).toThrow(
      /^The options (dispatcher and proxy|proxy and dispatcher) exclude each other/,
    );
  });
});

test.each<[string, unknown]>([
  ['agent', new http.Agent()],
  ['createConnection', () => {}],
  ['lookup', () => {}],
  ['localAddress', '127.0.0.1'],
  ['family', 4],
])('ws-style client takes no %s with a proxy', (name, value) => {
  const options = { proxy: createProxy('http://127.0.0.1:1'), [name]: value } as ClientOptions;
  expect(() => new WsStyle('ws://localhost:1234', options)).toThrow(
    new TypeError(`The options proxy and ${name} exclude each other: the proxy decides how to connect`),
  );
});

test('the name for TLS is that of the server, and `servername` goes before it', async () => {
  const names: unknown[] = [];
  const target = await serveEcho({
    SNICallback(name, done) {
      names.push(name);
      done(null);
    },
  });
  const proxy = createProxy((await serveProxy()).url);
  await converse(new WsStyle(target.url, { proxy, ca }));
  const url = target.url.replace('localhost', '127.0.0.1');
  await converse(new WsStyle(url, { proxy, ca, servername: 'localhost' } as ClientOptions));
  await converse(new WsStyle(url, { proxy, ca }));
  expect(names).toEqual(['localhost', 'localhost']);
});
