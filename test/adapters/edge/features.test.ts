// What the contract does not ask of a worker: limits, options, and many requests at a time over one codec.

import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWebSocketStream, WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { bundle, moduleFiles } from '../../support/mini-runner/bundle.ts';
import { outcome } from '../../support/gate.ts';
import { requestHead } from '../../support/sockets.ts';
import { hasWorkerd, startWorker, type RunningWorker } from '../../support/mini-runner/workerd.ts';

describe.runIf(hasWorkerd)('worker', () => {
  let worker: RunningWorker;
  let server: WebSocketServer;
  let echo: string;

  beforeAll(async () => {
    const files = { 'worker.js': await bundle('test/adapters/edge/features.program.ts'), ...moduleFiles() };
    worker = await startWorker({ files, flags: ['nodejs_compat'] });
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    let endings = 0;
    server.on('connection', (ws, { url }) => {
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
      if (url === '/end-first' && endings++ === 0) ws.once('message', () => ws.close(1001));
    });
    await once(server, 'listening');
    echo = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    for (const client of server.clients) client.terminate();
    server.close();
    await worker.close();
  });

  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${worker.port}${path}`)).text();
  const open = (path: string): WebSocket => new WebSocket(`ws://127.0.0.1:${worker.port}${path}`);
  const next = async (ws: WebSocket): Promise<string> => String((await once(ws, 'message'))[0]);

  test('topics reach the WebSocket of the request alone, and count the others as dropped', async () => {
    const received: string[][] = [[], []];
    const sockets = received.map((messages) => {
      const ws = open('/topics');
      ws.on('message', (data) => messages.push((data as Buffer).toString()));
      return ws;
    });
    await expect.poll(() => received).toEqual([['ready'], ['ready']]);
    sockets[0].send('hello');
    await expect.poll(() => received).toEqual([['ready', 'hello', '2, 1 dropped'], ['ready']]);
    sockets[1].send('from the other');
    await expect.poll(() => received[1]).toEqual(['ready', 'from the other', '2, 2 dropped']);
    for (const ws of sockets) ws.terminate();
  });

  test('reads and writes frames by the low-level classes', async () => {
    expect((JSON.parse(await ask('/frames')) as (string | number[])[]).flat()).toEqual([
      'Hello',
      0x81,
      0x05,
      0x48,
      0x65,
      0x6c,
      0x6c,
      0x6f,
    ]);
  });

  test('connects again', async () => {
    expect(JSON.parse(await ask(`/reconnect?to=${echo}`))).toEqual([
      'message waits',
      'close 1001 true',
      'message again',
      'close 1005 false',
    ]);
  });

  test('says what it cannot do', async () => {
    expect(JSON.parse(await ask('/errors'))).toEqual([
      expect.stringContaining('call upgrade(request)'),
      '400',
      expect.stringContaining('enableDeflate()'),
      expect.stringContaining('tls.rejectUnauthorized'),
      'The "borrowMessages" option is for Node.js, Deno and Bun: leave it out here',
      'The "borrowMessages" option is for Node.js, Deno and Bun: leave it out here',
      expect.stringContaining('borrowMessages: the runtime makes memory for each message: leave it out'),
    ]);
  });

  test('hears behind `await ready` what the client sends at once', async () => {
    const answers = Array.from({ length: 10 }, async () => {
      const ws = open('/ready');
      ws.on('open', () => ws.send('Hello'));
      const answer = await next(ws);
      ws.close();
      return answer;
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['heard Hello']));
  });

  test('client exchanges messages in many requests at the same time', async () => {
    const sizes = Array.from({ length: 40 }, (_, index) => index * 7001);
    const answers = await Promise.all(sizes.map((size) => ask(`/exchange?to=${echo}&size=${size}`)));
    expect(new Set(answers)).toEqual(new Set([' true']));
  });

  test('client compresses in many requests at the same time, long messages in slices', async () => {
    const sizes = Array.from({ length: 20 }, (_, index) => index * 100_001);
    const answers = await Promise.all(sizes.map((size) => ask(`/exchange-deflated?to=${echo}&size=${size}`)));
    expect(new Set(answers)).toEqual(new Set(['permessage-deflate; client_max_window_bits=12 true']));
  });

  test('client of the W3C style compresses without the flag nodejs_compat', async () => {
    const code = await bundle('test/adapters/edge/deflate.program.ts', { minify: true });
    expect(code).not.toContain('node:');
    const bare = await startWorker({ files: { 'worker.js': code, ...moduleFiles() } });
    try {
      const response = await fetch(`http://127.0.0.1:${bare.port}/?to=${echo}`);
      expect(await response.text()).toBe('permessage-deflate; client_max_window_bits=12 hello hello hello');
    } finally {
      await bare.close();
    }
  });

  test('server limits messages, and sets header fields', async () => {
    const ws = open('/limited');
    const [[response]] = (await Promise.all([once(ws, 'upgrade'), once(ws, 'open')])) as [
      [{ headers: Record<string, string> }],
      unknown,
    ];
    expect(response.headers['x-worker']).toBe('yes');
    ws.send('x'.repeat(1000));
    expect(await next(ws)).toBe('1000');
    ws.send('x'.repeat(1001));
    expect((await once(ws, 'close'))[0]).toBe(1009);
  });

  test('server of the W3C style fires open, and is an instance of the class', async () => {
    const ws = open('/greeting');
    expect(await next(ws)).toBe(`1 ws://127.0.0.1:${worker.port}/greeting true`);
    ws.close();
    await once(ws, 'close');
  });

  test('server of the ws style sends at once, and has no Pings', async () => {
    const ws = open('/ws-greeting');
    expect(await next(ws)).toMatch(/^1 .*ping/);
    ws.close();
    await once(ws, 'close');
  });

  test('server answers Pings by itself', async () => {
    const ws = open('/ws-greeting');
    await once(ws, 'open');
    ws.ping('are you there');
    expect(String((await once(ws, 'pong'))[0])).toBe('are you there');
    ws.close();
    await once(ws, 'close');
  });

  test.each(['/throwing', '/w3c-throwing'])('server keeps a connection whose listener throws: %s', async (path) => {
    const ws = open(path);
    await once(ws, 'open');
    const messages: string[] = [];
    ws.on('message', (data) => messages.push((data as Buffer).toString()));
    const closed = once(ws, 'close');
    for (const text of ['before', 'throw', 'after']) ws.send(text);
    ws.close(1000);
    expect((await closed)[0]).toBe(1000);
    expect(messages).toEqual(['before', 'after']);
  });

  test('server whose listeners throw leaves all of that uncaught, and closes in order', async () => {
    const ws = open('/all-throwing');
    await once(ws, 'open');
    const closed = once(ws, 'close');
    ws.send('short');
    ws.send('longer than allowed');
    expect((await closed)[0]).toBe(1009);
    for (const event of ['message', 'error', 'close']) {
      await expect.poll(() => worker.output()).toContain(`Error: ${event} listener`);
    }
  });

  test('server hears what came with the request, although the client has closed, and may answer it', async () => {
    const socket = connect(worker.port, '127.0.0.1');
    const frames = Buffer.from('81810000000061818100000000628882000000000bb8', 'hex');
    socket.write(Buffer.concat([Buffer.from(requestHead('/w3c-late-listener')), frames]));
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    await expect.poll(() => received.toString('hex')).toContain('0d0a0d0a81016181016288020bb8');
    socket.destroy();
  });

  test('server has a gate: limits, rates, counters, metrics, shutdown', async () => {
    interface Told {
      readonly connections: number;
      readonly counters: Record<string, number>;
      readonly metrics: { readonly refused: object; readonly limited: object; readonly messagesIn: number };
      readonly pausing: string;
    }
    const tell = async (): Promise<Told> => JSON.parse(await ask('/gate')) as Told;
    const refused = async (): Promise<string> => {
      const ws = open('/gated');
      ws.on('error', () => {});
      return await outcome(ws);
    };
    const first = open('/gated');
    const echoes: string[] = [];
    first.on('message', (data: Buffer) => echoes.push(data.toString()));
    await once(first, 'open');
    expect(await refused()).toBe('503 5');
    for (const text of ['one', 'two', 'three']) first.send(text);
    await expect.poll(() => echoes).toEqual(['one', 'two', 'three']);
    const closed = once(first, 'close');
    first.send('four');
    expect((await closed)[0]).toBe(1008);
    expect(echoes).toHaveLength(3);
    await expect.poll(async () => (await tell()).connections).toBe(0);
    const { counters, metrics, pausing } = await tell();
    expect(counters).toMatchObject({ maxConnections: 1, messageRate: 1, shutdown: 0 });
    // The message that was too much has arrived as well.
    expect(metrics).toMatchObject({ opened: 1, messagesIn: 4, refused: { maxConnections: 1 }, limited: { messageRate: 1 } });
    expect(pausing).toMatch(/ratePolicy: 'close'/);
    expect(JSON.parse(await ask('/gate-shutdown'))).toEqual({ closed: 0, terminated: 0, unsentMessages: 0 });
    expect(await refused()).toBe('503 5');
    expect((await tell()).metrics.refused).toMatchObject({ shutdown: 1 });
  });

  test('server can be a stream', async () => {
    const ws = open('/stream');
    const stream = createWebSocketStream(ws);
    stream.write('through the worker');
    expect(String((await once(stream, 'data'))[0])).toBe('through the worker');
    stream.destroy();
  });
});
