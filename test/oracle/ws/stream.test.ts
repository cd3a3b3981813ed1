// createWebSocketStream: a WebSocket as a Duplex.

import type { Duplex, DuplexOptions } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import {
  closed,
  errorOf,
  open,
  ours,
  rawServer,
  sameOnAllSides,
  sameWithBoth,
  show,
  sleep,
  until,
  type Pair,
  type Sides,
} from './oracle.ts';

const EVENTS = ['data', 'end', 'finish', 'close', 'error', 'drain'];

function recordStream(stream: Duplex): unknown[] {
  const log: unknown[] = [];
  for (const event of EVENTS) stream.on(event, (...values: unknown[]) => log.push([event, ...values.map(show)]));
  return log;
}

/** Streams on both ends of a connection, and what they and the WebSockets saw after `act`. */
async function streams(
  sides: Sides,
  act: (client: Duplex, peer: Duplex, pair: Pair) => unknown,
  options?: DuplexOptions,
): Promise<unknown> {
  const pair = await open(sides);
  const client = sides.client.createWebSocketStream(pair.client, options);
  const peer = sides.server.createWebSocketStream(pair.peer, options);
  const logs = [recordStream(client), recordStream(peer)];
  await act(client, peer, pair);
  await Promise.all([closed(pair.client), closed(pair.peer)]);
  await sleep(20);
  pair.server.close();
  return [logs, pair.clientLog.map((entry) => (entry as unknown[]).slice(0, 2)), client.destroyed, peer.destroyed];
}

describe('createWebSocketStream()', () => {
  test.each<[string, (client: Duplex, peer: Duplex, pair: Pair) => unknown, DuplexOptions?]>([
    ['writes text and bytes', (client) => (client.write('text'), client.write(Buffer.from('bytes')), client.end())],
    ['ends with a chunk', (client) => client.end('last')],
    ['ends from the other side', (_client, peer) => peer.end('last')],
    ['ends at once', (client) => client.end()],
    ['ends when the WebSocket closes', (_client, _peer, pair) => pair.client.close(1000)],
    ['ends when the other WebSocket closes', (_client, _peer, pair) => pair.peer.close(4000, 'bye')],
    ['ends when the WebSocket is cut', (_client, _peer, pair) => pair.client.terminate()],
    ['is destroyed', (client) => client.destroy()],
    ['is destroyed with an error', (client) => client.destroy(new Error('enough'))],
    ['writes strings as text', (client) => (client.write('text'), client.end()), { decodeStrings: false }],
    ['writes in an encoding', (client) => (client.write('7465', 'hex'), client.end())],
    ['reads strings', (client) => (client.write('text'), client.end()), { decodeStrings: false, readableObjectMode: true }],
    ['reads in an encoding', (client) => client.end('text'), { encoding: 'utf8' }],
    ['ignores objectMode', (client) => client.end('text'), { objectMode: true }],
    ['ignores autoDestroy', (client) => client.end('text'), { autoDestroy: true, emitClose: true }],
    [
      'answers',
      (client, peer) => (peer.once('data', (data: Buffer) => peer.end(`re: ${data.toString()}`)), client.write('ask')),
    ],
    [
      'writes with callbacks',
      async (client) => {
        await new Promise((resolve) => void client.write('a', resolve));
        client.end('b');
      },
    ],
  ])('%s', (_, act, options) => sameOnAllSides((sides) => streams(sides, act, options)));

  test('writes before the connection is open', () =>
    sameOnAllSides(async (sides) => {
      const server = new sides.server.WebSocketServer({ port: 0, host: '127.0.0.1' });
      await new Promise((resolve) => void server.once('listening', resolve));
      const messages: unknown[] = [];
      server.on('connection', (ws) => ws.on('message', (data, isBinary) => messages.push(show(data), isBinary)));
      const ws = new sides.client.WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`, {
        perMessageDeflate: false,
      });
      const stream = sides.client.createWebSocketStream(ws);
      const log = recordStream(stream);
      stream.write('early');
      stream.end('last');
      await until(() => stream.destroyed);
      await sleep(5);
      server.close();
      return [messages, log];
    }));

  test.each(['destroy', 'end', 'nothing'] as const)('fails with the handshake: %s', (act) =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket) => socket.end('HTTP/1.1 500 No\r\n\r\n'));
      const ws = new library.WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
      const stream = library.createWebSocketStream(ws);
      const log = recordStream(stream);
      if (act !== 'nothing') stream[act]();
      await until(() => stream.destroyed && ws.readyState === 3);
      await sleep(10);
      server.close();
      return log;
    }),
  );

  test('fails with the protocol', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides, {}, { maxPayload: 10 });
      const stream = sides.server.createWebSocketStream(pair.peer);
      const log = recordStream(stream);
      pair.client.send('x'.repeat(20));
      await until(() => stream.destroyed);
      await closed(pair.client);
      await sleep(10);
      const { client } = await pair.end();
      return [log, client.at(-1)];
    }));

  test('throws what nobody listens for', async () => {
    const pair = await open({ client: ours, server: ours });
    const stream = ours.createWebSocketStream(pair.client);
    const thrown = new Promise((resolve) => void process.once('uncaughtException', resolve));
    const others = process.listeners('uncaughtException').slice(0, -1);
    for (const listener of others) process.removeListener('uncaughtException', listener);
    stream.destroy(new Error('unheard'));
    expect(errorOf(await thrown)).toEqual({ name: 'Error', message: 'unheard' });
    for (const listener of others) process.on('uncaughtException', listener);
    await pair.end();
  });

  test('holds a writer back when the reader is slow', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      const writer = sides.client.createWebSocketStream(pair.client);
      const reader = sides.server.createWebSocketStream(pair.peer);
      const chunk = Buffer.alloc(65536, 'x');
      let written = 0;
      // Nobody reads: sooner or later a write is not acknowledged any more.
      const write = (): void =>
        void writer.write(chunk, () => {
          written++;
          if (written < 1000) write();
        });
      write();
      await sleep(250);
      const held = written;
      const isPaused = pair.peer.isPaused;
      let received = 0;
      reader.on('data', (data: Buffer) => (received += data.length));
      await until(() => written === 1000);
      writer.end();
      await finished(reader, { writable: false });
      pair.server.close();
      return [held < 1000, isPaused, received];
    }));

  test('copies a long stream with pipeline()', () =>
    sameOnAllSides(async (sides) => {
      const pair = await open(sides);
      const echo = sides.server.createWebSocketStream(pair.peer);
      const done = pipeline(echo, echo).then(
        () => 'echoed',
        (error: unknown) => errorOf(error),
      );
      const stream = sides.client.createWebSocketStream(pair.client);
      let received = 0;
      stream.on('data', (data: Buffer) => {
        received += data.length;
        if (received === 200 * 50000) stream.end();
      });
      for (let index = 0; index < 200; index++)
        if (!stream.write(Buffer.alloc(50000, index))) await new Promise((resolve) => void stream.once('drain', resolve));
      await finished(stream);
      const result = await done;
      pair.server.close();
      return [received, result];
    }));
});
