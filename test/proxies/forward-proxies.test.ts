// Clients on every runtime through Squid, tinyproxy and microsocks, by the built package.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../adapters/node/index.ts';
import { certificate, key } from '../support/certificates.ts';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { RealForwardProxy, USER, type ForwardProxyName } from './forward-proxy.ts';

const run = promisify(execFile);
const BIN = join(ROOT, 'test/runtimes/node_modules');
const RUNTIMES: readonly (readonly [name: string, binary: string, args: readonly string[]])[] = [
  ['this Node.js', process.execPath, []],
  ['Node.js 24', join(BIN, 'node-24/bin/node'), []],
  ['Node.js 26', join(BIN, 'node-26/bin/node'), []],
  ['Deno', join(BIN, '.bin/deno'), ['run', '-A', '--node-modules-dir=manual']],
  ['Bun', join(BIN, '.bin/bun'), []],
];
const SUCCESS = ['hällo', true, 1000];
const tls = { ca: certificate };

let folder: string;
let plain: WebSocketServer;
let secure: WebSocketServer;
const heads: IncomingHttpHeaders[] = [];
const portOf = (server: WebSocketServer): number => (server.address() as AddressInfo).port;

async function serveEcho(options: object): Promise<WebSocketServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, ...options });
  server.on('connection', (ws, { headers }) => {
    heads.push(headers);
    ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary }));
  });
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wasock-proxies-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/wasock'));
  await copyFile(join(ROOT, 'test/proxies/client.program.mjs'), join(folder, 'client.program.mjs'));
  plain = await serveEcho({});
  secure = await serveEcho({ tls: { cert: certificate, key } });
});
beforeEach(() => {
  heads.length = 0;
});
afterAll(async () => {
  for (const server of [plain, secure]) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'NODE_USE_ENV_PROXY'];

/** The environment of this process with these variables, and no others that name proxies. */
function environment(variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const names = [...NAMES, ...NAMES.map((name) => name.toLowerCase())];
  const others = Object.entries(process.env).filter(([name]) => !names.includes(name));
  return { ...Object.fromEntries(others), ...variables, NO_COLOR: '1', NODE_NO_WARNINGS: '1' };
}

/** What clients on a runtime observe. */
async function observe(
  [, binary, args]: (typeof RUNTIMES)[number],
  plans: readonly object[],
  variables?: Readonly<Record<string, string>>,
): Promise<unknown[][]> {
  const options = { cwd: folder, env: environment(variables), timeout: 90_000 };
  const { stdout } = await run(binary, [...args, 'client.program.mjs', JSON.stringify(plans)], options);
  return JSON.parse(stdout) as unknown[][];
}

const address = (server: WebSocketServer): string =>
  server === plain ? `ws://127.0.0.1:${portOf(plain)}/` : `wss://localhost:${portOf(secure)}/`;

describe.each<[ForwardProxyName, wrong: string, unreachable: string]>([
  [
    'squid',
    'refused to connect to 127.0.0.1:9: 407 Proxy Authentication Required (it does not accept these credentials)',
    'refused to connect to 127.0.0.1:9: 503 Service Unavailable',
  ],
  [
    'tinyproxy',
    'refused to connect to 127.0.0.1:9: 401 Unauthorized',
    'refused to connect to 127.0.0.1:9: 500 Internal Server Error',
  ],
  ['microsocks', 'does not accept these credentials', 'refused to connect to 127.0.0.1:9: connection refused'],
])('through %s', (name, wrong, unreachable) => {
  let proxy: RealForwardProxy;
  beforeAll(async () => {
    proxy = await RealForwardProxy.start(name);
  });
  afterAll(() => proxy.stop());

  test.each(RUNTIMES)('clients on %s reach servers, and are told of refusals', async (...runtime) => {
    const url = proxy.url();
    const none = 'ws://127.0.0.1:9/';
    const plans = [
      { url: address(plain), proxy: url },
      { url: address(plain), proxy: url, api: 'wasock/w3c' },
      { url: address(secure), proxy: url, tls },
      { url: address(secure), proxy: url, tls, api: 'wasock/w3c' },
      { url: address(secure), usesEnvironment: true, tls },
      { url: none, proxy: proxy.url(`${USER}:wrong@`) },
      { url: none, proxy: url },
    ];
    const fail = (reason: string): unknown[] => [`ProxyError: The proxy ${proxy.url('')} ${reason}`, 1006];
    expect(await observe(runtime, plans, { HTTPS_PROXY: url })).toEqual([
      ...Array.from({ length: 5 }, () => SUCCESS),
      fail(wrong),
      fail(unreachable),
    ]);
    expect(heads).toHaveLength(5);
    expect(JSON.stringify(heads)).not.toMatch(/proxy-|"via"|x-forwarded-for/i);
  });
});

describe('through squid', () => {
  let proxy: RealForwardProxy;
  beforeAll(async () => {
    proxy = await RealForwardProxy.start('squid');
  });
  afterAll(() => proxy.stop());

  test.each(RUNTIMES)('clients on %s reach servers, with TLS to the proxy', async (...runtime) => {
    const plans = [plain, secure].map((server) => ({ url: address(server), proxy: proxy.tlsUrl(), tls, proxyTls: tls }));
    expect(await observe(runtime, plans)).toEqual([SUCCESS, SUCCESS]);
  });

  test.each(RUNTIMES.filter(([name]) => name.startsWith('Node.js')))('%s follows NODE_USE_ENV_PROXY', async (...runtime) => {
    const variables = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url(), NO_PROXY: 'other.example' };
    const plans = [{ url: address(plain) }, { url: address(plain), api: 'wasock/w3c' }];
    expect(await observe(runtime, plans, variables)).toEqual([SUCCESS, SUCCESS]);
    const [[error]] = await observe(runtime, plans, { ...variables, HTTP_PROXY: proxy.url('') });
    expect(error).toContain('407 Proxy Authentication Required (its URL needs a user name and a password');
  });
});
