// What must be over when it is over: sockets, timers, listeners, processes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/node/w3c.ts';
import { frame, hex } from '../../support/frames.ts';
import { Cleanup, connectRaw, listen, serveRaw, sleep, until, within, type RawPeer } from '../../support/sockets.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MASK = hex('01 02 03 04');
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Runs `code` in a process of its own, which has to end by itself, and returns what it printed. */
async function runChild(code: string): Promise<string> {
  const bundle = await build({
    stdin: { contents: `${CHILD_HEAD}\n${code}`, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    write: false,
  });
  const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
  cleanup.add(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stdin.end(bundle.outputFiles[0].text);
  const [status] = await within(`the process to end by itself; it printed: ${output}`, closed, 20_000);
  expect(output).not.toContain('Error');
  expect(status).toBe(0);
  return output.trim();
}

const CHILD_HEAD = `
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from './adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from './adapters/node/w3c.ts';
// Standard input is a pipe, which ends some time.
const resources = () => process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap').sort().join();
const closed = (ws) => new Promise((resolve) => ws.on('close', resolve));
const listeners = () => process.eventNames().map((name) => String(name) + process.listenerCount(name)).sort().join();
const serve = async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  await once(server, 'listening');
  return { server, url: 'ws://127.0.0.1:' + server.address().port };
};
`;

async function serve(
  options: object = {},
): Promise<{ server: WebSocketServer; port: number; accepted: Promise<[WebSocket, IncomingMessage]> }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanup.add(() => {
    for (const ws of server.clients ?? []) ws.terminate();
    server.close();
  });
  const accepted = once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>;
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, accepted };
}

/** A raw client connected to a server, and the server's WebSocket. */
async function acceptRaw(
  options: object = {},
  socketOptions: { allowHalfOpen?: boolean } = {},
): Promise<{ raw: RawPeer; ws: WebSocket; request: IncomingMessage }> {
  const { port, accepted } = await serve(options);
  const raw = await connectRaw(port, socketOptions);
  cleanup.add(() => raw.socket.destroy());
  const [ws, request] = await accepted;
  return { raw, ws, request };
}

async function ending(ws: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await within('the close event', once(ws, 'close'))) as [number, Buffer];
  return [code, String(reason)];
}

describe('a process', () => {
  test('is left as it was by 200 connections that were opened and closed', async () => {
    const output = await runChild(`
      const before = [resources(), listeners()];
      const { server, url } = await serve();
      const open = (index) => (index % 2 ? new WebSocket(url) : new W3CWebSocket(url));
      const sockets = Array.from({ length: 200 }, (_, index) => open(index));
      await Promise.all(sockets.map((ws) => new Promise((resolve) => ws.addEventListener('open', resolve))));
      const full = server.clients.size;
      const replies = sockets.map((ws) => new Promise((resolve) => ws.addEventListener('message', resolve)));
      for (const ws of sockets) ws.send('hello');
      await Promise.all(replies);
      const ends = sockets.map((ws) => new Promise((resolve) => ws.addEventListener('close', resolve)));
      for (const ws of sockets) ws.close();
      await Promise.all(ends);
      while (server.clients.size > 0) await turn();
      await new Promise((resolve) => server.close(resolve));
      await turn();
      await turn();
      console.log(JSON.stringify({ full, before, after: [resources(), listeners()] }));
    `);
    const { full, before, after } = JSON.parse(output) as { full: number; before: string[]; after: string[] };
    expect(full).toBe(200);
    expect(after).toEqual(before);
  });

  test.each([
    ['a ws-style client closes', 'const ws = new WebSocket(url); await once(ws, "open"); ws.close(); await once(ws, "close");'],
    [
      'a ws-style client terminates',
      'const ws = new WebSocket(url); await once(ws, "open"); ws.terminate(); await once(ws, "close");',
    ],
    [
      'a W3C-style client closes',
      'const ws = new W3CWebSocket(url); await new Promise((r) => (ws.onopen = r)); ws.close(); await new Promise((r) => (ws.onclose = r));',
    ],
    [
      'the server terminates its clients',
      `const ws = new WebSocket(url); await once(ws, "open");
       for (const peer of server.clients) peer.terminate();
       await once(ws, "close");`,
    ],
    [
      'a client gives up while connecting',
      'const ws = new WebSocket(url); ws.on("error", () => {}); ws.terminate(); await closed(ws);',
    ],
    [
      'a client times out in its handshake',
      `const tcp = (await import('node:net')).createServer((socket) => socket.on('error', () => {}));
       tcp.listen(0, '127.0.0.1'); await once(tcp, 'listening');
       const ws = new WebSocket('ws://127.0.0.1:' + tcp.address().port, { handshakeTimeout: 50 });
       ws.on('error', () => {}); await closed(ws); tcp.close();`,
    ],
  ])('ends by itself when %s', async (_, code) => {
    expect(await runChild(`const { server, url } = await serve(); ${code} server.close(); console.log('done');`)).toBe('done');
  });

  test('is kept alive by an open connection, and by nothing else', async () => {
    // Without the server in the same process: the client alone must hold it until its peer ends the connection.
    const { server, port } = await serve();
    server.on('connection', (ws: WebSocket) => setTimeout(() => ws.close(1000, 'time is up'), 300));
    const code = `const ws = new WebSocket('ws://127.0.0.1:${port}'); ws.on('close', (code, reason) => console.log(code, String(reason)));`;
    expect(await runChild(code)).toBe('1000 time is up');
  });

  test('sees no uncaught exception when a peer resets in the middle of a write', async () => {
    const output = await runChild(`
      const { server, url } = await serve();
      const { connect } = await import('node:net');
      server.on('connection', (ws) => {
        for (let index = 0; index < 50; index++) ws.send(Buffer.alloc(1 << 20), () => {});
        setTimeout(() => socket.resetAndDestroy(), 20);
        ws.on('close', (code) => { console.log(code); server.close(); });
      });
      const socket = connect(server.address().port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n');
    `);
    expect(output).toBe('1006');
  });
});

describe('server.close()', () => {
  test('leaves connections open, takes no new ones, and calls back once', async () => {
    const { server, port, accepted } = await serve();
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    const [[peer]] = await Promise.all([accepted, once(client, 'open')]);
    let calls = 0;
    const closed = once(server, 'close');
    server.close(() => calls++);
    const late = new WebSocket(`ws://127.0.0.1:${port}`);
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    peer.send('still here');
    const [data] = (await once(client, 'message')) as [Buffer];
    expect(String(data)).toBe('still here');
    expect(calls).toBe(0);
    client.close();
    await within('the end of the server', closed);
    expect(calls).toBe(1);
    await until('the last client to be gone', () => server.clients?.size === 0);
  });

  test('leaves nothing on a server of others', async () => {
    const http = createHttpServer();
    const names = ['listening', 'error', 'upgrade'];
    const before = names.map((name) => http.listenerCount(name));
    const server = new WebSocketServer({ server: http });
    expect(http.listenerCount('upgrade')).toBe(1);
    server.close();
    await once(server, 'close');
    expect(names.map((name) => http.listenerCount(name))).toEqual(before);
  });

  test('makes handleUpgrade answer 503', async () => {
    const http = createHttpServer();
    cleanup.add(() => http.close());
    const server = new WebSocketServer({ noServer: true });
    server.close();
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, () => {}));
    const client = new WebSocket(`ws://127.0.0.1:${await listen(http)}`);
    const [error] = (await once(client, 'error')) as [Error];
    expect(error.message).toContain('503');
  });
});

describe('a peer', () => {
  test('that never answers the Close frame is cut after closeTimeout', async () => {
    const { raw, ws } = await acceptRaw({ closeTimeout: 200 });
    const start = Date.now();
    ws.close(1000, 'bye');
    expect(ws.readyState).toBe(ws.CLOSING);
    expect(await ending(ws)).toEqual([1006, '']);
    expect(Date.now() - start).toBeGreaterThan(150);
    await until('the end at the peer', () => raw.hasClosed);
  });

  test('that never answers the Close frame is cut by a client as well', async () => {
    const { url, accept } = await serveRaw(cleanup, { allowHalfOpen: true });
    const ws = new WebSocket(url, { closeTimeout: 200 });
    await once(ws, 'open');
    await accept();
    ws.close();
    expect(await ending(ws)).toEqual([1006, '']);
  });

  test('that answers the Close frame but not the end of TCP is cut, and the closure is clean', async () => {
    const { raw, ws } = await acceptRaw({ closeTimeout: 1500 }, { allowHalfOpen: true });
    const closure = new Promise<unknown>((resolve) => {
      ws.addEventListener('close', ({ code, wasClean }) => resolve({ code, wasClean }));
    });
    ws.close(3000, 'bye');
    await raw.readBytes(7);
    raw.write(frame({ opcode: 8, payload: hex('0b b8'), key: MASK }));
    expect(await within('the close event', closure)).toEqual({ code: 3000, wasClean: true });
  });

  test('that ends its half only gets ours ended too', async () => {
    const { raw, ws } = await acceptRaw({}, { allowHalfOpen: true });
    raw.socket.end(frame({ payload: 'last', key: MASK }));
    const [[data], end] = await Promise.all([once(ws, 'message') as Promise<[Buffer]>, ending(ws)]);
    expect(String(data)).toBe('last');
    expect(end).toEqual([1006, '']);
    await until('FIN', () => raw.hasEnded);
  });

  test('that ends in the middle of a frame leaves 1006', async () => {
    const { raw, ws } = await acceptRaw();
    raw.socket.end(hex('82 fe 10 00 01 02 03 04 aa'));
    expect(await ending(ws)).toEqual([1006, '']);
  });

  test('that resets leaves 1006 and no error event', async () => {
    const { raw, ws } = await acceptRaw();
    const errors: unknown[] = [];
    ws.on('error', (error) => errors.push(error));
    raw.socket.resetAndDestroy();
    expect(await ending(ws)).toEqual([1006, '']);
    expect(errors).toEqual([]);
  });

  test('that resets fails the callbacks of what was not written', async () => {
    const { raw, ws } = await acceptRaw();
    raw.socket.pause();
    const results: (Error | null | undefined)[] = [];
    for (let index = 0; index < 40; index++) ws.send(Buffer.alloc(1 << 20), (error) => results.push(error));
    await until('congestion', () => ws.bufferedAmount > 0);
    raw.socket.resetAndDestroy();
    expect(await ending(ws)).toEqual([1006, '']);
    expect(results).toHaveLength(40);
    expect(results.at(-1)).toBeInstanceOf(Error);
  });

  test('that resets a W3C-style client leaves an error and 1006', async () => {
    const { url, accept } = await serveRaw(cleanup);
    const ws = new W3CWebSocket(url);
    const events: string[] = [];
    for (const type of ['open', 'error', 'close']) ws.addEventListener(type, () => events.push(type));
    await once(ws, 'open');
    (await accept()).socket.resetAndDestroy();
    await until('the close event', () => ws.readyState === 3);
    expect(events.at(-1)).toBe('close');
  });
});

describe('the socket of a request', () => {
  test('stays the same one, with its addresses and its events', async () => {
    const { raw, ws, request } = await acceptRaw();
    const socket: Socket = request.socket;
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(socket.remotePort).toBe(raw.socket.localPort);
    const closed = once(socket, 'close');
    const received = once(ws, 'message');
    raw.write(frame({ payload: 'x', key: MASK }));
    await received;
    expect(socket.bytesRead).toBeGreaterThan(7);
    raw.write(frame({ opcode: 8, key: MASK }));
    await within('the close event of the socket', closed);
    expect(socket.destroyed).toBe(true);
  });

  test('may be destroyed by the program', async () => {
    const { ws, request } = await acceptRaw();
    request.socket.destroy();
    expect(await ending(ws)).toEqual([1006, '']);
  });

  test('does not time out while the WebSocket is open', async () => {
    const http = createHttpServer();
    http.setTimeout(500);
    cleanup.add(() => http.closeAllConnections());
    cleanup.add(() => http.close());
    const server = new WebSocketServer({ server: http });
    const accepted = once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>;
    const client = new WebSocket(`ws://127.0.0.1:${await listen(http)}`);
    const [[ws, { socket }]] = await Promise.all([accepted, once(client, 'open')]);
    let timeouts = 0;
    socket.on('timeout', () => timeouts++);
    await sleep(1200);
    expect(timeouts).toBe(0);
    expect(ws.readyState).toBe(ws.OPEN);
    client.terminate();
  });
});
