// The handshake through a dispatcher, held against the one through node:http: the same program must see the same on both roads.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { Agent } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, type ClientOptions } from '../../../adapters/node/index.ts';
import { certificate, key } from '../../support/certificates.ts';
import { acceptanceHead, listen, sleep, until } from '../../support/sockets.ts';
import { accept, agent, CLOSE, DISPATCHERS, linesOf, rawServer, sameOnAllRoads, story } from './roads.ts';

describe('request', () => {
  test.each<[string, string, ClientOptions]>([
    ['without options', '', {}],
    ['with path and query', '/a%20b/c?d=%7B&e', {}],
    ['with subprotocols and origin', '/', { protocols: ['one', 'two'], origin: 'https://page.example' }],
    ['of version 8', '/', { protocolVersion: 8, origin: 'https://page.example' }],
    ['without compression', '/', { perMessageDeflate: false }],
    ['with fields', '/', { headers: { Cookie: 'a=1; b=2', Authorization: 'Bearer t', 'X-Number': '7', 'x-lower': 'y' } }],
    ['with a field that comes twice', '/', { headers: { 'X-List': ['a', 'b'] as never } }],
    ['with a Host of its own', '/', { headers: { Host: 'virtual.example' } }],
    ['with a host in lower case', '/', { headers: { host: 'virtual.example:81' } }],
    [
      'with fields that the handshake sets',
      '/',
      { headers: { connection: 'close', UPGRADE: 'h2c', 'sec-websocket-key': 'k', 'Sec-Websocket-Version': '7' } },
    ],
    ['with credentials', '/', { auth: 'user:päss' } as ClientOptions],
    ['with credentials and Authorization', '/', { auth: 'user:pass', headers: { authorization: 'Bearer t' } } as ClientOptions],
  ])('%s has every field once, as through node:http', (_, path, options) =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}${path}`, { ...options, ...road }));
      const lines = linesOf(peers[0].head);
      const names = lines.map((line) => line.split(':')[0]).filter((name) => name !== 'x-list');
      expect(new Set(names).size).toBe(names.length);
      return [lines, log];
    }),
  );

  test('carries the credentials of the address', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      await story(new WebSocket(`ws://us%40er:pa%3Ass@127.0.0.1:${port}/`, road));
      return linesOf(peers[0].head);
    }));

  test.each<[string, Record<string, string>]>([
    ['an invalid name', { 'a b': 'c' }],
    ['a line break in a value', { a: 'b\r\nc: d' }],
    ['no value', { a: undefined as never }],
  ])('with %s throws at once', (_, headers) =>
    sameOnAllRoads((road) => {
      try {
        return new WebSocket('ws://127.0.0.1:1', { headers, ...road });
      } catch (error) {
        return String(error);
      }
    }),
  );
});

describe('answer', () => {
  test.each<[string, (head: string) => string | Buffer]>([
    [
      'accepts',
      (head) => accept(head, ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-Twice: 1', 'X-Twice: 2', 'Server: s', 'Server: t']),
    ],
    [
      'brings a message and a Close frame along',
      (head) => Buffer.concat([Buffer.from(accept(head)), Buffer.from('8102686903', 'hex').subarray(0, 4), CLOSE]),
    ],
    ['chooses what was not offered', (head) => accept(head, ['Sec-WebSocket-Protocol: other'])],
    ['names an extension that was not offered', (head) => accept(head, ['Sec-WebSocket-Extensions: foo'])],
    ['has parameters that make no sense', (head) => accept(head, ['Sec-WebSocket-Extensions: permessage-deflate; foo'])],
    ['has another key', () => acceptanceHead('AAAAAAAAAAAAAAAAAAAAAA==')],
    ['has the key twice', (head) => accept(head, [/^Sec-WebSocket-Accept.*$/im.exec(accept(head))![0]])],
    ['upgrades to something else', (head) => accept(head).replace('websocket', 'h2c')],
    ['follows informational ones', (head) => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${accept(head)}`],
    ['is 200', () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['is 503 with a body to its end', () => 'HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n'],
    ['is a redirect that is not to be followed', () => 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'],
  ])('that %s is taken as through node:http', (_, answer) =>
    sameOnAllRoads(async (road) => {
      const { port } = await rawServer((head, peer) => {
        // Ends what stays open.
        void until('the answer', () => peer.socket.bytesWritten > 0).then(async () => {
          await sleep(20);
          peer.socket.end(CLOSE);
        });
        return answer(head);
      });
      return story(new WebSocket(`ws://127.0.0.1:${port}`, road));
    }),
  );

  test('that names a field __proto__ harms nobody', async () => {
    const { port } = await rawServer(() => 'HTTP/1.1 400 Bad\r\n__proto__: a\r\n__PROTO__: b\r\nContent-Length: 0\r\n\r\n');
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: agent() });
    const seen: unknown[] = [];
    ws.on('unexpected-response', (_request, { headers }) => {
      seen.push(Object.getPrototypeOf(headers) === Object.prototype, Object.entries(headers)[0]);
      ws.terminate();
    });
    await story(ws);
    expect(seen).toEqual([true, ['__proto__', 'a, b']]);
  });

  test('that is no HTTP fails', async () => {
    const { port } = await rawServer(() => 'SSH-2.0-server\r\n');
    for (const [, create] of DISPATCHERS) {
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: create() }));
      expect(log).toEqual([
        ['error', 'HTTPParserError', expect.any(String)],
        ['close', 1006, ''],
      ]);
    }
  });

  test('that switches protocols without Upgrade fails', async () => {
    const { port } = await rawServer((head) => accept(head).replace(/^Upgrade.*\r\n/m, ''));
    for (const [, create] of DISPATCHERS) {
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: create() }));
      expect(log).toEqual([
        ['error', 'Error', 'The server switched protocols without an Upgrade header'],
        ['close', 1006, ''],
      ]);
    }
  });

  test('that does not come fails', async () => {
    const { port } = await rawServer((_, peer) => void peer.socket.end());
    for (const [, create] of DISPATCHERS) {
      const log = await story(new WebSocket(`ws://127.0.0.1:${port}`, { dispatcher: create() }));
      expect(log).toEqual([
        ['error', 'SocketError', 'other side closed'],
        ['close', 1006, ''],
      ]);
    }
  });
});

test('answer over HTTP/2 is refused, and says what to do', async () => {
  const server = createSecureServer({ key, cert: certificate, settings: { enableConnectProtocol: true } });
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 200 }));
  const port = await listen(server);
  const dispatcher = new Agent({ allowH2: true, connect: { ca: certificate } });
  onTestFinished(async () => {
    await dispatcher.destroy();
    server.close();
  });
  const log = await story(new WebSocket(`wss://localhost:${port}`, { dispatcher }));
  expect(log).toEqual([
    ['error', 'Error', expect.stringContaining('allowH2')],
    ['close', 1006, ''],
  ]);
});

describe('unexpected-response', () => {
  test('has the response with its body', () =>
    sameOnAllRoads(async (road) => {
      const body = 'x'.repeat(300_000);
      const { port } = await rawServer(
        () => `HTTP/1.1 401 No Way\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const ws = new WebSocket(`ws://127.0.0.1:${port}/path?q`, road);
      const log: unknown[] = [];
      const look = async (request: ClientRequest, response: IncomingMessage): Promise<void> => {
        const { statusCode, statusMessage, headers, rawHeaders, httpVersion } = response;
        log.push(statusCode, statusMessage, headers, rawHeaders, httpVersion);
        log.push(request.method, request.path, request.host, request.protocol, request.getHeader('upgrade'));
        // Slower than it comes.
        await sleep(50);
        let length = 0;
        for await (const chunk of response) length += (chunk as Buffer).length;
        log.push(length, response.complete, ws.readyState);
        ws.terminate();
      };
      ws.on('unexpected-response', (request, response) => void look(request, response));
      return story(ws, log);
    }));

  test('ends with the connection, when that breaks within the body', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => 'HTTP/1.1 401 No Way\r\nContent-Length: 10\r\n\r\n12345');
      const ws = new WebSocket(`ws://127.0.0.1:${port}`, road);
      const log: unknown[] = [];
      ws.on('unexpected-response', (_request, response: IncomingMessage) => {
        response.on('data', (chunk) => {
          log.push(String(chunk));
          peers[0].socket.destroy();
        });
        response.on('error', (error) => log.push(error instanceof Error));
        response.on('close', () => {
          log.push('end', response.complete);
          ws.terminate();
        });
      });
      return story(ws, log);
    }));

  test('is given up with the client', () =>
    sameOnAllRoads(async (road) => {
      const { port, peers } = await rawServer(() => 'HTTP/1.1 401 No Way\r\nContent-Length: 10\r\n\r\n12345');
      const ws = new WebSocket(`ws://127.0.0.1:${port}`, road);
      ws.on('unexpected-response', () => ws.terminate());
      const log = await story(ws);
      await until('the end of the connection', () => peers[0]?.hasClosed);
      return log;
    }));
});

describe('redirects', () => {
  const HEADERS = { Authorization: 'Basic abc', Cookie: 'c=d', 'X-Other': '1' };

  test.each<[string, string]>([
    ['the same host', '/next?a'],
    ['another port', 'ws://127.0.0.1:OTHER/next'],
    ['an address that is none', 'foo://x'],
    ['a fragment', 'ws://127.0.0.1:OTHER/#x'],
  ])('to %s go as through node:http', (_, location) =>
    sameOnAllRoads(async (road) => {
      const refuse = (): string => 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n';
      const other = await rawServer(refuse);
      const first = await rawServer((__, ___, count) => {
        if (count > 1) return refuse();
        return `HTTP/1.1 302 Found\r\nLocation: ${location.replace('OTHER', String(other.port))}\r\nContent-Length: 0\r\n\r\n`;
      });
      const ws = new WebSocket(`ws://127.0.0.1:${first.port}`, { headers: HEADERS, followRedirects: true, ...road });
      const log = await story(ws);
      return [log, [...first.peers, ...other.peers].map(({ head }) => linesOf(head))];
    }),
  );

  test('may be changed by a listener, and are counted', () =>
    sameOnAllRoads(async (road) => {
      const server = await rawServer(() => 'HTTP/1.1 307 Again\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n');
      const options = { headers: HEADERS, followRedirects: true, maxRedirects: 2, ...road };
      const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, options);
      const log: unknown[] = [];
      ws.on('redirect', (url, request) => {
        log.push(['redirect', new URL(url).pathname, request.getHeader('cookie'), request.hasHeader('X-Other')]);
        request.setHeader('Cookie', 'e=f');
        request.removeHeader('x-other');
        request.setHeader('X-New', ['1', '2']);
      });
      await story(ws, log);
      return [log, server.peers.map(({ head }) => linesOf(head))];
    }));

  test('to a ws+unix: address fail', async () => {
    const server = await rawServer(() => 'HTTP/1.1 302 Found\r\nLocation: ws+unix:/tmp/x\r\nContent-Length: 0\r\n\r\n');
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}`, { followRedirects: true, dispatcher: agent() });
    expect(await story(ws)).toEqual([
      ['error', 'TypeError', expect.stringContaining('ws+unix')],
      ['close', 1006, ''],
    ]);
  });
});
