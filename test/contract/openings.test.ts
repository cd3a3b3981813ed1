// What a program observes of a client's opening handshake that does not go well, on each runtime: as with ws, which runs the same tests
// on Node.js.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as ws from 'ws';
import type * as NodeWs from '../../adapters/node/index.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const ours = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Client = NodeWs.WebSocket;
type Options = NodeWs.ClientOptions;
/** Ours, and the library that it takes after, which other runtimes replace by their own. */
const LIBRARIES = [['wasock', ours.WebSocket] as const, ...(runtime === 'node' ? [['ws', ws.WebSocket] as const] : [])];

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
let server: Server;
let port: number;

/** What the server answers to a request for a path. undefined: nothing, ever. */
function answerTo(path: string, key: string): string | undefined {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const upgrade = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  const redirect = (to: string): string => `HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`;
  if (path.startsWith('/to?')) return redirect(decodeURIComponent(path.slice(4)));
  if (path === '/ok') return upgrade;
  if (path === '/forbidden') return 'HTTP/1.1 403 Forbidden\r\nContent-Length: 20\r\n\r\nhalf';
  return undefined;
}

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {});
    let request = '';
    socket.on('data', (chunk) => {
      request += chunk.toString('latin1');
      const [, path, key] = /^GET (\S+)[^]*Sec-WebSocket-Key: (\S+)[^]*\r\n\r\n$/i.exec(request) ?? [];
      const answer = path && answerTo(path, key);
      if (answer) socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => server.close());

/** Collects the events of a client, and what is uncaught meanwhile, until there are `count` of them. */
async function observe(count: number, create: (log: string[]) => Client): Promise<{ log: string[]; client: Client }> {
  const log: string[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', ({ message }) => log.push(`uncaught ${message}`));
  try {
    const client = create(log);
    client.on('open', () => log.push('open'));
    client.on('error', ({ name, message }) => log.push(`${name}: ${message} (${client.readyState})`));
    client.on('close', (code) => log.push(`close ${code} (${client.readyState})`));
    await expect.poll(() => log.length).toBeGreaterThanOrEqual(count);
    return { log, client };
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
}

function fail(): never {
  throw new Error('of the program');
}

const to = (address: string): string => `/to?${encodeURIComponent(address)}`;

describe.each(LIBRARIES)('a client of %s', (name, Class) => {
  const connect = (path: string, options?: Options): Client =>
    new (Class as typeof NodeWs.WebSocket)(`ws://127.0.0.1:${port}${path}`, options);
  const url = (path: string): string => `ws://127.0.0.1:${port}${path}`;
  /** Gives up a client that is connecting. Requests of ws that have been redirected have an unheard error then. */
  const giveUp = (client: Client): void => void (name === 'wasock' && client.on('error', () => {}).terminate());

  test.each([
    ['upgrade', '/ok'],
    ['redirect', to('/ok')],
    ['unexpected-response', '/forbidden'],
  ])('whose %s listener throws leaves the exception uncaught, and connects', async (event, path) => {
    const { log, client } = await observe(1, () => connect(path, { followRedirects: true }).on(event, fail));
    expect(log).toEqual(['uncaught of the program']);
    expect(client.readyState).toBe(0);
    giveUp(client);
  });

  test('whose finishRequest throws is not made', () => {
    expect(() => connect('/ok', { finishRequest: fail })).toThrow('of the program');
  });

  test('whose finishRequest throws after a redirect leaves the exception uncaught', async () => {
    const finishRequest: Options['finishRequest'] = (request) => void (request.path === '/ok' ? fail() : request.end());
    const { log, client } = await observe(1, () => connect(to('/ok'), { followRedirects: true, finishRequest }));
    expect(log).toEqual(['uncaught of the program']);
    giveUp(client);
  });

  test.each<[string, Error | undefined, string]>([
    ['fails as if the server had hung up', undefined, 'socket hang up'],
    ['fails with its error', new Error('enough'), 'enough'],
  ])('that destroys its request %s, once it was made', async (_what, error, message) => {
    const finishRequest: Options['finishRequest'] = (request) => void request.destroy(error);
    const { log } = await observe(2, () => connect('/ok', { finishRequest }));
    expect(log).toEqual([`Error: ${message} (2)`, 'close 1006 (3)']);
  });

  test('that destroys its request ends the response', async () => {
    const { log, client } = await observe(3, (told) =>
      connect('/forbidden').on('unexpected-response', (request, response) => {
        response.on('aborted', () => told.push('aborted'));
        response.on('error', ({ message }) => told.push(message));
        response.on('close', () => told.push('closed'));
        request.destroy();
      }),
    );
    expect(log).toEqual(['aborted', 'aborted', 'closed']);
    expect(client.readyState).toBe(0);
    giveUp(client);
  });

  test.each([
    ['no address', 'http://[', 'SyntaxError: Invalid URL: http://['],
    ['a fragment', '/ok#here', 'SyntaxError: The URL contains a fragment identifier'],
    [
      'another scheme',
      'ftp://127.0.0.1/',
      `SyntaxError: The URL's protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"`,
    ],
  ])('that is sent to %s fails', async (_what, address, message) => {
    const { log } = await observe(2, () => connect(to(address), { followRedirects: true }));
    expect(log).toEqual([`${message} (2)`, 'close 1006 (3)']);
  });

  test('that is sent around fails', async () => {
    const options = { followRedirects: true, maxRedirects: 0 };
    const { log } = await observe(2, () => connect(to('/ok'), options));
    expect(log).toEqual(['Error: Maximum redirects exceeded (2)', 'close 1006 (3)']);
  });

  test('that is sent to a port where nobody listens fails', async () => {
    const { log } = await observe(2, () => connect(to('ws://127.0.0.1:1/'), { followRedirects: true }));
    expect(log).toEqual(['Error: connect ECONNREFUSED 127.0.0.1:1 (2)', 'close 1006 (3)']);
  });

  test('fails when its time is over', async () => {
    const { log } = await observe(2, () => connect('/never', { handshakeTimeout: 50 }));
    expect(log).toEqual(['Error: Opening handshake has timed out (2)', 'close 1006 (3)']);
  });

  test.each(['upgrade', 'redirect', 'unexpected-response'])('that is closed by its %s listener fails', async (event) => {
    const path = { upgrade: '/ok', redirect: to('/ok') }[event] ?? '/forbidden';
    const { log } = await observe(2, () => {
      const client = connect(path, { followRedirects: true });
      return client.on(event, () => client.close());
    });
    expect(log).toEqual(['Error: WebSocket was closed before the connection was established (2)', 'close 1006 (3)']);
  });

  test.each(['before', 'while it connects', 'by its redirect listener'])('that is aborted %s fails', async (when) => {
    const controller = new AbortController();
    if (when === 'before') controller.abort();
    const path = when === 'while it connects' ? '/never' : to('/ok');
    const { log } = await observe(2, () => {
      const client = connect(path, { followRedirects: true, signal: controller.signal });
      if (when === 'while it connects') setTimeout(() => controller.abort(), 20);
      return client.on('redirect', () => controller.abort());
    });
    expect(log).toEqual(['AbortError: The operation was aborted (2)', 'close 1006 (3)']);
  });

  test.each<[string, Options, string, string]>([
    ['a value', { headers: { a: 'b\r\nc: d' } }, 'ERR_INVALID_CHAR', 'Invalid character in header content ["a"]'],
    ['a name', { headers: { 'a b': 'c' } }, 'ERR_INVALID_HTTP_TOKEN', 'Header name must be a valid HTTP token ["a b"]'],
    [
      'undefined',
      { headers: { a: undefined as never } },
      'ERR_HTTP_INVALID_HEADER_VALUE',
      'Invalid value "undefined" for header "a"',
    ],
    ['an origin', { origin: 'a\nb' }, 'ERR_INVALID_CHAR', 'Invalid character in header content ["Origin"]'],
  ])('refuses %s that no header field can have', (_what, options, code, message) => {
    expect(() => connect('/ok', options)).toThrow(expect.objectContaining({ name: 'TypeError', code, message }));
  });

  test('looks at version, address and subprotocols in this order', () => {
    const make =
      (address: string, ...rest: unknown[]) =>
      () =>
        new (Class as unknown as new (...values: unknown[]) => Client)(address, ...rest);
    expect(make('x', 'a b', { protocolVersion: 9 })).toThrow('Unsupported protocol version: 9 (supported versions: 8, 13)');
    expect(make('x', 'a b')).toThrow('Invalid URL: x');
    expect(make(url('/ok'), 'a b')).toThrow('An invalid or duplicated subprotocol was specified');
  });
});

// ws stays CONNECTING for ever.
test.each(['finishRequest', 'redirect listener'])('a client whose %s aborts the request fails', async (where) => {
  const { log } = await observe(2, () => {
    const client = (path: string, options: Options): Client => new ours.WebSocket(`ws://127.0.0.1:${port}${path}`, options);
    if (where === 'finishRequest') return client('/ok', { finishRequest: (request) => request.abort() });
    return client(to('/ok'), { followRedirects: true }).on('redirect', (_url, request) => request.abort());
  });
  expect(log).toEqual(['Error: socket hang up (2)', 'close 1006 (3)']);
});
