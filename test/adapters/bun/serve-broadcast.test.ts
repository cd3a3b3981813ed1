// `broadcast` over the sockets of Bun.serve. test/counts/fan-out-on-bun.test.ts counts its writes.

import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { ServerWebSocket } from '../../../adapters/bun/bun.ts';
import { broadcast, upgrade, WebSocket, websocket, type BunServer, type UpgradeOptions } from '../../../adapters/bun/index.ts';
import { describeBroadcast, type BroadcastModule } from '../../support/broadcast.ts';
import { concat, frame, hex, toHex } from '../../support/frames.ts';
import { connectRaw, until } from '../../support/sockets.ts';

interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: object): Serving } };

/** The part of a WebSocketServer that tests of broadcasts use, inside of Bun.serve. */
class ServingServer extends EventEmitter {
  readonly clients: Set<WebSocket> = new Set();
  readonly #server: Serving;

  constructor({ maxBufferedAmount, bufferPolicy, perMessageDeflate }: UpgradeOptions & { perMessageDeflate?: unknown } = {}) {
    super();
    this.#server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      websocket: { ...websocket, perMessageDeflate: perMessageDeflate !== undefined },
      fetch: (request: Request, self: BunServer) => {
        const { response, socket } = upgrade(request, self, { maxBufferedAmount, bufferPolicy });
        socket?.on('open', () => {
          this.clients.add(socket);
          this.emit('connection', socket, request);
        });
        socket?.on('close', () => this.clients.delete(socket));
        return response;
      },
    });
    setImmediate(() => this.emit('listening'));
  }

  address(): object {
    return { port: this.#server.port };
  }

  close(done: () => void): void {
    this.#server.stop(true);
    done();
  }
}

describeBroadcast('Bun.serve', { broadcast, WebSocket, WebSocketServer: ServingServer } as unknown as BroadcastModule);

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanup.splice(0).toReversed()) task();
});

/** A server that broadcasts each message to all its clients. */
function serveAll(settings: object = websocket): { port: number; clients: Set<WebSocket> } {
  const clients = new Set<WebSocket>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    websocket: settings,
    fetch(request: Request, self: BunServer) {
      const { response, socket } = upgrade(request, self);
      socket?.on('open', () => clients.add(socket));
      socket?.on('close', () => clients.delete(socket));
      socket?.on('message', (data) => broadcast(clients, (data as Buffer).toString()));
      return response;
    },
  });
  cleanup.push(() => server.stop(true));
  return { port: server.port, clients };
}

async function dial(port: number): Promise<{ ws: WebSocket; messages: string[] }> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
  cleanup.push(() => ws.terminate());
  const messages: string[] = [];
  ws.on('message', (data) => messages.push((data as Buffer).toString()));
  await once(ws, 'open');
  return { ws, messages };
}

const KEY = hex('37 fa 21 3d');
const textFrame = (text: string): Uint8Array => frame({ opcode: 1, payload: Buffer.from(text), key: KEY });

test('messages of one read leave in one write to each client', async () => {
  const calls: string[] = [];
  const watch = {
    open(socket: ServerWebSocket<never>) {
      const { cork, sendText } = socket;
      socket.cork = (task) => {
        calls.push('cork');
        cork.call(socket, task);
      };
      socket.sendText = (...message) => {
        calls.push('sendText');
        return sendText.apply(socket, message);
      };
      websocket.open(socket);
    },
  };
  const { port, clients } = serveAll({ ...websocket, ...watch });
  const subscribers = await Promise.all([dial(port), dial(port), dial(port)]);
  const publisher = await connectRaw(port);
  cleanup.push(() => publisher.socket.destroy());
  await until('all clients', () => clients.size === 4);
  const texts = Array.from({ length: 16 }, (_, index) => `message ${index}`);
  publisher.write(concat(...texts.map(textFrame)));
  for (const { messages } of subscribers) await until('the messages', () => messages.length === 16);
  for (const { messages } of subscribers) expect(messages).toEqual(texts);
  // The publisher has its own messages as soon as its listener returns.
  expect(calls.filter((call) => call === 'cork')).toHaveLength(3);
  expect(calls.filter((call) => call === 'sendText')).toHaveLength(4 * 16);
});

test('a client that closes in the same read has the message before', async () => {
  const { port, clients } = serveAll();
  const peer = await connectRaw(port);
  await until('the client', () => clients.size === 1);
  peer.write(concat(textFrame('last'), frame({ opcode: 8, payload: hex('03 e8'), key: KEY })));
  expect(toHex(await peer.readBytes(6 + 4))).toBe('81 04 6c 61 73 74 88 02 03 e8');
});

test('a client that does not read gets all in order, and the server is told when it has', async () => {
  const { port, clients } = serveAll();
  const { ws, messages } = await dial(port);
  await until('the client', () => clients.size === 1);
  const [far] = clients;
  ws.pause();
  let count = 0;
  for (; far.bufferedAmount < 1_000_000; count++) {
    broadcast(clients, `${count} `.padEnd(5000, 'x'));
    if (count % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  const drained = once(far, 'drain');
  ws.resume();
  await drained;
  expect(far.bufferedAmount).toBe(0);
  await until('the messages', () => messages.length === count);
  expect(messages.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: count }, (_, index) => index));
});

test('a process that ends in the same turn has sent', async () => {
  const path = fileURLToPath(new URL('exits-after-broadcast.ts', import.meta.url));
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup.push(() => child.kill());
  const exited = once(child, 'exit');
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const { ws, messages } = await dial(Number(String(port)));
  ws.send('go');
  const [[code]] = (await Promise.all([exited, once(ws, 'close')])) as [[number], unknown];
  expect([code, messages]).toEqual([0, ['last', 'words']]);
});
