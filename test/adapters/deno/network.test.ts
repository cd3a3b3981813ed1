import { mkdtempSync } from 'node:fs';
import { createConnection, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { network } from '../../../adapters/deno/network.ts';
import { LARGE_REGION, SMALL_REGION } from '../../../adapters/deno/regions.ts';
import type { ClientTls, ListenPlan } from '../../../src/http1/network.ts';
import { pattern } from '../../support/frames.ts';
import { authority, certificate, key } from './certificates.ts';
import { deferred, Ear, openWire, type Wire } from './wires.ts';
import { sleep } from '../../support/sleep.ts';

const MIB = 1 << 20;
const wires: Wire[] = [];

async function open(plan?: Partial<ListenPlan>, tls?: ClientTls): Promise<Wire> {
  const wire = await openWire(plan, tls);
  wires.push(wire);
  return wire;
}

afterEach(() => {
  for (const { client, server, listener } of wires.splice(0)) {
    client.transport.destroy();
    server.transport.destroy();
    listener.close(() => {});
  }
});

const SECURE = { tls: { cert: certificate, key } };

describe.each<[string, () => Promise<Wire>]>([
  ['TCP', () => open()],
  ['TLS', () => open(SECURE, { ca: authority })],
  ['Unix domain socket', () => open({ path: join(mkdtempSync(join(tmpdir(), 'raw-')), 'socket') })],
])('a connection over %s', (name, connect) => {
  test('carries chunks of a batch in order', async () => {
    const { client, server } = await connect();
    expect(client.transport.isSecure).toBe(name === 'TLS');
    expect(server.transport.isSecure).toBe(name === 'TLS');
    server.transport.start();
    const chunks = [10, 20_000, 3, 300_000, 7].map((length) => pattern(length));
    const onWritten = vi.fn<() => void>();
    expect(client.transport.write(chunks, onWritten)).toBe(false);
    expect(client.transport.write([pattern(5)], onWritten)).toBe(false);
    const expected = Buffer.concat([...chunks, pattern(5)]);
    await expect.poll(() => server.bytes).toBe(expected.length);
    expect(Buffer.concat(server.chunks).equals(expected)).toBe(true);
    await expect.poll(() => onWritten).toHaveBeenCalledTimes(2);
  });

  test('half-closes: what comes the other way still arrives', async () => {
    const { client, server } = await connect();
    server.transport.start();
    client.transport.start();
    client.transport.write([pattern(10)], () => {});
    client.transport.end();
    await expect.poll(() => server.hasEnded).toBe(true);
    expect(server.bytes).toBe(10);
    expect(server.isClosed).toBe(false);
    server.transport.write([pattern(20)], () => {});
    server.transport.end();
    await expect.poll(() => [client.isClosed, server.isClosed]).toEqual([true, true]);
    expect(client.bytes).toBe(20);
    expect([client.closedWith, server.closedWith]).toEqual([undefined, undefined]);
  });

  test('holds the writer back while the reader pauses, and loses nothing', async () => {
    const { client, server } = await connect();
    server.transport.start();
    server.onReceive = () => server.transport.pause();
    const onWritten = vi.fn<() => void>();
    client.transport.write([pattern(32 * MIB)], onWritten);
    await expect.poll(() => server.bytes).toBeGreaterThan(0);
    await sleep(200);
    expect(onWritten).not.toHaveBeenCalled();
    expect(server.bytes).toBeLessThanOrEqual(SMALL_REGION);
    server.onReceive = () => {};
    server.transport.resume();
    await expect.poll(() => server.bytes).toBe(32 * MIB);
    expect(onWritten).toHaveBeenCalledOnce();
    expect(Buffer.concat(server.chunks).equals(pattern(32 * MIB))).toBe(true);
  });

  test('client reads with a small region while it is idle, with a large one while it is busy', async () => {
    const { client, server } = await connect();
    client.transport.start();
    server.transport.write([pattern(MIB)], () => {});
    await expect.poll(() => client.bytes).toBe(MIB);
    expect(client.chunks[0].length).toBeLessThanOrEqual(SMALL_REGION);
    const longest = Math.max(...client.chunks.map(({ length }) => length));
    expect(longest).toBeGreaterThan(SMALL_REGION);
    expect(longest).toBeLessThanOrEqual(LARGE_REGION);
  });

  test('ends at once when it is destroyed, on both sides', async () => {
    const { client, server } = await connect();
    client.transport.start();
    server.transport.start();
    client.transport.destroy();
    expect(client.isClosed).toBe(false);
    await expect.poll(() => client.isClosed).toBe(true);
    await expect.poll(() => server.hasEnded || server.isClosed).toBe(true);
    expect(client.transport.write([pattern(1)], () => {})).toBe(false);
  });
});

describe('a connection', () => {
  test('is closed with ECONNRESET when the peer resets it', async () => {
    const accepted = deferred<Ear>();
    const port = deferred<number>();
    const listener = network.listen(
      { port: 0, host: '127.0.0.1' },
      {
        onListening: (address) => port.resolve((address as AddressInfo).port),
        onConnection: (transport) => accepted.resolve(new Ear(transport)),
        onError: accepted.reject,
      },
    );
    const peer = createConnection(await port.promise, '127.0.0.1');
    const ear = await accepted.promise;
    ear.transport.start();
    peer.write('x');
    await expect.poll(() => ear.bytes).toBe(1);
    peer.resetAndDestroy();
    await expect.poll(() => ear.closedWith).toMatchObject({ code: 'ECONNRESET' });
    listener.close(() => {});
  });

  test('keeps what arrives between two receivers', async () => {
    const { client, server } = await open();
    client.transport.write([pattern(100)], () => {});
    server.transport.start();
    server.onReceive = () => server.transport.pause();
    await expect.poll(() => server.bytes).toBe(100);
    client.transport.write([pattern(50)], () => {});
    const bytes = await new Promise<number>((resolve) => {
      server.transport.attach({
        receive: ({ length }) => resolve(length),
        receiveInput: resolve,
        receiveEnd() {},
        closed() {},
      });
      server.transport.start();
    });
    expect(bytes).toBe(50);
  });

  test('does not keep others waiting while its peer floods it', async () => {
    const flooded = await open();
    const other = await open();
    for (const { server } of [flooded, other]) server.transport.start();
    const flood = (): void => {
      if (flooded.client.isClosed) return;
      flooded.client.transport.write([pattern(65536)], flood);
    };
    flood();
    await expect.poll(() => flooded.server.bytes).toBeGreaterThan(MIB);
    flooded.server.chunks.length = 0;
    other.client.transport.write([pattern(10)], () => {});
    await expect.poll(() => other.server.bytes).toBe(10);
    flooded.client.transport.destroy();
  });

  test('has the addresses of both ends', async () => {
    const { client, server, address } = await open();
    const { port } = address as { port: number };
    expect(client.transport.remote).toEqual({ address: '127.0.0.1', port });
    expect(server.transport.local).toEqual(client.transport.remote);
    expect(server.transport.remote).toEqual(client.transport.local);
  });
});

describe('listening', () => {
  const errorOf = (plan: ListenPlan): Promise<Error> =>
    new Promise((resolve, reject) => {
      const onListening = (): void => reject(new Error('It listens'));
      network.listen(plan, { onListening, onConnection() {}, onError: resolve });
    });

  test('fails with EADDRINUSE where somebody listens', async () => {
    const { address } = await open();
    const { port } = address as { port: number };
    const error = await errorOf({ port, host: '127.0.0.1' });
    expect(error).toMatchObject({ code: 'EADDRINUSE', message: expect.stringContaining(`127.0.0.1:${port}`) as string });
  });

  test('by node:net fails with EADDRINUSE where somebody listens', async () => {
    const { address } = await open();
    const { port } = address as { port: number };
    const error = await new Promise<Error>((resolve, reject) => {
      const onListening = (): void => reject(new Error('It listens'));
      network.listen({ port, host: '127.0.0.1' }, { onListening, onConnection() {}, onSocket() {}, onError: resolve });
    });
    expect(error).toMatchObject({ code: 'EADDRINUSE', message: expect.stringContaining(`127.0.0.1:${port}`) as string });
  });

  test('takes both IPv4 and IPv6 without a host', async () => {
    const wire = await open({ host: undefined });
    expect(wire.client.transport.remote.address).toBe('127.0.0.1');
  });

  test('frees its port, and lets connections live', async () => {
    const { client, server, listener, address } = await open();
    await new Promise<void>((resolve) => {
      listener.close(resolve);
    });
    server.transport.start();
    client.transport.write([pattern(3)], () => {});
    await expect.poll(() => server.bytes).toBe(3);
    const error = await new Promise((resolve) => {
      const { port } = address as { port: number };
      network.connect({ host: '127.0.0.1', port }, { onConnect() {}, onError: resolve });
    });
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringContaining('connect ECONNREFUSED 127.0.0.1:') as string,
    });
  });

  test('takes a host name', async () => {
    const { client, server } = await open({ host: 'localhost' });
    server.transport.start();
    client.transport.write([pattern(10)], () => {});
    await expect.poll(() => server.bytes).toBe(10);
  });
});

describe('TLS', () => {
  test('fails when the certificate is not trusted', async () => {
    await expect(open(SECURE, {})).rejects.toThrow(/certificate/);
  });

  test('fails when the name is not in the certificate', async () => {
    await expect(open(SECURE, { ca: authority, servername: 'other.invalid' })).rejects.toThrow(/certificate/);
  });

  test('takes a server name that is not the host', async () => {
    const { client } = await open(SECURE, { ca: authority, servername: 'localhost' });
    expect(client.transport.isSecure).toBe(true);
  });

  test('says how to do without checks', () => {
    const events = { onConnect() {}, onError() {} };
    expect(() => network.connect({ host: 'localhost', port: 1, tls: { rejectUnauthorized: false } }, events)).toThrow(
      '--unsafely-ignore-certificate-errors=localhost',
    );
  });

  test('gives up when it is aborted in the middle of the handshake', async () => {
    const silent = await open();
    const events = { onConnect: vi.fn<() => void>(), onError: vi.fn<() => void>() };
    const { port } = silent.address as { port: number };
    const attempt = network.connect({ host: '127.0.0.1', port, tls: {} }, events);
    await sleep(50);
    attempt.abort();
    await sleep(50);
    expect(events.onConnect).not.toHaveBeenCalled();
    expect(events.onError).not.toHaveBeenCalled();
  });
});
