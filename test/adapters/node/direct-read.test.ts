// Reads go straight into codec memory on net and TLS sockets, by 'data' events everywhere else, and nobody can tell the difference.

import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, createServer as createTcpServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { readInto } from '../../../src/nodejs/direct-read.ts';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { platform } from '../../../src/nodejs/platform.ts';
import { certificate, key } from '../../support/certificates.ts';
import { concat, frame, hex, pattern } from '../../support/frames.ts';
import { Cleanup, duplexPair, listen, requestHead, until, wrap } from '../../support/sockets.ts';

const MASK = hex('11 22 33 44');
const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** The buffer that a socket reads into, if it has one. */
function bufferOf(socket: unknown): unknown {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kBuffer');
  return symbol && (socket as Record<symbol, unknown>)[symbol];
}

interface Accepted {
  readonly ws: WebSocket;
  /** What the server found in the request. */
  readonly socket: Duplex;
  /** The raw client, past its handshake. */
  readonly client: Socket;
  received(): Buffer;
}

/** Connects a raw client to a server of ours over `kind`. */
async function accept(kind: 'tcp' | 'tls' | 'wrapped'): Promise<Accepted> {
  const http: Server = kind === 'tls' ? createHttpsServer({ cert: certificate, key }) : createHttpServer();
  const server = new WebSocketServer({ noServer: true });
  const accepted = new Promise<{ ws: WebSocket; socket: Duplex }>((resolve) => {
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const carrier = kind === 'wrapped' ? wrap(socket) : socket;
      server.handleUpgrade(request, carrier, head, (ws) => resolve({ ws, socket: carrier }));
    });
  });
  const port = await listen(http);
  cleanup.add(() => http.close());
  const client = kind === 'tls' ? connectTls({ port, ca: certificate, host: '127.0.0.1' }) : connectTcp(port, '127.0.0.1');
  cleanup.add(() => client.destroy());
  client.on('error', () => {});
  let bytes = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
  client.write(requestHead());
  const { ws, socket } = await accepted;
  await until('the answer', () => bytes.includes('\r\n\r\n'));
  return { ws, socket, client, received: () => bytes.subarray(bytes.indexOf('\r\n\r\n') + 4) };
}

/** All kinds of frames, in pieces of every size. */
function stream(): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < 300; index++) {
    const size = (index * index * 7) % 5000;
    parts.push(frame({ opcode: 2, payload: pattern(size, index + 1), key: MASK }));
    if (index % 7 === 0) parts.push(frame({ opcode: 9, payload: `ping ${index}`, key: MASK }));
    if (index % 11 === 0) {
      parts.push(frame({ payload: 'frä', fin: false, key: MASK }), frame({ opcode: 0, payload: 'gment', key: MASK }));
    }
  }
  parts.push(frame({ opcode: 2, payload: pattern(700_000), key: MASK }));
  parts.push(frame({ opcode: 8, payload: concat(hex('0f a1'), Buffer.from('dönes')), key: MASK }));
  return concat(...parts);
}

/** Feeds {@link stream} to a connection over `kind`; returns its events. */
async function play(kind: 'tcp' | 'tls' | 'wrapped'): Promise<unknown[]> {
  const { ws, client } = await accept(kind);
  const events: unknown[] = [];
  ws.on('message', (data: Buffer, isBinary: boolean) => events.push(['message', data.toString('base64'), isBinary]));
  ws.on('ping', (data: Buffer) => events.push(['ping', String(data)]));
  const closed = new Promise<void>((resolve) => {
    ws.on('close', (code: number, reason: Buffer) => {
      events.push(['close', code, String(reason)]);
      resolve();
    });
  });
  const bytes = stream();
  for (let at = 0, step = 1; at < bytes.length; at += step, step = ((step * 31) % 60_000) + 1) {
    if (!client.write(bytes.subarray(at, at + step))) await once(client, 'drain');
    if (step % 3 === 0) await new Promise(setImmediate);
  }
  await closed;
  return events;
}

describe('the server', () => {
  test.each(['tcp', 'tls'] as const)('reads into codec memory over %s', async (kind) => {
    const { ws, socket, client, received } = await accept(kind);
    const message = once(ws, 'message');
    client.write(frame({ payload: 'hello', key: MASK }));
    const [data] = (await message) as [Buffer];
    expect(String(data)).toBe('hello');
    expect(bufferOf(socket)).toBe(platform.codec.input);
    expect(socket.listenerCount('data')).toBe(0);
    ws.send('back');
    await until('the answer', () => received().length === 6);
    ws.terminate();
  });

  test("reads by 'data' from what is no socket", async () => {
    const { ws, socket, client } = await accept('wrapped');
    const message = once(ws, 'message');
    client.write(frame({ payload: 'hello', key: MASK }));
    const [data] = (await message) as [Buffer];
    expect(String(data)).toBe('hello');
    expect(socket).not.toBeInstanceOf(Socket);
    expect(socket.listenerCount('data')).toBe(1);
    ws.terminate();
  });

  test('delivers the same over every kind', async () => {
    const direct = await play('tcp');
    expect(direct).toHaveLength(300 + 43 + 28 + 2);
    expect(direct.at(-1)).toEqual(['close', 4001, 'dönes']);
    expect(await play('wrapped')).toEqual(direct);
    expect(await play('tls')).toEqual(direct);
  });

  test('keeps the bytes of many sockets apart', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => accept(index % 2 ? 'tcp' : 'tls')));
    const results = all.map(async ({ ws, client }, index) => {
      const payloads: Buffer[] = [];
      ws.on('message', (data: Buffer) => payloads.push(data));
      const expected = Array.from({ length: 30 }, (_, at) =>
        pattern(1 + ((at * 997 * (index + 1)) % 20_000), index * 100 + at + 1),
      );
      for (const payload of expected) {
        const bytes = frame({ opcode: 2, payload, key: MASK });
        client.write(bytes.subarray(0, bytes.length >> 1));
        await new Promise(setImmediate);
        client.write(bytes.subarray(bytes.length >> 1));
      }
      await until('all messages', () => payloads.length === expected.length);
      expect(payloads.every((data, at) => Buffer.compare(data, expected[at]) === 0)).toBe(true);
      ws.terminate();
    });
    await Promise.all(results);
  });
});

describe('the client', () => {
  test.each([
    ['ws', {}],
    ['wss', { ca: certificate }],
  ])('reads into codec memory over %s:', async (scheme, options) => {
    const http = scheme === 'wss' ? (createHttpsServer({ cert: certificate, key }) as unknown as Server) : createHttpServer();
    cleanup.add(() => http.close());
    const server = new WebSocketServer({ server: http });
    server.on('connection', (ws: WebSocket) => ws.send('hello'));
    const ws = new WebSocket(`${scheme}://127.0.0.1:${await listen(http)}`, options);
    let socket: Socket | undefined;
    ws.on('upgrade', (response: IncomingMessage) => (socket = response.socket));
    const [data] = (await once(ws, 'message')) as [Buffer];
    expect(String(data)).toBe('hello');
    expect(bufferOf(socket)).toBe(platform.codec.input);
    expect(socket!.listenerCount('data')).toBe(0);
    ws.close();
    await once(ws, 'close');
  });
});

describe('readInto', () => {
  test('refuses what is no net.Socket, and a socket that is not connected', () => {
    const buffer = new Uint8Array(10);
    expect(readInto(duplexPair()[0], buffer, () => {})).toBe(false);
    expect(readInto(new Socket(), buffer, () => {})).toBe(false);
    expect(readInto(null, buffer, () => {})).toBe(false);
  });

  test('leaves a socket alone that was opened with a buffer of its own', async () => {
    const tcp = createTcpServer((peer) => peer.end('x'));
    cleanup.add(() => tcp.close());
    const own = Buffer.alloc(100);
    const seen: number[] = [];
    const callback = (length: number): boolean => seen.push(length) > 0;
    const socket = connectTcp({ port: await listen(tcp), host: '127.0.0.1', onread: { buffer: own, callback } });
    await once(socket, 'connect');
    expect(readInto(socket, new Uint8Array(10), () => {})).toBe(false);
    expect(bufferOf(socket)).toBe(own);
    await once(socket, 'close');
    expect(seen).toEqual([1]);
  });
});
