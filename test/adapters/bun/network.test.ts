// Bun's sockets as raw transports: TCP, TLS and Unix domain sockets.

import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectNode } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { network } from '../../../adapters/bun/network.ts';
import type { ConnectPlan, ListenPlan } from '../../../src/http1/network.ts';
import { certificate, key } from '../../support/certificates.ts';
import { pattern } from '../../support/frames.ts';
import { sleep } from '../../support/sockets.ts';
import { connect, End, Port } from './raw-sockets.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanup.splice(0).toReversed()) task();
});

const folder = mkdtempSync(join(tmpdir(), 'wasock-bun-'));
let sockets = 0;

function listen(plan: Partial<ListenPlan> = {}): Port {
  const port = new Port(plan);
  cleanup.push(() => port.listener.close(() => {}));
  return port;
}

async function pair(listening: Partial<ListenPlan>, connecting: Partial<ConnectPlan>): Promise<{ client: End; server: End }> {
  const port = listen(listening);
  const [client, server] = await Promise.all([connect({ port: port.port, ...connecting }), port.accept()]);
  cleanup.push(
    () => client.transport.destroy(),
    () => server.transport.destroy(),
  );
  return { client, server };
}

const kinds: readonly { name: string; make: () => Promise<{ client: End; server: End }> }[] = [
  { name: 'TCP', make: () => pair({}, {}) },
  { name: 'TLS', make: () => pair({ tls: { cert: certificate, key } }, { host: 'localhost', tls: { ca: certificate } }) },
  {
    name: 'a Unix domain socket',
    make: () => {
      const path = join(folder, `${++sockets}.sock`);
      return pair({ path }, { path });
    },
  },
];

describe.each(kinds)('a transport over $name', ({ make }) => {
  test('carries bytes both ways, each way to its end', async () => {
    const { client, server } = await make();
    client.transport.start();
    server.transport.start();
    await client.write(pattern(10), pattern(0), pattern(20));
    await server.until(() => server.length === 30);
    expect(server.bytes).toEqual(Buffer.concat([pattern(10), pattern(20)]));
    client.transport.end();
    await server.until(() => server.events.includes('end'));
    expect(server.transport.write([pattern(5)], () => {})).toBe(true);
    server.transport.end();
    await Promise.all([
      client.until(() => client.events.includes('closed')),
      server.until(() => server.events.includes('closed')),
    ]);
    expect(client.bytes).toEqual(Buffer.from(pattern(5)));
    expect(client.events).toEqual(['receive', 'end', 'closed']);
    expect(server.events).toEqual(['receive', 'end', 'closed']);
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });

  test('keeps the order of writes that a slow reader holds up, and tells of each once', async () => {
    const { client, server } = await make();
    server.transport.start();
    const sizes = [9_000_000, 3, 70_000, 200_000, 1, 5_000_000];
    const done: number[] = [];
    const results = sizes.map((size, index) =>
      server.transport.write([pattern(size), Uint8Array.of(index)], () => done.push(index)),
    );
    server.transport.end();
    expect(results.at(-1)).toBe(false);
    await sleep(50);
    expect(done.length).toBeLessThan(sizes.length);
    client.transport.start();
    await client.until(() => client.events.includes('end'));
    const expected = Buffer.concat(sizes.flatMap((size, index) => [pattern(size), Uint8Array.of(index)]));
    expect(client.length).toBe(expected.length);
    expect(Buffer.compare(client.bytes, expected)).toBe(0);
    expect(done).toEqual(results.flatMap((isDone, index) => (isDone ? [] : [index])));
  });

  test('keeps what arrives before the start and while it is paused, in order', async () => {
    const { client, server } = await make();
    await client.write(Uint8Array.of(1));
    await sleep(30);
    expect(server.events).toEqual([]);
    server.transport.start();
    await server.until(() => server.length === 1);
    server.transport.pause();
    await client.write(Uint8Array.of(2));
    await client.write(Uint8Array.of(3));
    client.transport.end();
    await sleep(30);
    expect(server.length).toBe(1);
    server.transport.resume();
    expect(server.length).toBe(1);
    await server.until(() => server.events.includes('end'));
    expect([...server.bytes]).toEqual([1, 2, 3]);
    expect(server.events).toEqual(['receive', 'end']);
  });

  test('stops the peer while it is paused', async () => {
    const { client, server } = await make();
    server.transport.start();
    server.transport.pause();
    let isTaken = false;
    client.transport.write([pattern(32_000_000)], () => (isTaken = true));
    await sleep(100);
    expect(isTaken).toBe(false);
    server.transport.resume();
    await server.until(() => server.length === 32_000_000);
    expect(Buffer.compare(server.bytes, pattern(32_000_000))).toBe(0);
  });

  test('ends at once when it is destroyed, and tells later', async () => {
    const { client, server } = await make();
    client.transport.start();
    server.transport.start();
    await server.write(pattern(1000));
    server.transport.destroy();
    expect(server.events).toEqual([]);
    expect(server.transport.write([pattern(1)], () => expect.unreachable())).toBe(false);
    await server.until(() => server.events.includes('closed'));
    await client.until(() => client.events.includes('end'));
    expect(client.length).toBe(1000);
    server.transport.destroy();
    await sleep(10);
    expect(server.events).toEqual(['closed']);
  });

  test('passes events on to whom was attached last', async () => {
    const { client, server } = await make();
    server.transport.start();
    await client.write(Uint8Array.of(1));
    await server.until(() => server.length === 1);
    const next = new End(server.transport);
    await client.write(Uint8Array.of(2));
    await next.until(() => next.length === 1);
    client.transport.destroy();
    await next.until(() => next.events.includes('end'));
    expect(server.events).toEqual(['receive']);
    expect([...next.bytes]).toEqual([2]);
  });
});

describe('TCP', () => {
  test('tells of a reset', async () => {
    const port = listen();
    const socket = connectNode(port.port, '127.0.0.1');
    const server = await port.accept();
    server.transport.start();
    socket.resetAndDestroy();
    await server.until(() => server.events.includes('closed'));
    expect((server.error as NodeJS.ErrnoException).code).toBe('ECONNRESET');
  });

  test('knows its addresses', async () => {
    const { client, server } = await pair({}, {});
    expect(client.transport.local).toEqual(server.transport.remote);
    expect(client.transport.remote).toEqual(server.transport.local);
    expect(client.transport.remote.address).toBe('127.0.0.1');
    expect(client.transport.isSecure).toBe(false);
  });

  test('listens on all addresses without a host', async () => {
    const port = listen({ host: undefined });
    const [client] = await Promise.all([connect({ port: port.port }), port.accept()]);
    client.transport.destroy();
    expect(port.port).toBeGreaterThan(0);
  });

  test('resolves the host that it listens on', async () => {
    const address = await new Promise((resolve) => {
      const listener = network.listen(
        { port: 0, host: 'localhost' },
        { onListening: resolve, onConnection() {}, onError: resolve },
      );
      cleanup.push(() => listener.close(() => {}));
    });
    expect(['127.0.0.1', '::1']).toContain((address as { address: string }).address);
  });
});

describe('errors', () => {
  test('has the codes and words of Node.js', async () => {
    const port = listen();
    const { port: number } = port;
    expect(() => new Port({ port: number })).toThrow(expect.objectContaining({ code: 'EADDRINUSE', syscall: 'listen' }));
    await new Promise<void>((resolve) => {
      port.listener.close(resolve);
    });
    await expect(connect({ port: number })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: `connect ECONNREFUSED 127.0.0.1:${number}`,
    });
    await expect(connect({ path: join(folder, 'none.sock') })).rejects.toMatchObject({ code: 'ENOENT' });
    listen({ port: number });
  });

  test('says which option Bun has nothing for', () => {
    expect(() => new Port({ backlog: 10 })).toThrow(new TypeError('backlog: Bun always uses 512'));
  });

  test.each([
    ['an unknown certificate', {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['the certificate of another host', { ca: certificate, servername: 'example.org' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses %s', async (_name, tls, code) => {
    const port = listen({ tls: { cert: certificate, key } });
    await expect(connect({ port: port.port, tls })).rejects.toMatchObject({ code });
    const server = await port.accept();
    await server.until(() => server.events.includes('closed'));
  });

  test('takes an unknown certificate when it is told to', async () => {
    const { client } = await pair({ tls: { cert: certificate, key } }, { tls: { rejectUnauthorized: false } });
    expect(client.transport.isSecure).toBe(true);
  });

  test('fails a TLS handshake with what is no TLS', async () => {
    const plain = listen();
    const failure = connect({ port: plain.port, tls: { ca: certificate } }).catch((error: unknown) => error);
    const end = await plain.accept();
    await end.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await failure).toMatchObject({ code: 'EPROTO' });
    const secure = listen({ tls: { cert: certificate, key } });
    const [client, server] = await Promise.all([connect({ port: secure.port }), secure.accept()]);
    server.transport.start();
    await client.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await server.until(() => server.events.includes('closed'));
    expect(server.length).toBe(0);
    client.transport.destroy();
  });

  test('hears nothing after it has given up', async () => {
    const port = listen();
    const heard: string[] = [];
    const events = { onConnect: () => heard.push('connect'), onError: () => heard.push('error') };
    network.connect({ host: '127.0.0.1', port: port.port }, events).abort();
    network.connect({ host: '127.0.0.1', port: 1 }, events).abort();
    const server = await port.accept();
    server.transport.start();
    await server.until(() => server.events.includes('end') || server.events.includes('closed'));
    await sleep(20);
    expect(heard).toEqual([]);
  });
});

describe('TLS', () => {
  test('keeps what is written while its handshake is under way', async () => {
    const port = listen({ tls: { cert: certificate, key } });
    const connecting = connect({ port: port.port, tls: { ca: certificate } });
    const server = await port.accept();
    let isWritten = false;
    expect(server.transport.write([Buffer.from('early')], () => (isWritten = true))).toBe(false);
    const client = await connecting;
    client.transport.start();
    await client.until(() => client.length === 5);
    expect(isWritten).toBe(true);
    expect(Buffer.from(client.bytes).toString()).toBe('early');
  });
});

test('a listener that is closed leaves its connections alone', async () => {
  const port = listen();
  const [client, server] = await Promise.all([connect({ port: port.port }), port.accept()]);
  await new Promise<void>((resolve) => {
    port.listener.close(resolve);
  });
  server.transport.start();
  await client.write(Uint8Array.of(7));
  await server.until(() => server.length === 1);
  client.transport.destroy();
  rmSync(folder, { recursive: true, force: true });
});
