// The short way of upgrade requests, compared with node:http's own: the same bytes to both, and all that a program can see.

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from '../../../adapters/node/index.ts';
import { Cleanup, sleep } from '../../support/sockets.ts';

const cleanup = new Cleanup();
afterEach(async () => cleanup.run());

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const LINES = [
  'GET /chat?a=1 HTTP/1.1',
  'Host: localhost:1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
  'Cookie: a=b',
];
const head = (...more: string[]): string => [...LINES, ...more, '', ''].join('\r\n');
const without = (...names: string[]): string[] => LINES.filter((line) => !names.some((name) => line.startsWith(name)));
/** A masked text frame, "ab" with a key of zeros. */
const FRAME = '\x81\x82\0\0\0\0ab';

type Opened = WebSocket & { _socket: Socket };

interface Seen {
  readonly server: WebSocketServer & { _server: Server };
  readonly http: Server;
  readonly port: number;
  readonly requests: IncomingMessage[];
  readonly sockets: Opened[];
  readonly messages: string[];
}

/** A server of ours, whose requests take the short way, or one behind node:http. */
async function serve(isShort: boolean, options: object = {}): Promise<Seen> {
  const front = createServer((_request, response) => response.writeHead(426).end());
  const server = new WebSocketServer({
    ...(isShort ? { port: 0, host: '127.0.0.1' } : { server: front }),
    ...options,
  }) as never as Seen['server'];
  const http = server._server;
  if (!isShort) front.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const seen: Seen = { server, http, port: (http.address() as AddressInfo).port, requests: [], sockets: [], messages: [] };
  server.on('connection', (ws, request) => {
    seen.requests.push(request);
    seen.sockets.push(ws as Opened);
    ws.on('error', () => {});
    ws.on('message', (data) => seen.messages.push((data as Buffer).toString('latin1')));
  });
  cleanup.add(() => {
    for (const ws of seen.sockets) ws.terminate();
    server.close();
    http.closeAllConnections();
    if (!isShort) front.close();
  });
  return seen;
}

/** Sends pieces, one a turn, and ends. @returns The answer. */
async function ask(port: number, ...pieces: string[]): Promise<string> {
  const client = connect(port, '127.0.0.1').setNoDelay(true);
  cleanup.add(() => client.destroy());
  let answer = '';
  client.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  client.on('error', () => {});
  const closed = once(client, 'close');
  for (const piece of pieces) {
    client.write(piece, 'latin1');
    if (pieces.length > 1) await sleep(2);
  }
  client.end();
  await closed;
  return answer;
}

/** The status line of an answer, and the fields and the body of all but a 426, which is the server's own. */
function essence(answer: string): string {
  return answer.startsWith('HTTP/1.1 426') ? 'HTTP/1.1 426' : answer.replace(/\r\nDate: [^\r]*/g, '');
}

/** All that a program can see of a request. */
function look(request: IncomingMessage): Record<string, unknown> {
  const { httpVersion, method, url, complete, aborted, readable, readableEnded, readableFlowing, destroyed, upgrade } =
    request as IncomingMessage & { upgrade: unknown };
  const own = Reflect.ownKeys(request).map(String).toSorted();
  const values = Object.entries(request).filter(([, value]) => Object(value) !== value);
  return {
    ...Object.fromEntries(values),
    own,
    state: [httpVersion, method, url, complete, aborted, readable, readableEnded, readableFlowing, destroyed, upgrade],
    raw: request.rawHeaders,
    headers: request.headers,
    names: Object.keys(request.headers),
    distinct: request.headersDistinct,
    trailers: request.trailers,
    listeners: request.eventNames(),
    isSocket: request.socket === request.connection,
    class: request.constructor === IncomingMessage,
    prototype: Object.getPrototypeOf(request.headers),
  };
}

const wasShort = ({ _socket: socket }: Opened): boolean => !('_paused' in socket);

test('a request has all that node:http gives it', async () => {
  const [short, long] = [await serve(true), await serve(false)];
  const text = head('X-Empty:', 'X-Blank: \t a \t', 'Accept: a', 'Accept: b', 'Set-Cookie: c', 'sec-fetch-mode: websocket');
  for (const { port } of [short, long]) await ask(port, text);
  expect(short.requests).toHaveLength(1);
  expect(look(short.requests[0])).toEqual(look(long.requests[0]));
  for (const { requests } of [short, long]) {
    const chunks: unknown[] = [];
    for await (const chunk of requests[0]) chunks.push(chunk);
    expect(chunks).toEqual([]);
  }
});

test('a socket takes the short way, and carries messages', async () => {
  const short = await serve(true);
  expect(await ask(short.port, head() + FRAME, FRAME)).toContain('101 Switching Protocols');
  expect(short.messages).toEqual(['ab', 'ab']);
  const client = connect(short.port, '127.0.0.1').on('error', () => {});
  cleanup.add(() => client.destroy());
  client.write(head());
  await once(client, 'data');
  const [, ws] = short.sockets;
  expect(wasShort(ws)).toBe(true);
  expect(ws._socket.listenerCount('error')).toBe(1);
  expect((ws._socket as { parser?: unknown }).parser).toBe(null);
  client.write(FRAME, 'latin1');
  const [data] = (await once(ws as never, 'message')) as [Buffer];
  expect(data.toString()).toBe('ab');
});

const HEADS: Record<string, string[]> = {
  usual: [head()],
  'frames behind it': [head() + FRAME + FRAME],
  'names in lower case': [head().replaceAll(/^[A-Z][\w-]*:/gm, (name) => name.toLowerCase())],
  'names in upper case': [head().replaceAll(/^[A-Z][\w-]*:/gm, (name) => name.toUpperCase())],
  'Connection of Firefox': [head().replace('Connection: Upgrade', 'Connection: keep-alive, Upgrade')],
  'Connection with other options': [head().replace('Connection: Upgrade', 'Connection: close,upgrade, x')],
  ...Object.fromEntries(
    ['\t', '\t ', ' \t', ' \t ', ' ', '  '].flatMap((blank) =>
      ['Connection: Upgrade', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'].flatMap(
        (line) => [
          [JSON.stringify(line + blank), [head().replace(line.replace('keep-alive, ', ''), line + blank)]],
          [
            JSON.stringify(line.replace(': ', `:${blank}`)),
            [head().replace(line.replace('keep-alive, ', ''), line.replace(': ', `:${blank}`))],
          ],
        ],
      ),
    ),
  ),
  'two Connection fields': [head('Connection: keep-alive')],
  'no Connection': [[...without('Connection'), '', ''].join('\r\n')],
  'no Upgrade': [[...without('Upgrade'), '', ''].join('\r\n')],
  'another protocol': [head().replace('websocket', 'h2c')],
  'two protocols': [head().replace('websocket', 'h2c, websocket')],
  'no Host': [[...without('Host'), '', ''].join('\r\n')],
  'empty Host': [head().replace('localhost:1', '')],
  'two Host fields': [head('Host: other')],
  'two keys': [head(`Sec-WebSocket-Key: ${KEY}`)],
  'two subprotocol fields': [head('Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b')],
  'a subprotocol': [head('Sec-WebSocket-Protocol: a, b')],
  extensions: [head('Sec-WebSocket-Extensions: permessage-deflate')],
  'no key': [[...without('Sec-WebSocket-Key'), '', ''].join('\r\n')],
  'an invalid key': [head().replace(KEY, 'x')],
  'another version': [head().replace('Version: 13', 'Version: 7')],
  'a length of 0': [head('Content-Length: 0')],
  'a body': [head('Content-Length: 3') + 'abc'],
  'a chunked body': [head('Transfer-Encoding: chunked') + '1\r\na\r\n0\r\n\r\n'],
  'length and chunks': [head('Transfer-Encoding: chunked', 'Content-Length: 3') + 'abc'],
  'an expectation': [head('Expect: 100-continue')],
  'a folded field': [head('X-Folded: a', ' b')],
  'a space before the colon': [head('X-Space : a')],
  'a field without a colon': [head('nonsense')],
  'an empty name': [head(': a')],
  'a control character': [head('X-Control: a\x01b')],
  'a null': [head('X-Null: a\0b')],
  'Latin-1': [head('X-Latin: \xe9')],
  'a bare line feed': [head('X-Feed: a\nX-Next: b')],
  'a bare carriage return': [head('X-Return: a\rb')],
  'line feeds only': [head().replaceAll('\r\n', '\n')],
  'an empty line first': [`\r\n${head()}`],
  'many fields': [head(...Array.from({ length: 50 }, (_none, index) => `X-${index}: ${index}`))],
  'a long field': [head(`X-Long: ${'a'.repeat(5000)}`)],
  'a head that is too long': [head(`X-Long: ${'a'.repeat(20_000)}`)],
  'HTTP/1.0': [head().replace('HTTP/1.1', 'HTTP/1.0')],
  'HTTP/2.0': [head().replace('HTTP/1.1', 'HTTP/2.0')],
  'a version in lower case': [head().replace('HTTP/1.1', 'http/1.1')],
  'another method': [head().replace('GET', 'POST')],
  'a method in lower case': [head().replace('GET', 'get')],
  'an absolute target': [head().replace('/chat', 'http://localhost/chat')],
  'a fragment': [head().replace('/chat', '/chat#a')],
  'a target with a control character': [head().replace('/chat', '/ch\x7fat')],
  'a target in Latin-1': [head().replace('/chat', '/ch\xe9t')],
  'a target with a space': [head().replace('/chat', '/ch at')],
  'a target with odd characters': [head().replace('/chat', '/{a}|^"<b>`[c]\\')],
  'two spaces': [head().replace('GET /', 'GET  /')],
  'a plain request': ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  'two requests at once': [`GET / HTTP/1.1\r\nHost: a\r\n\r\n${head()}`],
  'two requests': ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', head()],
  TLS: ['\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  'HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  nothing: [''],
  'half of it': [head().slice(0, 100)],
  pieces: [head().slice(0, 5), head().slice(5, 60), head().slice(60)],
  'all but a byte': [head().slice(0, -1), '\n'],
};

async function compare(short: Seen, long: Seen, pieces: string[]): Promise<void> {
  const answers = await Promise.all([short, long].map(async ({ port }) => essence(await ask(port, ...pieces))));
  expect(answers[0]).toBe(answers[1]);
  const [own, other] = [short, long].map(({ requests, messages }) => ({
    requests: requests.splice(0).map((request) => [request.url, request.rawHeaders, request.headers]),
    messages: messages.splice(0),
  }));
  expect(own).toEqual(other);
}

describe('answers and requests are those of node:http for', () => {
  test.each(Object.keys(HEADS))('%s', async (name) => {
    await compare(await serve(true), await serve(false), HEADS[name]);
  });

  test('a head that is cut anywhere', async () => {
    const [short, long] = [await serve(true), await serve(false)];
    const text = head();
    for (let at = 1; at < text.length; at += 7) await compare(short, long, [text.slice(0, at), text.slice(at)]);
  });

  test('heads with any byte replaced', async () => {
    const [short, long] = [await serve(true), await serve(false)];
    const text = head('Origin: http://a', 'Sec-WebSocket-Protocol: a');
    const bytes = ['\0', '\t', '\n', '\r', ' ', '"', ',', ':', 'A', '{', '\x7f', '\x80', '\xff'];
    // 4099 is a prime, so that each byte meets many places.
    for (let index = 0; index < 250; index++) {
      const at = (index * 4099) % text.length;
      const byte = bytes[index % bytes.length];
      await compare(short, long, [text.slice(0, at) + byte + text.slice(at + (index % 2))]);
    }
  });
});

describe('node:http gets the socket', () => {
  const opened = async ({ port, sockets }: Seen, delay: number = 0): Promise<Opened> => {
    const client = connect(port, '127.0.0.1').on('error', () => {});
    cleanup.add(() => client.destroy());
    if (delay > 0) await sleep(delay);
    client.write(head());
    await once(client, 'data');
    return sockets[0];
  };

  test('if its first bytes take long', async () => {
    expect(wasShort(await opened(await serve(true), 500))).toBe(false);
  });

  test("if a program listens for 'connection' on the HTTP server", async () => {
    const seen = await serve(true);
    seen.http.on('connection', (socket) => socket.setTimeout(1000));
    expect(wasShort(await opened(seen))).toBe(false);
  });

  test.each(['maxHeadersCount', 'timeout'])('if a program has set %s', async (name) => {
    const seen = await serve(true);
    (seen.http as unknown as Record<string, number>)[name] = 100_000;
    expect(wasShort(await opened(seen))).toBe(false);
  });

  test("for 'clientError' of a program", async () => {
    const seen = await serve(true);
    const failed = once(seen.http, 'clientError') as Promise<[Error & { code: string }, Socket]>;
    seen.http.on('clientError', (_error, socket) => socket.end('HTTP/1.1 418 Teapot\r\n\r\n'));
    expect(await ask(seen.port, 'nonsense\r\n\r\n')).toContain('418');
    expect((await failed)[0].code).toMatch(/^HPE_/);
  });

  test('if shouldUpgradeCallback is a program’s own', async () => {
    const seen = await serve(true);
    if (!('shouldUpgradeCallback' in seen.http)) return;
    seen.http.shouldUpgradeCallback = () => false;
    expect(await ask(seen.port, head())).toContain('426');
  });
});

describe('the HTTP server', () => {
  test("emits 'upgrade' for listeners of the program, first ones included", async () => {
    const seen = await serve(true);
    const urls: unknown[] = [];
    seen.http.prependListener('upgrade', (request) => (request.headers['sec-websocket-protocol'] = 'added'));
    seen.http.on('upgrade', (request) => urls.push(request.url));
    expect(await ask(seen.port, head())).toContain('Sec-WebSocket-Protocol: added');
    expect(urls).toEqual(['/chat?a=1']);
  });

  test("gives a program's own 'upgrade' listener a socket that reads as any other", async () => {
    const seen = await serve(true);
    seen.http.removeAllListeners('upgrade');
    const upgraded = once(seen.http, 'upgrade') as Promise<[IncomingMessage, Socket, Buffer]>;
    const client = connect(seen.port, '127.0.0.1').on('error', () => {});
    cleanup.add(() => client.destroy());
    client.write(`${head()}first`);
    const [, socket, first] = await upgraded;
    expect(first.toString()).toBe('first');
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    client.end(sent);
    // Nothing reads yet: backpressure, then everything in order.
    await sleep(50);
    expect(socket.readableLength).toBeLessThan(1_000_000);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
    socket.destroy();
  });

  test('closes a connection that has sent nothing', async () => {
    const seen = await serve(true);
    const client = connect(seen.port, '127.0.0.1').on('error', () => {});
    await once(seen.http, 'connection');
    const closed = once(client, 'close');
    seen.http.closeAllConnections();
    await closed;
  });

  test('answers 408 to a client that sends nothing', async () => {
    const seen = await serve(true, { headersTimeout: 2000 });
    const client = connect(seen.port, '127.0.0.1').setEncoding('latin1');
    const start = Date.now();
    expect(((await once(client, 'data')) as [string])[0]).toContain('408');
    expect(Date.now() - start).toBeGreaterThan(1900);
    client.destroy();
  });

  test('lets a client go that leaves without a request', async () => {
    const seen = await serve(true);
    for (const leave of [(client: Socket) => client.end(), (client: Socket) => client.resetAndDestroy()]) {
      const client = connect(seen.port, '127.0.0.1').on('error', () => {});
      const [socket] = (await once(seen.http, 'connection')) as [Socket];
      const closed = new Promise((resolve) => socket.once('close', resolve));
      leave(client.resume());
      await closed;
    }
  });
});

test('listeners run in the context in which node:http calls them', async () => {
  const storage = new AsyncLocalStorage<string>();
  const see = async (isShort: boolean): Promise<unknown[]> => {
    const stores: unknown[] = [];
    await storage.run('listening', async () => {
      const { port, server } = await serve(isShort);
      server.on('connection', (ws) => {
        stores.push(storage.getStore());
        storage.enterWith('entered');
        process.nextTick(() => stores.push(storage.getStore()));
        ws.on('message', () => stores.push(storage.getStore()));
      });
      for (let count = 0; count < 2; count++) await storage.run('client', () => ask(port, head(), FRAME));
    });
    return stores;
  };
  const [short, long] = [await see(true), await see(false)];
  // Node.js before 24 uses the objects of its parsers again, with what a listener has entered.
  expect(short.slice(0, 3)).toEqual(long.slice(0, 3));
  expect(short.slice(3)).toEqual(short.slice(0, 3));
});

test.each([
  ['in one piece', [head(), FRAME]],
  ['in two pieces', [head().slice(0, 50), head().slice(50), FRAME]],
  ['of another form', [head().replace('Connection: Upgrade', 'Connection: Upgrade, x'), FRAME]],
])('listeners run in the context of node:http for a head %s', async (_name, pieces) => {
  const storage = new AsyncLocalStorage<string>();
  const see = async (isShort: boolean): Promise<unknown[]> => {
    const stores: unknown[] = [];
    await storage.run('listening', async () => {
      const { port, server } = await serve(isShort);
      server.on('connection', (ws) => {
        stores.push(storage.getStore());
        ws.on('message', () => stores.push(storage.getStore()));
      });
      for (let count = 0; count < 2; count++) await storage.run('client', () => ask(port, ...pieces));
    });
    return stores;
  };
  expect(await see(true)).toEqual(await see(false));
});

test('a listener that throws does not stop the server', async () => {
  const seen = await serve(true);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  seen.http.once('upgrade', () => {
    throw new Error('of the program');
  });
  const client = connect(seen.port, '127.0.0.1').on('error', () => {});
  client.write(head());
  expect(String(await thrown)).toContain('of the program');
  for (const listener of others) process.on('uncaughtException', listener);
  client.destroy();
  expect(await ask(seen.port, head())).toContain('101');
});
