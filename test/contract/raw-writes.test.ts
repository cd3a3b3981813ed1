// Programs that write to `_socket` by themselves, on each runtime: over every kind of socket, for servers and clients, whatever waits at the time.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { authority, certificate, key } from '../adapters/deno/certificates.ts';
import { frame as makeFrame } from '../support/frames.ts';
import { sleep } from '../support/sleep.ts';
import { keepUncaught } from '../support/uncaught.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Peer = NodeWs.WebSocket;

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Servers by where their sockets come from. */
const SERVERS = {
  own: (perMessageDeflate: object | false) => new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate }),
  'own with TLS': (perMessageDeflate: object | false) =>
    new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate, tls: { cert: certificate, key } }),
  'node:http': (perMessageDeflate: object | false) => behind(createServer(), perMessageDeflate),
  'node:https': (perMessageDeflate: object | false) =>
    behind(createSecureServer({ cert: certificate, key }), perMessageDeflate),
};

function behind(server: ReturnType<typeof createServer>, perMessageDeflate: object | false): NodeWs.WebSocketServer {
  const wss = new WebSocketServer({ server, perMessageDeflate });
  server.listen(0, '127.0.0.1');
  cleanUps.push(() => server.close());
  return wss;
}

interface Pair {
  /** The side whose `_socket` the program uses. */
  readonly near: Peer;
  readonly far: Peer;
  /** A text message of the near side, as a frame. */
  readonly frame: (text: string) => Uint8Array;
  /** A binary message of zeros. */
  readonly long: (length: number) => Uint8Array;
  readonly socket: Duplex;
}

async function connect(
  kind: keyof typeof SERVERS,
  side: 'server' | 'client',
  compression: object | false = false,
): Promise<Pair> {
  const server = SERVERS[kind](compression);
  cleanUps.push(() => server.shutdown({ signal: AbortSignal.abort() }));
  await once(server, 'listening');
  const scheme = kind.includes('TLS') || kind.includes('https') ? 'wss' : 'ws';
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`${scheme}://127.0.0.1:${port}/`, { ca: authority, perMessageDeflate: compression });
  cleanUps.push(() => client.terminate());
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [[Peer], unknown];
  const [near, far] = side === 'server' ? [peer, client] : [client, peer];
  for (const ws of [near, far]) ws.on('error', () => {});
  const mask = side === 'server' ? [] : [0, 0, 0, 0];
  const frame = (text: string): Uint8Array =>
    Buffer.from([0x81, (side === 'server' ? 0 : 0x80) | text.length, ...mask, ...Buffer.from(text)]);
  const masking = side === 'server' ? {} : { key: new Uint8Array(4) };
  const long = (length: number): Uint8Array => makeFrame({ opcode: 2, payload: new Uint8Array(length), ...masking });
  return { near, far, frame, long, socket: (near as unknown as { _socket: Duplex })._socket };
}

const LENGTH = 12_000_000;
const LONG = new Uint8Array(LENGTH).fill(65);

/** What `far` receives from now on: texts, and LONG as `long`. */
function collect(far: Peer, count: number): Promise<string[]> {
  const messages: string[] = [];
  return new Promise((resolve) => {
    far.on('close', (code) => resolve([...messages, `closed ${code}`]));
    far.on('message', (data: Uint8Array, isBinary: boolean) => {
      const isLong = isBinary && Buffer.compare(data, LONG) === 0;
      messages.push(isLong ? 'long' : isBinary ? `${data.length} bytes` : Buffer.from(data).toString());
      if (messages.length === count) resolve(messages);
    });
  });
}

const SIDES = (Object.keys(SERVERS) as (keyof typeof SERVERS)[]).flatMap((kind) =>
  (['server', 'client'] as const).map((side) => [kind, side] as const),
);

describe.each(SIDES)('a server of the kind %s, its %s', (kind, side) => {
  test.each(['in the same turn', 'later'])('writes behind a long message that waits, %s', async (when) => {
    const { near, far, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 4);
    near.send(LONG);
    if (when === 'later') await sleep(30);
    // Deno's clients keep what they write over TLS.
    if (runtime !== 'deno') expect(near.bufferedAmount).toBeGreaterThan(0);
    let isDone = false;
    socket.write(frame('raw'), () => (isDone = true));
    socket.write(frame('second'));
    near.send('after');
    await sleep(30);
    far.resume();
    expect(await received).toEqual(['long', 'raw', 'second', 'after']);
    expect(isDone).toBe(true);
    expect(near.bufferedAmount).toBe(0);
  });

  test('writes between long messages that wait', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 6);
    near.send(LONG);
    near.send(LONG);
    socket.write(frame('raw'));
    near.send('between');
    await sleep(30);
    near.send(LONG);
    socket.write(frame('second'));
    far.resume();
    expect(await received).toEqual(['long', 'long', 'raw', 'between', 'long', 'second']);
  });

  test('corks while a long message waits', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 3);
    near.send(LONG);
    await sleep(30);
    const raw = frame('raw');
    socket.cork();
    socket.write(raw.subarray(0, 1));
    socket.write(raw.subarray(1));
    socket.uncork();
    near.send('after');
    far.resume();
    expect(await received).toEqual(['long', 'raw', 'after']);
  });

  test('ends with data behind a long message that waits', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 3);
    near.send(LONG);
    await sleep(30);
    socket.end(frame('raw'));
    far.resume();
    expect(await received).toEqual(['long', 'raw', 'closed 1006']);
  });

  test('writes and ends behind messages of the same turn', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    const received = collect(far, 6);
    near.send('one');
    socket.write(frame('raw'));
    near.send('two');
    await sleep(10);
    near.send('three');
    socket.end(frame('end'));
    expect(await received).toEqual(['one', 'raw', 'two', 'three', 'end', 'closed 1006']);
  });

  test('whose socket has another write() that waits, sends the right bytes', async () => {
    const { near, far, socket } = await connect(kind, side);
    const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
    socket.write = ((...given: unknown[]) => {
      setTimeout(() => write(...given), 500);
      return true;
    }) as never;
    const messages = Array.from({ length: 6 }, (_value, index) => Buffer.alloc(1000 + index, index));
    const received: Buffer[] = [];
    far.on('message', (data: Buffer) => received.push(data));
    for (const message of messages) {
      near.send(message);
      await sleep(60);
    }
    await expect.poll(() => received.length).toBe(messages.length);
    for (const [index, message] of messages.entries()) expect(Buffer.compare(received[index], message)).toBe(0);
  });

  test('sends after it has ended its socket, in vain', async () => {
    const { near, far, socket } = await connect(kind, side);
    // A peer that does not close.
    (far as unknown as { _socket: Duplex })._socket.removeAllListeners('end');
    const received = collect(far, 1);
    const closed = once(near, 'close');
    near.send('one');
    socket.end();
    const error = await new Promise<Error | null | undefined>((resolve) => near.send(new Uint8Array(100_000), resolve));
    expect(error).toBeInstanceOf(Error);
    expect((await closed)[0]).toBe(1006);
    expect(near.bufferedAmount).toBe(0);
    expect(await received).toEqual(['one']);
  });

  test('writes in a listener behind messages that the listener sent', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    const received = collect(far, 3);
    near.on('message', () => {
      near.send('one');
      socket.write(frame('raw'));
      near.send('two');
    });
    far.send('go');
    expect(await received).toEqual(['one', 'raw', 'two']);
  });

  test('sends while its socket is corked', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    const received = collect(far, 3);
    const raw = frame('raw');
    socket.cork();
    socket.write(raw.subarray(0, 1));
    socket.write(raw.subarray(1));
    near.send('one');
    await sleep(10);
    socket.write(frame('two'));
    socket.uncork();
    expect(await received).toEqual(['raw', 'one', 'two']);
  });

  test('writes behind a message that was sent in the callback of a long one', async () => {
    const { near, far, frame, socket } = await connect(kind, side);
    const received = collect(far, 4);
    near.send(LONG, () => {
      far.pause();
      near.send(LONG);
    });
    await expect.poll(() => far.isPaused).toBe(true);
    await sleep(30);
    near.send('first');
    socket.write(frame('second'));
    far.resume();
    expect(await received).toEqual(['long', 'long', 'first', 'second']);
  });

  test("sends and writes in a 'drain' listener of its socket", async () => {
    const { near, far, long, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 5);
    const calls: string[] = [];
    near.send(new Uint8Array(5_000_000), () => calls.push('long'));
    await sleep(5);
    // Above the high-water mark.
    socket.write(long(66_000), () => calls.push('raw'));
    near.send('one', () => calls.push('one'));
    const drained = once(socket, 'drain').then(() => {});
    socket.once('drain', () => void socket.write(frame('two'), () => calls.push('two')));
    await sleep(30);
    far.resume();
    await drained;
    near.send('three', () => calls.push('three'));
    expect(await received).toEqual(['5000000 bytes', '66000 bytes', 'one', 'two', 'three']);
    await expect.poll(() => calls.toSorted()).toEqual(['long', 'one', 'raw', 'three', 'two']);
    await expect.poll(() => near.bufferedAmount).toBe(0);
  });

  test('sends and writes in the callback of a message that was between writes', async () => {
    const { near, far, long, frame, socket } = await connect(kind, side);
    far.pause();
    const received = collect(far, 7);
    const calls: string[] = [];
    socket.write(long(20_000_000), () => calls.push('long'));
    await sleep(20);
    near.send('one', () => {
      calls.push('one');
      near.send('four', () => calls.push('four'));
      socket.write(frame('five'), () => calls.push('five'));
    });
    await sleep(20);
    near.send('two', () => calls.push('two'));
    socket.write(frame('three'), () => calls.push('three'));
    far.resume();
    await expect.poll(() => calls.length).toBe(6);
    near.send('six');
    const messages = await received;
    const expected = ['20000000 bytes', 'one', 'two', 'three', 'four', 'five', 'six'];
    expect(messages.toSorted()).toEqual(expected.toSorted());
    // 'one' may have been written before 'two' was sent.
    expect(messages.filter((message) => !['four', 'five'].includes(message))).toEqual([
      '20000000 bytes',
      'one',
      'two',
      'three',
      'six',
    ]);
    expect(messages.filter((message) => ['one', 'four', 'five'].includes(message))).toEqual(['one', 'four', 'five']);
    expect(calls.toSorted()).toEqual(['five', 'four', 'long', 'one', 'three', 'two']);
    await expect.poll(() => near.bufferedAmount).toBe(0);
  });

  test.each([
    ['messages', false],
    ['compressed messages', { threshold: 0 }],
    ['messages that zlib inflates', { threshold: 0, engine: 'zlib' }],
  ] as [string, object | false][])('whose listener pauses and resumes gets %s in order', async (_, compression) => {
    const { near, far } = await connect(kind, side, compression);
    const count = 100;
    const numbers: number[] = [];
    const received = new Promise<void>((resolve) => {
      near.on('close', () => resolve());
      near.on('message', (data: Buffer) => {
        numbers.push(data.readUInt32BE(0));
        near.pause();
        near.resume();
        if (numbers.length === count) resolve();
      });
    });
    for (let index = 0; index < count; index++) {
      // Compresses to about three quarters.
      const bytes = Buffer.from(Array.from({ length: 20_000 }, (_value, at) => (Math.imul(at, 2_654_435_761) >>> 13) & 63));
      bytes.writeUInt32BE(index, 0);
      far.send(bytes);
    }
    await received;
    expect(numbers).toEqual(Array.from({ length: count }, (_value, index) => index));
  });

  describe('sends on, and calls its callbacks,', () => {
    let uncaught: ReturnType<typeof keepUncaught>;

    beforeEach(() => {
      uncaught = keepUncaught();
      cleanUps.push(() => uncaught.stop());
    });

    const throwing = (): never => {
      throw new Error('of the program');
    };
    const sent = (near: Peer, data: string | Uint8Array): Promise<Error | null | undefined> =>
      new Promise((resolve) => near.send(data, resolve));

    async function expectGoingOn({ near, far }: Pair, expected: string[] = ['of the program']): Promise<void> {
      await expect.poll(() => uncaught.messages).toEqual(expected);
      expect(await sent(near, 'later')).toBeFalsy();
      expect(near.bufferedAmount).toBe(0);
      const closed = once(far, 'close');
      near.close(1000);
      expect((await closed)[0]).toBe(1000);
    }

    test.each(['once', 'prependOnceListener'] as const)(
      "after a listener of its socket's event 'drain' has thrown, added by %s",
      async (add) => {
        const pair = await connect(kind, side);
        const { near, far, socket } = pair;
        socket[add]('drain', throwing);
        far.pause();
        const received = collect(far, 3);
        const all = [sent(near, LONG), sent(near, 'behind')];
        await sleep(30);
        // The socket of a byte stream emits 'drain' for writes to itself only.
        socket.write(pair.frame('raw'));
        far.resume();
        for (const one of all) expect(await one).toBeFalsy();
        expect(await received).toEqual(['long', 'behind', 'raw']);
        // Deno 2.9 prints exceptions in 'drain' of a net.Socket, and reports none of them as uncaught.
        const isReported = runtime !== 'deno' || !(socket instanceof Socket) || 'encrypted' in socket;
        await expectGoingOn(pair, isReported ? undefined : []);
      },
    );

    test('after a callback of a write to its socket has thrown', async () => {
      const pair = await connect(kind, side);
      const { near, far, frame, socket } = pair;
      const received = collect(far, 4);
      socket.cork();
      socket.write(frame('raw'), throwing);
      const one = sent(near, 'one');
      await sleep(10);
      socket.write(frame('two'));
      socket.uncork();
      near.send('three');
      expect(await received).toEqual(['raw', 'one', 'two', 'three']);
      expect(await one).toBeFalsy();
      await expectGoingOn(pair);
    });

    test("after its own listener of 'drain' has thrown, and calls that of a write to its socket", async () => {
      const pair = await connect(kind, side);
      const { near, far, frame, socket } = pair;
      near.once('drain', throwing);
      far.pause();
      const received = collect(far, 2);
      const one = sent(near, LONG);
      expect(near.bufferedAmount).toBeGreaterThan(0);
      await sleep(30);
      let isDone = false;
      socket.write(frame('raw'), () => (isDone = true));
      far.resume();
      expect(await received).toEqual(['long', 'raw']);
      expect(await one).toBeFalsy();
      await expect.poll(() => isDone).toBe(true);
      await expectGoingOn(pair);
    });
  });
});
