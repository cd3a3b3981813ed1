// Socket of the fibjs facade as a client, against the server of ws and against our own.

import { once } from 'node:events';
import { type WebSocket as Peer } from 'ws';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { BINARY, CLOSED, CLOSING, CONNECTING, OPEN, Socket, TEXT, type ErrorEvent } from '../../../src/compat/fibjs/index.ts';
import { hex, pattern } from '../../support/frames.ts';
import { Cleanup, serveRaw, until } from '../../support/sockets.ts';
import { closed, message, open, pair, serveWs } from './served-sockets.ts';

describe('properties', () => {
  test('client has url, protocol, origin and readyState', async () => {
    const { url } = await serveWs();
    const conn = new Socket(url, 'chat', 'http://example.com');
    expect(conn).toMatchObject({ url, protocol: 'chat', origin: 'http://example.com', readyState: CONNECTING });
    await once(conn, 'open');
    expect(conn).toMatchObject({ url, protocol: 'chat', origin: 'http://example.com', readyState: OPEN });
    conn.close();
    expect(conn.readyState).toBe(CLOSING);
    await closed(conn);
    expect(conn.readyState).toBe(CLOSED);
  });

  test('client has empty defaults', async () => {
    const { conn } = await pair();
    expect(conn).toMatchObject({ protocol: '', origin: '' });
  });

  test('client takes protocol, origin and headers as options', async () => {
    const { url, server } = await serveWs();
    const connected = once(server, 'connection');
    const conn = await open(url, {
      protocol: 'chat',
      origin: 'http://example.com',
      headers: { 'X-Name': 'value', 'X-List': ['a', 'b'] },
    });
    const [, request] = (await connected) as [Peer, { headers: Record<string, string> }];
    expect(conn.protocol).toBe('chat');
    expect(request.headers).toMatchObject({
      origin: 'http://example.com',
      'x-name': 'value',
      'x-list': 'a, b',
      'sec-websocket-protocol': 'chat',
    });
    expect(request.headers).not.toHaveProperty('sec-websocket-extensions');
  });

  test('client offers a list of protocols', async () => {
    const { conn } = await pair({ protocol: ['one', 'two'] }, { handleProtocols: () => 'two' });
    expect(conn.protocol).toBe('two');
  });

  test('client takes a URL object', async () => {
    const { url } = await serveWs();
    const conn = new Socket(new URL(url));
    await once(conn, 'open');
    expect(conn.url).toBe(url);
    conn.close();
  });
});

describe('messages', () => {
  test('client sends a string as text and bytes as binary', async () => {
    const { conn, peer } = await pair();
    const heard: unknown[] = [];
    peer.on('message', (data: Buffer, isBinary: boolean) => heard.push([data.toString('latin1'), isBinary]));
    conn.send('text');
    conn.send(Buffer.from('buffer'));
    conn.send(new DataView(hex('61 62 63 64').buffer, 1, 2));
    conn.send(hex('64 65').buffer);
    conn.send('');
    for (const value of [5, -1.5, 5n, true]) conn.send(value);
    await until('nine messages', () => heard.length === 9);
    expect(heard).toEqual([
      ['text', false],
      ['buffer', true],
      ['bc', true],
      ['de', true],
      ['', false],
      ['5', false],
      ['-1.5', false],
      ['5', false],
      ['true', false],
    ]);
  });

  test.each([undefined, null, {}, ['text'], () => 'text', Symbol('text')])('client refuses to send %o', async (data) => {
    const { conn } = await pair();
    expect(() => conn.send(data as never)).toThrow(TypeError);
    expect(conn.readyState).toBe(OPEN);
  });

  test('message has a body beside its data, and the stream that it came from', async () => {
    const { conn, peer } = await pair();
    peer.send('grüß');
    const text = await message(conn);
    expect(text.body.readAll()).toEqual(Buffer.from('grüß'));
    expect(text.body.readAll()).toBeNull();
    peer.send(hex('00 ff'));
    const binary = await message(conn);
    expect([binary.body.size(), binary.body.readAll(), binary.data]).toEqual([2, Buffer.from([0, 255]), Buffer.from([0, 255])]);
    expect(binary.stream).toBe(text.stream);
    const gone = once(peer, 'close') as Promise<[number]>;
    const end = closed(conn);
    binary.stream.close();
    expect((await gone)[0]).toBe(1006);
    expect(await end).toMatchObject({ code: 1006 });
    binary.stream.close();
  });

  test('client hears no message behind its close, to which it could not answer', async () => {
    const { conn, peer } = await pair();
    const heard: unknown[] = [];
    conn.onmessage = ({ data }) => {
      conn.send('answer');
      conn.close();
      heard.push(data);
    };
    peer.send('one');
    peer.send('two');
    await closed(conn);
    expect(heard).toEqual(['one']);
  });

  test('client gets text as a string and binary as a Buffer, with their type', async () => {
    const { conn, peer } = await pair();
    peer.send('grüß');
    expect(await message(conn)).toEqual({ data: 'grüß', type: TEXT, masked: false, compress: false });
    peer.send(hex('00 ff'));
    const event = await message(conn);
    expect(event).toEqual({ data: Buffer.from([0, 255]), type: BINARY, masked: false, compress: false });
    expect(Buffer.isBuffer(event.data)).toBe(true);
  });

  test.each([0, 125, 126, 65536, 1_000_000])('client echoes %i bytes with both types', async (size) => {
    const { conn, peer } = await pair();
    peer.on('message', (data, isBinary) => peer.send(data as Buffer, { binary: isBinary }));
    conn.send(pattern(size));
    expect(((await message(conn)).data as Buffer).equals(pattern(size))).toBe(true);
    conn.send('x'.repeat(size));
    expect((await message(conn)).data === 'x'.repeat(size)).toBe(true);
  });

  test('client gets fragments as one message', async () => {
    const { conn, peer } = await pair();
    peer.send('He', { fin: false });
    peer.send('llo');
    expect((await message(conn)).data).toBe('Hello');
  });

  test('client hears messages that came with the handshake behind an await', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url } = await serveRaw(cleanup, { extra: hex('81 05 48 65 6c 6c 6f') });
    const conn = new Socket(url);
    await once(conn, 'open');
    expect((await message(conn)).data).toBe('Hello');
    conn.close();
  });

  test('client cannot send while it is not open, and says in which state it is', async () => {
    const { url } = await serveWs();
    const conn = new Socket(url);
    const refused = (state: string): void => {
      expect(() => conn.send('text')).toThrow(new UsageError(`The WebSocket is ${state}, not OPEN`));
      expect(() => conn.send(5)).toThrow(UsageError);
    };
    refused('CONNECTING');
    await once(conn, 'open');
    conn.close();
    refused('CLOSING');
    await closed(conn);
    refused('CLOSED');
  });
});

describe('compression', () => {
  test('client tells which messages came compressed', async () => {
    const { conn, peer } = await pair({ perMessageDeflate: true }, { perMessageDeflate: { threshold: 0 } });
    peer.send('plain', { compress: false });
    expect(await message(conn)).toMatchObject({ data: 'plain', compress: false });
    peer.send('a'.repeat(5000));
    expect(await message(conn)).toMatchObject({ data: 'a'.repeat(5000), compress: true });
    peer.send(pattern(200), { compress: false });
    expect(await message(conn)).toMatchObject({ compress: false });
    peer.send(pattern(3_000_000));
    expect(await message(conn)).toMatchObject({ compress: true, type: BINARY });
  });

  test('client compresses what it sends', async () => {
    const { conn, peer } = await pair({ perMessageDeflate: true }, { perMessageDeflate: true });
    expect(peer.extensions).toContain('permessage-deflate');
    conn.send('a'.repeat(5000));
    const [data] = (await once(peer, 'message')) as [Buffer];
    expect(data.toString()).toBe('a'.repeat(5000));
  });

  test('client does not offer compression by default', async () => {
    const { peer } = await pair({}, { perMessageDeflate: true });
    expect(peer.extensions).toBe('');
  });

  test('client counts maxPayload after inflating', async () => {
    const { conn, peer } = await pair({ perMessageDeflate: true, maxPayload: 1000 }, { perMessageDeflate: { threshold: 0 } });
    peer.send('a'.repeat(1001));
    const [event] = (await once(conn, 'error')) as [ErrorEvent];
    expect(event.error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
  });
});

describe('maxPayload', () => {
  test('client fails the connection with 1009 beyond it', async () => {
    const { conn, peer } = await pair({ maxPayload: 10 });
    peer.send(pattern(10));
    expect((await message(conn)).data).toHaveLength(10);
    const onerror = vi.fn<(event: ErrorEvent) => void>();
    conn.onerror = onerror;
    peer.send(pattern(11));
    const [values, event] = await Promise.all([once(peer, 'close') as Promise<[number]>, closed(conn)]);
    expect(values[0]).toBe(1009);
    expect(event.type).toBe('close');
    expect(onerror).toHaveBeenCalledOnce();
  });

  test('client takes 64 MiB by default and no more', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url, accept } = await serveRaw(cleanup);
    const conn = await open(url);
    const peer = await accept();
    // Only the header: the claim is enough.
    peer.write(hex('82 7f 00 00 00 00 04 00 00 01 00'));
    const [event] = (await once(conn, 'error')) as [ErrorEvent];
    expect(event.error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
  });
});
