// An exception of a program's listener is uncaught, whichever event it was, and nothing of ours stops. On each runtime.

import { once, type EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { keepUncaught } from '../support/uncaught.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;

const EVENTS = ['message', 'ping', 'pong', 'error', 'close'] as const;
/** An unmasked and a masked frame with a reserved opcode. */
const VIOLATION = { client: Buffer.from('8300', 'hex'), server: Buffer.from('838000000000', 'hex') };

let wss: NodeWs.WebSocketServer;
let uncaught: ReturnType<typeof keepUncaught>;

beforeEach(async () => {
  uncaught = keepUncaught();
  wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
});

afterEach(() => {
  for (const client of wss.clients) client.terminate();
  wss.close();
  uncaught.stop();
});

async function open(): Promise<Record<'client' | 'server', NodeWs.WebSocket>> {
  const client = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}`);
  const [[server]] = (await Promise.all([once(wss, 'connection'), once(client, 'open')])) as [[NodeWs.WebSocket], unknown];
  return { client, server };
}

/** Unlike `once`, this does not reject at 'error'. */
function closed(emitter: unknown): Promise<void> {
  return new Promise((resolve) => void (emitter as EventEmitter).on('close', () => resolve()));
}

describe.each([
  ['client', 'server'],
  ['server', 'client'],
] as const)('a %s', (side, peer) => {
  test.each(EVENTS)('whose listener of %s throws leaves that uncaught, and tells all others of its end', async (event) => {
    const pair = await open();
    const ws = pair[side];
    const { _socket: socket } = ws as unknown as { _socket: EventEmitter };
    const { _socket: peerSocket } = pair[peer] as unknown as { _socket: NodeJS.WritableStream };
    const ends = [closed(socket), closed(ws), closed(pair[peer])];
    if (event !== 'error') ws.on('error', () => {});
    ws.on(event, () => {
      throw new Error(`of ${event}`);
    });
    pair[peer].send('one');
    pair[peer].ping();
    ws.ping();
    await once(pair[peer], 'pong');
    if (event === 'error') peerSocket.write(VIOLATION[side]);
    else pair[peer].close();
    await Promise.all(ends);
    await expect.poll(() => uncaught.messages).toEqual([`of ${event}`]);
    // Closed in order: the server has no client left, and ends.
    await expect.poll(() => wss.clients.size).toBe(0);
    wss.close();
    await once(wss, 'close');
  });
});

test('a client whose opening fails, and whose listeners of error and of close throw, leaves both uncaught', async () => {
  const ws = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}`);
  for (const event of ['error', 'close']) {
    ws.on(event, () => {
      throw new Error(`of ${event}`);
    });
  }
  ws.close();
  await expect.poll(() => uncaught.messages.toSorted()).toEqual(['of close', 'of error']);
  expect(ws.readyState).toBe(WebSocket.CLOSED);
});

test('a client that breaks the protocol, where listeners of the client and of the server throw, leaves both uncaught', async () => {
  const { client, server } = await open();
  server.on('error', () => {
    throw new Error('of error');
  });
  wss.on('connectionError', () => {
    throw new Error('of connectionError');
  });
  client.on('error', () => {});
  const end = closed(server);
  (client as unknown as { _socket: NodeJS.WritableStream })._socket.write(VIOLATION.server);
  await end;
  await expect.poll(() => uncaught.messages.toSorted()).toEqual(['of connectionError', 'of error']);
});
