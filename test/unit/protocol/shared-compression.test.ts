// One message to many connections: which of them share its compressed bytes, and that each one's peer reads it.

import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { DeflateEngine } from '../../../src/deflate/engine.ts';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { createZlibEngine, takesWindows } from '../../../src/deflate/zlib-engine.ts';
import type { SharedMessage } from '../../../src/platform.ts';
import { Compression, type CompressionOptions } from '../../../src/protocol/compression.ts';
import { Outbound } from '../../../src/protocol/outbound.ts';
import { CompressibleMessage } from '../../../src/protocol/shared-compression.ts';
import { LONGEST_SHARED, shareFrame } from '../../../src/protocol/shared-frames.ts';
import { concat, pattern, utf8 } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { randomOf } from '../../support/random.ts';

const platform = new ManualPlatform();
const AGREEMENT = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
};
const AFRESH = { ...AGREEMENT, serverNoContextTakeover: true, clientNoContextTakeover: true };

/** An engine that counts the messages that it deflates, and steps. */
function counting(engine: DeflateEngine): DeflateEngine & { messages: number; steps: number } {
  const counter = {
    messages: 0,
    steps: 0,
    createInflator: engine.createInflator,
    createDeflator: (options: Parameters<DeflateEngine['createDeflator']>[0]) => {
      const deflator = engine.createDeflator(options);
      return {
        deflate(data: Uint8Array, isFinal: boolean) {
          counter.messages++;
          const job = deflator.deflate(data, isFinal);
          return {
            get isOwned() {
              return job.isOwned;
            },
            step() {
              counter.steps++;
              return job.step();
            },
          };
        },
        get sharedWindow() {
          return deflator.sharedWindow;
        },
        takeWindow: () => deflator.takeWindow(),
        adoptWindow: (window: Uint8Array) => deflator.adoptWindow(window),
        close: () => deflator.close(),
      };
    },
  };
  return counter;
}

const ENGINES: readonly (readonly [string, () => DeflateEngine])[] = [
  ['our module', () => createWasmEngine(sharedDeflateKernel)],
  // Deno's zlib keeps no window.
  ...(takesWindows(zlib) ? ([['zlib', () => createZlibEngine(zlib)]] as const) : []),
];

/** The sending half of a connection, and all that it has written. */
class Peer {
  readonly outbound: Outbound;
  readonly compression: Compression;
  readonly told: string[] = [];
  readonly failures: string[] = [];
  #written: Uint8Array[] = [];

  constructor(engine: DeflateEngine, options: Partial<CompressionOptions> = {}, role: 'server' | 'client' = 'server') {
    this.compression = new Compression(platform, role, { engine, agreement: AGREEMENT, ...options });
    const onOutputFailure = (error: Error): void => void this.failures.push(error.message);
    this.outbound = new Outbound(platform, role === 'client', this.compression, { onOutput() {}, onOutputFailure });
  }

  send(payload: Uint8Array, shared: SharedMessage | undefined, compress: boolean = true): void {
    const note = `${this.told.length}`;
    this.outbound.sendBytes(payload, false, { shared, compress, isLasting: true }, (error) => {
      this.told.push(error ? error.message : note);
    });
  }

  /** All that was written so far. */
  get bytes(): Uint8Array {
    const { chunks, callbacks } = this.outbound.outbox.take();
    this.#written.push(...chunks.map((chunk) => new Uint8Array(chunk)));
    for (const callback of callbacks) callback();
    return (this.#written = [concat(...this.#written)])[0];
  }
}

/** Tells bytes apart. */
const nameOf = (bytes: Uint8Array): string => `${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;

function share(payload: Uint8Array): SharedMessage {
  return new CompressibleMessage(payload.length > LONGEST_SHARED ? undefined : shareFrame(payload, 0x82));
}

function broadcast(peers: readonly Peer[], payload: Uint8Array): void {
  const lasting = new Uint8Array(payload);
  const shared = share(lasting);
  for (const peer of peers) peer.send(lasting, shared);
}

function runAll(): void {
  while (platform.runTurn());
}

/** Payloads of a connection's messages, as zlib reads them. */
function read(bytes: Uint8Array, windowBits: number = 12, resets: boolean = false): string[] {
  const messages: string[] = [];
  let window = Buffer.alloc(0);
  for (let at = 0; at < bytes.length;) {
    const [first, second] = bytes.subarray(at);
    const form = second & 0x7f;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset + at);
    const length = form === 126 ? view.readUInt16BE(2) : form === 127 ? Number(view.readBigUInt64BE(2)) : form;
    at += form === 126 ? 4 : form === 127 ? 10 : 2;
    const key = second >= 0x80 ? bytes.slice(at, at + 4) : undefined;
    if (key !== undefined) at += 4;
    const payload = bytes.slice(at, at + length).map((byte, index) => byte ^ (key?.[index % 4] ?? 0));
    at += length;
    if ((first & 0x40) === 0) {
      messages.push(nameOf(payload));
      continue;
    }
    const dictionary = window.length > 0 ? { dictionary: window } : {};
    const input = concat(payload, new Uint8Array([0, 0, 0xff, 0xff]));
    const plain = zlib.inflateRawSync(input, { windowBits, finishFlush: 2, ...dictionary });
    window = resets ? Buffer.alloc(0) : Buffer.concat([window, plain]).subarray(-(2 ** windowBits));
    messages.push(nameOf(plain));
  }
  return messages;
}

const EVENTS = Array.from({ length: 6 }, (_, index) =>
  utf8(JSON.stringify({ event: 'trade', symbol: 'WSCK', price: 100 + index, text: 'x'.repeat(index * 300), more: pattern(9) })),
);

describe.each(ENGINES)('a message to many over %s', (_name, make) => {
  test.each([
    ['that keep their contexts', AGREEMENT],
    ['that start each message afresh', AFRESH],
  ])('is compressed once for connections %s, and is as sent one by one', (_what, agreement) => {
    const engine = counting(make());
    const [many, alone] = [1, 2].map(() => Array.from({ length: 5 }, () => new Peer(engine, { agreement, threshold: 0 })));
    for (const event of EVENTS) broadcast(many, event);
    expect(engine.messages).toBe(EVENTS.length);
    for (const event of EVENTS) for (const peer of alone) peer.send(event, undefined);
    expect(engine.messages).toBe(EVENTS.length * 6);
    const expected = alone.map(({ bytes }) => nameOf(bytes));
    expect(many.map(({ bytes }) => nameOf(bytes))).toEqual(expected);
    expect(many.map(({ told }) => told.length)).toEqual(alone.map(({ told }) => told.length));
    if (takesWindows(zlib) || agreement === AFRESH) {
      const { bytes } = many[4];
      expect(read(bytes, 12, agreement === AFRESH)).toEqual(EVENTS.map((event) => nameOf(event)));
    }
  });

  test('is compressed for each one that has sent something else', () => {
    const engine = counting(make());
    const peers = Array.from({ length: 4 }, () => new Peer(engine));
    const [, other] = peers;
    broadcast(peers, EVENTS[0]);
    other.send(utf8('something else, of its own'), undefined);
    expect(engine.messages).toBe(2);
    broadcast(peers, EVENTS[1]);
    expect(engine.messages).toBe(4);
    // A new one starts with no context.
    const late = new Peer(engine);
    broadcast([...peers, late], EVENTS[2]);
    expect(engine.messages).toBe(7);
    if (!takesWindows(zlib)) return;
    const expected = EVENTS.slice(0, 3).map((event) => nameOf(event));
    expect(read(peers[0].bytes)).toEqual(expected);
    expect(read(peers[3].bytes)).toEqual(expected);
    expect(read(late.bytes)).toEqual(expected.slice(2));
    expect(read(other.bytes)).toEqual([expected[0], nameOf(utf8('something else, of its own')), expected[1], expected[2]]);
  });

  test('is compressed once again when the window holds nothing else than messages to all', () => {
    const engine = counting(make());
    const peers = Array.from({ length: 4 }, () => new Peer(engine));
    const sent = peers.map((peer, index) => {
      const own = utf8(`something of its own: ${index}`);
      peer.send(own, undefined);
      return [nameOf(own)];
    });
    // A window of 4,096 bytes, in which the last four of these are.
    const common = Array.from({ length: 7 }, (_, index) => pattern(1024, index + 1));
    const counts = common.map((payload) => {
      const before = engine.messages;
      broadcast(peers, payload);
      for (const names of sent) names.push(nameOf(payload));
      return engine.messages - before;
    });
    expect(counts).toEqual([4, 4, 4, 4, 1, 1, 1]);
    // One that was sent by itself starts anew.
    peers[1].send(common[6], undefined);
    sent[1].push(nameOf(common[6]));
    const before = engine.messages;
    broadcast(peers, common[0]);
    for (const names of sent) names.push(nameOf(common[0]));
    expect(engine.messages - before).toBe(2);
    if (takesWindows(zlib)) expect(peers.map(({ bytes }) => read(bytes))).toEqual(sent);
  });

  test('is compressed once for connections that got the same message one by one, each as a message to many', () => {
    const engine = counting(make());
    const peers = Array.from({ length: 4 }, () => new Peer(engine));
    for (const peer of peers) broadcast([peer], EVENTS[0]);
    expect(engine.messages).toBe(4);
    broadcast(peers, EVENTS[1]);
    expect(engine.messages).toBe(5);
    if (!takesWindows(zlib)) return;
    for (const { bytes } of peers) expect(read(bytes)).toEqual(EVENTS.slice(0, 2).map((event) => nameOf(event)));
  });

  test.skipIf(!takesWindows(zlib))('is read by each peer, whatever else was sent to some of them', () => {
    const next = randomOf(41);
    const random = (limit: number): number => Math.floor(next() * limit);
    const engine = counting(make());
    // Small windows, which messages leave soon.
    const peers = Array.from({ length: 6 }, () => new Peer(engine, { windowBits: 9 }));
    const sent: string[][] = peers.map(() => []);
    for (let round = 0; round < 400; round++) {
      const payload = pattern(1 + random(300), random(4));
      const chosen = random(3) > 0 ? peers : peers.filter(() => random(2) === 0);
      if (random(6) === 0) for (const peer of chosen) peer.send(payload, undefined, random(4) > 0);
      else broadcast(chosen, payload);
      for (const peer of chosen) sent[peers.indexOf(peer)].push(nameOf(payload));
    }
    expect(peers.map(({ bytes }) => read(bytes, 9))).toEqual(sent);
    expect(engine.messages).toBeLessThan(sent.flat().length * 0.8);
  });

  test('is not shared across windows, levels, takeover or engines', () => {
    const engine = counting(make());
    const variants: Partial<CompressionOptions>[] = [
      {},
      { windowBits: 10 },
      { agreement: { ...AGREEMENT, serverMaxWindowBits: 9 } },
      { agreement: AFRESH, threshold: 0 },
      { zlibDeflateOptions: { level: 1 } },
      { zlibDeflateOptions: { level: 9 } },
    ];
    const peers = variants.flatMap((options) => [new Peer(engine, options), new Peer(engine, structuredClone(options))]);
    peers.push(new Peer(counting(make())));
    broadcast(peers, EVENTS[1]);
    expect(engine.messages).toBe(variants.length);
    for (const peer of peers) expect(read(peer.bytes)).toEqual([nameOf(EVENTS[1])]);
  });

  test('is masked for each client, which shares it all the same', () => {
    const engine = counting(make());
    const peers = [new Peer(engine, {}, 'client'), new Peer(engine), new Peer(engine, {}, 'client')];
    for (const event of EVENTS.slice(0, 2)) broadcast(peers, event);
    expect(engine.messages).toBe(2);
    if (!takesWindows(zlib)) return;
    for (const peer of peers) expect(read(peer.bytes)).toEqual(EVENTS.slice(0, 2).map((event) => nameOf(event)));
    expect(peers[0].bytes[1] & 0x80).toBe(0x80);
  });

  test('that takes turns holds up what follows on each, in order', () => {
    const engine = counting(make());
    const peers = Array.from({ length: 3 }, () => new Peer(engine));
    const long = pattern(3_000_000);
    broadcast(peers, long);
    peers[0].send(utf8('after'), undefined, false);
    broadcast(peers, EVENTS[0]);
    expect(peers.map(({ bytes }) => bytes.length)).toEqual([0, 0, 0]);
    expect(peers[0].outbound.payloadBytes).toBe(3_000_000 + 5 + EVENTS[0].length);
    runAll();
    expect(engine.messages).toBe(2);
    expect(peers.map(({ outbound }) => outbound.isBusy)).toEqual([false, false, false]);
    const [first, second, third] = peers.map(({ bytes }) => (takesWindows(zlib) ? read(bytes) : []));
    if (!takesWindows(zlib)) return;
    expect(first).toEqual([nameOf(long), nameOf(utf8('after')), nameOf(EVENTS[0])]);
    expect(second).toEqual([nameOf(long), nameOf(EVENTS[0])]);
    expect(third).toEqual(second);
  });

  test('outlives a connection that closes meanwhile, and ends with the last one', () => {
    const engine = counting(make());
    const peers = Array.from({ length: 3 }, () => new Peer(engine));
    broadcast(peers, pattern(3_000_000));
    const close = ({ compression, outbound }: Peer): void => {
      compression.close();
      outbound.abandon();
    };
    close(peers[0]);
    runAll();
    expect(peers.map(({ bytes }) => bytes.length > 1000)).toEqual([false, true, true]);
    const others = Array.from({ length: 2 }, () => new Peer(engine));
    broadcast(others, pattern(3_000_000));
    const { steps } = engine;
    others.forEach(close);
    runAll();
    expect(engine.steps).toBe(steps);
  });
});

test('a message that cannot be compressed fails every connection that shares it', () => {
  const engine = counting(
    createZlibEngine({
      ...zlib,
      deflateRawSync: () => {
        throw new Error('no memory');
      },
    }),
  );
  const peers = Array.from({ length: 2 }, () => new Peer(engine));
  broadcast(peers, EVENTS[0]);
  platform.runDeferred();
  expect(peers.map(({ told, failures }) => [told, failures])).toEqual([
    [['no memory'], ['no memory']],
    [['no memory'], ['no memory']],
  ]);
});

test('an engine that cannot begin a message fails the connection alone', () => {
  const throws = (): never => {
    throw new Error('no memory');
  };
  const close = (): void => {};
  const idle = { sharedWindow: new Uint8Array(0), takeWindow: () => new Uint8Array(0), adoptWindow: close, close };
  for (const createDeflator of [
    throws,
    () => ({ ...idle, deflate: throws }),
    () => ({ ...idle, deflate: throws, takeWindow: throws }),
  ]) {
    const peer = new Peer({ createDeflator, createInflator: throws });
    const other = new Peer(createWasmEngine(sharedDeflateKernel));
    broadcast([peer, other], EVENTS[0]);
    platform.runDeferred();
    expect([peer.told, peer.failures, other.failures]).toEqual([['no memory'], ['no memory'], []]);
    expect(read(other.bytes)).toEqual([nameOf(EVENTS[0])]);
  }
});

test('a window that is shared is not written to, however its connections go on', () => {
  const engine = counting(createWasmEngine(sharedDeflateKernel));
  const full = pattern(5000);
  const peers = Array.from({ length: 3 }, () => new Peer(engine));
  broadcast(peers, full);
  const own = peers.map((_, index) => pattern(4096 + index, index + 2));
  for (let round = 0; round < 3; round++) for (const [index, peer] of peers.entries()) peer.send(own[index], undefined);
  broadcast(peers, full);
  broadcast([...peers, new Peer(engine)], full);
  if (!takesWindows(zlib)) return;
  for (const [index, peer] of peers.entries()) {
    const mine = nameOf(own[index]);
    expect(read(peer.bytes)).toEqual([nameOf(full), mine, mine, mine, nameOf(full), nameOf(full)]);
  }
});

test('connections with equal contexts share the memory of their window', () => {
  const windows: Uint8Array[] = [];
  const engine = createWasmEngine(sharedDeflateKernel);
  const peers = Array.from({ length: 3 }, () => {
    const spy: DeflateEngine = {
      createInflator: engine.createInflator,
      createDeflator: (options) => {
        const deflator = engine.createDeflator(options);
        const { adoptWindow } = deflator;
        deflator.adoptWindow = (window) => {
          windows.push(window);
          adoptWindow.call(deflator, window);
        };
        return deflator;
      },
    };
    return spy;
  });
  const one = peers[0];
  const sharers = Array.from({ length: 3 }, () => new Peer(one));
  broadcast(sharers, EVENTS[0]);
  const last = windows.slice(-3);
  expect(new Set(last).size).toBe(1);
  expect(last[0].length).toBe(EVENTS[0].length);
  expect(last[0].buffer.byteLength).toBe(EVENTS[0].length);
});
