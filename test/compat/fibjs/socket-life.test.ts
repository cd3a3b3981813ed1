// How a client of the fibjs facade ends, fails, listens and holds the process, against the server of ws and against our own.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import * as net from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { CLOSED, CLOSING, OPEN, Socket, type ErrorEvent } from '../../../src/compat/fibjs/index.ts';
import { hex } from '../../support/frames.ts';
import { Cleanup, freePort, serveRaw } from '../../support/sockets.ts';
import { keepUncaught } from '../../support/uncaught.ts';
import { closed, message, open, pair, serve, serveUpgrade, serveWs } from './served-sockets.ts';

describe('close', () => {
  test.each([
    [[], 1000, ''],
    [[1000, 'bye'], 1000, 'bye'],
    [[3000], 3000, ''],
    [[4999, 'grüß'], 4999, 'grüß'],
  ] as const)('client closes with %j', async (values, code, reason) => {
    const { conn, peer } = await pair();
    const gone = once(peer, 'close') as Promise<[number, Buffer]>;
    conn.close(...(values as [number, string]));
    const event = await closed(conn);
    expect(event).toMatchObject({ type: 'close', code, reason });
    expect(event.target).toBe(conn);
    const [peerCode, peerReason] = await gone;
    expect([peerCode, peerReason.toString()]).toEqual([code, reason]);
  });

  test.each([999, 1001, 1005, 1006, 2999, 5000, 3000.5, Number.NaN])('client does not close with %d', async (code) => {
    const { conn } = await pair();
    expect(() => conn.close(code)).toThrow(UsageError);
    expect(conn.readyState).toBe(OPEN);
  });

  test('client does not take a reason of more than 123 bytes', async () => {
    const { conn } = await pair();
    expect(() => conn.close(1000, 'ü'.repeat(62))).toThrow(UsageError);
    conn.close(1000, 'ü'.repeat(61));
    expect((await closed(conn)).reason).toBe('ü'.repeat(61));
  });

  test('client closes once, however often it is told to', async () => {
    const { conn } = await pair();
    const onclose = vi.fn<() => void>();
    conn.on('close', onclose);
    conn.close();
    conn.close(3000);
    await closed(conn);
    conn.close();
    expect(onclose).toHaveBeenCalledOnce();
  });

  test("client tells of the peer's code and reason", async () => {
    const { conn, peer } = await pair();
    peer.close(4001, 'enough');
    expect(await closed(conn)).toMatchObject({ code: 4001, reason: 'enough' });
  });

  test('client tells 1005 for a Close frame without a code and 1006 without a Close frame', async () => {
    const first = await pair();
    first.peer.close();
    expect(await closed(first.conn)).toMatchObject({ code: 1005, reason: '' });
    const second = await pair();
    second.peer.terminate();
    expect(await closed(second.conn)).toMatchObject({ code: 1006, reason: '' });
  });

  test('client gives up connecting', async () => {
    const { url, server } = await serveWs();
    const connection = vi.fn<() => void>();
    server.on('connection', connection);
    const conn = new Socket(url);
    const heard: string[] = [];
    conn
      .on('open', () => heard.push('open'))
      .on('error', () => heard.push('error'))
      .on('close', ({ code }) => heard.push(`close ${code}`));
    conn.close();
    expect(conn.readyState).toBe(CLOSING);
    expect(heard).toEqual([]);
    await closed(conn);
    await open(url);
    expect(connection).toHaveBeenCalledOnce();
    expect(heard).toEqual(['error', 'close 1006']);
    expect(conn.readyState).toBe(CLOSED);
  });
});

describe('errors', () => {
  test('client tells of a refused handshake', async () => {
    const url = await serve(createServer().on('upgrade', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')));
    const conn = new Socket(url);
    const [[event], end] = await Promise.all([once(conn, 'error') as Promise<[ErrorEvent]>, closed(conn)]);
    expect(event).toMatchObject({ type: 'error', reason: 'Unexpected server response: 403' });
    expect(event.target).toBe(conn);
    expect(event.error).toBeInstanceOf(Error);
    expect(end).toMatchObject({ code: 1006 });
  });

  test('client tells of a server that is not there, and throws nothing when nobody listens', async () => {
    expect((await closed(new Socket(`ws://127.0.0.1:${await freePort()}/`))).code).toBe(1006);
  });

  test('client whose listeners of error and of close throw leaves both uncaught', async () => {
    const uncaught = keepUncaught();
    onTestFinished(() => uncaught.stop());
    const conn = new Socket(await serve(createServer().on('upgrade', (_request, socket) => socket.destroy())));
    for (const event of ['error', 'close'] as const) {
      conn.on(event, () => {
        throw new Error(`of ${event}`);
      });
    }
    await expect.poll(() => uncaught.messages.toSorted()).toEqual(['of close', 'of error']);
  });

  test.each(['', 'nonsense', 'ftp://127.0.0.1/', 'ws://127.0.0.1/#fragment'])('client refuses %j for a URL', (url) => {
    expect(() => new Socket(url)).toThrow(SyntaxError);
  });

  test.each([
    { protocol: 'not a token' },
    { protocol: ['twice', 'twice'] },
    { headers: { 'X-Name': 'a\r\nb' } },
    { origin: 'a\r\nb' },
    { httpClient: {} },
  ])('client refuses %j', (options) => {
    expect(() => new Socket('ws://127.0.0.1:1/', options)).toThrow();
  });

  test('client fails the connection at what breaks the protocol', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url, accept } = await serveRaw(cleanup);
    const conn = await open(url);
    (await accept()).write(hex('81 01 ff'));
    const [event] = (await once(conn, 'error')) as [ErrorEvent];
    expect(event.error).toMatchObject({ code: 'WS_ERR_INVALID_UTF8' });
  });
});

describe('listeners', () => {
  test('client calls on, once and handlers in order, and not what off took away', async () => {
    const { conn, peer } = await pair();
    const heard: string[] = [];
    const removed = (): number => heard.push('removed');
    conn.on('message', () => heard.push('on'));
    conn.onmessage = function onmessage(event): void {
      expect(this).toBe(conn);
      heard.push(`first handler ${String(event.data)}`);
    };
    conn.once('message', () => heard.push('once'));
    conn.on('message', removed);
    conn.off('message', removed);
    // A handler keeps its place.
    conn.onmessage = () => heard.push('handler');
    peer.send('1');
    await message(conn);
    peer.send('2');
    await message(conn);
    expect(heard).toEqual(['on', 'handler', 'once', 'on', 'handler']);
    conn.onmessage = null;
    peer.send('3');
    await message(conn);
    expect(heard).toEqual(['on', 'handler', 'once', 'on', 'handler', 'on']);
  });

  test('client has null handlers, gives back what was set, and drops what is no function', () => {
    const conn = new Socket('ws://127.0.0.1:1/');
    for (const name of ['onopen', 'onmessage', 'onclose', 'onerror'] as const) {
      expect(conn[name]).toBeNull();
      const handler = (): void => {};
      conn[name] = handler;
      expect(conn[name]).toBe(handler);
      conn[name] = 5 as never;
      expect(conn[name]).toBeNull();
      conn[name] = handler;
    }
    conn.removeAllListeners();
    expect([conn.onopen, conn.onmessage, conn.onclose, conn.onerror]).toEqual([null, null, null, null]);
    conn.close();
  });

  test('client calls onopen, onerror and onclose', async () => {
    const { url } = await serveWs();
    const heard: unknown[] = [];
    const conn = new Socket(url);
    conn.onopen = (event) => {
      heard.push(event.type, event.target === conn);
      conn.close();
    };
    conn.onclose = ({ type, code }) => heard.push(type, code);
    await closed(conn);
    const failing = new Socket('ws://127.0.0.1:1/');
    failing.onerror = ({ type }) => heard.push(type);
    await closed(failing);
    expect(heard).toEqual(['open', true, 'close', 1000, 'error']);
  });
});

describe('ref and unref', () => {
  const entry = new URL('../../../src/compat/fibjs/index.ts', import.meta.url).href;

  test('client and server sockets return themselves', async () => {
    const accepted: Socket[] = [];
    const conn = await open(await serveUpgrade((socket) => accepted.push(socket)));
    expect(conn.unref()).toBe(conn);
    expect(conn.ref()).toBe(conn);
    expect(accepted[0].unref().ref()).toBe(accepted[0]);
  });

  // Node.js cannot run TypeScript before version 22.18; Deno has other options.
  test.skipIf(!process.features.typescript || 'deno' in process.versions)(
    'client that was unref()ed lets the process end',
    async () => {
      const { url } = await serveWs();
      const program = (how: string): string => `
      const { Socket } = await import('${entry}');
      const conn = new Socket('${url}')${how};
      process.on('exit', () => console.log('ended'));`;
      expect(execFileSync(process.execPath, ['--input-type=module', '--eval', program('.unref()')], { encoding: 'utf8' })).toBe(
        'ended\n',
      );
    },
  );

  test('client tells its socket, be it known already or not', async () => {
    const url = await serveUpgrade(() => {});
    const unref = vi.spyOn(net.Socket.prototype, 'unref');
    const ref = vi.spyOn(net.Socket.prototype, 'ref');
    onTestFinished(() => void vi.restoreAllMocks());
    const conn = new Socket(url);
    conn.unref();
    await once(conn, 'open');
    const calls = (): number[] => [unref.mock.calls.length, ref.mock.calls.length];
    expect(calls()).toEqual([1, 0]);
    conn.ref();
    expect(calls()).toEqual([1, 1]);
    conn.unref();
    expect(calls()).toEqual([2, 1]);
    conn.close();
  });
});
