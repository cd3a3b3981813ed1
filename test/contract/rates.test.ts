// Rates and the total budget with everything else that there is: TLS, compression, fragments. On each runtime.
//
// Where a number of messages is exact, the tokens return so slowly that no delay of a busy machine gives one back.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { authority, certificate, key } from '../adapters/deno/certificates.ts';
import { pattern } from '../support/frames.ts';
import { until } from '../support/sockets.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Client = NodeWs.WebSocket;

const SLOW = 10_000_000;
const FRAGMENTS = 4;
/** Compresses well: the rate of bytes is that of the message, and not of what is on the way. */
const LENGTH = 4000;

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Setting {
  readonly tls: boolean;
  readonly isCompressed: boolean;
}

const SETTINGS = [true, false].flatMap((tls) => [true, false].map((isCompressed) => ({ tls, isCompressed })));

async function listen(
  { tls, isCompressed }: Setting,
  options: object,
): Promise<{ server: NodeWs.WebSocketServer; dial(): Promise<Client> }> {
  const perMessageDeflate = isCompressed && { threshold: 0 };
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    ...(tls && { tls: { cert: certificate, key } }),
    perMessageDeflate,
    ...options,
  });
  server.on('connectionError', () => {});
  cleanUps.push(() => server.shutdown({ signal: AbortSignal.abort() }));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    async dial() {
      const client = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/`, {
        ...(tls && { ca: authority }),
        perMessageDeflate,
      });
      client.on('error', () => {});
      cleanUps.push(() => client.terminate());
      await once(client, 'open');
      expect(client.extensions).toBe(isCompressed ? 'permessage-deflate' : '');
      return client;
    },
  };
}

/** A message with its number, in fragments. */
function sendNumbered(client: Client, number: number): void {
  const text = `${number}`.padEnd(LENGTH, ' ');
  for (let index = 1; index <= FRAGMENTS; index++) {
    const part = text.slice(((index - 1) * LENGTH) / FRAGMENTS, (index * LENGTH) / FRAGMENTS);
    client.send(part, { fin: index === FRAGMENTS });
  }
}

/** The numbers of the messages that arrive. */
function collect(server: NodeWs.WebSocketServer): number[] {
  const numbers: number[] = [];
  server.on('connection', (ws) => ws.on('message', (data: Buffer) => numbers.push(Number(data.toString()))));
  return numbers;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe.each(SETTINGS)('%j', (setting) => {
  test.each([
    ['messageRate', { messageRate: { count: 6, interval: SLOW } }],
    ['byteRate', { byteRate: { count: 6 * LENGTH, interval: SLOW } }],
  ])('%s with "close" lets exactly so many messages through, however many frames they have', async (rate, limits) => {
    const { server, dial } = await listen(setting, { ...limits, ratePolicy: 'close' });
    const numbers = collect(server);
    const client = await dial();
    const closed = once(client, 'close');
    for (const number of upTo(6)) sendNumbered(client, number);
    await until('those that are allowed', () => numbers.length === 6);
    expect(client.readyState).toBe(WebSocket.OPEN);
    for (const number of [6, 7, 8]) sendNumbered(client, number);
    expect((await closed)[0]).toBe(1008);
    expect(numbers).toEqual(upTo(6));
    expect(server.metrics().limited).toMatchObject({ [rate]: 1 });
  });

  test.each([
    ['messageRate', { messageRate: { count: 10, interval: 100 } }],
    ['byteRate', { byteRate: { count: 10 * LENGTH, interval: 100 } }],
  ])('%s with "pause" loses nothing, keeps the order, and is not faster than it may be', async (rate, limits) => {
    const { server, dial } = await listen(setting, limits);
    const numbers = collect(server);
    const client = await dial();
    const begin = performance.now();
    for (const number of upTo(60)) sendNumbered(client, number);
    await until('all', () => numbers.length === 60);
    // A read is delivered as a whole, and paid for before the next one. The first 10 are free.
    sendNumbered(client, 60);
    await until('the next read', () => numbers.length === 61);
    expect(performance.now() - begin).toBeGreaterThan(490);
    expect(numbers).toEqual(upTo(61));
    expect(server.metrics().limited[rate as 'byteRate']).toBeGreaterThan(0);
  });

  test('maxTotalBuffered drops the connection that holds the most of unfinished messages', async () => {
    const { server, dial } = await listen(setting, { maxTotalBuffered: 2 << 20 });
    const hog = await dial();
    const other = await dial();
    server.clients.forEach((ws) => ws.on('message', (data) => ws.send(data)));
    const gone = once(hog, 'close');
    other.send('a part', { fin: false });
    for (let index = 0; index < 4; index++) hog.send(pattern(1 << 20), { fin: false });
    expect((await gone)[0]).not.toBe(1000);
    expect(server.metrics().limited.maxTotalBuffered).toBe(1);
    const echoed = once(other, 'message');
    other.send(' and the rest', { fin: true });
    expect(String((await echoed)[0])).toBe('a part and the rest');
  });
});

// A TLS socket of Deno's node:tls delivers within resume(), and the rate pauses it again there.
test('messageRate with "pause" holds behind node:https as well', async () => {
  const http = createServer({ cert: certificate, key });
  const server = new WebSocketServer({ server: http, perMessageDeflate: false, messageRate: { count: 10, interval: 100 } });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  cleanUps.push(async () => {
    await server.shutdown({ signal: AbortSignal.abort() });
    http.close();
  });
  const numbers = collect(server);
  const { port } = http.address() as AddressInfo;
  const client = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: authority, perMessageDeflate: false });
  cleanUps.push(() => client.terminate());
  await once(client, 'open');
  const begin = performance.now();
  for (const number of upTo(60)) sendNumbered(client, number);
  await until('all', () => numbers.length === 60);
  sendNumbered(client, 60);
  await until('the next read', () => numbers.length === 61);
  expect(performance.now() - begin).toBeGreaterThan(490);
  expect(numbers).toEqual(upTo(61));
});
