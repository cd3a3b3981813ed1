// A program that sends while bytes wait, and awaits 'drain' then, on each runtime: it goes on whether the system has taken the bytes at once or not.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Peer = NodeWs.WebSocket;

async function connect(): Promise<{ client: Peer; peer: Peer }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    client.terminate();
    for (const peer of server.clients) peer.terminate();
    server.close();
  });
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[Peer], unknown];
  return { client, peer };
}

/** Sends messages, each once no byte of the one before waits. */
async function sendAll(ws: Peer, lengths: readonly number[]): Promise<void> {
  for (const length of lengths) {
    ws.send(new Uint8Array(length));
    if (ws.bufferedAmount > 0) await once(ws, 'drain');
    expect(ws.bufferedAmount).toBe(0);
  }
}

/** The lengths of the messages that `ws` gets. */
function collect(ws: Peer, count: number): Promise<number[]> {
  const lengths: number[] = [];
  return new Promise((resolve) => {
    ws.on('message', (data: Uint8Array) => {
      if (lengths.push(data.length) === count) resolve(lengths);
    });
  });
}

const LENGTHS = [1, 10, 100_000, 3, 300_000, 1_000_000, 0, 5, 65_536, 2];

test.each(['client', 'peer'] as const)("%s gets 'drain' after it has seen that bytes wait", async (side) => {
  const sockets = await connect();
  const received = collect(sockets[side === 'client' ? 'peer' : 'client'], LENGTHS.length);
  await sendAll(sockets[side], LENGTHS);
  expect(await received).toEqual(LENGTHS);
});

test.each(['client', 'peer'] as const)("%s gets 'drain' for what it sends in a listener", async (side) => {
  const sockets = await connect();
  const [own, other] = side === 'client' ? [sockets.client, sockets.peer] : [sockets.peer, sockets.client];
  const received = collect(other, LENGTHS.length);
  const sent = new Promise<void>((resolve, reject) => {
    own.once('message', () => void sendAll(own, LENGTHS).then(resolve, reject));
  });
  other.send('go');
  await sent;
  expect(await received).toEqual(LENGTHS);
});
