// One handler object of the fibjs facade, mounted in its three ways at once; where there is no server of fetch handlers, in two.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket as StreamSocket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fibjs } from '../../../src/compat/fibjs/create.ts';
import type { CloseEvent, ErrorEvent, MessageEvent } from '../../../src/compat/fibjs/events.ts';
import type { SocketBase, SocketOptions } from '../../../src/compat/fibjs/socket.ts';
import type { Accept, UpgradeHandler } from '../../../src/compat/fibjs/upgrade.ts';
import { hex, pattern } from '../../support/frames.ts';
import { connectRaw, freePort } from '../../support/sockets.ts';

/** Something that listens. */
export interface Serving {
  readonly port: number;
  close(): unknown;
}

export interface MountsRuntime {
  readonly fibjs: Fibjs;
  /** Serves with `handler` as the fetch handler, on a free port of 127.0.0.1. Left out where nothing does. */
  serve?(handler: UpgradeHandler): Serving;
}

/** What a server's connection tells of itself. */
interface Greeting {
  readonly url: string;
  readonly protocol: string;
  readonly origin: string;
  readonly isSocket: boolean;
  readonly isFetch: boolean;
  /** What the members say that fibjs's requests have. */
  readonly members: readonly unknown[];
}

function serveByNode(handler: UpgradeHandler): Promise<Serving> {
  const server = createServer(handler).on('upgrade', handler);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const close = (): void => {
        server.close();
        server.closeAllConnections();
      };
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

const next = async (conn: SocketBase): Promise<MessageEvent> => ((await once(conn, 'message')) as [MessageEvent])[0];
/** Unlike `once` of node:events, not rejected by an error that comes first. */
const closed = (conn: SocketBase): Promise<CloseEvent> => new Promise((resolve) => void conn.once('close', resolve));

/** What a client tells that cannot connect. */
async function failure(conn: SocketBase): Promise<unknown[][]> {
  const life: unknown[][] = [];
  conn.on('error', ({ code, reason }) => life.push(['error', code, conn.readyState, reason]));
  conn.on('close', ({ code }) => life.push(['close', code, conn.readyState]));
  await closed(conn);
  return life;
}

/** Declares the tests. */
export function describeMounts({ fibjs, serve }: MountsRuntime): void {
  const { Socket, upgrade, route, TEXT, BINARY, CLOSED } = fibjs;
  const ended: CloseEvent[] = [];
  const errors: ErrorEvent[] = [];
  /** What happened to the last connection, in order. */
  let life: unknown[] = [];
  const accept: Accept<IncomingMessage | Request> = (conn, request) => {
    life = [];
    const greeting: Greeting = {
      url: conn.url,
      protocol: conn.protocol,
      origin: conn.origin,
      isSocket: conn instanceof Socket,
      isFetch: request instanceof Request,
      members: [
        request.address,
        request.firstHeader('Origin'),
        request.allHeader('oRIGIN'),
        ['Origin', 'x-missing', 'constructor'].map((name) => request.hasHeader(name)),
        new Headers(request.headers as HeadersInit).get('origin'),
        [request.firstHeader('X-Missing') ?? 'none', request.allHeader('X-Missing')],
      ],
    };
    conn.send(JSON.stringify(greeting));
    const track = life;
    conn.on('error', ({ code }) => track.push(['error', code, conn.readyState]));
    conn.on('close', ({ code }) => track.push(['close', code, conn.readyState]));
    conn.on('message', (event) => {
      const { data, type, masked } = event;
      if (data === 'close') conn.close(4000, 'as you wish');
      else if (data === 'kind?') conn.send(`${type} ${masked}`);
      else if (data === 'number') conn.send(5);
      else if (data === 'body') conn.send(event.body.readAll()!);
      else if (data === 'drop') event.stream.close();
      else conn.send(data);
    });
    conn.on('close', (event) => ended.push(event));
    conn.on('error', (event) => errors.push(event));
  };
  const handler = route({
    '/ws': upgrade({ maxPayload: 300_000, perMessageDeflate: true }, accept),
    // Listens for nothing, as the program of the documentation does for errors.
    '/quiet': upgrade({ maxPayload: 10 }, (conn) => (conn.onmessage = ({ data }) => conn.send(data))),
  });

  const servers: Record<string, Serving> = {};
  const opened: SocketBase[] = [];
  beforeAll(async () => {
    servers['upgrade'] = await serveByNode(handler);
    if (serve) servers['fetch'] = serve(handler);
  });
  afterEach(() => {
    for (const conn of opened.splice(0)) conn.close();
  });
  afterAll(async () => {
    for (const server of Object.values(servers)) await server.close();
  });

  describe.each(serve ? ['upgrade', 'fetch'] : ['upgrade'])('handler mounted for %s', (mount) => {
    const address = (): string => `127.0.0.1:${servers[mount].port}`;
    const open = async (options: SocketOptions = {}): Promise<{ conn: SocketBase; greeting: Greeting }> => {
      const conn = new Socket(`ws://${address()}/ws`, options);
      opened.push(conn);
      const greeting = next(conn);
      await once(conn, 'open');
      return { conn, greeting: JSON.parse(String((await greeting).data)) as Greeting };
    };

    test('passes on the connection and what the request says', async () => {
      const { conn, greeting } = await open({ protocol: ['chat', 'other'], origin: 'http://example.com' });
      expect(conn.protocol).toBe('chat');
      expect(greeting).toEqual({
        url: `ws://${address()}/ws`,
        protocol: 'chat',
        origin: 'http://example.com',
        isSocket: true,
        isFetch: mount === 'fetch',
        members: [
          '/ws',
          'http://example.com',
          ['http://example.com'],
          [true, false, false],
          'http://example.com',
          ['none', []],
        ],
      });
    });

    test('echoes text and bytes', async () => {
      const { conn } = await open();
      for (const data of ['', 'hällo 👋', 'x'.repeat(200_000)]) {
        conn.send(data);
        expect(await next(conn)).toEqual({ data, type: TEXT, masked: false, compress: false });
      }
      for (const size of [0, 1, 125, 126, 65_536, 300_000]) {
        conn.send(pattern(size));
        const { data, type } = await next(conn);
        expect([Buffer.isBuffer(data), type, Buffer.compare(data as Buffer, pattern(size))]).toEqual([true, BINARY, 0]);
      }
      conn.send('kind?');
      expect((await next(conn)).data).toBe(`${TEXT} true`);
    });

    test('hears a client that compresses', async () => {
      const { conn } = await open({ perMessageDeflate: true });
      conn.send('y'.repeat(10_000));
      expect((await next(conn)).data).toBe('y'.repeat(10_000));
    });

    test('closes, and hears the client close', async () => {
      const first = await open();
      const end = closed(first.conn);
      first.conn.send('close');
      expect(await end).toMatchObject({ code: 4000, reason: 'as you wish' });
      const { conn } = await open();
      ended.length = 0;
      const over = closed(conn);
      conn.close(3001, 'bye');
      expect(await over).toMatchObject({ code: 3001, reason: 'bye' });
      await expect.poll(() => ended.map(({ code, reason }) => [code, reason])).toContainEqual([3001, 'bye']);
    });

    test('refuses a message that is longer than maxPayload', async () => {
      const { conn } = await open();
      errors.length = 0;
      const end = closed(conn);
      conn.send(pattern(300_001));
      expect((await end).code).toBe(1009);
      await expect
        .poll(() => life)
        .toEqual([
          ['error', 1009, CLOSED],
          ['close', 1006, CLOSED],
        ]);
      expect(errors[0].error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    });

    test('sends a number as text, and bytes of a body', async () => {
      const { conn } = await open();
      conn.send('number');
      expect(await next(conn)).toMatchObject({ data: '5', type: TEXT });
      conn.send('body');
      expect(await next(conn)).toMatchObject({ data: Buffer.from('body'), type: BINARY });
    });

    test('ends a connection by the stream of a message', async () => {
      const { conn } = await open();
      const end = closed(conn);
      conn.send('drop');
      await end;
      await expect
        .poll(() => life)
        .toEqual([
          ['error', 1001, CLOSED],
          ['close', 1006, CLOSED],
        ]);
    });

    /** A connection whose client is a raw socket. */
    const openRaw = async (): Promise<StreamSocket> => {
      const { socket } = await connectRaw(servers[mount].port, { path: '/ws' });
      return socket;
    };

    test.each(['end', 'resetAndDestroy'] as const)('tells 1001 and then 1006 of a client that leaves by %s', async (how) => {
      const socket = await openRaw();
      socket[how]();
      await expect
        .poll(() => life)
        .toEqual([
          ['error', 1001, CLOSED],
          ['close', 1006, CLOSED],
        ]);
      socket.destroy();
    });

    test.each([
      ['a reserved opcode', '85 80 00 00 00 00'],
      ['an unmasked frame', '81 01 61'],
      ['text that is no UTF-8', '81 81 00 00 00 00 ff'],
      ['a message that is too long', '82 8b 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00'],
      ['no WebSocket at all', '47 45 54 20 2f 0d 0a 0d 0a'],
      ['half a frame and its end', '81 85 00 00'],
    ])('outlives a client that sends %s, though no program listens for it', async (_what, bytes) => {
      for (const ends of ['end', 'resetAndDestroy'] as const) {
        const { socket } = await connectRaw(servers[mount].port, { path: '/quiet' });
        const over = new Promise((resolve) => void socket.once('close', resolve));
        socket.on('end', () => socket.end()).resume();
        socket.write(hex(bytes), () => socket[ends]());
        await over;
      }
      await open();
    });

    test('tells of a violation, then 1006, and the server goes on', async () => {
      const socket = await openRaw();
      socket.write(hex('85 80 00 00 00 00'));
      await expect.poll(() => life.length).toBe(2);
      const [[, code, state], close] = life as [unknown[], unknown[]];
      // A runtime that speaks the protocol need not tell what was wrong.
      expect(mount === 'fetch' ? [1001, 1002] : [1002]).toContain(code);
      expect([state, close]).toEqual([CLOSED, ['close', 1006, CLOSED]]);
      socket.destroy();
      await open();
    });

    test('refuses what is no upgrade, and what is at no path', async () => {
      const plain = await fetch(`http://${address()}/ws`);
      expect([plain.status, await plain.text()]).toEqual([400, 'Invalid Upgrade header']);
      const missing = await fetch(`http://${address()}/other`);
      expect([missing.status, await missing.text()]).toEqual([404, 'There is nothing at this path']);
      const conn = new Socket(`ws://${address()}/other`);
      expect(await failure(conn)).toEqual([
        ['error', 1002, CLOSED, 'Unexpected server response: 404'],
        ['close', 1006, CLOSED],
      ]);
    });
  });

  test('client tells 1002 and then 1006 of a server that is not there', async () => {
    const [error, close] = await failure(new Socket(`ws://127.0.0.1:${await freePort()}/ws`));
    expect([error.slice(0, 3), close]).toEqual([
      ['error', 1002, CLOSED],
      ['close', 1006, CLOSED],
    ]);
  });

  test('client names the state in which it cannot send, and has its protocol at once', async () => {
    const conn = new Socket(`ws://127.0.0.1:${servers['upgrade'].port}/ws`, 'test');
    expect(conn.protocol).toBe('test');
    expect(() => conn.send('early')).toThrow('CONNECTING');
    await once(conn, 'open');
    conn.close();
    expect(() => conn.send('late')).toThrow('CLOSING');
    await closed(conn);
    expect(() => conn.send('too late')).toThrow('CLOSED');
  });

  test('messages are read from a stream of byte chunks', async () => {
    const message = new fibjs.Message();
    await message.readFrom(Readable.from([hex('81 05 48'), hex('65 6c 6c 6f')]));
    expect(message.data).toBe('Hello');
  });

  test('client sends the cookies of a jar', async () => {
    const asked: string[] = [];
    const server = createServer().on('upgrade', (request, socket) => {
      asked.push(request.headers.cookie ?? '');
      socket.end('HTTP/1.1 403 Forbidden\r\nSet-Cookie: c=d; Path=/\r\nSet-Cookie: e=f\r\nConnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const kept: string[] = [];
    const httpClient = { getCookieString: () => 'a=b', setCookie: (cookie: string) => kept.push(cookie) };
    const conn = new Socket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`, { httpClient });
    expect((await closed(conn)).code).toBe(1006);
    expect([asked, kept]).toEqual([['a=b'], ['c=d; Path=/', 'e=f']]);
    server.close();
  });

  test('messages go through a stream and back', async () => {
    const stream = new PassThrough();
    const message = new fibjs.Message(TEXT, true, true);
    message.body.write(Buffer.from('hällo '.repeat(100)));
    await message.sendTo(stream);
    const copy = new fibjs.Message();
    await copy.readFrom(stream);
    expect([copy.data, copy.type, copy.masked, copy.compress]).toEqual(['hällo '.repeat(100), TEXT, true, true]);
  });
}
