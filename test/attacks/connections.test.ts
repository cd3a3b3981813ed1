// Peers that take a connection and give nothing: that never read, never close, never answer, never finish a handshake, or come in thousands.

import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as certificates from '../support/certificates.ts';
import { acceptanceHead, requestHead, sleep, until } from '../support/sockets.ts';
import { closed, pour, readHead, RUNTIMES, Victim, type Role } from './attack.ts';

const ROLES: readonly Role[] = ['server', 'client'];
const TLS = { tls: { cert: certificates.certificate, key: certificates.key } };

/** The head of the answer to a request over `socket`; empty if there is none. */
async function ask(socket: Socket, request: string): Promise<string> {
  const head = readHead(socket);
  socket.write(request);
  return await head;
}

/** How many of `heads` have each status. */
function statuses(heads: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const head of heads) {
    const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 'none';
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

describe.each(RUNTIMES.flatMap(([name, runtime]) => ROLES.map((role) => ({ name, runtime, role }))))(
  '$name: a $role',
  ({ runtime, role }) => {
    const to = `${role}: `;

    test('drops peers that make it send and never read', async () => {
      const victim = await Victim.start(runtime, role, { maxBufferedAmount: 1 << 20 });
      await victim.endures(
        [`${to}20 peers that get 64 MiB and never read`, '`maxBufferedAmount: 1 MiB`'],
        { memory: 128, cpu: 5000 },
        async () => {
          const peers = await victim.peers(20, '/silent');
          for (const peer of peers) peer.pause();
          const path = role === 'server' ? '/silent' : '/';
          await victim.order({ do: 'send', path, count: 1024, length: 65_536 });
          const { closes, errors } = await victim.reports('the end', ({ open }) => open === 0);
          expect([closes, errors]).toEqual([{ 1006: 20 }, { WS_ERR_TOO_MUCH_BUFFERED_OUTPUT: 20 }]);
          for (const peer of peers) peer.destroy();
        },
      );
    });

    test('drops peers that never answer a Close frame, and those that go on sending behind theirs', async () => {
      const victim = await Victim.start(runtime, role, { closeTimeout: 4000 });
      await victim.endures([`${to}210 peers that never close`, '`closeTimeout: 4 s`'], { memory: 128, cpu: 5000 }, async () => {
        const peers = await victim.peers(210);
        const begin = Date.now();
        await victim.order({ do: 'close' });
        const close = Buffer.from(role === 'server' ? '88820000000003e8' : '880203e8', 'hex');
        const message = Buffer.from(role === 'server' ? '8182000000006869' : '81026869', 'hex');
        const messages = Buffer.concat(Array<Buffer>(1000).fill(message));
        // A third says nothing, a third sends messages instead, a third a Close frame and then messages.
        for (const [index, peer] of peers.entries()) if (index % 3 === 2) peer.write(close);
        for (const [index, peer] of peers.entries()) if (index % 3 !== 0) peer.write(messages);
        const { closes } = await victim.reports('the end', ({ open }) => open === 0);
        await Promise.all(peers.map(closed));
        expect(Date.now() - begin).toBeLessThan(25_000);
        expect(closes).toEqual({ 1000: 70, 1006: 140 });
      });
    });

    test('drops peers that vanished without a FIN', async () => {
      const victim = await Victim.start(runtime, role, { heartbeat: { interval: 200, timeout: 200 } });
      await victim.endures(
        [`${to}200 peers that vanished`, '`heartbeat`, 200 + 200 ms; off by default'],
        { memory: 48, cpu: 3000 },
        async () => {
          const peers = await victim.peers(200);
          for (const peer of peers) peer.pause();
          const { closes } = await victim.reports('the end', ({ open }) => open === 0);
          expect(closes).toEqual({ 1006: 200 });
          for (const peer of peers) peer.destroy();
        },
      );
    });
  },
);

describe.each(RUNTIMES)('%s: a server', (_, runtime) => {
  test.each([
    ['TCP', {}],
    ['TLS', TLS],
  ])('drops clients that never finish a request over %s', async (wire, options) => {
    const victim = await Victim.start(runtime, 'server', { headersTimeout: 1000, ...options });
    await victim.endures(
      [`server: 300 handshakes that never end, over ${wire}`, '`headersTimeout: 1 s`'],
      { memory: wire === 'TLS' ? 96 : 48, cpu: 5000 },
      async () => {
        const begin = Date.now();
        // No byte at all, not even of TLS.
        const silent = await victim.dialAll(100, false);
        // A byte now and then.
        const slow = await victim.dialAll(100);
        const head = requestHead();
        // A client that gets a response and stays.
        const staying = await victim.dialAll(100);
        for (const socket of staying) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        // Deno cannot close a TCP connection below a TLS handshake that has not begun.
        const cuts = runtime !== 'deno' || wire === 'TCP';
        const all = [...(cuts ? silent : []), ...slow, ...staying];
        for (const socket of all) {
          socket.resume();
          // Those of TLS and of node:http keep their half open otherwise.
          socket.on('end', () => socket.end());
        }
        for (let index = 0; slow.some((socket) => !socket.destroyed); index++) {
          for (const socket of slow) if (socket.writable) socket.write(head[index % 20]);
          await sleep(50);
          expect(Date.now() - begin).toBeLessThan(25_000);
        }
        await Promise.all(all.map(closed));
        expect(Date.now() - begin).toBeLessThan(25_000);
        expect((await victim.report()).open).toBe(0);
        for (const socket of silent) socket.destroy();
      },
    );
  });

  test.each([
    ['TCP', {}],
    ['TLS', TLS],
  ])('answers a flood of connections over %s by maxConnections', async (wire, options) => {
    const count = wire === 'TLS' ? 300 : 1000;
    const victim = await Victim.start(runtime, 'server', { maxConnections: 100, ...options });
    await victim.endures(
      [`server: ${count} requests at once, over ${wire}`, '`maxConnections: 100`'],
      { memory: wire === 'TLS' ? 96 : 64, cpu: 5000 },
      async () => {
        const sockets = await victim.dialAll(count);
        const heads = await Promise.all(sockets.map((socket) => ask(socket, requestHead())));
        expect(statuses(heads)).toEqual({ 101: 100, 503: count - 100 });
        const { open, counters } = await victim.report();
        expect([open, counters['maxConnections']]).toEqual([100, count - 100]);
        for (const socket of sockets) socket.destroy();
        await victim.reports('the end', (report) => report.open === 0);
      },
    );
  });

  test('answers a flood of one address by handshakeRate and maxConnectionsPerAddress', async () => {
    const rate = { count: 200, interval: 240_000 };
    const victim = await Victim.start(runtime, 'server', { handshakeRate: rate, maxConnectionsPerAddress: 50 });
    await victim.endures(
      ['server: 1,000 requests of one address', '`handshakeRate`, `maxConnectionsPerAddress: 50`'],
      { memory: 64, cpu: 5000 },
      async () => {
        const sockets = await victim.dialAll(1000);
        const heads = await Promise.all(sockets.map((socket) => ask(socket, requestHead())));
        const { 101: opened, 429: refused } = statuses(heads);
        expect([opened, refused]).toEqual([50, 950]);
        const { counters } = await victim.report();
        // Some tokens went before, and some have returned meanwhile.
        expect(counters['maxConnectionsPerAddress']).toBeGreaterThanOrEqual(140);
        expect(counters['maxConnectionsPerAddress']).toBeLessThanOrEqual(170);
        expect(counters['maxConnectionsPerAddress'] + counters['handshakeRate']).toBe(950);
        for (const head of heads) if (head.includes(' 429 ')) expect(head).toMatch(/\r\nRetry-After: \d+\r\n/);
        for (const socket of sockets) socket.destroy();
        await victim.reports('the end', (report) => report.open === 0);
      },
    );
  });

  /** Each takes a file descriptor in this process and in the victim. */
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const fast = Math.min(5000, descriptors - 400);

  test(`keeps ${fast} fast clients served while 50 never read`, async () => {
    const victim = await Victim.start(runtime, 'server', { maxBufferedAmount: 1 << 20 });
    await victim.endures(
      [`server: 50 slow clients among ${fast.toLocaleString('en')} fast ones`, '`maxBufferedAmount: 1 MiB`'],
      { memory: 384, cpu: 60_000 },
      async () => {
        const clients = await victim.peers(fast, '/silent');
        const slow = await victim.peers(50, '/slow');
        for (const socket of slow) socket.pause();
        const count = 30;
        const length = 4 + 512;
        const received = new Map<Socket, number>();
        for (const client of clients) {
          client.on('data', (chunk: Buffer) => void received.set(client, (received.get(client) ?? 0) + chunk.length));
        }
        const flooded = victim.order({ do: 'send', path: '/slow', count: 200, length: 65_536 });
        await flooded;
        await victim.order({ do: 'broadcast', count, length: 512 });
        const total = count * length;
        await until('all messages', () => clients.every((client) => received.get(client) === total));
        const { errors, closes } = await victim.reports('the drops', ({ open }) => open === fast);
        expect([closes, errors]).toEqual([{ 1006: 50 }, { WS_ERR_TOO_MUCH_BUFFERED_OUTPUT: 50 }]);
        for (const socket of [...clients, ...slow]) socket.destroy();
        await victim.reports('the end', ({ open }) => open === 0);
      },
    );
  });
});

describe.each(RUNTIMES)('%s: a client', (_, runtime) => {
  /** An answer of a hostile server, the options of our client, and the error by which it ends. */
  const ANSWERS: readonly (readonly [
    name: string,
    bound: string,
    options: object,
    answer: (socket: Socket, key: string) => unknown,
  ])[] = [
    ['servers that say nothing', '`handshakeTimeout: 500 ms`', { handshakeTimeout: 500 }, () => {}],
    [
      'answers that come byte by byte',
      '`handshakeTimeout: 500 ms`',
      { handshakeTimeout: 500 },
      async (socket, key) => {
        for (const letter of acceptanceHead(key)) {
          if (socket.destroyed) return;
          socket.write(letter);
          await sleep(50);
        }
      },
    ],
    [
      'answers whose header never ends',
      'size of a header',
      {},
      (socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n');
        return pour(socket, `X-Field: ${'x'.repeat(1000)}\r\n`);
      },
    ],
    [
      'answers with a field that never ends',
      'size of a header',
      {},
      (socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nX-Field: ');
        return pour(socket, 'x'.repeat(16_384));
      },
    ],
    [
      'refusals whose body never ends',
      'the body is not read',
      {},
      (socket) => {
        socket.write('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n');
        return pour(socket, 'x'.repeat(16_384));
      },
    ],
    [
      'refusals in chunks that never end',
      'the body is not read',
      {},
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        return pour(socket, `4000\r\n${'x'.repeat(16_384)}\r\n`);
      },
    ],
    [
      'endless interim responses',
      '`handshakeTimeout: 500 ms`',
      { handshakeTimeout: 500 },
      (socket) => pour(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)),
    ],
    [
      'redirects in a circle',
      '`maxRedirects`, 10',
      { followRedirects: true },
      (socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n'),
    ],
  ];

  test.each(ANSWERS)('ends at %s', async (name, bound, options, answer) => {
    const victim = await Victim.start(runtime, 'client', {});
    // The heads that node:http parses are garbage, and the faster the machine is the more of it there is between two collections.
    const memory = name === 'endless interim responses' ? 128 : 64;
    await victim.endures([`client: 20 ${name}`, bound], { memory, cpu: 5000 }, async () => {
      const sockets: Socket[] = [];
      const url = await victim.serve((socket, fieldKey) => {
        sockets.push(socket);
        void answer(socket, fieldKey);
      });
      for (let index = 0; index < 20; index++) await victim.order({ do: 'connect', url, options });
      const { closes, errors } = await victim.reports('the end', ({ open }) => open === 0);
      expect(closes).toEqual({ 1006: 20 });
      expect(Object.values(errors).reduce((sum, one) => sum + one, 0)).toBe(20);
      await until('the end of the sockets', () => sockets.every((socket) => socket.destroyed || socket.readableEnded));
    });
  });
});
