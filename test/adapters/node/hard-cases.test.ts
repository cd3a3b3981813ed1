// Cases that a review found broken once: pausing before anything is read, streams that keep what they are given, ends that come
// while a message is being (de)compressed, and memory that a program transfers too early.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { frame, hex } from '../../support/frames.ts';
import { Cleanup, connectRaw, sleep, until } from '../../support/sockets.ts';

const KEY = hex('00 00 00 00');
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function listen(options: object = {}): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanup.add(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function connect(port: number): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  cleanup.add(() => client.terminate());
  await once(client, 'open');
  return client;
}

function packed(bytes: Uint8Array): Uint8Array {
  return zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const DEFLATE = { fields: ['Sec-WebSocket-Extensions: permessage-deflate'] };

test('server that pauses in its connection listener loses nothing', async () => {
  const { server, port } = await listen();
  const received: string[] = [];
  server.on('connection', (ws) => {
    ws.pause();
    ws.on('message', (data) => received.push((data as Buffer).toString()));
    setTimeout(() => ws.resume(), 150);
  });
  const client = await connect(port);
  client.send('one');
  await sleep(50);
  client.send('two');
  await sleep(200);
  client.send('three');
  await until('three messages', () => received.length === 3);
  expect(received).toEqual(['one', 'two', 'three']);
});

test('server over a stream that passes chunks on by reference sends each frame as it was', async () => {
  const chunks: Uint8Array[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  const server = new WebSocketServer({ noServer: true });
  const headers = {
    host: 'x',
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  const request = { method: 'GET', url: '/', httpVersion: '1.1', headers, socket: stream } as unknown as IncomingMessage;
  const ws = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade(request, stream, Buffer.alloc(0), resolve);
  });
  chunks.length = 0;
  for (const text of ['AAAA', 'BBBB', 'CCCC']) {
    ws.send(text);
    await sleep(5);
  }
  expect(Buffer.concat(chunks).toString('latin1')).toBe('\x81\x04AAAA\x81\x04BBBB\x81\x04CCCC');
  ws.terminate();
});

test.each(['maxPayload', 'terminate'])('server closes although TCP ended during a decompression that %s ends', async (how) => {
  const { server, port } = await listen({ perMessageDeflate: true, maxPayload: how === 'terminate' ? 100e6 : 50e6 });
  const events: string[] = [];
  server.on('connection', (ws, request) => {
    ws.on('error', () => events.push('error'));
    ws.on('close', (code) => events.push(`close ${code}`));
    const ticking = setInterval(() => ws.send('tick'), 1);
    request.socket.on('close', () => {
      clearInterval(ticking);
      if (how === 'terminate') ws.terminate();
    });
  });
  const raw = await connectRaw(port, DEFLATE);
  raw.socket.write(frame({ opcode: 2, rsv1: true, payload: packed(Buffer.alloc(60e6)), key: KEY }), () => {
    setTimeout(() => raw.socket.resetAndDestroy(), 3);
  });
  await until('close', () => events.some((event) => event.startsWith('close')));
  expect(events.at(-1)).toBe('close 1006');
  expect(server.clients.size).toBe(0);
});

test('server sends its Close frame although the peer breaks the protocol while a message is being compressed', async () => {
  const { server, port } = await listen({ perMessageDeflate: true });
  const failed = once(server, 'connection').then(([ws]: WebSocket[]) => {
    ws.send(Buffer.alloc(8 << 20, 'some text that takes a while'));
    ws.close(1000);
    return once(ws, 'error');
  });
  const raw = await connectRaw(port, DEFLATE);
  raw.socket.write(hex('f2 80 00 00 00 00'));
  await failed;
  await until('a Close frame', () => raw.bytes.length >= 4);
  expect(raw.bytes.subarray(-4)).toEqual(Buffer.from(hex('88 02 03 ea')));
});

test.each([true, false])('a payload may be transferred as soon as it was sent (compressed: %s)', async (perMessageDeflate) => {
  const { server, port } = await listen({ perMessageDeflate });
  server.on('connection', (ws) => {
    const long = new Uint8Array(8 << 20).fill(7);
    ws.send(long);
    const next = new Uint8Array(100_000).fill(8);
    ws.send(next);
    structuredClone([long, next], { transfer: [long.buffer, next.buffer] });
  });
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  const messages: Buffer[] = [];
  client.on('message', (message: Buffer) => messages.push(message));
  await until('both messages', () => messages.length === 2);
  expect(messages[0].equals(Buffer.alloc(8 << 20, 7))).toBe(true);
  expect(messages[1].equals(Buffer.alloc(100_000, 8))).toBe(true);
});

test('a bad zlib option is told where it is given', () => {
  const perMessageDeflate = { zlibInflateOptions: { chunkSize: 1 } };
  expect(() => new WebSocketServer({ noServer: true, perMessageDeflate })).toThrow(RangeError);
  expect(() => new WebSocket('ws://127.0.0.1:1/', { perMessageDeflate })).toThrow(RangeError);
});

test('server sends what it was given in the turn in which it drops the connection', async () => {
  const { server, port } = await listen();
  server.on('connection', (ws) => {
    ws.send('bye');
    ws.terminate();
  });
  const raw = await connectRaw(port);
  await until('the end', () => raw.hasClosed);
  expect(raw.bytes).toEqual(Buffer.from(hex('81 03 62 79 65')));
});
