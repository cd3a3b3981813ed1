// The option `borrowMessages`, when a program sends a message and then keeps it: its memory belongs to the program, which may change it or
// transfer it at once. The peer must get what was sent, however slowly it reads.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { pattern } from '../support/frames.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer, broadcast } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Socket = InstanceType<typeof WebSocket>;
type Server = InstanceType<typeof WebSocketServer>;

/** More than a system takes for a peer that does not read: about 10 MB on Linux. */
const COUNT = 14;
const LENGTH = 1_000_000;
const SENT = Array.from({ length: COUNT }, (_, index) => Buffer.from(pattern(LENGTH, index)));

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const task of cleanUp.splice(0)) task();
});

type Connect = () => Promise<{ client: Socket; server: Socket }>;

/** Makes a server that borrows, and a function that connects to it. */
async function listen(isBehindHttp: boolean, options: object): Promise<{ wss: Server; connect: Connect }> {
  const http = isBehindHttp ? createServer() : undefined;
  const wss = new WebSocketServer({ ...(http ? { server: http } : { port: 0, host: '127.0.0.1' }), ...options });
  http?.listen(0, '127.0.0.1');
  await once(http ?? (wss as never), 'listening');
  cleanUp.push(() => {
    for (const client of wss.clients) client.terminate();
    wss.close();
    http?.close();
  });
  const { port } = (http ?? wss).address() as AddressInfo;
  const connect: Connect = async () => {
    const accepted = once(wss as never, 'connection') as Promise<[Socket]>;
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { maxPayload: 0, maxBufferedAmount: 0, ...options });
    cleanUp.push(() => client.terminate());
    await once(client as never, 'open');
    const [server] = await accepted;
    return { client, server };
  };
  return { wss, connect };
}

/** Adds a listener that keeps each message, because it returns a promise. */
function listenAsync(ws: Socket, listener: (data: Buffer) => Promise<void>): void {
  ws.on('message', listener as never);
}

/** What a program may do with a message that is its own. */
function spoil(data: Buffer): void {
  const { buffer } = data;
  data.fill(0x58);
  const moved = structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  new Uint8Array(moved).fill(0x59);
}

type Handle = (data: Buffer) => void;

/** Ways to keep a message: calls `send` with each one, and `use` once it is the program's. */
const WAYS: Record<string, (ws: Socket, send: Handle, use: Handle) => void> = {
  'an async listener'(ws, send, use) {
    listenAsync(ws, async (data) => {
      send(data);
      await Promise.resolve();
      use(data);
    });
  },
  'an async listener that awaits first'(ws, send, use) {
    listenAsync(ws, async (data) => {
      await Promise.resolve();
      send(data);
      use(data);
    });
  },
  'one of two listeners'(ws, send, use) {
    ws.on('message', (data) => send(data as Buffer));
    listenAsync(ws, (data) => Promise.resolve(data).then(use));
  },
  'the first of two listeners'(ws, send, use) {
    listenAsync(ws, (data) => Promise.resolve(data).then(use));
    ws.on('message', (data) => send(data as Buffer));
  },
  'an async listener of events'(ws, send, use) {
    ws.addEventListener('message', (async ({ data }: { data: Buffer }) => {
      send(data);
      await Promise.resolve();
      use(data);
    }) as never);
  },
  'a listener that throws'(ws, send, use) {
    ws.on('message', (data) => {
      send(data as Buffer);
      queueMicrotask(() => use(data as Buffer));
      throw new Error('of a listener');
    });
  },
  once(ws, send, use) {
    const again = (): void =>
      void ws.once('message', (data) => {
        send(data as Buffer);
        queueMicrotask(() => use(data as Buffer));
        again();
      });
    again();
  },
  'a loop'(ws, send, use) {
    void (async () => {
      for await (const data of ws) {
        send(data as Buffer);
        use(data as Buffer);
      }
    })();
  },
};

/** Sends messages to a server whose peer does not read before the program has used them all, and checks what the peer gets. */
async function expectLate(sender: Socket, peer: Socket, used: () => number, expected: readonly Uint8Array[]): Promise<void> {
  let count = 0;
  peer.pause();
  for (let index = 0; index < COUNT; index++) {
    sender.send(SENT[index]);
    while (used() <= index) await new Promise((resolve) => setImmediate(resolve));
  }
  const complete = new Promise<void>((resolve, reject) => {
    peer.on('message', (data) => {
      if (Buffer.compare(data as Buffer, expected[count]) !== 0) reject(new Error(`Message ${count} is not what was sent`));
      else if (++count === expected.length) resolve();
    });
    peer.on('close', (code: number) => reject(new Error(`The connection ended with ${code}`)));
  });
  peer.resume();
  await complete;
}

/** Exceptions of the listeners of a test. */
function ignoreUncaught(): void {
  const ignore = (error: Error): void => expect(error.message).toBe('of a listener');
  process.on('uncaughtException', ignore);
  cleanUp.push(() => process.removeListener('uncaughtException', ignore));
}

describe.each([
  ['by itself', false],
  ['behind node:http', true],
])('a server %s', (_, isBehindHttp) => {
  const options = { borrowMessages: true, maxBufferedAmount: 0, perMessageDeflate: false };

  test.each(Object.keys(WAYS))('%s: the peer gets what was sent before the program kept and used it', async (way) => {
    if (way === 'a listener that throws') ignoreUncaught();
    const { connect } = await listen(isBehindHttp, options);
    const { client, server } = await connect();
    let used = 0;
    WAYS[way](
      server,
      (data) => server.send(data),
      (data) => {
        spoil(data);
        used++;
      },
    );
    await expectLate(client, client, () => used, SENT);
  });

  const parts = [LENGTH, LENGTH - 7, LENGTH, 70_000];
  test.each<[string, object, (ws: Socket, data: Buffer) => void, (sent: Buffer) => Buffer[]]>([
    [
      'several times',
      {},
      (ws, data) => parts.forEach((length) => ws.send(data.subarray(0, length))),
      (sent) => parts.map((length) => sent.subarray(0, length)),
    ],
    [
      'between others',
      {},
      (ws, data) => {
        ws.send('a'.repeat(100_000));
        ws.send(data);
        ws.ping();
        ws.send('b'.repeat(100_000));
      },
      (sent) => [Buffer.alloc(100_000, 'a'), sent, Buffer.alloc(100_000, 'b')],
    ],
    [
      'in fragments',
      {},
      (ws, data) => {
        ws.send(data.subarray(0, 600_000), { fin: false });
        ws.send(data.subarray(600_000));
      },
      (sent) => [sent],
    ],
    ['compressed', { perMessageDeflate: { threshold: 0 } }, (ws, data) => ws.send(data), (sent) => [sent]],
    [
      'behind a compressed one, uncompressed',
      { perMessageDeflate: { threshold: 0 } },
      (ws, data) => {
        ws.send(data);
        ws.send(data, { compress: false });
      },
      (sent) => [sent, sent],
    ],
    [
      'uncompressed, where others are compressed',
      { perMessageDeflate: { threshold: 0 } },
      (ws, data) => ws.send(data, { compress: false }),
      (sent) => [sent],
    ],
    [
      'while it pauses',
      {},
      (ws, data) => {
        ws.pause();
        ws.send(data);
        setImmediate(() => ws.resume());
      },
      (sent) => [sent],
    ],
    ["with 'checked'", { borrowMessages: 'checked' }, (ws, data) => ws.send(data), (sent) => [sent]],
  ])('a kept message that was sent %s arrives as it was', async (__, more, send, expected) => {
    const { connect } = await listen(isBehindHttp, { ...options, ...more });
    const { client, server } = await connect();
    let used = 0;
    listenAsync(server, async (data) => {
      send(server, data);
      await Promise.resolve();
      spoil(data);
      used++;
    });
    await expectLate(client, client, () => used, SENT.flatMap(expected));
  });

  test.each<[string, (wss: Server, other: Socket, data: Buffer) => void]>([
    ['sent', (_wss, other, data) => other.send(data)],
    ['broadcast', (wss, _other, data) => broadcast(wss.clients, data)],
  ])('a kept message that was %s to another connection arrives there as it was', async (__, send) => {
    const { wss, connect } = await listen(isBehindHttp, options);
    const { client, server } = await connect();
    const other = await connect();
    let used = 0;
    listenAsync(server, async (data) => {
      send(wss, other.server, data);
      await Promise.resolve();
      spoil(data);
      used++;
    });
    await expectLate(client, other.client, () => used, SENT);
  });

  test('a message that is transferred before its listener returns arrives as it was, or ends the connection with an error', async () => {
    const { connect } = await listen(isBehindHttp, options);
    const { client, server } = await connect();
    const errors: unknown[] = [];
    server.on('error', (error: Error & { code?: string }) => errors.push(error.code));
    const isRight: boolean[] = [];
    client.on('message', (data, isBinary) => isRight.push(!isBinary || Buffer.compare(data as Buffer, SENT[0]) === 0));
    const results: unknown[] = [];
    const report = (error?: Error | null): void =>
      void results.push(error ? (error as Error & { code?: string }).code : 'sent');
    listenAsync(server, async (data) => {
      server.send(data, report);
      server.send('behind', report);
      spoil(data);
      await Promise.resolve();
      server.close(1000);
    });
    const closed = once(client as never, 'close') as Promise<[number]>;
    client.send(SENT[0]);
    const [code] = await closed;
    const isSentAtOnce = runtime === 'bun' && !isBehindHttp;
    const expected = isSentAtOnce
      ? { code: 1000, isRight: [true, true], errors: [], results: ['sent', 'sent'] }
      : { code: 1011, isRight: [], errors: ['WS_ERR_USAGE'], results: ['WS_ERR_USAGE', 'WS_ERR_USAGE'] };
    expect({ code, isRight, errors, results }).toEqual(expected);
  });
});
