// The server: what it answers to requests, byte for byte, and its hooks.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { errorOf, exchange, ours, outcome, requestOf, sameWithBoth, sleep, type Library } from './oracle.ts';

type Options = Record<string, unknown>;
type Server = InstanceType<Library['WebSocketServer']>;

async function listen(library: Library, options: Options = {}): Promise<{ server: Server; port: number }> {
  const server = new library.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  return { server, port: (server.address() as { port: number }).port };
}

function close(server: Server): Promise<void> {
  for (const ws of (server.clients as Set<{ terminate(): void }> | undefined) ?? []) ws.terminate();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** What the server answers to one request. */
async function answer(
  library: Library,
  request: string,
  options: Options = {},
  prepare: (server: Server, log: unknown[]) => void = () => {},
) {
  const { server, port } = await listen(library, options);
  const log: unknown[] = [];
  prepare(server, log);
  const text = await exchange(port, request, /^HTTP\/1\.1 (?:101|200)[\s\S]*\r\n\r\n/);
  await close(server);
  return [library === ours ? asWsAnswers(text) : text, log];
}

/** RFC 9110 section 15.5.22: a 426 must have an Upgrade field. That of ws has none. */
function asWsAnswers(text: string): string {
  if (!text.startsWith('HTTP/1.1 426 ')) return text;
  const plain = text.replace('Connection: close, Upgrade\r\nUpgrade: websocket\r\n', '');
  expect(plain).not.toBe(text);
  return plain.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
}

const REQUESTS: readonly (readonly [string, string])[] = [
  ['a good request', requestOf()],
  ['version 8', requestOf({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://a' })],
  ['version 12', requestOf({ 'Sec-WebSocket-Version': '12' })],
  ['no version', requestOf({ 'Sec-WebSocket-Version': undefined })],
  ['a version that is no number', requestOf({ 'Sec-WebSocket-Version': 'x' })],
  ['no key', requestOf({ 'Sec-WebSocket-Key': undefined })],
  ['an empty key', requestOf({ 'Sec-WebSocket-Key': '' })],
  ['a short key', requestOf({ 'Sec-WebSocket-Key': 'AAAA' })],
  ['a key with other characters', requestOf({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ*==' })],
  ['a key without padding', requestOf({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQAA' })],
  ['POST', requestOf({}, 'POST / HTTP/1.1')],
  ['HEAD', requestOf({}, 'HEAD / HTTP/1.1')],
  ['another upgrade', requestOf({ Upgrade: 'h2c' })],
  ['an upgrade in capitals', requestOf({ Upgrade: 'WebSocket' })],
  ['no upgrade', requestOf({ Upgrade: undefined, Connection: 'close' })],
  ['a plain request', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ['a plain POST', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
  ['a subprotocol', requestOf({ 'Sec-WebSocket-Protocol': 'chat' })],
  ['several subprotocols', requestOf({ 'Sec-WebSocket-Protocol': 'a, b ,c' })],
  ['an empty subprotocol', requestOf({ 'Sec-WebSocket-Protocol': '' })],
  ['a list with a gap', requestOf({ 'Sec-WebSocket-Protocol': 'a,,b' })],
  ['a duplicate subprotocol', requestOf({ 'Sec-WebSocket-Protocol': 'a,a' })],
  ['a bad subprotocol', requestOf({ 'Sec-WebSocket-Protocol': 'a;b' })],
  ['an unknown extension', requestOf({ 'Sec-WebSocket-Extensions': 'x-none' })],
  ['an offer of compression', requestOf({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' })],
  ['an origin', requestOf({ Origin: 'http://example.com' })],
  ['a query', requestOf({}, 'GET /path?query HTTP/1.1')],
  ['Connection with more', requestOf({ Connection: 'keep-alive, Upgrade' })],
];

describe('answers', () => {
  test.each(REQUESTS)('to %s', (_, request) => sameWithBoth((library) => answer(library, request)));

  test.each(REQUESTS.filter(([name]) => !name.includes('plain')))('to %s, with wsClientError', (_, request) =>
    sameWithBoth((library) =>
      answer(library, request, {}, (server, log) => {
        server.on('wsClientError', (error, socket, message) => {
          log.push(errorOf(error), message.url, message.method, socket === (message.socket as unknown));
          socket.end('HTTP/1.1 418 Mine\r\n\r\n');
        });
      }),
    ),
  );

  // With several faults at once ours may name another one: all of them are looked for before the path.
  test.each(REQUESTS.filter(([name]) => !/gap|(?:empty|duplicate|bad) subprotocol/.test(name)))(
    'with a path to %s',
    (_, request) => sameWithBoth((library) => answer(library, request.replace('/path', '/chat'), { path: '/chat' })),
  );

  test.each([
    ['/chat', '/chat'],
    ['/chat', '/chat?x=1'],
    ['/chat', '/chat/'],
    ['/chat', '/'],
    ['/chat', '/CHAT'],
    ['', '/x'],
    [null, '/x'],
    [undefined, '/x'],
  ])('with path %s to %s', (path, url) =>
    sameWithBoth((library) => answer(library, requestOf({}, `GET ${url} HTTP/1.1`), { path })),
  );

  test.each([true, false, 1, 0, '', 'yes', Promise.resolve(true)])('with shouldHandle giving %s', (result) =>
    sameWithBoth((library) =>
      answer(library, requestOf(), {}, (server) => {
        server.shouldHandle = () => result as boolean;
      }),
    ),
  );
});

type Verify = (info: { origin: string; secure: boolean; req: IncomingMessage }, callback?: unknown) => unknown;
type Reply = (...values: unknown[]) => void;

describe('verifyClient', () => {
  const REPLIES: readonly (readonly [string, readonly unknown[]])[] = [
    ['yes', [true]],
    ['no', [false]],
    ['nothing', []],
    ['no, 403', [false, 403]],
    ['no, 404, with a message', [false, 404, 'Not here']],
    ['no, 0', [false, 0]],
    ['no, with an empty message', [false, 400, '']],
    ['no, with a message beyond ASCII', [false, 400, 'Жäö']],
    ['no, with headers', [false, 429, 'Later', { 'Retry-After': 5, 'X-A': 'b' }]],
    ['no, with its own type', [false, 403, '{}', { 'Content-Type': 'application/json' }]],
    ['no, redirected', [false, 302, undefined, { Location: '/elsewhere' }]],
    ['no, 500', [false, 500, undefined, {}]],
    ['yes, with a code', [true, 403]],
  ];
  test.each(REPLIES)('calls back: %s', (_, values) =>
    sameWithBoth((library) =>
      answer(library, requestOf(), { verifyClient: (_info: unknown, reply: Reply) => setImmediate(() => reply(...values)) }),
    ),
  );
  test.each(REPLIES)('calls back at once: %s', (_, values) =>
    sameWithBoth((library) =>
      answer(library, requestOf(), { verifyClient: (_info: unknown, reply: Reply) => reply(...values) }),
    ),
  );
  test.each([true, false, undefined, 0, 1, 'yes'])('returns %s', (result) =>
    sameWithBoth((library) => answer(library, requestOf(), { verifyClient: (_info: unknown) => result })),
  );
  test.each([
    ['Origin', requestOf({ Origin: 'http://a.b' })],
    ['none', requestOf()],
    ['Sec-WebSocket-Origin', requestOf({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://old' })],
    ['the wrong one for version 8', requestOf({ 'Sec-WebSocket-Version': '8', Origin: 'http://new' })],
  ])('is told the origin: %s', (_, request) =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      const verifyClient: Verify = (info) => {
        seen.push(info.origin, info.secure, Object.keys(info), info.req.url);
        return false;
      };
      return [await answer(library, request, { verifyClient }), seen];
    }),
  );
  test('may take its time while the client leaves', () =>
    sameWithBoth(async (library) => {
      let reply!: Reply;
      const { server, port } = await listen(library, { verifyClient: (_info: unknown, callback: Reply) => (reply = callback) });
      let count = 0;
      server.on('connection', () => count++);
      const socket = connect(port, '127.0.0.1');
      socket.write(requestOf());
      await sleep(30);
      socket.destroy();
      await sleep(30);
      const result = outcome(() => reply(true)) as { throws?: unknown };
      await close(server);
      return [count, result.throws];
    }));
  test('may answer twice, and is told off', () =>
    sameWithBoth((library) => {
      const log: unknown[] = [];
      const verifyClient = (_info: unknown, reply: Reply) => {
        reply(true);
        log.push(outcome(() => reply(true)));
      };
      return answer(library, requestOf(), { verifyClient }).then((result) => [result, log]);
    }));
});

describe('handleProtocols', () => {
  test.each<[string, unknown, string | undefined]>([
    ['the second', () => 'b', 'a,b'],
    ['false', () => false, 'a,b'],
    ['an empty string', () => '', 'a,b'],
    ['undefined', () => undefined, 'a,b'],
    ['one not asked for', () => 'z', 'a,b'],
    ['anything, with none asked for', () => 'z', undefined],
    ['the last of the set', (protocols: Set<string>) => [...protocols].at(-1), 'a, b, c'],
    [
      'what it was told',
      (protocols: unknown, request: IncomingMessage) => `${(protocols as object).constructor.name}-${request.method}`,
      'a',
    ],
  ])('picks %s', (_, handleProtocols, wanted) =>
    sameWithBoth(async (library) => {
      const protocols: unknown[] = [];
      const result = await answer(library, requestOf({ 'Sec-WebSocket-Protocol': wanted }), { handleProtocols }, (server) => {
        server.on('connection', (ws) => protocols.push(ws.protocol));
      });
      return [result, protocols];
    }),
  );
});

describe("the 'headers' event", () => {
  test.each<[string, (headers: string[]) => void]>([
    ['looks', () => {}],
    ['adds', (headers) => headers.push('X-Test: 1', 'Set-Cookie: a=b')],
    ['removes', (headers) => headers.splice(1, 1)],
    ['changes', (headers) => (headers[0] = 'HTTP/1.1 101 Dumb Process')],
  ])('%s', (_, change) =>
    sameWithBoth((library) =>
      answer(library, requestOf({ 'Sec-WebSocket-Protocol': 'p' }), {}, (server, log) => {
        server.on('headers', (headers, request) => {
          log.push([...headers], request.url);
          change(headers);
        });
      }),
    ),
  );
});

describe('what differs by intention', () => {
  test.each([
    ['a Connection that does not say Upgrade', { Connection: 'x-upgrade' }],
    ['extensions that do not parse', { 'Sec-WebSocket-Extensions': ';' }],
    ['a version written otherwise', { 'Sec-WebSocket-Version': '13.0' }],
  ])('a server of ours refuses %s', (_, headers: Record<string, string>) => {
    const server = new ours.WebSocketServer({ noServer: true });
    const http = createServer();
    const request = { method: 'GET', url: '/', httpVersion: '1.1', socket: {}, headers: {} as Record<string, string> };
    const lines = requestOf(headers).split('\r\n').slice(1, -2);
    for (const line of lines)
      request.headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 2);
    const errors: unknown[] = [];
    server.on('wsClientError', (error) => errors.push(error.message));
    const { PassThrough } = process.getBuiltinModule('node:stream');
    server.handleUpgrade(request as never, new PassThrough(), Buffer.alloc(0), () => errors.push('taken'));
    http.close();
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^(?:Missing or i|I)nvalid /);
  });

  test('options that are undefined have their defaults', () => {
    const server = new ours.WebSocketServer({ noServer: true, clientTracking: undefined, maxPayload: undefined });
    expect(server.clients).toBeInstanceOf(Set);
    expect(server.options.maxPayload).toBe(104857600);
  });
});
