// Property: whatever a program sends, and does with its memory after that, the peer receives the bytes of that time; and whatever it does
// with a message that it received changes no other one. Both directions, on each runtime.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import { randomOf } from '../support/random.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer, broadcast } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
type Socket = InstanceType<typeof WebSocket>;

const CONNECTIONS = 3;
const STEPS = 120;
const SIZES = [
  0, 1, 16, 64, 65, 125, 126, 500, 2047, 2048, 4095, 16_383, 16_384, 50_000, 65_535, 65_536, 131_072, 300_000, 1_200_000,
];

/** A short name of long content. */
function digest(bytes: Uint8Array): string {
  let hash = bytes.length;
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0;
  return `${bytes.length}:${hash}`;
}

/** All that one side has of a connection. */
interface Side {
  readonly ws: Socket;
  /** Digests of what the peer has sent, in order. */
  readonly expected: string[];
  readonly received: string[];
  /** Messages that the program has kept, and what they held when they came. */
  readonly kept: { readonly bytes: Uint8Array; readonly was: string }[];
  readonly expectedPings: Set<string>;
  readonly pings: string[];
}

let cleanUp = (): void => {};
afterEach(() => cleanUp());

async function connect(options: object, seed: number): Promise<(readonly [Side, Side])[]> {
  const random = randomOf(seed);
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  cleanUp = () => {
    for (const client of wss.clients) client.terminate();
    wss.close();
  };
  await once(wss as never, 'listening');
  const { port } = wss.address() as AddressInfo;
  const pairs: (readonly [Side, Side])[] = [];
  for (let index = 0; index < CONNECTIONS; index++) {
    const client = new WebSocket(`ws://127.0.0.1:${port}`, [], options);
    const accepted = once(wss as never, 'connection') as Promise<[Socket]>;
    await once(client as never, 'open');
    const [server] = await accepted;
    pairs.push([sideOf(client, random), sideOf(server, random)]);
  }
  return pairs;
}

function sideOf(ws: Socket, random: () => number): Side {
  const side: Side = { ws, expected: [], received: [], kept: [], expectedPings: new Set(), pings: [] };
  ws.on('message', (data, isBinary) => {
    const bytes = data as Buffer;
    const was = `${isBinary ? 'binary' : 'text'} ${digest(bytes)}`;
    side.received.push(was);
    if (bytes.length >= 2048 || bytes.length === 0) expect(bytes.buffer.byteLength).toBe(bytes.length);
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(8192, bytes.length));
    const what = random();
    // All that is reachable of it is this connection's: to be filled, or to be taken away, by its holder.
    if (what < 0.15 && bytes.byteLength === bytes.buffer.byteLength) new Uint8Array(bytes.buffer).fill(0xee);
    else if (what < 0.3) bytes.fill(0xdd);
    else if (what < 0.45 && bytes.byteLength === bytes.buffer.byteLength)
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] } as never);
    else side.kept.push({ bytes, was });
    if (random() < 0.02) {
      ws.pause();
      setTimeout(() => ws.resume(), 5);
    }
  });
  ws.on('ping', (data) => side.pings.push(digest(data)));
  return side;
}

/** Memory of a program: a Buffer of the pool, a part of something longer, a whole ArrayBuffer, memory that threads share. */
function makeMemory(
  length: number,
  random: () => number,
): { bytes: Uint8Array; data: Uint8Array | ArrayBufferLike | ArrayBufferView } {
  const fill = (bytes: Uint8Array): Uint8Array => {
    let value = Math.floor(random() * 256);
    for (let at = 0; at < bytes.length; at++) bytes[at] = value = (value * 5 + 1) & 0xff;
    return bytes;
  };
  const bytes = fill(new Uint8Array(new ArrayBuffer(length + 16), 8, length));
  const buffer = bytes.buffer as ArrayBuffer;
  const kinds: (() => { bytes: Uint8Array; data: Uint8Array | ArrayBufferLike | ArrayBufferView })[] = [
    () => ({ bytes, data: bytes }),
    () => ({ bytes, data: new DataView(buffer, 8, length) }),
    () => {
      const pooled = Buffer.allocUnsafe(length);
      fill(pooled);
      return { bytes: pooled, data: pooled };
    },
    () => {
      const whole = fill(new Uint8Array(length));
      return { bytes: whole, data: whole.buffer };
    },
    () => {
      const shared = fill(new Uint8Array(new SharedArrayBuffer(length)));
      return { bytes: shared, data: shared };
    },
    () => {
      const wide = new Float64Array(Math.ceil(length / 8));
      const all = fill(new Uint8Array(wide.buffer));
      return { bytes: all, data: wide };
    },
  ];
  return kinds[Math.floor(random() * kinds.length)]();
}

/** What a program may do with its memory once `send` has returned. */
function reuse(bytes: Uint8Array, random: () => number): void {
  const what = random();
  if (what < 0.5) bytes.fill(0xff);
  else if (what < 0.75 && bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength <= bytes.length + 16) {
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  }
}

function step([from, to]: readonly [Side, Side], all: readonly (readonly [Side, Side])[], random: () => number): void {
  const length = SIZES[Math.floor(random() * SIZES.length)] + Math.floor(random() * 3);
  const compress = random() < 0.7;
  const { ws } = from;
  const kind = random();
  if (kind < 0.15) {
    const text = (random() < 0.5 ? 'x' : 'ü').repeat(length);
    to.expected.push(`text ${digest(Buffer.from(text))}`);
    return ws.send(text, { compress });
  }
  if (kind < 0.25) {
    const { bytes, data } = makeMemory(Math.min(length, 100), random);
    to.expectedPings.add(digest(bytes));
    ws.ping(data);
    return reuse(bytes, random);
  }
  const { bytes, data } = makeMemory(length, random);
  if (kind < 0.35) {
    const blob = new Blob([new Uint8Array(bytes)]);
    to.expected.push(`binary ${digest(bytes)}`);
    ws.send(blob, { compress });
  } else if (kind < 0.5) {
    const pieces = 1 + Math.floor(random() * 4);
    const whole: Uint8Array[] = [];
    for (let piece = 0; piece < pieces; piece++) {
      const part = makeMemory(Math.floor(length / pieces), random);
      whole.push(new Uint8Array(part.bytes));
      ws.send(part.data, { fin: piece === pieces - 1, compress });
      reuse(part.bytes, random);
    }
    to.expected.push(`binary ${digest(Buffer.concat(whole))}`);
  } else if (kind < 0.6 && from === all[0][1]) {
    for (const [client] of all) client.expected.push(`binary ${digest(bytes)}`);
    broadcast(all.map(([, server]) => server.ws) as never, data, { compress });
  } else {
    to.expected.push(`binary ${digest(bytes)}`);
    ws.send(data, { compress }, () => {});
  }
  reuse(bytes, random);
}

describe.each([
  ['plain', {}],
  ['compressed', { perMessageDeflate: { threshold: 0 } }],
  [
    'compressed, each message afresh',
    { perMessageDeflate: { threshold: 100, serverNoContextTakeover: true, clientNoContextTakeover: true } },
  ],
  ['compressed by node:zlib', { perMessageDeflate: { threshold: 0, zlibDeflateOptions: { strategy: 1 } } }],
  ['one event a turn', { allowSynchronousEvents: false }],
])('%s', (_, options) => {
  test.each([1, 2, 3])('what arrives is what was sent, and stays it (seed %i)', async (seed) => {
    const random = randomOf(seed * 7919);
    const pairs = await connect({ ...options, maxBufferedAmount: 0 }, seed);
    const sides = pairs.flat();
    for (let done = 0; done < STEPS; done++) {
      const pair = pairs[Math.floor(random() * CONNECTIONS)];
      step(random() < 0.5 ? pair : [pair[1], pair[0]], pairs, random);
      const pause = random();
      if (pause < 0.15) await new Promise((resolve) => setTimeout(resolve, 0));
      else if (pause < 0.3) await Promise.resolve();
    }
    const isDone = ({ received, expected }: Side): boolean => received.length >= expected.length;
    while (!sides.every(isDone)) {
      if (sides.some(({ ws }) => ws.readyState !== 1)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const side of sides) {
      expect(side.received).toEqual(side.expected);
      for (const ping of side.pings) expect(side.expectedPings).toContain(ping);
      expect(side.ws.readyState).toBe(1);
      for (const { bytes, was } of side.kept) expect(was.split(' ')[1]).toBe(digest(bytes));
    }
  });
});
