// The option `borrowMessages`, over real sockets on each runtime: what a program borrows, how long it lasts, and who keeps what.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';
import { pattern } from '../support/frames.ts';
import { randomOf } from '../support/random.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer, createWebSocketStream } = (await import(
  `../../adapters/${runtime}/index.ts`
)) as typeof NodeWs;
const w3c = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;
type Socket = InstanceType<typeof WebSocket>;
type Server = InstanceType<typeof WebSocketServer>;

const KIB = 1024;
const MIB = 1_048_576;
/** Around the sizes at which something changes: borrowed at all, the memory grows, the length of the header, the arena, too long to be borrowed. */
const SIZES = [
  0,
  1,
  125,
  126,
  4095,
  4096,
  16_383,
  16_384,
  16_385,
  65_535,
  65_536,
  131_071,
  131_072,
  131_073,
  262_144,
  524_289,
  MIB - 1,
  MIB,
];
const LONGER = [MIB + 1, 3 * MIB];
const MODES = [true, 'checked'] as const;

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanUp.splice(0)) task();
});

async function listen(options: object): Promise<Server> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanUp.push(() => {
    for (const client of wss.clients) client.terminate();
    wss.close();
  });
  await once(wss as never, 'listening');
  return wss;
}

function urlOf(wss: Server): string {
  return `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
}

/** A client and a server, where the server borrows. */
async function connect(options: object, clientOptions: object = {}): Promise<{ client: Socket; server: Socket; wss: Server }> {
  const wss = await listen(options);
  const accepted = once(wss as never, 'connection') as Promise<[Socket]>;
  const client = new WebSocket(urlOf(wss), clientOptions);
  await once(client as never, 'open');
  const [server] = await accepted;
  return { client, server, wss };
}

/** The next message of `ws`, which keeps it. */
async function next(ws: Socket): Promise<{ data: Buffer; isBinary: boolean }> {
  const [data, isBinary] = (await once(ws as never, 'message')) as [Buffer, boolean];
  return { data, isBinary };
}

function digest(bytes: Uint8Array): string {
  let hash = bytes.length;
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0;
  return `${bytes.length}:${hash}`;
}

/** Sends messages one by one; calls `onMessage` with each at the server. */
async function exchange(
  { client, server }: { client: Socket; server: Socket },
  messages: readonly (string | Uint8Array)[],
  onMessage: (data: Buffer, isBinary: boolean) => void,
): Promise<void> {
  for (const message of messages) {
    const delivered = new Promise<void>((resolve, reject) => {
      const listener = (data: unknown, isBinary: boolean): void => {
        server.removeListener('message', listener);
        try {
          onMessage(data as Buffer, isBinary);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      server.on('message', listener);
    });
    client.send(message);
    await delivered;
  }
}

describe.each(MODES)('borrowMessages: %s', (mode) => {
  describe.each([
    ['plain', false],
    ['compressed', { threshold: 0 }],
  ])('%s', (_, perMessageDeflate) => {
    test('each message is right while its listener runs, and when it is sent back', async () => {
      const pair = await connect({ borrowMessages: mode, perMessageDeflate }, { perMessageDeflate, maxPayload: 0 });
      for (const [index, size] of [...SIZES, ...LONGER].entries()) {
        const sent = pattern(size, index);
        const text = 'aé'.repeat(Math.ceil(size / 3));
        const back = [] as { data: Buffer; isBinary: boolean }[];
        pair.client.on('message', (data, isBinary) => back.push({ data: data as Buffer, isBinary }));
        await exchange(pair, [sent, text], (data, isBinary) => {
          expect(digest(data)).toBe(digest(isBinary ? sent : Buffer.from(text)));
          pair.server.send(data, { binary: isBinary });
        });
        while (back.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
        pair.client.removeAllListeners('message');
        expect(back.map(({ isBinary }) => isBinary)).toEqual([true, false]);
        expect(digest(back[0].data)).toBe(digest(sent));
        expect(digest(back[1].data)).toBe(digest(Buffer.from(text)));
      }
    });
  });

  test('a client borrows as well', async () => {
    const { client, server } = await connect({}, { borrowMessages: mode });
    const views: Buffer[] = [];
    const buffers: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        views.push(data as Buffer);
        buffers.push((data as Buffer).buffer);
        expect(digest(data as Buffer)).toBe(digest(pattern(70_000, views.length)));
        if (views.length === 3) resolve();
      });
    });
    for (const index of [1, 2, 3]) server.send(pattern(70_000, index));
    await done;
    if (mode === 'checked') expect(views.map(({ length }) => length)).toEqual([0, 0, 0]);
    else expect(new Set(buffers).size).toBe(1);
  });

  test('connections share no memory, and what one keeps never shows bytes of another', async () => {
    const wss = await listen({ borrowMessages: mode });
    const buffers = new Map<Socket, Set<unknown>>();
    const kept: { view: Buffer; mark: number }[] = [];
    const finished: Promise<unknown>[] = [];
    let index = 0;
    wss.on('connection', (ws) => {
      const mark = 1 + index++;
      const own = new Set<unknown>();
      buffers.set(ws, own);
      ws.on('message', (data) => {
        const bytes = data as Buffer;
        own.add(bytes.buffer);
        // All that can be reached is zeros, a header, or this connection's.
        for (const byte of new Uint8Array(bytes.buffer).subarray(16)) {
          if (byte !== 0 && byte !== mark) throw new Error(`Connection ${mark} sees ${byte}`);
        }
        kept.push({ view: bytes, mark });
        ws.send(bytes);
      });
    });
    const clients: Socket[] = [];
    for (const mark of [1, 2, 3]) {
      const client = new WebSocket(urlOf(wss));
      await once(client as never, 'open');
      clients.push(client);
      finished.push(
        (async () => {
          for (const size of [5000, 200_000, 4096, 70_000, 900_000, 20_000, 20_000, MIB]) {
            const echoed = next(client);
            client.send(new Uint8Array(size).fill(mark));
            const { data } = await echoed;
            expect(data).toHaveLength(size);
            expect(data.every((byte) => byte === mark)).toBe(true);
          }
        })(),
      );
    }
    await Promise.all(finished);
    for (const { view, mark } of kept) {
      if (mode === 'checked') expect(view).toHaveLength(0);
      else expect(view.every((byte) => byte === 0 || byte === mark)).toBe(true);
    }
    const all = [...buffers.values()].flatMap((own) => [...own]);
    expect(new Set(all).size).toBe(all.length);
  });

  test('several messages of one read are borrowed one after the other', async () => {
    const { client, server } = await connect({ borrowMessages: mode });
    const sent = [5000, 20, 16_384, 8000, 4096].map((size, index) => pattern(size, index));
    const seen: string[] = [];
    const back: string[] = [];
    server.on('message', (data) => {
      seen.push(digest(data as Buffer));
      server.send(data);
      server.send((data as Buffer).subarray(1));
      server.send(data);
    });
    const all = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        if (back.push(digest(data as Buffer)) === 15) resolve();
      });
    });
    for (const message of sent) client.send(message);
    await all;
    expect(seen).toEqual(sent.map(digest));
    expect(back).toEqual(sent.flatMap((bytes) => [digest(bytes), digest(bytes.subarray(1)), digest(bytes)]));
  });

  test('fragments are joined where they are borrowed', async () => {
    const { client, server } = await connect({ borrowMessages: mode }, { perMessageDeflate: false });
    for (const [pieces, size] of [
      [2, 2100],
      [3, 5000],
      [7, 30_000],
      [5, 200_000],
      [3, 400_000],
    ]) {
      const parts = Array.from({ length: pieces }, (_, index) => pattern(size, index));
      const seen = new Promise<string>((resolve) => {
        const listener = (data: unknown): void => {
          server.removeListener('message', listener);
          resolve(digest(data as Buffer));
        };
        server.on('message', listener);
      });
      for (const [index, part] of parts.entries()) {
        client.send(part, { fin: index === pieces - 1 });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(await seen).toBe(digest(Buffer.concat(parts)));
    }
  });

  test.each([
    ['without rates', {}],
    ['with rates', { messageRate: 1_000_000, byteRate: 1e9 }],
  ])('who needs the data longer keeps it: promises, once, iterators, streams, other types (%s)', async (_, rates) => {
    const pair = await connect({ borrowMessages: mode, ...rates });
    const { client, server } = pair;
    const size = 20_000;
    const overwrite = async (): Promise<void> => {
      const listener = (): void => {};
      server.on('message', listener);
      await exchange(pair, [new Uint8Array(size), new Uint8Array(size).fill(1)], () => {});
      server.removeListener('message', listener);
    };
    // An async listener.
    const asynchronous = new Promise<string>((resolve) => {
      const keep = async (data: Buffer): Promise<void> => {
        await overwrite();
        resolve(digest(data));
      };
      const listener = (data: unknown): unknown => {
        server.removeListener('message', listener);
        return keep(data as Buffer);
      };
      server.on('message', listener);
    });
    client.send(pattern(size, 1));
    expect(await asynchronous).toBe(digest(pattern(size, 1)));
    // `once` of the emitter and of node:events.
    const kept: Buffer[] = [];
    server.once('message', (data) => kept.push(data as Buffer));
    const promised = next(server);
    client.send(pattern(size, 2));
    kept.push((await promised).data);
    await overwrite();
    expect(kept.map(digest)).toEqual([digest(pattern(size, 2)), digest(pattern(size, 2))]);
    // Event objects, with an async listener.
    const event = new Promise<string>((resolve) => {
      const keep = async (data: Buffer): Promise<void> => {
        await overwrite();
        resolve(digest(data));
      };
      const listener = ({ data }: { data: unknown }): unknown => {
        server.removeEventListener('message', listener);
        return keep(data as Buffer);
      };
      server.addEventListener('message', listener);
    });
    client.send(pattern(size, 3));
    expect(await event).toBe(digest(pattern(size, 3)));
    // The iterator.
    const iterator = server[Symbol.asyncIterator]();
    for (const index of [4, 5, 6]) client.send(pattern(size, index));
    client.send('é'.repeat(size));
    const iterated: unknown[] = [];
    while (iterated.length < 4) iterated.push((await iterator.next()).value);
    await iterator.return!();
    await overwrite();
    expect(iterated.slice(0, 3).map((data) => digest(data as Buffer))).toEqual(
      [4, 5, 6].map((index) => digest(pattern(size, index))),
    );
    expect(iterated[3]).toBe('é'.repeat(size));
    // Types that are copies.
    server.binaryType = 'arraybuffer';
    const buffers: ArrayBuffer[] = [];
    await exchange(pair, [pattern(size, 7)], (data) => buffers.push(data as never));
    await overwrite();
    expect(digest(new Uint8Array(buffers[0]))).toBe(digest(pattern(size, 7)));
    expect(buffers[0].byteLength).toBe(size);
    server.binaryType = 'fragments';
    const fragments: Buffer[][] = [];
    await exchange(pair, [pattern(size, 8)], (data) => fragments.push(data as never));
    await overwrite();
    expect(digest(Buffer.concat(fragments[0]))).toBe(digest(pattern(size, 8)));
    server.binaryType = 'nodebuffer';
    // A stream, at last.
    const stream = createWebSocketStream(server);
    for (const index of [9, 10]) client.send(pattern(size, index));
    const chunks: Buffer[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      if (Buffer.concat(chunks).length === 2 * size) break;
    }
    expect(digest(Buffer.concat(chunks))).toBe(digest(Buffer.concat([pattern(size, 9), pattern(size, 10)])));
  });

  test('events that wait for a turn, and a replaced emit, get copies', async () => {
    const waiting = await connect({ borrowMessages: mode, allowSynchronousEvents: false });
    const kept: Buffer[] = [];
    const both = new Promise<void>((resolve) => {
      waiting.server.on('message', (data) => {
        if (kept.push(data as Buffer) === 3) resolve();
      });
    });
    for (const index of [1, 2, 3]) waiting.client.send(pattern(30_000, index));
    await both;
    expect(kept.map(digest)).toEqual([1, 2, 3].map((index) => digest(pattern(30_000, index))));
    const replaced = await connect({ borrowMessages: mode });
    const { emit } = replaced.server;
    replaced.server.emit = ((...values: [string]) => Reflect.apply(emit, replaced.server, values)) as never;
    const copies: Buffer[] = [];
    await exchange(replaced, [pattern(30_000, 4), pattern(30_000, 5)], (data) => copies.push(data));
    expect(copies.map(digest)).toEqual([4, 5].map((index) => digest(pattern(30_000, index))));
  });

  test.each(['throw', 'terminate', 'close', 'pause', 'send elsewhere', 'write over it', 'transfer'])(
    'a listener may %s, and its message stays as it is until it returns',
    async (action) => {
      const { client, server } = await connect({ borrowMessages: mode });
      const other = action === 'send elsewhere' ? await connect({ borrowMessages: mode }) : undefined;
      const uncaught: unknown[] = [];
      const onUncaught = (error: unknown): void => void uncaught.push(error);
      if (action === 'throw') process.on('uncaughtException', onUncaught);
      cleanUp.push(() => process.removeListener('uncaughtException', onUncaught));
      const seen: string[] = [];
      const last = new Promise<void>((resolve) => {
        server.on('message', (data) => {
          const bytes = data as Buffer;
          const before = digest(bytes);
          if (action === 'terminate') server.terminate();
          if (action === 'close') server.close(1000);
          if (action === 'pause') {
            server.pause();
            setTimeout(() => server.resume(), 5);
          }
          if (action === 'send elsewhere') other!.server.send(bytes);
          seen.push(before);
          expect(digest(bytes)).toBe(before);
          if (action === 'write over it') bytes.fill(7);
          if (action === 'transfer') structuredClone(bytes.buffer, { transfer: [bytes.buffer] } as never);
          if (seen.length === 2 || action === 'terminate' || action === 'close') resolve();
          if (action === 'throw') throw new Error('of a listener');
        });
      });
      const elsewhere = other && next(other.client);
      client.send(pattern(50_000, 1));
      client.send(pattern(50_000, 2));
      await last;
      expect(seen[0]).toBe(digest(pattern(50_000, 1)));
      if (seen.length > 1) expect(seen[1]).toBe(digest(pattern(50_000, 2)));
      if (elsewhere) expect(digest((await elsewhere).data)).toBe(digest(pattern(50_000, 1)));
      if (action === 'throw') {
        while (uncaught.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
        expect(uncaught.map((error) => (error as Error).message)).toEqual(['of a listener', 'of a listener']);
      }
    },
  );

  test('what is sent back to a peer that does not read is right, whatever arrives meanwhile', async () => {
    const { client, server } = await connect({ borrowMessages: mode });
    const count = 24;
    let received = 0;
    const all = new Promise<void>((resolve) => {
      server.on('message', (data) => {
        server.send(data);
        if (++received === count) resolve();
      });
    });
    client.pause();
    const sent = Array.from({ length: count }, (_, index) =>
      pattern(index % 3 === 0 ? MIB : 100_000 * (index % 7) + 5000, index),
    );
    for (const message of sent) {
      client.send(message);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await all;
    const back: string[] = [];
    const complete = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        if (back.push(digest(data as Buffer)) === count) resolve();
      });
    });
    client.resume();
    await complete;
    expect(back).toEqual(sent.map(digest));
  });

  test('W3C: every message is bytes, and isBinary tells text', async () => {
    const wss = await listen({});
    wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary })));
    const ws = new w3c.WebSocket(urlOf(wss), { borrowMessages: mode });
    await w3c.opened(ws);
    const kept: Uint8Array[] = [];
    const buffers: unknown[] = [];
    for (const size of [1, 5000, 80_000, 80_000, MIB, MIB + 1]) {
      for (const message of [pattern(size, size), 'ü'.repeat(size >> 1)]) {
        const answered = new Promise<void>((resolve, reject) => {
          ws.onmessage = (event) => {
            const { data, isBinary } = event;
            try {
              expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype);
              expect(isBinary).toBe(typeof message !== 'string');
              expect(digest(data)).toBe(digest(Buffer.from(message as string)));
              kept.push(data);
              buffers.push(data.buffer);
              resolve();
            } catch (error) {
              reject(error);
            }
          };
        });
        ws.send(message);
        await answered;
        ws.onmessage = null;
      }
    }
    if (mode === 'checked') expect(kept.every(({ length }) => length === 0)).toBe(true);
    else expect(new Set(buffers.slice(4, 8)).size).toBe(1);
    // Loops keep their messages.
    const loop = w3c.messages(ws);
    ws.send(pattern(80_000, 1));
    ws.send('é'.repeat(40_000));
    const iterated = [(await loop.next()).value, (await loop.next()).value] as [ArrayBuffer, string];
    expect(digest(new Uint8Array(iterated[0]))).toBe(digest(pattern(80_000, 1)));
    expect(iterated[1]).toBe('é'.repeat(40_000));
    ws.close();
  });
});

test("true borrows from 4 KiB to 1 MiB in the same memory; all else is the program's", async () => {
  const pair = await connect({ borrowMessages: true });
  const seen: Buffer[] = [];
  const take = (data: Buffer): void => void seen.push(data);
  await exchange(pair, [pattern(MIB), ...SIZES.filter((size) => size > 0).map((size) => pattern(size, size))], take);
  const [{ buffer }] = seen;
  for (const data of seen) {
    if (data.length >= 4 * KIB) expect(data.buffer).toBe(buffer);
    else expect(data.buffer).not.toBe(buffer);
    // Any typed array can be laid over it.
    if (data.length >= 4 * KIB) expect(data.byteOffset % 8).toBe(0);
  }
  seen.length = 0;
  await exchange(
    pair,
    LONGER.map((size) => pattern(size, size)),
    take,
  );
  expect(seen.map(digest)).toEqual(LONGER.map((size) => digest(pattern(size, size))));
  expect(new Set(seen.map((data) => data.buffer)).size).toBe(LONGER.length);
});

test("'checked' takes every message away, and without the option none is", async () => {
  for (const mode of ['checked', false]) {
    const pair = await connect({ borrowMessages: mode });
    const seen: Buffer[] = [];
    const messages = [...SIZES, ...LONGER].filter((size) => size > 0).map((size) => pattern(size, size));
    await exchange(pair, messages, (data) => seen.push(data));
    if (mode === 'checked') expect(seen.map(({ length }) => length)).toEqual(seen.map(() => 0));
    else expect(seen.map(digest)).toEqual(messages.map(digest));
  }
});

test('another value than true, false and checked is a TypeError that names the option', () => {
  for (const value of ['yes', 1, 0, {}, 'true']) {
    const options = { port: 0, borrowMessages: value as never };
    const text = `The "borrowMessages" option must be true, false or 'checked'`;
    expect(() => new WebSocketServer(options)).toThrow(text);
    expect(() => new WebSocket('ws://127.0.0.1:1', options)).toThrow(text);
    expect(() => new w3c.WebSocket('ws://127.0.0.1:1', options)).toThrow(text);
  }
});

describe.each([
  ['plain', false],
  ['compressed', { threshold: 0 }],
])('any order of messages, fragments and actions, %s', (_, perMessageDeflate) => {
  test.each([1, 2])('each listener sees its message, and the peer gets what was sent back (seed %i)', async (seed) => {
    const random = randomOf(seed * 7919);
    const mode = seed % 2 === 0 ? 'checked' : true;
    const options = { perMessageDeflate, maxBufferedAmount: 0 };
    const pairs = await Promise.all(
      [0, 1, 2].map(() => connect({ ...options, borrowMessages: mode }, { ...options, maxPayload: 0 })),
    );
    const logs = pairs.map(({ client, server }) => {
      const log = { sent: [] as string[], seen: [] as string[], returned: [] as string[], back: [] as string[] };
      client.on('message', (data) => log.back.push(digest(data as Buffer)));
      server.on('message', (data) => {
        const bytes = data as Buffer;
        const before = digest(bytes);
        log.seen.push(before);
        const what = random();
        if (what < 0.5) {
          log.returned.push(before);
          server.send(bytes, { compress: random() < 0.5 });
        } else if (what < 0.6) {
          const part = bytes.subarray(bytes.length >> 2);
          log.returned.push(digest(part));
          server.send(part);
        } else if (what < 0.7) {
          server.pause();
          setTimeout(() => server.resume(), 2);
        } else if (what < 0.8) {
          for (const other of pairs) if (other.server !== server) other.server.ping(bytes.subarray(0, 100));
        } else if (what < 0.85) {
          return Promise.resolve() as never;
        }
        expect(digest(bytes)).toBe(before);
        return undefined;
      });
      return log;
    });
    for (let step = 0; step < 50; step++) {
      const index = Math.floor(random() * pairs.length);
      const { client } = pairs[index];
      const length = SIZES[Math.floor(random() * SIZES.length)] + Math.floor(random() * 3);
      const bytes = pattern(length, step);
      logs[index].sent.push(digest(bytes));
      if (random() < 0.3) {
        const cut = Math.floor(random() * length);
        client.send(bytes.subarray(0, cut), { fin: false });
        if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, 0));
        client.ping();
        client.send(bytes.subarray(cut));
      } else {
        client.send(bytes);
      }
      if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const isDone = (): boolean =>
      logs.every(({ sent, seen, returned, back }) => seen.length === sent.length && back.length === returned.length);
    while (!isDone() && pairs.every(({ client }) => client.readyState === 1)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const { sent, seen, returned, back } of logs) {
      expect(seen).toEqual(sent);
      expect(back).toEqual(returned);
    }
  });
});

test('a program that transfers a message while the next one is joined in its memory loses the connection, and nothing else', async () => {
  const { client, server } = await connect({ borrowMessages: true });
  let kept: Buffer | undefined;
  server.on('message', (data: Buffer) => void (kept = data));
  client.send(new Uint8Array(8000));
  await expect.poll(() => kept?.length).toBe(8000);
  client.send(new Uint8Array(5000).fill(3), { fin: false });
  client.ping();
  await once(server as never, 'ping');
  structuredClone(kept!.buffer, { transfer: [kept!.buffer as ArrayBuffer] });
  const errors: unknown[] = [];
  server.on('error', (error: Error & { code?: string }) => errors.push(error.code));
  const closed = once(client as never, 'close') as Promise<[number]>;
  client.send(new Uint8Array(5000).fill(4));
  expect((await closed)[0]).toBe(1011);
  expect(errors).toEqual(['WS_ERR_USAGE']);
});
