// The client's opening handshake: the request's bytes, what it makes of answers.

import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { freePort } from '../../support/sockets.ts';
import { closed, errorOf, rawServer, record, sameWithBoth, sleep, type Library, type Socket_ } from './oracle.ts';

type Options = Record<string, unknown>;
type Arguments = readonly unknown[];

function create(library: Library, ...values: Arguments): Socket_ {
  return new (library.WebSocket as unknown as new (...values: Arguments) => Socket_)(...values);
}

/** A request without what differs from run to run. */
function headOf(head: string): string {
  return head
    .replace(/^(sec-websocket-key): .{24}$/im, '$1: KEY')
    .replaceAll(/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, '$1:PORT');
}

function keyIn(head: string): string {
  return /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
}

function acceptance(head: string, more: string = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(keyIn(head))}\r\n${more}\r\n`;
}

/** The request that a client makes of a raw server. */
async function request(library: Library, path: string, options: Options = {}, protocols: unknown = []): Promise<unknown> {
  let head = '';
  const server = await rawServer((socket, text) => {
    head = text;
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const ws = create(library, path.replace('PORT', String(server.port)), protocols, { perMessageDeflate: false, ...options });
  const log: unknown[] = [];
  ws.on('error', (error) => log.push(errorOf(error)));
  await closed(ws);
  server.close();
  return [headOf(head), log, ws.url.replace(String(server.port), 'PORT')];
}

describe('requests', () => {
  const HERE = 'ws://127.0.0.1:PORT';
  test.each<[string, string, Options?, unknown?]>([
    ['nothing special', HERE],
    ['a path', `${HERE}/a/b`],
    ['a query', `${HERE}/a?b=c&d`],
    ['a query alone', `${HERE}?x`],
    ['characters to escape', `${HERE}/ä b?ж`],
    ['an http URL', 'http://127.0.0.1:PORT/x'],
    ['a host name', 'ws://localhost:PORT/', { family: 4 }],
    ['user and password', 'ws://user:pass@127.0.0.1:PORT/'],
    ['a user alone', 'ws://user@127.0.0.1:PORT/'],
    ['a password alone', 'ws://:pass@127.0.0.1:PORT/'],
    ['escaped credentials', 'ws://us%3Aer:p%40ss%20w%E4@127.0.0.1:PORT/'],
    ['the auth option', HERE, { auth: 'me:secret' }],
    ['both kinds of credentials', 'ws://user:pass@127.0.0.1:PORT/', { auth: 'me:secret' }],
    ['credentials and a header', 'ws://user:pass@127.0.0.1:PORT/', { headers: { Authorization: 'Bearer x' } }],
    ['subprotocols', HERE, {}, ['a', 'b']],
    ['one subprotocol', HERE, {}, 'chat'],
    ['an origin', HERE, { origin: 'http://example.com' }],
    ['an empty origin', HERE, { origin: '' }],
    ['version 8', HERE, { protocolVersion: 8 }],
    ['version 8 with an origin', HERE, { protocolVersion: 8, origin: 'http://old' }],
    ['headers', HERE, { headers: { 'X-One': '1', Cookie: 'a=b' } }],
    ['a list for a header', HERE, { headers: { 'X-List': ['1', '2'] } }],
    ['a number for a header', HERE, { headers: { 'X-Number': 5 } }],
    [
      'headers that it sets itself',
      HERE,
      { headers: { 'Sec-WebSocket-Key': 'mine', upgrade: 'h2c', CONNECTION: 'close', 'Sec-WebSocket-Version': 7 } },
    ],
    ['a Host header', HERE, { headers: { Host: 'other.example' } }],
    ['an Origin header and option', HERE, { headers: { Origin: 'http://a' }, origin: 'http://b' }],
    ['a subprotocol header', HERE, { headers: { 'Sec-WebSocket-Protocol': 'x' } }],
    ['setHost false', HERE, { setHost: false }],
    [
      'options that are overruled',
      HERE,
      {
        host: 'nowhere.invalid',
        port: 1,
        path: '/no',
        method: 'POST',
        protocol: 'x:',
        hostname: 'y',
        socketPath: '/z',
        timeout: 1,
      },
    ],
    ['defaultPort', HERE, { defaultPort: 1 }],
    ['an agent', HERE, { agent: new Agent() }],
    ['agent false', HERE, { agent: false }],
    ['followRedirects', HERE, { followRedirects: true, headers: { 'X-Upper': 'a' } }],
    ['followRedirects and auth', HERE, { followRedirects: true, auth: 'a:b' }],
    ['insecureHTTPParser', HERE, { insecureHTTPParser: true }],
    ['uniqueHeaders', HERE, { headers: { a: ['1', '2'] }, uniqueHeaders: ['a'] }],
  ])('with %s', (_, path, options, protocols) => sameWithBoth((library) => request(library, path, options, protocols)));

  test('to an IPv6 address', () =>
    sameWithBoth(async (library) => {
      const server = createServer().listen(0, '::1');
      const [first] = (await Promise.race([once(server, 'listening'), once(server, 'error')])) as [Error?];
      if (first) return 'no IPv6';
      const heads: unknown[] = [];
      server.on('upgrade', (message: IncomingMessage, socket: { destroy(): void }) => {
        heads.push(message.headers.host?.replace(/\d+$/, 'PORT'), message.socket.remoteAddress);
        socket.destroy();
      });
      const ws = create(library, `ws://[::1]:${(server.address() as { port: number }).port}/`, { perMessageDeflate: false });
      ws.on('error', () => {});
      await closed(ws);
      server.close();
      return heads;
    }));

  test.each(['', ':/path?query', ':', ':/a:b'])('over a Unix socket: %s', (rest) =>
    sameWithBoth(async (library) => {
      const folder = await mkdtemp(join(tmpdir(), 'oracle-'));
      const path = join(folder, 's');
      const server = createServer().listen(path);
      await once(server, 'listening');
      const seen: unknown[] = [];
      server.on('upgrade', (message: IncomingMessage, socket: { destroy(): void }) => {
        seen.push(message.url, message.headers.host, message.method);
        socket.destroy();
      });
      const ws = create(library, `ws+unix://${path}${rest}`, { perMessageDeflate: false });
      ws.on('error', (error) => seen.push(errorOf(error)));
      await closed(ws);
      server.close();
      await rm(folder, { recursive: true });
      return [seen, ws.url.replace(path, 'SOCKET')];
    }),
  );
});

describe('answers', () => {
  const OK = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  test.each<[string, (head: string) => string, unknown?, Options?]>([
    ['good', (head) => acceptance(head)],
    ['good, in capitals', (head) => acceptance(head).replace('websocket', 'WebSocket')],
    ['good, with more headers', (head) => acceptance(head, 'X-More: 1\r\n')],
    ['a wrong key', () => `${OK}Sec-WebSocket-Accept: AAAA\r\n\r\n`],
    ['no key', () => `${OK}\r\n`],
    ['another upgrade', (head) => acceptance(head).replace('websocket', 'h2c')],
    ['a subprotocol that was asked for', (head) => acceptance(head, 'Sec-WebSocket-Protocol: b\r\n'), ['a', 'b']],
    ['a subprotocol that was not', (head) => acceptance(head, 'Sec-WebSocket-Protocol: c\r\n'), ['a', 'b']],
    ['two subprotocols', (head) => acceptance(head, 'Sec-WebSocket-Protocol: a, b\r\n'), ['a', 'b']],
    ['a subprotocol nobody asked for', (head) => acceptance(head, 'Sec-WebSocket-Protocol: c\r\n')],
    ['no subprotocol', (head) => acceptance(head), ['a', 'b']],
    ['an empty subprotocol', (head) => acceptance(head, 'Sec-WebSocket-Protocol:\r\n'), ['a']],
    ['an extension nobody asked for', (head) => acceptance(head, 'Sec-WebSocket-Extensions: permessage-deflate\r\n')],
    ['200', () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['400', () => 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['401', () => 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n'],
    ['503', () => 'HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy'],
    ['a redirect nobody follows', () => 'HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n'],
    ['a redirect without an address', () => 'HTTP/1.1 302 Found\r\n\r\n', [], { followRedirects: true }],
    ['a redirect with an empty address', () => 'HTTP/1.1 302 Found\r\nLocation:\r\n\r\n', [], { followRedirects: true }],
    ['200 with an address', () => 'HTTP/1.1 200 OK\r\nLocation: /x\r\n\r\n', [], { followRedirects: true }],
    ['a redirect to a bad URL', () => 'HTTP/1.1 302 Found\r\nLocation: ws://:x\r\n\r\n', [], { followRedirects: true }],
    ['a redirect to another scheme', () => 'HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\n\r\n', [], { followRedirects: true }],
    ['a redirect to a fragment', () => 'HTTP/1.1 302 Found\r\nLocation: /a#b\r\n\r\n', [], { followRedirects: true }],
    ['a loop', () => 'HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n', [], { followRedirects: true, maxRedirects: 3 }],
    ['a redirect too many', () => 'HTTP/1.1 307 Moved\r\nLocation: /\r\n\r\n', [], { followRedirects: true, maxRedirects: 0 }],
    ['no HTTP', () => 'nonsense\r\n\r\n'],
    ['nothing', () => ''],
  ])('%s', (_, answer, protocols, options) =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket, head) => {
        const text = answer(head);
        if (text.startsWith('HTTP/1.1 101')) socket.write(text);
        else socket.end(text);
        setTimeout(() => socket.end(), 30);
      });
      const ws = create(library, `ws://127.0.0.1:${server.port}`, protocols ?? [], { perMessageDeflate: false, ...options });
      const log = record(ws, [], ['open', 'close', 'error', 'upgrade']);
      await closed(ws);
      server.close();
      return [log.map((entry) => JSON.stringify(entry).replaceAll(String(server.port), 'PORT')), ws.protocol, ws.extensions];
    }),
  );

  test('gives up after handshakeTimeout', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer(() => {});
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false, handshakeTimeout: 40 });
      const log = record(ws);
      await closed(ws);
      server.close();
      return log;
    }));

  test('reports a port where nobody listens', () =>
    sameWithBoth(async (library) => {
      const port = await freePort();
      const ws = create(library, `ws://127.0.0.1:${port}`);
      const log = record(ws);
      await closed(ws);
      return JSON.stringify(log).replaceAll(String(port), 'PORT');
    }));

  test.each(['upgrade', 'unexpected-response', 'redirect', 'open'] as const)('may be closed in %s', (event) =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket, head, index) => {
        if (event === 'upgrade' || event === 'open') socket.write(acceptance(head));
        else if (event === 'redirect' && index === 0) socket.end('HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n');
        else socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
        setTimeout(() => socket.end(), 30);
      });
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false, followRedirects: true });
      const log: unknown[] = [];
      ws.on(event, () => {
        log.push(event, ws.readyState);
        ws.close();
        log.push(ws.readyState);
        ws.terminate();
      });
      ws.on('error', (error) => log.push(errorOf(error), ws.readyState));
      ws.on('close', (code) => log.push(code, ws.readyState));
      await closed(ws);
      await sleep(10);
      server.close();
      return log;
    }),
  );

  test('hands over an unexpected response', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket) =>
        socket.end('HTTP/1.1 403 No\r\nX-Why: because\r\nContent-Length: 4\r\n\r\nbody'),
      );
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
      const log: unknown[] = [];
      ws.on('error', (error) => log.push(errorOf(error)));
      ws.on('unexpected-response', (sent, response) => {
        void (async () => {
          let body = '';
          for await (const chunk of response) body += String(chunk);
          log.push(sent.method, response.statusCode, response.headers['x-why'], body, ws.readyState);
          ws.terminate();
        })();
      });
      await closed(ws);
      server.close();
      return log;
    }));

  test('fails when the request is destroyed after an unexpected response', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket) => void socket.write('HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\n'));
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
      const log = record(ws, [], ['error', 'close']);
      ws.on('unexpected-response', (sent) => sent.destroy(new Error('seen enough')));
      await Promise.race([closed(ws), sleep(200)]);
      ws.terminate();
      await sleep(5);
      server.close();
      return log;
    }));
});
