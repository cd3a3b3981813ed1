// One handler object of the fibjs facade, mounted in its three ways at once. For each runtime that has both node:http and a server of
// fetch handlers.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fibjs } from '../../../src/compat/fibjs/create.ts';
import type { CloseEvent, ErrorEvent, MessageEvent } from '../../../src/compat/fibjs/events.ts';
import type { SocketBase, SocketOptions } from '../../../src/compat/fibjs/socket.ts';
import type { UpgradeHandler } from '../../../src/compat/fibjs/upgrade.ts';
import { pattern } from '../../support/frames.ts';

/** Something that listens. */
export interface Serving {
  readonly port: number;
  close(): unknown;
}

export interface MountsRuntime {
  readonly fibjs: Fibjs;
  /** Serves with `handler` as the fetch handler, on a free port of 127.0.0.1. */
  serve(handler: UpgradeHandler): Serving;
}

/** What a server's connection tells of itself. */
interface Greeting {
  readonly url: string;
  readonly protocol: string;
  readonly origin: string;
  readonly isSocket: boolean;
  readonly isFetch: boolean;
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

/** Declares the tests. */
export function describeMounts({ fibjs, serve }: MountsRuntime): void {
  const { Socket, upgrade, route, TEXT, BINARY } = fibjs;
  const ended: CloseEvent[] = [];
  const errors: ErrorEvent[] = [];
  const accept = (conn: SocketBase, request: IncomingMessage | Request): void => {
    const greeting: Greeting = {
      url: conn.url,
      protocol: conn.protocol,
      origin: conn.origin,
      isSocket: conn instanceof Socket,
      isFetch: request instanceof Request,
    };
    conn.send(JSON.stringify(greeting));
    conn.on('message', ({ data, type, masked }) => {
      if (data === 'close') conn.close(4000, 'as you wish');
      else if (data === 'kind?') conn.send(`${type} ${masked}`);
      else conn.send(data);
    });
    conn.on('close', (event) => ended.push(event));
    conn.on('error', (event) => errors.push(event));
  };
  const handler = route({ '/ws': upgrade({ maxPayload: 300_000, perMessageDeflate: true }, accept) });

  const servers: Record<string, Serving> = {};
  const opened: SocketBase[] = [];
  beforeAll(async () => {
    servers['upgrade'] = await serveByNode(handler);
    servers['fetch'] = serve(handler);
  });
  afterEach(() => {
    for (const conn of opened.splice(0)) conn.close();
  });
  afterAll(async () => {
    for (const server of Object.values(servers)) await server.close();
  });

  describe.each(['upgrade', 'fetch'])('handler mounted for %s', (mount) => {
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
      await expect.poll(() => errors.length).toBe(1);
      expect(errors[0].error).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' });
    });

    test('refuses what is no upgrade, and what is at no path', async () => {
      const plain = await fetch(`http://${address()}/ws`);
      expect([plain.status, await plain.text()]).toEqual([400, 'Invalid Upgrade header']);
      const missing = await fetch(`http://${address()}/other`);
      expect([missing.status, await missing.text()]).toEqual([404, 'There is nothing at this path']);
      const conn = new Socket(`ws://${address()}/other`);
      const error = new Promise<ErrorEvent>((resolve) => void conn.on('error', resolve));
      const end = closed(conn);
      expect((await error).reason).toBe('Unexpected server response: 404');
      expect((await end).code).toBe(1006);
    });
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
