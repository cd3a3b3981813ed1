// WebSocket of the jsh facade, against the server of ws and raw peers.

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WebSocket as Peer } from 'ws';
import { WebSocket, type MessageEvent } from '../../../src/compat/jsh/index.ts';
import { hex, pattern } from '../../support/frames.ts';
import { Cleanup, serveRaw, until } from '../../support/sockets.ts';
import { event, open, serve, serveWs } from './support.ts';

/** An open pair: our client, ws's server. */
async function pair(): Promise<{ ws: WebSocket; peer: Peer }> {
  const { url, server } = await serveWs();
  const connected = once(server, 'connection') as Promise<[Peer]>;
  const ws = await open(url);
  return { ws, peer: (await connected)[0] };
}

describe('constructor', () => {
  test.each([[[]], [[undefined]], [[null]], [[5]], [[{}]], [[new URL('ws://127.0.0.1/')]], [[['ws://127.0.0.1/']]]])(
    'client throws TypeError for the arguments %j',
    (values) => {
      expect(() => new WebSocket(...(values as [string]))).toThrow(TypeError);
    },
  );

  test.each([null, 5, true, {}, new Set(['chat']), () => 'chat'])(
    'client throws TypeError for the protocols %s',
    (protocols) => {
      expect(() => new WebSocket('ws://127.0.0.1:1/', protocols as never)).toThrow(TypeError);
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

  test('client sends bytes as binary', async () => {
    const { ws, peer } = await pair();
    const heard: unknown[] = [];
    peer.on('message', (data: Buffer, isBinary: boolean) => heard.push([data.toString(), isBinary]));
    ws.send(Buffer.from('buffer'));
    ws.send(hex('61 62 63 64').subarray(1, 3));
    ws.send(hex('64 65').buffer);
    await until('three messages', () => heard.length === 3);
    expect(heard).toEqual([
      ['buffer', true],
      ['bc', true],
      ['de', true],
    ]);
  });

  test.each([undefined, null, 5, {}, ['text']])('client emits an error for %j and stays open', async (data) => {
    const { ws } = await pair();
    const errors: Error[] = [];
    ws.on('error', (error) => errors.push(error));
    ws.send(data as never);
    expect(errors[0]).toBeInstanceOf(TypeError);
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });

  test('client emits an error while it is not open, and never throws', async () => {
    const { url } = await serveWs();
    const ws = new WebSocket(url);
    const states: number[] = [];
    // Nobody listens.
    ws.send('early');
    ws.on('error', (error) => {
      expect(error).toMatchObject({ message: 'The WebSocket is not open' });
      states.push(ws.readyState);
    });
    ws.send('early');
    await once(ws, 'open');
    ws.close();
    ws.send('late');
    await event(ws, 'close');
    ws.send('too late');
    expect(states).toEqual([0, 2, 3]);
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

  test.each([0, 125, 126, 65536, 1_000_000])('client echoes %i bytes with both types', async (size) => {
    const { ws, peer } = await pair();
    peer.on('message', (data, isBinary) => peer.send(data as Buffer, { binary: isBinary }));
    ws.send(pattern(size));
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
  test('client goes through CLOSING to CLOSED and emits close once', async () => {
    const { ws, peer } = await pair();
    const onclose = vi.fn<(...values: unknown[]) => void>();
    ws.on('close', onclose);
    const gone = once(peer, 'close') as Promise<[number, Buffer]>;
    ws.close();
    expect(ws.readyState).toBe(WebSocket.CLOSING);
    ws.close();
    await event(ws, 'close');
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    ws.close();
    expect((await gone)[0]).toBe(1000);
    expect(onclose.mock.calls).toEqual([[]]);
  });

  test('client gives up connecting, with close and no error', async () => {
    const { url, server } = await serveWs();
    const heard: string[] = [];
    server.on('connection', () => heard.push('connection'));
    for (const isLate of [false, true]) {
      const ws = new WebSocket(url);
      for (const name of ['open', 'error', 'close']) ws.on(name, () => heard.push(name));
      // At once, or when the request is under way.
      if (isLate) await Promise.resolve();
      ws.close();
      expect(ws.readyState).toBe(WebSocket.CLOSING);
      await event(ws, 'close');
      expect(ws.readyState).toBe(WebSocket.CLOSED);
    }
    await open(url);
    await until('the connection of the last', () => heard.includes('connection'));
    expect(heard).toEqual(['close', 'close', 'connection']);
  });

  test('client closes when the peer does, and when it vanishes', async () => {
    for (const how of ['close', 'terminate'] as const) {
      const { ws, peer } = await pair();
      peer[how]();
      await event(ws, 'close');
      expect(ws.readyState).toBe(WebSocket.CLOSED);
    }
  });
});

describe('error', () => {
  /** The events of a client that cannot connect. */
  async function failure(url: string, protocols?: string[]): Promise<[string, ...string[]]> {
    const ws = new WebSocket(url, protocols);
    const heard: string[] = [];
    let message = '';
    ws.on('open', () => heard.push('open'));
    ws.on('error', (error) => {
      message = error.message;
      heard.push(`error ${ws.readyState}`);
    });
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
    await event(ws, 'close');
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    return [message, ...heard];
  }

  test('client tells of a server that is not there', async () => {
    const { url, server } = await serveWs();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    expect(await failure(url)).toEqual([expect.stringContaining('ECONNREFUSED'), 'error 2']);
  });

  test('client tells of a refused handshake', async () => {
    const { url } = await serve(
      createServer().on('upgrade', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')),
    );
    expect(await failure(url)).toEqual(['Unexpected server response: 403', 'error 2']);
  });

  test.each(['', 'nonsense', 'ftp://127.0.0.1/'])('client tells of the URL %j', async (url) => {
    expect(await failure(url)).toEqual([expect.stringContaining('URL'), 'error 2']);
  });

  test.each([[['not a token']], [['twice', 'twice']]])('client tells of the subprotocols %j', async (protocols) => {
    expect(await failure('ws://127.0.0.1:1/', protocols)).toEqual([expect.stringContaining('subprotocol'), 'error 2']);
  });

  test('client closes, and throws nothing, when nobody listens', async () => {
    const ws = new WebSocket('nonsense');
    await event(ws, 'close');
    expect(ws.readyState).toBe(WebSocket.CLOSED);
  });

  test('client tells of a peer that breaks the protocol', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url, accept } = await serveRaw(cleanup);
    const ws = await open(url);
    const peer = await accept();
    const closed = event(ws, 'close');
    peer.write(hex('81 01 ff'));
    const [error] = await event<[Error]>(ws, 'error');
    expect(error).toMatchObject({ code: 'WS_ERR_INVALID_UTF8' });
    peer.socket.end();
    await closed;
  });
});
