// The fibjs facade in workerd: its handlers there and our clients here, its clients there and our server here.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { hasWorkerd, startWorker, type RunningWorker } from '../../support/mini-runner/workerd.ts';
import { pattern } from '../../support/frames.ts';

describe.runIf(hasWorkerd).each(['2025-01-01', '2026-10-01'])('worker of %s', (compatibilityDate) => {
  let worker: RunningWorker;
  let server: WebSocketServer;
  const cookies: (string | undefined)[] = [];

  beforeAll(async () => {
    const files = { 'worker.js': await bundle('test/adapters/edge/fibjs.program.ts'), ...moduleFiles() };
    worker = await startWorker({ files, flags: ['nodejs_compat'], compatibilityDate });
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
    server.on('headers', (lines, request) => {
      cookies.push(request.headers.cookie);
      lines.push('Set-Cookie: c=d; Path=/', 'Set-Cookie: e=f');
    });
    server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    await once(server, 'listening');
  });
  afterAll(async () => {
    for (const client of server.clients) client.terminate();
    server.close();
    await worker.close();
  });

  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${worker.port}${path}`)).text();
  const target = (): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  /** A client here, and what the handler there says of the request. */
  const open = async (protocols: string[] = []): Promise<{ ws: WebSocket; greeting: string }> => {
    const ws = new WebSocket(`ws://127.0.0.1:${worker.port}/ws`, protocols, { origin: 'http://example.com' });
    const [[data]] = (await Promise.all([once(ws, 'message'), once(ws, 'open')])) as [[Buffer], unknown];
    return { ws, greeting: data.toString() };
  };
  const next = async (ws: WebSocket): Promise<[Buffer, boolean]> => (await once(ws, 'message')) as [Buffer, boolean];

  test('handler passes on the connection and what the request says', async () => {
    const { ws, greeting } = await open(['chat', 'other']);
    expect(ws.protocol).toBe('chat');
    expect(JSON.parse(greeting)).toEqual([
      `ws://127.0.0.1:${worker.port}/ws`,
      'chat',
      'http://example.com',
      true,
      true,
      ['/ws', 'http://example.com', ['http://example.com'], [true, false, false]],
    ]);
    ws.close();
  });

  test('handler echoes text and bytes', async () => {
    const { ws } = await open();
    for (const text of ['', 'hällo 👋', 'x'.repeat(200_000)]) {
      ws.send(text);
      const [data, isBinary] = await next(ws);
      expect([data.toString() === text, isBinary]).toEqual([true, false]);
    }
    for (const size of [0, 1, 125, 126, 65_536, 300_000]) {
      ws.send(pattern(size));
      const [data, isBinary] = await next(ws);
      expect([Buffer.compare(data, pattern(size)), isBinary]).toEqual([0, true]);
    }
    ws.send('kind?');
    expect(String((await next(ws))[0])).toBe('1 true');
    ws.send('number');
    expect((await next(ws)).map(String)).toEqual(['5', 'false']);
    ws.send('body');
    expect((await next(ws)).map(String)).toEqual(['body', 'true']);
    const gone = once(ws, 'close');
    ws.send('drop');
    await gone;
  });

  test('handler closes, hears the client close, and limits messages', async () => {
    const first = await open();
    first.ws.send('close');
    const [code, reason] = (await once(first.ws, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4000, 'as you wish']);
    await expect.poll(() => ask('/ended')).toContain('4000 as you wish');
    const second = await open();
    second.ws.close(3001, 'bye');
    await once(second.ws, 'close');
    await expect.poll(() => ask('/ended')).toContain('3001 bye');
    const third = await open();
    third.ws.send(pattern(300_001));
    expect((await once(third.ws, 'close'))[0]).toBe(1009);
    await expect.poll(() => ask('/ended')).toContain('error 1009 Max payload size exceeded, 1006');
  });

  test('handler tells 1001 and then 1006 of a client that goes away', async () => {
    const { ws } = await open();
    ws.terminate();
    await expect.poll(() => ask('/ended')).toMatch(/error 1001 [^,]*, 1006 $/);
  });

  test('handler refuses what is no upgrade, and what is at no path', async () => {
    const plain = await fetch(`http://127.0.0.1:${worker.port}/ws`);
    expect([plain.status, await plain.text()]).toEqual([400, 'Invalid Upgrade header']);
    const missing = await fetch(`http://127.0.0.1:${worker.port}/other`);
    expect([missing.status, await missing.text()]).toEqual([404, 'There is nothing at this path']);
  });

  test.each([
    ['', false],
    ['&deflate', true],
  ])('client exchanges messages, with a cookie jar%s', async (query, compress) => {
    cookies.length = 0;
    expect(await ask(`/exchange?to=${target()}${query}`)).toBe(
      `true ${compress} chat chat 3000 done c=d; Path=/ e=f The WebSocket is CONNECTING, not OPEN`,
    );
    expect(cookies).toEqual(['a=b']);
  });

  test('client says why it cannot connect', async () => {
    expect(await ask(`/exchange?to=ws://127.0.0.1:${worker.port}/other`)).toBe(
      'failed: 1002 3 Unexpected server response: 404',
    );
    expect(await ask('/dispatcher')).toMatch(/undici Dispatcher/);
  });

  test('messages go through a stream and back', async () => {
    expect(await ask('/message')).toBe('true true true');
    expect(await ask('/chunks')).toBe('Hello');
  });
});
