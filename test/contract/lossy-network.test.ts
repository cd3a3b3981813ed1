// Connections over a bad network: all that arrives in full is delivered, in order, and both sides see a documented end. Both roles, with and
// without compression and TLS.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { authority, certificate, key } from '../adapters/deno/certificates.ts';
import { LossyProxy, type Loss, type LossyOptions } from '../support/lossy-proxy.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Socket = InstanceType<typeof WebSocket>;

const HEARTBEAT = { interval: 150, timeout: 500 };
/** Bytes that do not compress. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = seed + 1; at < length; at++)
    bytes[at] = (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24;
  return bytes;
}

/** Messages of all lengths of header, text and binary. */
const MESSAGES = Array.from({ length: 60 }, (_, index) => {
  const length = [0, 5, 125, 126, 1000, 65_536, 70_000][index % 7];
  const bytes = noise(length, index);
  return index % 2 === 0 ? bytes.toString('latin1') : bytes;
});

/** Type and content of a message in short: arrays of long buffers are slow to compare. */
function digest(message: string | Buffer): string {
  const type = typeof message === 'string' ? 'text' : 'binary';
  return `${type} ${message.length} ${createHash('sha1').update(message).digest('hex')}`;
}

const DIGESTS = MESSAGES.map(digest);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Setting {
  readonly name: string;
  readonly tls: boolean;
  readonly options: object;
}

const SETTINGS: readonly Setting[] = [
  { name: 'TCP', tls: false, options: { perMessageDeflate: false } },
  { name: 'TCP with compression', tls: false, options: { perMessageDeflate: { threshold: 0 } } },
  { name: 'TLS', tls: true, options: { perMessageDeflate: false } },
  { name: 'TLS with compression', tls: true, options: { perMessageDeflate: { threshold: 0 } } },
];

/** What one side has seen, until its end. */
class Side {
  readonly ws: Socket;
  /** Digests of the messages. */
  readonly received: string[] = [];
  readonly errors: string[] = [];
  ends = 0;
  readonly closed: Promise<number>;

  constructor(ws: Socket) {
    this.ws = ws;
    ws.on('message', (data, isBinary) => this.received.push(digest(isBinary ? (data as Buffer) : (data as Buffer).toString())));
    ws.on('error', (error) => this.errors.push((error as { code?: string }).code ?? error.message));
    this.closed = new Promise((resolve) => {
      ws.on('close', (code) => {
        this.ends++;
        resolve(code);
      });
    });
  }

  /** As many messages as were received, as the other side has sent them. */
  get expected(): string[] {
    return DIGESTS.slice(0, this.received.length);
  }
}

/** A server behind a proxy. */
async function serve(
  { tls, options }: Setting,
  network: LossyOptions,
  others: object = {},
): Promise<{ wss: InstanceType<typeof WebSocketServer>; proxy: LossyProxy; url: string }> {
  const wss = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    ...(tls && { tls: { cert: certificate, key } }),
    ...options,
    ...others,
  });
  cleanups.push(() => wss.shutdown({ signal: AbortSignal.abort() }));
  await once(wss as never, 'listening');
  const proxy = new LossyProxy((wss.address() as AddressInfo).port, network);
  cleanups.push(() => proxy.close());
  return { wss, proxy, url: `${tls ? 'wss' : 'ws'}://127.0.0.1:${await proxy.listen()}` };
}

/** A client and its server, with a proxy between. */
async function connect(
  setting: Setting,
  network: LossyOptions,
  others: { readonly server?: object; readonly client?: object } = {},
): Promise<{ server: Side; client: Side; line: LossyProxy['lines'][number] }> {
  const { wss, proxy, url } = await serve(setting, network, others.server);
  const accepted = once(wss as never, 'connection') as Promise<[Socket]>;
  const ws = new WebSocket(url, [], { ...(setting.tls && { ca: authority }), ...setting.options, ...others.client });
  const client = new Side(ws);
  await once(ws as never, 'open');
  const [served] = await accepted;
  return { server: new Side(served), client, line: proxy.lines[0] };
}

function sendAll(side: Side): void {
  for (const message of MESSAGES) side.ws.send(message);
}

describe.each(SETTINGS)('over $name', (setting) => {
  test.each<[string, LossyOptions]>([
    ['in pieces of 1,000 bytes', { piece: 1000 }],
    ['in late pieces of 40,000 bytes', { piece: 40_000, delay: 3 }],
  ])('%s all messages arrive, both ways', async (_, network) => {
    const { server, client } = await connect(setting, network);
    sendAll(server);
    sendAll(client);
    server.ws.close(4000);
    expect(await Promise.all([server.closed, client.closed])).toEqual([4000, 4000]);
    expect(client.received).toEqual(DIGESTS);
    expect(server.received).toEqual(DIGESTS);
  });

  test.each<[Loss, number]>(
    (['end', 'reset'] as const).flatMap((loss) => [0, 1, 2, 3, 500, 70_000, 300_001].map((bytes) => [loss, bytes])),
  )('%s after %i bytes: whole messages are delivered, and both sides see 1006', async (loss, bytes) => {
    const { server, client, line } = await connect(setting, {});
    line.lose(loss, bytes);
    sendAll(server);
    sendAll(client);
    expect(await Promise.all([server.closed, client.closed])).toEqual([1006, 1006]);
    expect(client.received).toEqual(client.expected);
    expect(server.received).toEqual(server.expected);
    expect(client.received.length).toBeLessThan(MESSAGES.length);
    expect([server.ends, client.ends]).toEqual([1, 1]);
  });

  test('a half-open connection is noticed by the heartbeat of each side', async () => {
    const { server, client, line } = await connect(
      setting,
      {},
      { server: { heartbeat: HEARTBEAT }, client: { heartbeat: HEARTBEAT } },
    );
    line.lose('drop', 100);
    server.ws.send(noise(1000, 0));
    expect(await Promise.all([server.closed, client.closed])).toEqual([1006, 1006]);
    expect([client.received, client.errors, server.errors]).toEqual([[], [], []]);
  });

  test('a half-open connection that is closed ends after closeTimeout', async () => {
    const timeouts = { closeTimeout: 300 };
    const { server, client, line } = await connect(setting, {}, { server: timeouts, client: timeouts });
    line.lose('drop', 0);
    server.ws.close(4000);
    client.ws.close(4001);
    expect(await Promise.all([server.closed, client.closed])).toEqual([1006, 1006]);
  });

  test('a half-open opening handshake ends after handshakeTimeout', async () => {
    const { url } = await serve(setting, { loss: 'drop' });
    const client = new Side(new WebSocket(url, [], { ca: authority, handshakeTimeout: 300 }));
    expect(await client.closed).toBe(1006);
    expect(client.errors).toEqual(['Opening handshake has timed out']);
  });
});
