import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { UsageError } from '../../../src/base/errors.ts';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import {
  checkResponse,
  formatRequestHead,
  keyOfBytes,
  requestHeaders,
  type ExpectedResponse,
} from '../../../src/handshake/client.ts';
import { formatHead } from '../../../src/handshake/headers.ts';
import { requestHeadParser, responseHeadParser } from '../../../src/handshake/http-head.ts';
import { checkRequest } from '../../../src/handshake/server.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const HEADERS: Readonly<Record<string, string>> = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': ACCEPT,
};

function check(
  changes: Readonly<Record<string, string | undefined>> = {},
  expected: Omit<ExpectedResponse, 'key'> = {},
  status = 101,
): unknown {
  return checkResponse({ status, headers: { ...HEADERS, ...changes } }, { key: KEY, ...expected });
}

describe('requestHeaders', () => {
  test('client makes a key of 16 bytes', () => {
    expect(keyOfBytes(Buffer.from('the sample nonce'))).toBe(KEY);
    expect(() => keyOfBytes(new Uint8Array(15))).toThrow(UsageError);
  });

  test('client asks for no more than it must', () => {
    expect(Object.entries(requestHeaders({ key: KEY }))).toEqual([
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', KEY],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
    ]);
  });

  test('client writes all fields in order, Host first', () => {
    const handshake = { key: KEY, host: 'a:81', protocols: ['x', 'y'], origin: 'http://o', extensions: 'permessage-deflate' };
    expect(Object.entries(requestHeaders(handshake))).toEqual([
      ['Host', 'a:81'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', KEY],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate'],
      ['Sec-WebSocket-Protocol', 'x,y'],
      ['Origin', 'http://o'],
    ]);
  });

  test('client names the origin as version 8 does', () => {
    const headers = requestHeaders({ key: KEY, version: 8, origin: 'http://o' });
    expect(headers).toMatchObject({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://o' });
    expect(headers).not.toHaveProperty('Origin');
  });

  test('client refuses what it may not ask for', () => {
    for (const bad of [
      { key: 'abc' },
      { version: 7 as 8 },
      { protocols: ['a', 'a'] },
      { protocols: [''] },
      { origin: 'a\r\nB: c' },
      { extensions: 'a\r\nB: c' },
      { host: 'a\r\nB: c' },
      { host: '' },
    ]) {
      expect(() => requestHeaders({ key: KEY, ...bad }), JSON.stringify(bad)).toThrow(UsageError);
    }
  });
});

describe('formatRequestHead', () => {
  test('client writes a request that our server accepts', () => {
    const text = formatRequestHead({ key: KEY, host: 'a', target: '/chat?x=y', protocols: ['p'], headers: { Cookie: 'a=b' } });
    expect(text).toBe(
      'GET /chat?x=y HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: p\r\nCookie: a=b\r\n\r\n',
    );
    const parsed = requestHeadParser().feed(Buffer.from(text));
    if (!parsed?.accepted) throw new Error('not parsed');
    const accepted = checkRequest({ ...parsed.head, headers: (name) => parsed.head.headers.get(name) });
    expect(accepted).toMatchObject({ accepted: true, key: KEY, protocols: ['p'] });
  });

  test('client lets a user replace Host but nothing else of the handshake', () => {
    const headers = { host: 'b', upgrade: 'h2c', 'SEC-WEBSOCKET-KEY': 'x', Origin: 'o', Accept: ['x', 'y'], X: undefined };
    const lines = formatRequestHead({ key: KEY, host: 'a', target: '/', headers }).split('\r\n');
    expect(lines).toEqual([
      'GET / HTTP/1.1',
      'Host: b',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Origin: o',
      'Accept: x',
      'Accept: y',
      '',
      '',
    ]);
  });

  test('client refuses targets and fields that forge lines', () => {
    const init = { key: KEY, host: 'a', target: '/' };
    for (const target of ['', 'a', '/ HTTP/1.1\r\nA: b', '/a b', '/#a', '/é']) {
      expect(() => formatRequestHead({ ...init, target }), target).toThrow(UsageError);
    }
    for (const headers of [
      { A: 'b\r\nC: d' },
      { 'A\r\n': 'b' },
      { Host: 'a\r\nB: c' },
      { Host: ['a', 'b'] },
      { A: ['b', 'c\n'] },
    ]) {
      expect(() => formatRequestHead({ ...init, headers }), JSON.stringify(headers)).toThrow(UsageError);
    }
  });
});

describe('checkResponse', () => {
  test('client opens on the response of RFC 6455 section 1.3', () => {
    expect(check({ 'sec-websocket-protocol': 'chat' }, { protocols: ['superchat', 'chat'] })).toEqual({
      accepted: true,
      protocol: 'chat',
      extensionsHeader: undefined,
      extensions: [],
    });
    expect(
      check({ upgrade: 'WebSocket', connection: 'keep-alive, UPGRADE', 'sec-websocket-accept': ` ${ACCEPT}\t` }),
    ).toMatchObject({
      accepted: true,
      protocol: '',
    });
  });

  test('client opens with an extension that it offered', () => {
    const header = { 'sec-websocket-extensions': 'permessage-deflate; server_no_context_takeover' };
    const opened = {
      accepted: true,
      protocol: '',
      extensionsHeader: 'permessage-deflate; server_no_context_takeover',
      extensions: [{ name: 'permessage-deflate', parameters: [{ name: 'server_no_context_takeover' }] }],
    };
    expect(check(header, { offeredExtensions: true })).toEqual(opened);
    expect(check(header, { offeredExtensions: [{ name: 'permessage-deflate', parameters: [] }] })).toEqual(opened);
  });

  test('client reports the status of a response other than 101', () => {
    for (const status of [200, 302, 404, 426, 500]) {
      expect(check({}, {}, status)).toEqual({ accepted: false, message: `Unexpected server response: ${status}`, status });
    }
  });

  test('client refuses a missing or wrong Upgrade, Connection or Accept', () => {
    const failure = (message: string): object => ({ accepted: false, message });
    for (const upgrade of [undefined, '', 'h2c', 'websocket, h2c'])
      expect(check({ upgrade })).toEqual(failure('Invalid Upgrade header'));
    for (const connection of [undefined, '', 'close'])
      expect(check({ connection })).toEqual(failure('Invalid Connection header'));
    for (const accept of [undefined, '', 'x', ACCEPT.toLowerCase(), `${ACCEPT}, ${ACCEPT}`]) {
      expect(check({ 'sec-websocket-accept': accept })).toEqual(failure('Invalid Sec-WebSocket-Accept header'));
    }
  });

  test('client refuses extensions in use that it did not offer, or twice', () => {
    const messages = (value: string, offeredExtensions: ExpectedResponse['offeredExtensions']): unknown =>
      (check({ 'sec-websocket-extensions': value }, { offeredExtensions }) as { message?: string }).message;
    expect(messages('a', [])).toBe('Server sent a Sec-WebSocket-Extensions header but no extension was requested');
    expect(messages('a, b', [{ name: 'a', parameters: [] }])).toBe('Server indicated an extension that was not requested');
    expect(messages('a, a', [{ name: 'a', parameters: [] }])).toBe('Invalid Sec-WebSocket-Extensions header');
    expect(messages('a;', [{ name: 'a', parameters: [] }])).toBe('Invalid Sec-WebSocket-Extensions header');
  });
});

describe('against the client of ws', () => {
  let answer: (key: string) => string[] = () => [];
  let requestText = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => {
      requestText = chunk.toString('latin1');
      const key = /^sec-websocket-key: (.*)$/im.exec(requestText)?.[1] ?? '';
      socket.write(formatHead(answer(key)));
    });
  });
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** The error message of ws, or `open`. */
  async function outcomeOfWs(protocols: string[], perMessageDeflate: boolean): Promise<string> {
    const { port } = server.address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/a?b`, protocols, { perMessageDeflate, origin: 'http://o' });
    const outcome = await new Promise<string>((resolve) => {
      socket.on('error', (error) => resolve(error.message));
      socket.on('open', () => resolve('open'));
    });
    socket.terminate();
    return outcome;
  }

  test('client fails with the message of ws, one fault or several', async () => {
    const head = (key: string): string[] => [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptKey(key)}`,
    ];
    const wrongAccept = (): string[] => [...head('').slice(0, 3), 'Sec-WebSocket-Accept: x'];
    const deflate = 'Sec-WebSocket-Extensions: permessage-deflate';
    const cases: [(key: string) => string[], string[], boolean][] = [
      [head, [], false],
      [(key) => [...head(key), deflate], [], true],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol: b'], ['a', 'b'], false],
      [() => ['HTTP/1.1 404 Not Found', 'Content-Length: 0'], [], false],
      [() => ['HTTP/1.1 302 Found', 'Location: /', 'Content-Length: 0'], [], false],
      [(key) => [head(key)[0], 'Upgrade: foo', ...head(key).slice(2)], [], false],
      [(key) => [head(key)[0], 'Upgrade: websocket, foo', ...head(key).slice(2)], [], false],
      [wrongAccept, [], false],
      [() => head('').slice(0, 3), [], false],
      [() => [...wrongAccept(), 'Sec-WebSocket-Protocol: a', deflate], [], false],
      [head, ['a'], false],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol: a'], [], false],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol: c'], ['a', 'b'], false],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol: c', deflate], ['a', 'b'], false],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b'], ['a', 'b'], false],
      [(key) => [...head(key), 'Sec-WebSocket-Protocol:'], ['a', 'b'], false],
      [(key) => [...head(key), deflate], [], false],
      [(key) => [...head(key), `${deflate};`], [], true],
      [(key) => [...head(key), `${deflate}, foo`], [], true],
      [(key) => [...head(key), 'Sec-WebSocket-Extensions: foo'], [], true],
      [(key) => [...head(key), 'Sec-WebSocket-Extensions:'], [], true],
    ];
    for (const [lines, protocols, offeredExtensions] of cases) {
      answer = lines;
      const theirs = await outcomeOfWs(protocols, offeredExtensions);
      const parsed = responseHeadParser().feed(Buffer.from(formatHead(lines(KEY))));
      if (!parsed?.accepted) throw new Error('not parsed');
      const response = { status: parsed.head.status, headers: (name: string) => parsed.head.headers.get(name) };
      const ours = checkResponse(response, { key: KEY, protocols, offeredExtensions });
      expect(ours.accepted ? 'open' : ours.message, lines(KEY).join(' | ')).toBe(theirs);
    }
  });

  test('client sends the fields of ws in its order, but for Host', async () => {
    answer = () => ['HTTP/1.1 404 Not Found', 'Content-Length: 0'];
    await outcomeOfWs(['a', 'b'], true);
    const lines = requestText.split('\r\n');
    const key = lines.find((line) => line.startsWith('Sec-WebSocket-Key'))?.slice(19) ?? '';
    const extensions = lines.find((line) => line.startsWith('Sec-WebSocket-Extensions'))?.slice(26);
    const host = lines.find((line) => line.startsWith('Host'))?.slice(6) ?? '';
    const ours = formatRequestHead({ key, host, target: '/a?b', protocols: ['a', 'b'], origin: 'http://o', extensions }).split(
      '\r\n',
    );
    const withoutHost = (all: readonly string[]): string[] => all.filter((line) => !line.startsWith('Host'));
    expect(withoutHost(ours)).toEqual(withoutHost(lines));
    expect(ours[1]).toBe(`Host: ${host}`);
  });
});
