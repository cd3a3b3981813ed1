import { Duplex } from 'node:stream';
import { connect, createServer, Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { readInto } from '../../../src/nodejs/direct-read.ts';
import { expectBytes } from '../../support/bytes.ts';
import { concat, pattern } from '../../support/frames.ts';
import { socketPair, until, type SocketPair } from './sockets.ts';
import { sleep } from '../../support/sleep.ts';

const pairs: SocketPair[] = [];
afterEach(async () => {
  await Promise.all(pairs.splice(0).map((each) => each.close()));
});

async function pair(): Promise<SocketPair> {
  const made = await socketPair();
  pairs.push(made);
  return made;
}

describe('readInto', () => {
  test('server reads into the buffer, without data events', async () => {
    const { near, far } = await pair();
    const buffer = new Uint8Array(1024);
    const chunks: Uint8Array[] = [];
    let events = 0;
    near.on('data', () => events++);
    near.pause();
    expect(readInto(near, buffer, (length) => chunks.push(buffer.slice(0, length)))).toBe(true);
    near.resume();
    const sent = pattern(100_000);
    far.write(sent);
    await until(() => concat(...chunks).length === sent.length);
    expectBytes(concat(...chunks), sent);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(1024);
    expect(events).toBe(0);
  });

  test('many sockets share one buffer', async () => {
    const buffer = new Uint8Array(4096);
    const all = await Promise.all(Array.from({ length: 8 }, pair));
    const received = all.map(({ near }) => {
      const chunks: Uint8Array[] = [];
      expect(readInto(near, buffer, (length) => chunks.push(buffer.slice(0, length)))).toBe(true);
      near.resume();
      return chunks;
    });
    all.forEach(({ far }, index) => far.write(pattern(50_000, index + 1)));
    await until(() => received.every((chunks) => concat(...chunks).length === 50_000));
    received.forEach((chunks, index) => expectBytes(concat(...chunks), pattern(50_000, index + 1)));
  });

  test('pause holds the peer back, resume goes on', async () => {
    const { near, far } = await pair();
    const buffer = new Uint8Array(65536);
    let total = 0;
    readInto(near, buffer, (length) => {
      total += length;
      near.pause();
    });
    near.resume();
    far.write(pattern(1_000_000));
    await until(() => total > 0);
    const held = total;
    await sleep(30);
    expect(total).toBe(held);
    expect(held).toBeLessThanOrEqual(65536);
    while (total < 1_000_000) {
      const before = total;
      near.resume();
      await until(() => total > before);
    }
    expect(total).toBe(1_000_000);
  });

  test('the end and the close are still events', async () => {
    const { near, far } = await pair();
    readInto(near, new Uint8Array(10), () => {});
    near.resume();
    far.end('x');
    await once(near, 'end');
    near.end();
    await once(near, 'close');
  });

  test('refuses what is no open socket, and one that has a buffer', async () => {
    const fail = (): void => {
      throw new Error('Not to be called');
    };
    const buffer = new Uint8Array(10);
    const duplex = new Duplex({ read() {}, write() {} });
    expect(readInto(duplex, buffer, fail)).toBe(false);
    expect(readInto({}, buffer, fail)).toBe(false);
    expect(readInto(undefined, buffer, fail)).toBe(false);
    expect(readInto(new Socket(), buffer, fail)).toBe(false);

    const { near } = await pair();
    near.destroy();
    expect(readInto(near, buffer, fail)).toBe(false);

    const own = new Uint8Array(100);
    const seen: string[] = [];
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const onread = {
      buffer: own,
      callback(length: number, bytes: Uint8Array): boolean {
        seen.push(Buffer.from(bytes.subarray(0, length)).toString());
        return true;
      },
    };
    const socket = connect({ port, host: '127.0.0.1', onread });
    expect(readInto(socket, buffer, fail)).toBe(false);
    socket.resume();
    await once(socket, 'close');
    expect(seen.join('')).toBe('hello');
    server.close();
  });
});
