// WebSocket of the jsh facade, against the server of ws and raw peers.

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebSocket as Peer } from 'ws';
import { WebSocket, type MessageEvent } from '../../../src/compat/jsh/index.ts';
import { hex, pattern } from '../../support/frames.ts';
import { Cleanup, freePort, serveRaw, until } from '../../support/sockets.ts';
import { sleep } from '../../support/sleep.ts';
import { event, open, serve, serveWs } from './served-sockets.ts';

/** An open pair: our client, ws's server. */
async function pair(): Promise<{ ws: WebSocket; peer: Peer }> {
  const { url, server } = await serveWs();
  const connected = once(server, 'connection') as Promise<[Peer]>;
  const ws = await open(url);
  return { ws, peer: (await connected)[0] };
}

describe('constructor', () => {
  test.each([
    [[], 'undefined'],
    [[undefined], 'undefined'],
    [[null], 'object'],
    [[5], 'number'],
    [[5n], 'bigint'],
    [[true], 'boolean'],
    [[() => 'ws://127.0.0.1/'], 'function'],
    [[Symbol('url')], 'symbol'],
    [[{}], 'object'],
    [[new URL('ws://127.0.0.1/')], 'object'],
    [[['ws://127.0.0.1/']], 'object'],
  ])('client throws TypeError for the arguments %o', (values: unknown[], type) => {
    expect(() => new WebSocket(...(values as [string]))).toThrow(new TypeError(`URL must be a string, got ${type}`));
  });

  test.each([null, 5, true, {}, new Set(['chat']), () => 'chat'])(
    'client throws TypeError for the protocols %s',
    (protocols) => {
      expect(() => new WebSocket('ws://127.0.0.1:1/', protocols as never)).toThrow(
        new TypeError('Protocols must be a string or an array of strings'),
      );
    },
  );

  test('client is an EventEmitter with its url as it was given, and connects later', async () => {
    const { server, url } = await serveWs();
    const connection = vi.fn<() => void>();
    server.on('connection', connection);
    const ws = new WebSocket(url.slice(0, -1));
    expect(ws).toBeInstanceOf(EventEmitter);
    expect(ws).toMatchObject({ url: url.slice(0, -1), protocol: '', readyState: WebSocket.CONNECTING });
    await once(ws, 'open');
    expect(ws).toMatchObject({ url: url.slice(0, -1), protocol: '', readyState: WebSocket.OPEN });
    await until('a connection', () => connection.mock.calls.length === 1);
    ws.close();
  });

  test('class has the constants', () => {
    const { CONNECTING, OPEN, CLOSING, CLOSED, TextMessage, BinaryMessage } = WebSocket;
    expect({ CONNECTING, OPEN, CLOSING, CLOSED, TextMessage, BinaryMessage }).toEqual({
      CONNECTING: 0,
      OPEN: 1,
      CLOSING: 2,
      CLOSED: 3,
      TextMessage: 1,
      BinaryMessage: 2,
    });
  });

  test.each([
    ['a string', 'chat', ['chat'], 'chat'],
    ['an empty string', '', [], ''],
    ['an array', ['one', 'two'], ['one', 'two'], 'one'],
    ['an empty array', [], [], ''],
    ['an array with other values', [5, 'one', null, undefined, {}, 'two', ['three']], ['one', 'two'], 'one'],
  ])('client asks for the subprotocols in %s', async (_what, protocols, asked, chosen) => {
    const { url, server } = await serveWs();
    const connected = once(server, 'connection') as Promise<[Peer, { headers: Record<string, string> }]>;
    const ws = await open(url, protocols as string[]);
    const [, { headers }] = await connected;
    expect(headers['sec-websocket-protocol']?.split(',') ?? []).toEqual(asked);
    expect(ws.protocol).toBe(chosen);
  });
});

describe('send', () => {
  test('client sends a string as text', async () => {
    const { ws, peer } = await pair();
    ws.send('grüß');
    expect((await once(peer, 'message')).map(String)).toEqual(['grüß', 'false']);
  });

  test('client sends bytes as text', async () => {
    const { ws, peer } = await pair();
    const heard: unknown[] = [];
    peer.on('message', (data: Buffer, isBinary: boolean) => heard.push([data.toString(), isBinary]));
    ws.send(Buffer.from('buffer'));
    ws.send(hex('61 62 63 64').subarray(1, 3));
    ws.send(hex('64 65').buffer);
    ws.send(new DataView(hex('66 67 68').buffer, 1, 1));
    ws.send(Buffer.from('grüß'));
    ws.send(new Uint8Array());
    await until('all messages', () => heard.length === 6);
    expect(heard).toEqual(['buffer', 'bc', 'de', 'g', 'grüß', ''].map((text) => [text, false]));
  });

  test('client does not send bytes that are no UTF-8, which would end the connection', async () => {
    const { ws, peer } = await pair();
    const errors: string[] = [];
    ws.on('error', ({ message }) => errors.push(message));
    ws.send(hex('ff'));
    ws.send('still open');
    expect(String((await once(peer, 'message'))[0])).toBe('still open');
    expect(errors).toEqual(['websocket: the bytes of a text message must be UTF-8']);
  });

  test.each([
    [undefined, '<nil>'],
    [null, '<nil>'],
    [5, 'int64'],
    [-5, 'int64'],
    [0, 'int64'],
    [2 ** 53, 'float64'],
    [1.5, 'float64'],
    [Number.NaN, 'float64'],
    [true, 'bool'],
    [5n, '*big.Int'],
    [['text'], '[]interface {}'],
    [{}, 'map[string]interface {}'],
    [() => 'text', 'func(goja.FunctionCall) goja.Value'],
  ])('client emits an error for %o and stays open', async (data: unknown, type) => {
    const { ws } = await pair();
    const errors: Error[] = [];
    ws.on('error', (error) => errors.push(error));
    ws.send(data as never);
    expect(errors).toEqual([new TypeError(`unsupported message type: ${type}`)]);
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });

  test('client emits an error while it is not open, and never throws', async () => {
    const { url } = await serveWs();
    const ws = new WebSocket(url);
    const states: number[] = [];
    // Nobody listens.
    ws.send('early');
    ws.on('error', (error) => {
      expect(error).toEqual(new Error('websocket is not open'));
      states.push(ws.readyState);
    });
    ws.send('early');
    ws.send(5 as never);
    await once(ws, 'open');
    ws.close();
    ws.send('late');
    expect(states).toEqual([0, 0, 3]);
  });
});

describe('message', () => {
  test('client gets text as a string and binary as bytes, with their type', async () => {
    const { ws, peer } = await pair();
    peer.send('grüß');
    expect(await once(ws, 'message')).toEqual([{ type: WebSocket.TextMessage, data: 'grüß' }]);
    peer.send(hex('00 ff'));
    const [{ type, data }] = (await once(ws, 'message')) as [MessageEvent];
    expect(type).toBe(WebSocket.BinaryMessage);
    expect(data).toEqual(Buffer.from([0, 255]));
  });

  test.each([0, 125, 126, 65536, 1_000_000])('client echoes %i bytes, and gets both types', async (size) => {
    const { ws, peer } = await pair();
    peer.on('message', (data) => peer.send(data as Buffer, { binary: false }));
    peer.send(pattern(size));
    const [binary] = (await once(ws, 'message')) as [MessageEvent];
    expect((binary.data as Buffer).equals(pattern(size))).toBe(true);
    ws.send('x'.repeat(size));
    const [text] = (await once(ws, 'message')) as [MessageEvent];
    expect(text.data === 'x'.repeat(size)).toBe(true);
  });

  test('client keeps binary messages apart from those that follow', async () => {
    const { ws, peer } = await pair();
    const heard: Buffer[] = [];
    ws.on('message', ({ data }) => heard.push(data as Buffer));
    for (let count = 0; count < 50; count++) peer.send(pattern(100, count + 1));
    await until('all messages', () => heard.length === 50);
    heard.forEach((data, index) => expect(data.equals(pattern(100, index + 1))).toBe(true));
  });

  test('client hears messages that came with the handshake behind an await', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url } = await serveRaw(cleanup, { extra: hex('81 05 48 65 6c 6c 6f') });
    const ws = new WebSocket(url);
    await once(ws, 'open');
    expect(await once(ws, 'message')).toEqual([{ type: 1, data: 'Hello' }]);
    ws.close();
  });
});

describe('close', () => {
  test('client closes at once, emits close once, and tells the peer', async () => {
    const { ws, peer } = await pair();
    const closes: unknown[] = [];
    ws.on('close', (...values) => closes.push([ws.readyState, ...values]));
    const gone = once(peer, 'close') as Promise<[number, Buffer]>;
    const last = once(peer, 'message');
    ws.send('last words');
    ws.close();
    expect(closes).toEqual([[WebSocket.CLOSED]]);
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    ws.close();
    expect(String((await last)[0])).toBe('last words');
    expect((await gone)[0]).toBe(1000);
    expect(closes).toHaveLength(1);
  });

  test('client hears no message behind its close', async () => {
    const { ws, peer } = await pair();
    const heard: unknown[] = [];
    ws.on('message', ({ data }) => {
      heard.push(data);
      ws.close();
    });
    ws.on('error', (error) => heard.push(error));
    peer.send('one');
    peer.send('two');
    await once(peer, 'close');
    expect(heard).toEqual(['one']);
  });

  test('client gives up connecting, with close and no error', async () => {
    const { url, server } = await serveWs();
    const heard: string[] = [];
    server.on('connection', () => heard.push('connection'));
    for (const isLate of [false, true]) {
      const ws = new WebSocket(url);
      for (const name of ['open', 'error', 'close']) ws.on(name, () => heard.push(`${name} ${ws.readyState}`));
      // At once, or when the request is under way.
      if (isLate) await Promise.resolve();
      ws.close();
      expect(ws.readyState).toBe(WebSocket.CLOSED);
    }
    await open(url);
    await until('the connection of the last', () => heard.includes('connection'));
    expect(heard).toEqual(['close 3', 'close 3', 'connection']);
  });

  test.each([
    ['without a code', (peer: Peer) => peer.close(), 'websocket: close 1005 (no status)'],
    ['with 1000', (peer: Peer) => peer.close(1000), 'websocket: close 1000 (normal)'],
    ['with 1001 and a reason', (peer: Peer) => peer.close(1001, 'bye'), 'websocket: close 1001 (going away): bye'],
    ['with 3000', (peer: Peer) => peer.close(3000, 'own'), 'websocket: close 3000: own'],
  ])("client tells of the peer's close %s, and of no error", async (_how, act, message) => {
    const { ws, peer } = await pair();
    const onerror = vi.fn<() => void>();
    ws.on('error', onerror);
    const closed = event<[{ error: Error }]>(ws, 'close');
    act(peer);
    const [{ error }] = await closed;
    expect(error).toEqual(new Error(message));
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    expect(onerror).not.toHaveBeenCalled();
  });

  test("client does not wait for the end of TCP behind the peer's Close frame", async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url, accept } = await serveRaw(cleanup);
    const ws = await open(url);
    const peer = await accept();
    const closed = event<[{ error: Error }]>(ws, 'close');
    peer.write(hex('88 02 03 e8'));
    expect((await closed)[0].error.message).toBe('websocket: close 1000 (normal)');
    expect(peer.socket.destroyed).toBe(false);
  });
});

/** Events in order, with the state in which they came. */
function record(ws: WebSocket): unknown[] {
  const heard: unknown[] = [];
  ws.on('open', () => heard.push(['open', ws.readyState]));
  ws.on('error', (error) => heard.push(['error', error.message, ws.readyState]));
  ws.on('close', (closing) => heard.push(['close', closing?.error.message, ws.readyState]));
  return heard;
}

describe('error', () => {
  /** What a client says that cannot connect; a moment later, so that a 'close' would show. */
  async function failure(url: string, protocols?: string[]): Promise<unknown[]> {
    const ws = new WebSocket(url, protocols);
    const heard = record(ws);
    await event(ws, 'error');
    await sleep(20);
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
    ws.close();
    expect(heard.pop()).toEqual(['close', undefined, WebSocket.CLOSED]);
    return heard;
  }

  test('client tells of a server that is not there', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    expect(await failure(`ws://${host}/`)).toEqual([['error', `dial tcp ${host}: connect: connection refused`, 0]]);
  });

  test('client tells of a name that there is not', async () => {
    const [[, message]] = (await failure('ws://name.invalid/')) as [[string, string]];
    expect(message).toMatch(/^dial tcp: lookup name\.invalid: (no such host|server misbehaving)$/);
  });

  test.each([
    'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n',
  ])('client tells of the answer %j', async (answer) => {
    const { url } = await serve(createServer().on('upgrade', (_request, socket) => socket.end(answer)));
    expect(await failure(url)).toEqual([['error', 'websocket: bad handshake', 0]]);
  });

  test('client tells of a server that hangs up', async () => {
    const { url } = await serve(createServer().on('upgrade', (_request, socket) => socket.destroy()));
    expect(await failure(url)).toEqual([['error', 'unexpected EOF', 0]]);
  });

  test.each(['', 'nonsense', 'ftp://127.0.0.1/'])('client tells of the URL %j', async (url) => {
    expect(await failure(url)).toEqual([['error', 'malformed ws or wss URL', 0]]);
  });

  test.each([[['not a token']], [['twice', 'twice']]])('client tells of the subprotocols %j', async (protocols) => {
    expect(await failure('ws://127.0.0.1:1/', protocols)).toEqual([['error', expect.stringContaining('subprotocol'), 0]]);
  });

  test('client throws nothing when nobody listens', async () => {
    const ws = new WebSocket('nonsense');
    await sleep(20);
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
  });

  const ENDINGS: readonly [string, (socket: Socket) => void, string][] = [
    ['ends', (socket) => socket.end(), 'websocket: close 1006 (abnormal closure): unexpected EOF'],
    ['resets', (socket) => socket.resetAndDestroy(), 'websocket: close 1006 (abnormal closure): unexpected EOF'],
    [
      'sends text that is no UTF-8',
      (socket) => socket.write(hex('81 01 ff')),
      'websocket: Invalid WebSocket frame: invalid UTF-8 sequence',
    ],
    ['sends a reserved opcode', (socket) => socket.write(hex('83 00')), 'websocket: Invalid WebSocket frame: invalid opcode 3'],
    ['sends too much', (socket) => socket.write(hex('82 7f 00 00 00 10 00 00 00 00')), 'websocket: read limit exceeded'],
  ];
  test.each(ENDINGS)("client emits 'error', then 'close', for a peer that %s", async (_how, act, message) => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url, accept } = await serveRaw(cleanup);
    const ws = await open(url);
    const heard = record(ws);
    act((await accept()).socket);
    await event(ws, 'close');
    expect(heard).toEqual([
      ['error', message, WebSocket.CLOSED],
      ['close', message, WebSocket.CLOSED],
    ]);
  });
});

describe('listeners', () => {
  test('addEventListener adds and removeEventListener removes', async () => {
    const { ws, peer } = await pair();
    const heard: unknown[] = [];
    const listener = (message: MessageEvent): void => void heard.push(message.data);
    ws.addEventListener('message', listener);
    peer.send('one');
    await until('a message', () => heard.length === 1);
    ws.removeEventListener('message', listener);
    peer.send('two');
    await once(ws, 'message');
    expect(heard).toEqual(['one']);
  });

  test.each(['open', 'message', 'close'])("an exception in a listener of '%s' becomes 'error'", async (name) => {
    const { url, server } = await serveWs();
    server.on('connection', (peer) => {
      peer.send('one');
      peer.send('two');
      peer.close();
    });
    const ws = new WebSocket(url);
    const mine = new Error('mine');
    const heard: unknown[] = [];
    ws.on('error', (error) => heard.push(error));
    ws.on(name, () => {
      throw mine;
    });
    ws.on('close', () => heard.push('closed'));
    await until('the end', () => ws.readyState === WebSocket.CLOSED && heard.length > 0);
    await sleep(5);
    expect(heard).toEqual(
      { open: [mine, 'closed'], message: [mine, mine, 'closed'], close: [mine, 'closed'] }[
        name as 'open' | 'message' | 'close'
      ],
    );
  });

  test("the rejection of an async listener becomes 'error', and what is no Error is made one", async () => {
    const { ws, peer } = await pair();
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    const listener: () => unknown = () => Promise.reject('mine');
    ws.on('message', listener);
    const failed = event<[Error]>(ws, 'error');
    peer.send('one');
    expect((await failed)[0]).toEqual(new Error('mine'));
  });

  test('an exception that nobody hears is a warning of the process', async () => {
    const { ws, peer } = await pair();
    ws.on('message', () => {
      throw new Error('mine, unheard');
    });
    const warned = event<[Error]>(process, 'warning');
    peer.send('one');
    expect((await warned)[0].message).toBe('mine, unheard');
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });

  test.each<[how: string, listener: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('of the error listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('of the error listener'))],
  ])("an 'error' listener that %s is a warning of the process, and the next one is called", async (_how, listener) => {
    const { ws, peer } = await pair();
    const heard: unknown[] = [];
    ws.on('error', listener);
    ws.on('error', (error) => heard.push(error.message));
    ws.on('message', () => {
      throw new Error('mine');
    });
    const warned = event<[Error]>(process, 'warning');
    peer.send('one');
    expect((await warned)[0].message).toBe('of the error listener');
    expect(heard).toEqual(['mine']);
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });
});
