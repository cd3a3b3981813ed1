// Frames of a hostile peer, sent to our servers and to our clients. Each victim is a process of its own.

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sleep, until } from '../support/sockets.ts';
import { ALL_RUNTIMES, closed, pour, Victim, type Role } from './attack.ts';

const ROLES: readonly Role[] = ['server', 'client'];
const CASES = ALL_RUNTIMES.flatMap(([name, runtime]) => ROLES.map((role) => ({ name, runtime, role })));
const EXTENSION = ['Sec-WebSocket-Extensions: permessage-deflate'];

/** A frame with a 64-bit length. Masked with zeros for a server. */
function frameTo(role: Role, first: number, length: bigint, payload: Uint8Array = new Uint8Array()): Buffer {
  const mask = role === 'server' ? 0x80 : 0;
  const head = Buffer.alloc(mask === 0 ? 10 : 14);
  head[0] = first;
  head[1] = mask | 127;
  head.writeBigUInt64BE(length, 2);
  return Buffer.concat([head, payload]);
}

/** A frame with at most 125 bytes. */
function shortFrameTo(role: Role, first: number, payload: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.from([first, ...(role === 'server' ? [0x80 | payload.length, 0, 0, 0, 0] : [payload.length]), ...payload]);
}

const repeat = (bytes: Buffer, times: number): Buffer => Buffer.concat(Array<Buffer>(times).fill(bytes));

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0);

/** The end of all these connections. */
async function ends(peers: readonly Socket[]): Promise<void> {
  await Promise.all(
    peers.map((peer) => {
      peer.on('end', () => peer.end());
      return closed(peer);
    }),
  );
}

describe.each(CASES)('$name: a $role', ({ runtime, role }) => {
  const to = `${role}: `;

  test('fails connections whose frames claim lengths of 2^53 to 2^64', async () => {
    const victim = await Victim.start(runtime, role);
    await victim.endures([`${to}200 frames of 2^53 to 2^64 bytes`, '`maxPayload`'], { memory: 32, cpu: 3000 }, async () => {
      const peers = await victim.peers(200);
      const lengths = [1n << 63n, (1n << 64n) - 1n, (1n << 63n) - 1n, 1n << 53n];
      for (const [index, peer] of peers.entries()) peer.write(frameTo(role, 0x82, lengths[index % 4]));
      await ends(peers);
      const { closes, errors, messages } = await victim.reports('the end', ({ open }) => open === 0);
      expect([closes, sum(errors), messages]).toEqual([{ 1006: 200 }, 200, 0]);
    });
  });

  test('allocates nothing for claimed lengths of 100 MiB, also fragmented and compressed', async () => {
    const victim = await Victim.start(runtime, role, { perMessageDeflate: true });
    await victim.endures(
      [`${to}300 frames that claim 100 MiB, of which 1 KiB comes`, 'memory grows with the bytes that came'],
      { memory: 48, cpu: 3000 },
      async () => {
        const peers = await victim.peers(300, '/', EXTENSION);
        // A whole message, the first fragment of one, and compressed ones of both kinds.
        const firsts = [0x82, 0x02, 0xc2, 0x42];
        for (const [index, peer] of peers.entries())
          peer.write(frameTo(role, firsts[index % 4], 104_857_600n, Buffer.alloc(1024, 0x2a)));
        for (const peer of peers) peer.end();
        await ends(peers);
        const { closes, messages } = await victim.reports('the end', ({ open }) => open === 0);
        expect([closes, messages]).toEqual([{ 1006: 300 }, 0]);
      },
    );
  });

  test('holds what slow frames have brought, and no more', async () => {
    const victim = await Victim.start(runtime, role);
    await victim.endures(
      [`${to}200 frames of 1 MiB that come byte by byte`, 'memory grows with the bytes that came'],
      { memory: 32, cpu: 5000 },
      async () => {
        const peers = await victim.peers(200);
        for (const peer of peers) peer.write(frameTo(role, 0x82, 1n << 20n));
        for (let index = 0; index < 50; index++) {
          for (const peer of peers) peer.write(Buffer.of(index));
          await sleep(10);
        }
        expect((await victim.report()).open).toBe(200);
        for (const peer of peers) peer.destroy();
        await victim.reports('the end', ({ open }) => open === 0);
      },
    );
  });

  test('takes a million empty fragments as one empty message, or refuses them by maxFragments', async () => {
    const fragments = repeat(shortFrameTo(role, 0x00), 10_000);
    const free = await Victim.start(runtime, role);
    await free.endures(
      [`${to}a million empty fragments`, 'memory grows with the bytes that came'],
      { memory: 32, cpu: 5000 },
      async () => {
        const [peer] = await free.peers(1);
        peer.write(shortFrameTo(role, 0x02));
        expect(await pour(peer, fragments, 100)).toBe(100);
        peer.write(shortFrameTo(role, 0x80));
        const { bytes, messages } = await free.reports('the message', (report) => report.messages > 0);
        expect([messages, bytes]).toEqual([1, 0]);
      },
    );
    const limited = await Victim.start(runtime, role, { maxFragments: 1000 });
    await limited.endures([`${to}a million empty fragments`, '`maxFragments: 1000`'], { memory: 32, cpu: 2000 }, async () => {
      const [peer] = await limited.peers(1);
      peer.write(shortFrameTo(role, 0x02));
      void pour(peer, fragments, 100);
      await ends([peer]);
      const { closes, errors } = await limited.reports('the end', ({ open }) => open === 0);
      expect([closes, errors]).toEqual([{ 1006: 1 }, { WS_ERR_TOO_MANY_BUFFERED_PARTS: 1 }]);
    });
  });

  test('answers a flood of Pings of a peer that reads, and the latest one of a peer that does not', async () => {
    const victim = await Victim.start(runtime, role);
    const pings = repeat(shortFrameTo(role, 0x89, Buffer.alloc(125, 0x2a)), 1000);
    await victim.endures(
      [`${to}200,000 Pings of 125 bytes`, 'one Pong for each, in one write a turn'],
      { memory: 32, cpu: 5000 },
      async () => {
        const [peer] = await victim.peers(1);
        let received = 0;
        peer.on('data', (chunk: Buffer) => void (received += chunk.length));
        await pour(peer, pings, 200);
        await victim.reports('the Pings', (report) => report.pings === 200_000);
        // Each with a header of 2 bytes; 4 more for a mask. Those that came while output waited have no answer of their own.
        const answer = role === 'server' ? 127 : 131;
        await until('an answer', () => received % answer === 0 && received > answer);
        expect(received).toBeLessThanOrEqual(200_000 * answer);
        peer.destroy();
        await victim.reports('the end', ({ open }) => open === 0);
      },
    );
    await victim.endures(
      [`${to}the same, of a peer that never reads`, 'only the latest Ping is answered while output waits'],
      { memory: 32, cpu: 5000 },
      async () => {
        const [peer] = await victim.peers(1);
        peer.pause();
        await pour(peer, pings, 200);
        await victim.reports('the Pings', (report) => report.pings === 200_000);
        peer.destroy();
        await victim.reports('the end', ({ open }) => open === 0);
      },
    );
  });

  test('stops inflating bombs at maxPayload', async () => {
    const bomb = deflateRawSync(Buffer.alloc(110_000_000), { finishFlush: 2 }).subarray(0, -4);
    const frame = frameTo(role, 0xc2, BigInt(bomb.length), bomb);
    const victim = await Victim.start(runtime, role, { perMessageDeflate: true, maxPayload: 1 << 20 });
    await victim.endures([`${to}50 bombs of 110 MB in 107 KB`, '`maxPayload: 1 MiB`'], { memory: 128, cpu: 6000 }, async () => {
      const peers = await victim.peers(50, '/', EXTENSION);
      for (const peer of peers) peer.write(frame);
      await ends(peers);
      const { closes, errors, messages } = await victim.reports('the end', ({ open }) => open === 0);
      expect([closes, sum(errors), messages]).toEqual([{ 1006: 50 }, 50, 0]);
    });
    const free = await Victim.start(runtime, role, { perMessageDeflate: true });
    const { block } = await free.endures(
      [`${to}one of them`, '`maxPayload`, 100 MiB'],
      { memory: 256, cpu: 6000 },
      async () => {
        const [peer] = await free.peers(1, '/', EXTENSION);
        peer.write(frame);
        await ends([peer]);
        const { closes } = await free.reports('the end', ({ open }) => open === 0);
        expect(closes).toEqual({ 1006: 1 });
      },
    );
    expect(block).toBeLessThan(1000);
  });
});
