// Backpressure on real sockets: pause() and resume() reach TCP, a slow reader shows in bufferedAmount, callbacks and 'drain'.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/node/w3c.ts';
import { frame, hex } from '../../support/frames.ts';
import { Cleanup, connectRaw, serveRaw, sleep, until, type RawPeer } from '../../support/sockets.ts';

const MASK = hex('01 02 03 04');
const MIB = 1 << 20;
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function acceptRaw(options: object = {}): Promise<{ raw: RawPeer; ws: WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanup.add(() => server.close());
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  await once(server, 'listening');
  const raw = await connectRaw((server.address() as AddressInfo).port);
  cleanup.add(() => raw.socket.destroy());
  const [ws] = await accepted;
  return { raw, ws };
}

/** Waits until `value` stays the same for a while. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  while (value() !== last) {
    last = value();
    await sleep(100);
  }
  return last;
}

describe('pause()', () => {
  test('holds the peer back by TCP, and resume() delivers everything in order', async () => {
    const { raw, ws } = await acceptRaw();
    const count = 1000;
    const messages: Buffer[] = [];
    ws.on('message', (data: Buffer) => messages.push(data));
    ws.pause();
    expect(ws.isPaused).toBe(true);
    for (let index = 0; index < count; index++) {
      const payload = new Uint8Array(65_536);
      payload.set([index >> 8, index & 255]);
      raw.write(frame({ opcode: 2, payload, key: MASK }));
    }
    // 64 MiB: far more than the buffers of both kernels hold.
    const waiting = await settled(() => raw.socket.writableLength);
    expect(waiting).toBeGreaterThan(16 * MIB);
    expect(messages).toHaveLength(0);
    ws.resume();
    expect(ws.isPaused).toBe(false);
    await until('all messages', () => messages.length === count);
    expect(messages.every((data, index) => data.length === 65_536 && data.readUInt16BE(0) === index)).toBe(true);
  });

  test('in a message listener stops soon, with what was read already', async () => {
    const { raw, ws } = await acceptRaw();
    let received = 0;
    ws.on('message', () => {
      received++;
      ws.pause();
    });
    for (let index = 0; index < 20_000; index++) raw.write(frame({ opcode: 2, payload: new Uint8Array(1000), key: MASK }));
    const stopped = await settled(() => received);
    expect(stopped).toBeGreaterThan(0);
    expect(stopped).toBeLessThan(2000);
    ws.removeAllListeners('message');
    ws.on('message', () => received++);
    ws.resume();
    await until('all messages', () => received === 20_000);
  });

  test('does not hide that the peer left, once resumed', async () => {
    const { raw, ws } = await acceptRaw();
    ws.pause();
    raw.socket.end(frame({ payload: 'last', key: MASK }));
    await sleep(50);
    expect(ws.readyState).toBe(ws.OPEN);
    const last = once(ws, 'message') as Promise<[Buffer]>;
    const end = once(ws, 'close') as Promise<[number]>;
    ws.resume();
    const [[data], [code]] = await Promise.all([last, end]);
    expect([String(data), code]).toEqual(['last', 1006]);
  });

  test('on a client holds the server back', async () => {
    const { url, accept } = await serveRaw(cleanup);
    const ws = new WebSocket(url);
    cleanup.add(() => ws.terminate());
    await once(ws, 'open');
    const raw = await accept();
    let bytes = 0;
    ws.on('message', (data: Buffer) => (bytes += data.length));
    ws.pause();
    for (let index = 0; index < 64; index++) raw.write(frame({ opcode: 2, payload: new Uint8Array(MIB) }));
    expect(await settled(() => raw.socket.writableLength)).toBeGreaterThan(16 * MIB);
    expect(bytes).toBe(0);
    ws.resume();
    await until('all bytes', () => bytes === 64 * MIB);
  });
});

describe('a slow reader', () => {
  test('shows in bufferedAmount, then in callbacks and drain', async () => {
    const { raw, ws } = await acceptRaw();
    raw.socket.pause();
    const done: number[] = [];
    let drains = 0;
    ws.on('drain', () => drains++);
    const count = 40;
    for (let index = 0; index < count; index++) {
      ws.send(Buffer.alloc(MIB, index), (error) => {
        expect(error ?? null).toBeNull();
        done.push(index);
      });
      await sleep(1);
    }
    const waiting = await settled(() => ws.bufferedAmount);
    expect(waiting).toBeGreaterThan(8 * MIB);
    expect(waiting % MIB).toBe(0);
    expect(done.length).toBeLessThan(count);
    // While the system still took more, all may have been taken for a moment.
    const earlier = drains;
    const total = count * (MIB + 10);
    let received = 0;
    raw.socket.removeAllListeners('data');
    raw.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    raw.socket.resume();
    await until('all bytes', () => received >= total);
    await until('drain', () => drains > earlier);
    expect(received).toBe(total);
    expect(ws.bufferedAmount).toBe(0);
    expect(done).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(drains).toBe(earlier + 1);
  });

  test('is dropped above maxBufferedAmount', async () => {
    const { raw, ws } = await acceptRaw({ maxBufferedAmount: 4 * MIB });
    raw.socket.pause();
    const errors: { code?: string }[] = [];
    ws.on('error', (error: NodeJS.ErrnoException) => errors.push(error));
    let isClosed = false;
    ws.on('close', () => (isClosed = true));
    for (let index = 0; index < 100 && !isClosed; index++) {
      ws.send(Buffer.alloc(MIB));
      await sleep(1);
    }
    await until('the close event', () => isClosed);
    expect(errors.map(({ code }) => code)).toEqual(['WS_ERR_TOO_MUCH_BUFFERED_OUTPUT']);
  });

  test('shows in bufferedAmount of a W3C-style client', async () => {
    const { url, accept } = await serveRaw(cleanup);
    const ws = new W3CWebSocket(url);
    await once(ws, 'open');
    const raw = await accept();
    raw.socket.pause();
    for (let index = 0; index < 40; index++) ws.send(new Uint8Array(MIB));
    const waiting = await settled(() => ws.bufferedAmount);
    expect(waiting).toBeGreaterThan(8 * MIB);
    raw.socket.resume();
    await until('everything to be sent', () => ws.bufferedAmount === 0);
    raw.socket.destroy();
  });

  test('that pings and never reads costs no memory', async () => {
    const { raw, ws } = await acceptRaw();
    raw.socket.pause();
    // Fill what the kernels hold, so that Pongs have nowhere to go.
    for (let index = 0; index < 20; index++) ws.send(Buffer.alloc(MIB));
    const before = await settled(() => ws.bufferedAmount);
    let pings = 0;
    ws.on('ping', () => pings++);
    const ping = frame({ opcode: 9, payload: new Uint8Array(125), key: MASK });
    for (let index = 0; index < 20_000; index++) raw.write(ping);
    await until('the pings', () => pings === 20_000);
    expect(ws.bufferedAmount - before).toBeLessThan(10_000);
    ws.terminate();
  });
});
