import fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { UsageError } from '../../../src/base/errors.ts';
import { formatHead, type HeaderSource } from '../../../src/handshake/headers.ts';
import { requestHeadParser } from '../../../src/handshake/http-head.ts';
import { refusalHead } from '../../../src/handshake/refusal.ts';
import { acceptanceHead, checkRequest, type HandshakeRequest } from '../../../src/handshake/server.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HEADERS: Readonly<Record<string, string>> = {
  host: 'server.example.com',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

type Changes = Readonly<Record<string, string | string[] | undefined>>;

function request(changes: Changes = {}, more: Partial<HandshakeRequest> = {}): HandshakeRequest {
  return { method: 'GET', httpVersion: '1.1', headers: { ...HEADERS, ...changes }, ...more };
}

function expectRefusal(asked: HandshakeRequest, status: number, reason: string, headers: object = {}): void {
  expect(checkRequest(asked)).toEqual({ accepted: false, status, reason, headers });
}

/** What ws's server writes for a request. */
function answerOfWs(asked: HandshakeRequest): string {
  let output = '';
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, callback) => {
      output += chunk.toString();
      callback();
    },
  });
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  Object.assign(socket, { setTimeout: () => socket, setNoDelay: () => socket });
  server.handleUpgrade({ url: '/', ...asked } as unknown as IncomingMessage, socket, Buffer.alloc(0), () => undefined);
  for (const client of server.clients) client.terminate();
  return output;
}

/** What we write for it, accepting no extension. */
function ourAnswer(asked: HandshakeRequest): string {
  const result = checkRequest(asked);
  if (!result.accepted) return refusalHead(result);
  return formatHead(acceptanceHead({ key: result.key, protocol: result.protocols[0] }));
}

describe('checkRequest', () => {
  test('server accepts the request of RFC 6455 section 1.2', () => {
    const changes = {
      origin: 'http://example.com',
      'sec-websocket-protocol': 'chat, superchat',
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
    };
    expect(checkRequest(request(changes))).toEqual({
      accepted: true,
      key: KEY,
      version: 13,
      protocols: ['chat', 'superchat'],
      origin: 'http://example.com',
      extensionsHeader: 'permessage-deflate; client_max_window_bits',
      extensions: [{ name: 'permessage-deflate', parameters: [{ name: 'client_max_window_bits' }] }],
    });
  });

  test('server refuses a request with a body, whose bytes would be read as frames', () => {
    for (const field of [{ 'content-length': '4' }, { 'content-length': '0, 4' }, { 'transfer-encoding': 'chunked' }]) {
      expectRefusal(request(field), 400, 'A request with a body cannot open a WebSocket');
    }
    expect(checkRequest(request({ 'content-length': '0' })).accepted).toBe(true);
  });

  test('server refuses two Host fields, of which a proxy may have believed the other', () => {
    const rawHeaders = ['Host', 'server.example.com', 'Upgrade', 'websocket', 'hOST', 'other.example.com'];
    expectRefusal(request({}, { rawHeaders }), 400, 'Missing or invalid Host header');
    expect(checkRequest(request({}, { rawHeaders: rawHeaders.slice(0, 4) })).accepted).toBe(true);
  });

  test('server accepts the least that a request must have', () => {
    expect(checkRequest(request())).toEqual({
      accepted: true,
      key: KEY,
      version: 13,
      protocols: [],
      origin: undefined,
      extensionsHeader: undefined,
      extensions: [],
    });
  });

  test('server reads the origin of version 8 from its own field', () => {
    const changes = { 'sec-websocket-version': '8', origin: 'http://a', 'sec-websocket-origin': 'http://b' };
    expect(checkRequest(request(changes))).toMatchObject({ accepted: true, version: 8, origin: 'http://b' });
    expect(checkRequest(request({ ...changes, 'sec-websocket-version': '13' }))).toMatchObject({ origin: 'http://a' });
  });

  test('server reads fields by function, also those of our own parser', () => {
    const lines = ['GET / HTTP/1.1', ...Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}`)];
    const parsed = requestHeadParser().feed(Buffer.from(formatHead(lines)));
    if (!parsed?.accepted) throw new Error('not parsed');
    const headers: HeaderSource = (name) => parsed.head.headers.get(name);
    expect(checkRequest({ ...parsed.head, headers })).toMatchObject({ accepted: true, key: KEY });
  });

  test('server takes tokens of Upgrade and Connection in any case and among others', () => {
    for (const changes of [{ upgrade: 'WebSocket' }, { upgrade: 'h2c, WEBSOCKET' }, { connection: 'keep-alive, upgrade' }]) {
      expect(checkRequest(request(changes)), JSON.stringify(changes)).toMatchObject({ accepted: true });
    }
  });

  test('server refuses a method other than GET', () => {
    for (const method of ['POST', 'get', 'CONNECT', undefined])
      expectRefusal(request({}, { method }), 405, 'Invalid HTTP method');
  });

  test('server refuses HTTP before 1.1', () => {
    for (const httpVersion of ['1.0', '0.9', '', '1', 'x.y', '1.1.1']) {
      expectRefusal(request({}, { httpVersion }), 400, 'HTTP/1.1 or higher is required');
    }
    for (const httpVersion of ['1.1', '1.2', '2.0']) expect(checkRequest(request({}, { httpVersion })).accepted).toBe(true);
  });

  test('server refuses a missing or wrong Upgrade', () => {
    for (const upgrade of [undefined, '', 'h2c', 'websocket2', 'web socket']) {
      expectRefusal(request({ upgrade }), 400, 'Invalid Upgrade header');
    }
  });

  test('server refuses a missing or wrong Connection', () => {
    for (const connection of [undefined, '', 'keep-alive', 'upgraded']) {
      expectRefusal(request({ connection }), 400, 'Invalid Connection header');
    }
  });

  test('server refuses a missing or wrong Host', () => {
    for (const host of [undefined, '', 'a b', 'a, b', 'user@a'])
      expectRefusal(request({ host }), 400, 'Missing or invalid Host header');
  });

  test('server refuses a missing, wrong or duplicated key', () => {
    for (const key of [undefined, '', 'abc', `${KEY}, ${KEY}`, [KEY, KEY]]) {
      expectRefusal(request({ 'sec-websocket-key': key }), 400, 'Missing or invalid Sec-WebSocket-Key header');
    }
  });

  test('server names its versions when it refuses another', () => {
    for (const version of [undefined, '', '7', '9', '14', '13.0', '0xd', '13, 8', '13abc', ['13', '13']]) {
      expectRefusal(request({ 'sec-websocket-version': version }), 400, 'Missing or invalid Sec-WebSocket-Version header', {
        'Sec-WebSocket-Version': '13, 8',
      });
    }
  });

  test('server refuses malformed subprotocols and extensions', () => {
    for (const value of ['', 'a,,b', 'a, a', 'a b', 'a;b']) {
      expectRefusal(request({ 'sec-websocket-protocol': value }), 400, 'Invalid Sec-WebSocket-Protocol header');
    }
    for (const value of ['', 'a;', 'a;b="', 'a b', ';']) {
      const reason = 'Invalid or unacceptable Sec-WebSocket-Extensions header';
      expectRefusal(request({ 'sec-websocket-extensions': value }), 400, reason);
    }
  });

  test('server answers byte for byte as ws does, one fault or several', () => {
    const asked: HandshakeRequest[] = [
      request(),
      request({ 'sec-websocket-version': '8' }),
      request({ 'sec-websocket-protocol': 'chat, superchat' }),
      request({}, { method: 'POST' }),
      request({ upgrade: undefined }),
      request({ upgrade: 'h2c' }),
      request({ 'sec-websocket-key': undefined }),
      request({ 'sec-websocket-key': 'abc' }),
      request({ 'sec-websocket-version': undefined }),
      request({ 'sec-websocket-version': '12' }),
      request({ 'sec-websocket-protocol': '' }),
      request({ 'sec-websocket-protocol': 'a,a' }),
      request({ 'sec-websocket-extensions': 'permessage-deflate;' }),
      request({ upgrade: 'h2c', 'sec-websocket-key': 'abc' }, { method: 'POST' }),
      request({ upgrade: 'h2c', 'sec-websocket-key': 'abc' }),
      request({ 'sec-websocket-key': 'abc', 'sec-websocket-version': '9' }),
      request({ 'sec-websocket-version': '9', 'sec-websocket-protocol': ',' }),
      request({ 'sec-websocket-protocol': ',', 'sec-websocket-extensions': ',' }),
    ];
    for (const each of asked) expect(ourAnswer(each), JSON.stringify(each)).toBe(answerOfWs(each));
  });

  test('server never throws for what a peer sent, and every refusal can be written', () => {
    const names = [...Object.keys(HEADERS), 'sec-websocket-protocol', 'sec-websocket-extensions', 'origin'];
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...Object.values(HEADERS), undefined),
      fc.array(fc.string()),
    );
    const changes = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
    fc.assert(
      fc.property(changes, fc.string(), (headers, httpVersion) => {
        for (const asked of [request(headers), request(headers, { httpVersion })]) {
          const result = checkRequest(asked);
          if (!result.accepted) expect(refusalHead(result)).toContain(`\r\n\r\n${result.reason}`);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('acceptanceHead', () => {
  test('server answers as RFC 6455 section 1.3 shows', () => {
    expect(acceptanceHead({ key: KEY })).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    ]);
  });

  test('server adds subprotocol, extensions and further lines in this order', () => {
    const lines = acceptanceHead({
      key: KEY,
      protocol: 'chat',
      extensions: 'permessage-deflate',
      headers: ['Set-Cookie: a=b'],
    });
    expect(lines.slice(4)).toEqual([
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Extensions: permessage-deflate',
      'Set-Cookie: a=b',
    ]);
    expect(acceptanceHead({ key: KEY, protocol: '', extensions: '' })).toHaveLength(4);
  });

  test('server refuses to write what forges lines', () => {
    for (const more of [
      { protocol: 'a\r\nB: c' },
      { protocol: 'a b' },
      { extensions: 'a\r\nB: c' },
      { headers: ['A: b\r\nC: d'] },
      { headers: ['A: b', ''] },
      { headers: ['no colon'] },
      { headers: ['A\n: b'] },
    ]) {
      expect(() => acceptanceHead({ key: KEY, ...more }), JSON.stringify(more)).toThrow(UsageError);
    }
  });
});
