// Servers that listen with TLS by themselves: peers that do not finish the TLS handshake, and messages longer than a TLS record. On each runtime.

import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { authority, certificate, key } from '../adapters/deno/certificates.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;

/** The beginning of a ClientHello that never ends. */
const HALF_HELLO = Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function listen(options: object = {}): Promise<{ server: NodeWs.WebSocketServer; port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', tls: { cert: certificate, key }, ...options });
  cleanUps.push(() => server.shutdown({ signal: AbortSignal.abort() }));
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** A TCP connection that has sent `bytes`. */
async function dial(port: number, bytes?: Uint8Array): Promise<{ closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  cleanUps.push(() => socket.destroy());
  socket.on('error', () => {}).resume();
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await once(socket, 'connect');
  if (bytes) socket.write(bytes);
  return { closed };
}

async function open(port: number): Promise<NodeWs.WebSocket> {
  const client = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: authority, perMessageDeflate: false });
  cleanUps.push(() => client.terminate());
  await once(client, 'open');
  return client;
}

/** Sends each message once the one before has come back. @returns How many milliseconds each took, in order of size. */
async function echo(client: NodeWs.WebSocket, messages: readonly Uint8Array[]): Promise<number[]> {
  const times: number[] = [];
  for (const message of messages) {
    const began = performance.now();
    client.send(message);
    const [data] = (await once(client, 'message')) as [Uint8Array];
    times.push(performance.now() - began);
    expect(Buffer.compare(data, message)).toBe(0);
  }
  return times.toSorted((a, b) => a - b);
}

/** Deno.listenTls can neither close a connection in its TLS handshake nor set TCP_NODELAY (Deno 2.9). */
const isAble = runtime !== 'deno';

describe('a server with TLS', () => {
  test.runIf(isAble).each([
    ['sends nothing', undefined],
    ['stops in the middle of its ClientHello', HALF_HELLO],
  ])('shuts down with a peer that %s', async (_name, bytes) => {
    const { server, port } = await listen();
    const { closed } = await dial(port, bytes);
    // The echo comes after the server has accepted the peer.
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    await echo(await open(port), [new Uint8Array(1)]);
    await server.shutdown({ signal: AbortSignal.abort() });
    await closed;
  });

  test.runIf(isAble)('drops peers that do not finish their TLS handshake after headersTimeout', async () => {
    const { port } = await listen({ headersTimeout: 100 });
    const peers = await Promise.all([dial(port), dial(port, HALF_HELLO)]);
    await Promise.all(peers.map(({ closed }) => closed));
  });

  test('drops a peer that does not speak TLS, and serves others', async () => {
    const { server, port } = await listen();
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    const { closed } = await dial(port, new TextEncoder().encode('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    await closed;
    await echo(await open(port), [new Uint8Array(1)]);
  });

  // Nagle's algorithm would hold the end of each message back until the client's delayed acknowledgement, 40 ms.
  test.runIf(isAble)("sends messages of several TLS records without Nagle's algorithm", async () => {
    const { server, port } = await listen();
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    const messages = Array.from({ length: 21 }, (_, index) => new Uint8Array(40_000).fill(index));
    const times = await echo(await open(port), messages);
    expect(times[10]).toBeLessThan(30);
  });

  test("emits no 'drain' for messages that the system takes at once, and neither does the client", async () => {
    const { server, port } = await listen();
    let drains = 0;
    server.on('connection', (ws) => ws.on('drain', () => drains++).on('message', (data) => ws.send(data)));
    const client = await open(port);
    client.on('drain', () => drains++);
    await echo(
      client,
      Array.from({ length: 20 }, () => new Uint8Array(10)),
    );
    expect(drains).toBe(0);
  });

  test('tells the end of a peer that has left during a pause, behind all of its messages', async () => {
    const { server, port } = await listen();
    const client = await open(port);
    const [connection] = [...server.clients];
    let bytes = 0;
    connection.on('message', (data: Uint8Array) => (bytes += data.length));
    connection.pause();
    const closed = once(connection, 'close');
    const isSent = new Promise((resolve) => client.send(new Uint8Array(300_000), resolve));
    // TCP takes so much without a reader.
    await isSent;
    client.terminate();
    await new Promise((resolve) => setTimeout(resolve, 300));
    connection.resume();
    await closed;
    expect(bytes).toBe(300_000);
  });
});
