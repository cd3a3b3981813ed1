// The engine over our own module: what its jobs lend, where they pause, what an idle connection holds, and whose window is where.

import zlib from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { INFLATE_OUT, INFLATE_OUT_BYTES } from '../../../assembly/deflate/layout.ts';
import { type ContextOptions, type DeflateEngine, type DeflateJob } from '../../../src/deflate/engine.ts';
import { DeflateKernel, type DeflateExports } from '../../../src/deflate/kernel.ts';
import { instantiate, loadDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex, pattern, utf8 } from '../../support/frames.ts';
import { finish, noise, records, unpack } from './zlib-oracle.ts';

const KEPT: ContextOptions = { windowBits: 15, noContextTakeover: false };
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

let clock: number | undefined;

vi.mock('../../../src/clock.ts', async (load) => {
  const real: typeof import('../../../src/clock.ts') = await load();
  return { ...real, now: () => clock ?? real.now() };
});

afterEach(() => {
  clock = undefined;
});

const kernel = loadDeflateKernel();
const engine = createWasmEngine(() => kernel);

/** An engine whose module tells of each call that does work. */
function watch(
  onCall: (name: keyof DeflateExports) => void,
  names: readonly (keyof DeflateExports)[] = ['inflate', 'deflate'],
): DeflateEngine {
  const exports: Record<string, unknown> = { ...instantiate(true) };
  for (const name of names) {
    const original = exports[name] as (...values: unknown[]) => never;
    exports[name] = (...values: unknown[]) => {
      onCall(name);
      return original(...values);
    };
  }
  const watched = new DeflateKernel(exports as WebAssembly.Exports);
  return createWasmEngine(() => watched);
}

/** Steps jobs in turns to their ends. @returns Copies of their results. */
function inTurns(jobs: readonly DeflateJob[]): Uint8Array[] {
  const results: Uint8Array[] = [];
  const waiting = new Set(jobs.keys());
  while (waiting.size > 0) {
    for (const index of waiting) {
      const bytes = jobs[index].step();
      if (bytes === null) continue;
      results[index] = bytes.slice();
      waiting.delete(index);
    }
  }
  return results;
}

describe('a job of the engine', () => {
  it('lends a short result until the next job, and gives a long one away', () => {
    const deflator = engine.createDeflator(KEPT);
    const inflator = engine.createInflator(KEPT);
    const short = deflator.deflate(utf8('Hello'), true);
    const lent = short.step()!;
    expect(short.isOwned).toBe(false);
    expect(toHex(lent)).toBe('f248cdc9c90700');
    const long = deflator.deflate(noise(70_000), true);
    let owned: Uint8Array | null = null;
    while (owned === null) owned = long.step();
    expect(long.isOwned).toBe(true);
    expect(toHex(lent)).not.toBe('f248cdc9c90700');
    const copy = owned.slice();
    finish(inflator.inflate(zlib.deflateRawSync(new Uint8Array(3_000_000).fill(0xee)), 0));
    expectBytes(owned, copy);
  });

  it('takes turns with the jobs of other contexts', () => {
    const messages = [noise(900_000, 1), records(900_000), new Uint8Array(900_000).fill(1), noise(900_000, 2)];
    const packed: Uint8Array[] = [];
    const plain: Uint8Array[] = [];
    const run = (jobs: DeflateJob[], results: Uint8Array[]): number => {
      const waiting = new Set(jobs.keys());
      let rounds = 0;
      for (; waiting.size > 0; rounds++) {
        for (const index of waiting) {
          const bytes = jobs[index].step();
          if (bytes === null) continue;
          results[index] = bytes.slice();
          waiting.delete(index);
        }
      }
      return rounds;
    };
    const deflations = messages.map((message) => engine.createDeflator(KEPT).deflate(message, true));
    expect(run(deflations, packed)).toBeGreaterThan(5);
    const long = zlib.deflateRawSync(records(5_000_000));
    const inflations = [...packed, long].map((message) => engine.createInflator(KEPT).inflate(message, 0));
    expect(run(inflations, plain)).toBeGreaterThan(3);
    messages.forEach((message, index) => expectBytes(plain[index], message));
    expect(plain[4]).toHaveLength(5_000_000);
  });

  it('ends its turn after 128 KiB of input or 1 MiB of output, even when the clock stands', () => {
    clock = 0;
    const count = (job: DeflateJob): number => {
      let steps = 1;
      while (job.step() === null) steps++;
      return steps;
    };
    const packed = (length: number): Uint8Array => zlib.deflateRawSync(new Uint8Array(length));
    expect(
      [131072, 131073, 262144, 1_000_000].map((size) => count(engine.createDeflator(KEPT).deflate(noise(size), true))),
    ).toEqual([1, 2, 2, 8]);
    expect(
      [1048575, 1048577, 10 * 1048576 - 1].map((size) => count(engine.createInflator(KEPT).inflate(packed(size), 0))),
    ).toEqual([1, 1, 9]);
  });

  it('ends its turn when the module takes long', () => {
    clock = 0;
    const pass = (milliseconds: number): void => void (clock! += milliseconds);
    const slow = watch(() => pass(2));
    const steps = (job: DeflateJob): number[] => {
      const spent: number[] = [];
      for (let bytes: Uint8Array | null = null; bytes === null;) {
        const before = clock!;
        bytes = job.step();
        spent.push(clock! - before);
      }
      return spent;
    };
    expect(Math.max(...steps(slow.createDeflator(KEPT).deflate(noise(600_000), true)))).toBeLessThanOrEqual(4);
    expect(
      Math.max(...steps(slow.createInflator(KEPT).inflate(zlib.deflateRawSync(records(3_000_000)), 0))),
    ).toBeLessThanOrEqual(4);
    // Input that gives nothing costs time as well: blocks that are empty and the last of their stream.
    let calls = 0;
    const fine = watch(() => ++calls % 100 === 0 && pass(1));
    const hollow = Buffer.alloc(65536, hex('0300'));
    expect(Math.max(...steps(fine.createInflator(KEPT).inflate(hollow, 0)))).toBeLessThanOrEqual(3);
    // A clock that is set back must not hold it up either.
    const backward = watch(() => pass(-1000));
    expect(steps(backward.createDeflator(KEPT).deflate(noise(600_000), true)).length).toBeGreaterThan(4);
  });

  it('costs a bomb no more than the limit', () => {
    const bomb = zlib.deflateRawSync(new Uint8Array(100_000_000));
    const inflator = engine.createInflator(KEPT);
    for (const limit of [1, 1000, 200_000, 5_000_000]) {
      const before = kernel.memory.slice(INFLATE_OUT + limit + 300, INFLATE_OUT + INFLATE_OUT_BYTES);
      expect(() => finish(engine.createInflator(KEPT).inflate(bomb, limit))).toThrow('Max payload size exceeded');
      // What lies behind the limit, and the overrun of a copy, is as it was.
      if (limit < 200_000)
        expectBytes(kernel.memory.subarray(INFLATE_OUT + limit + 300, INFLATE_OUT + INFLATE_OUT_BYTES), before);
    }
    inflator.close();
  });

  it('reads input once, however many streams it has', () => {
    let calls = 0;
    const counting = watch(() => calls++);
    const started = performance.now();
    expect(finish(counting.createInflator(KEPT).inflate(Buffer.alloc(2_000_000, hex('0300')), 0))).toHaveLength(0);
    expect(calls).toBeLessThanOrEqual(1_000_200);
    // A copy of the piece at each of them would take minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe('what zlib has deflated', () => {
  it.each([9, 12, 15])('in many small blocks, with a window of %i bits, over thousands of pieces of input', (windowBits) => {
    const message = pattern(8_000_000);
    for (const level of [0, 1, 6]) {
      const packed = zlib.deflateRawSync(message, { level, windowBits });
      expectBytes(finish(engine.createInflator({ windowBits, noContextTakeover: false }).inflate(packed, 0)), message);
    }
  });
});

describe('contexts of one module', () => {
  const messages = Array.from({ length: 6 }, (_, index) => records(3000 + 500 * index).slice(index * 40));

  it('do not mix when their messages take turns', async () => {
    const contexts = [8, 9, 12, 15].map((windowBits) => {
      const options = { windowBits, noContextTakeover: false };
      return {
        windowBits,
        deflator: engine.createDeflator(options),
        inflator: engine.createInflator(options),
        packed: [] as Uint8Array[],
      };
    });
    for (const message of messages) {
      for (const { deflator, inflator, packed } of contexts) {
        packed.push(finish(deflator.deflate(message, true)));
        expectBytes(finish(inflator.inflate(packed.at(-1)!, message.length)), message);
      }
    }
    for (const { windowBits, packed } of contexts) {
      const plain = await unpack(packed, Math.max(windowBits, 9), false);
      messages.forEach((message, index) => expectBytes(plain[index], message));
    }
  });

  it.each([
    [8, 8],
    [12, 8],
    [15, 8],
    [12, 64],
  ])('of %i bits stay in place while %i of them take turns, but not of many', (windowBits, connections) => {
    let placed = 0;
    const watched = watch(() => placed++, ['startDeflate']);
    const deflators = Array.from({ length: connections }, () =>
      watched.createDeflator({ windowBits, noContextTakeover: false }),
    );
    const rounds = 20;
    for (let round = 0; round < rounds; round++) for (const each of deflators) finish(each.deflate(records(100 + round), true));
    if (connections > 8) expect(placed).toBe(rounds * connections);
    // The first rounds tell who comes back soon.
    else expect(placed).toBeLessThanOrEqual(2 * connections);
  });

  it.each([
    [5, 1],
    [8, 2],
    [11, 3],
    [20, 4],
  ])('do not mix when %i of them come at random, with slices of long messages between', async (connections, seed) => {
    clock = 0;
    const paused = watch(() => void (clock! += 2));
    const order = noise(2000, seed);
    const each = Array.from({ length: connections }, (_, index) => {
      const windowBits = 9 + (index % 7);
      const options = { windowBits, noContextTakeover: index % 5 === 4, zlib: { level: index % 10 } };
      const deflator = paused.createDeflator(options);
      return { deflator, options, job: null as DeflateJob | null, sent: [] as Uint8Array[], packed: [] as Uint8Array[] };
    });
    for (const [turn, byte] of order.entries()) {
      const one = each[byte % connections];
      if (one.job === null) {
        const length = byte > 250 ? 60_000 : 50 + ((byte * turn) % 900);
        const message = turn % 7 === 0 ? noise(length, turn + 1) : records(length + turn).subarray(turn);
        one.sent.push(message);
        one.job = one.deflator.deflate(message, true);
      }
      const bytes = one.job.step();
      if (bytes === null) continue;
      one.packed.push(bytes.slice());
      one.job = null;
    }
    for (const { deflator, job, options, packed, sent } of each) {
      if (job !== null) packed.push(finish(job));
      const unpacked = await unpack(packed, options.windowBits, options.noContextTakeover);
      sent.forEach((message, index) => expectBytes(unpacked[index], message));
      deflator.close();
    }
  });

  it('go on where they were, however often and wherever their jobs are interrupted', () => {
    clock = 0;
    const paused = watch(() => void (clock! += 2));
    const payloads = [
      new Uint8Array(1_048_576).fill(6),
      records(700_000),
      noise(200_000),
      Buffer.concat([noise(60_000), records(300_000), new Uint8Array(200_000)]),
      records(40),
    ];
    const contexts = [8, 9, 12, 15].map((windowBits) => {
      const options = { windowBits, noContextTakeover: false };
      return { deflator: paused.createDeflator(options), inflator: paused.createInflator(options) };
    });
    for (let round = 0; round < payloads.length; round++) {
      const plain = contexts.map((_, index) => payloads[(round + index) % payloads.length]);
      const packed = inTurns(contexts.map(({ deflator }, index) => deflator.deflate(plain[index], true)));
      const unpacked = inTurns(contexts.map(({ inflator }, index) => inflator.inflate(packed[index], plain[index].length)));
      plain.forEach((message, index) => expectBytes(unpacked[index], message));
    }
  });

  it.each([0, 1, 6, 9])('go on in what zlib has deflated at level %i, wherever they are interrupted', (level) => {
    clock = 0;
    const paused = watch(() => void (clock! += 2));
    const payloads = [new Uint8Array(1_048_576).fill(6), records(700_000), noise(200_000), pattern(500_000)];
    for (const memLevel of [1, 8]) {
      const packed = payloads.map((message) => zlib.deflateRawSync(message, { level, memLevel }));
      const unpacked = inTurns(packed.map((bytes) => paused.createInflator(KEPT).inflate(bytes, 0)));
      payloads.forEach((message, index) => expectBytes(unpacked[index], message));
    }
  });

  it('go on after a job of another one that was given up in the middle', () => {
    const kept = [engine.createDeflator(KEPT), engine.createInflator(KEPT)] as const;
    for (let round = 0; round < 20; round++) {
      const message = messages[round % messages.length];
      expectBytes(finish(kept[1].inflate(finish(kept[0].deflate(message, true)), 0)), message);
      const given = [engine.createDeflator(KEPT), engine.createInflator(KEPT)] as const;
      expect(given[0].deflate(noise(400_000 + round), true).step()).toBeNull();
      given[1].inflate(zlib.deflateRawSync(records(3_000_000)), 0).step();
      if (round % 2 === 0) for (const context of given) context.close();
    }
  });

  it('take a message byte by byte, in turns: the middle of a block header is kept as well', () => {
    const plain = [records(3000), Buffer.from(toHex(noise(900)))];
    const packed = plain.map((bytes) => zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }));
    // The second one is a few bytes behind, so that the two are in different parts of their headers.
    for (let behind = 0; behind < 40; behind++) {
      const inflators = [engine.createInflator(KEPT), engine.createInflator(KEPT)];
      const outputs: Uint8Array[][] = [[], []];
      const feed = (index: number, at: number): void => {
        const bytes = packed[index].subarray(0, -4);
        if (at < 0 || at >= bytes.length) return;
        const job = inflators[index].inflate(bytes.subarray(at, at + 1), 0, at === bytes.length - 1);
        outputs[index].push(finish(job));
      };
      for (let at = 0; at < 2000; at++) {
        feed(0, at);
        feed(1, at - behind);
      }
      outputs.forEach((output, index) => expectBytes(Buffer.concat(output), plain[index]));
    }
  });

  it('keep the bits that they have read ahead, wherever a message of many blocks is cut', () => {
    for (const message of [new Uint8Array(1_200_000).fill(0xee), records(200_000)]) {
      const packed = finish(engine.createDeflator(KEPT).deflate(message, true));
      const other = zlib.deflateRawSync(utf8('of another connection'));
      const step = Math.ceil(packed.length / 400);
      for (let cut = 1; cut < packed.length; cut += step) {
        const inflator = engine.createInflator(KEPT);
        const first = finish(inflator.inflate(packed.subarray(0, cut), 0, false));
        finish(engine.createInflator(KEPT).inflate(other, 0));
        const second = finish(inflator.inflate(packed.subarray(cut), 0));
        expectBytes(Buffer.concat([first, second]), message);
      }
    }
  });

  it('keep the end of a stream in mind, wherever a message of several streams is cut', () => {
    // BFINAL is read with the header of a block and counts at its end: the next stream starts at a whole byte (RFC 7692 section 7.2.3.4).
    const texts = [utf8('Hello'), noise(50), records(900), new Uint8Array(0)];
    const streams = texts.flatMap((text) => [
      zlib.deflateRawSync(text, { level: 0 }),
      zlib.deflateRawSync(text, { strategy: zlib.constants.Z_FIXED }),
      zlib.deflateRawSync(text),
    ]);
    const packed = Buffer.concat(streams);
    const plain = Buffer.concat(texts.flatMap((text) => [text, text, text]));
    for (const behind of [0, 1, 2, 5, 19]) {
      const inflators = [engine.createInflator(KEPT), engine.createInflator(KEPT)];
      const outputs: Uint8Array[][] = [[], []];
      for (let at = 0; at < packed.length + behind; at++) {
        for (const [index, place] of [at, at - behind].entries()) {
          if (place < 0 || place >= packed.length) continue;
          const isLast = place === packed.length - 1;
          outputs[index].push(finish(inflators[index].inflate(packed.subarray(place, place + 1), 0, isLast)));
        }
      }
      for (const output of outputs) expectBytes(Buffer.concat(output), plain);
    }
  });

  it('keep them between the slices of a message, too', () => {
    const slow = watch(() => void (clock! += 3));
    for (let length = 700_000; length < 1_300_000; length += 2003) {
      clock = 1;
      const packed = finish(slow.createDeflator(KEPT).deflate(new Uint8Array(length).fill(0xee), true));
      const plain = finish(slow.createInflator(KEPT).inflate(packed, 0));
      expectBytes(plain, new Uint8Array(length).fill(0xee));
    }
  });

  it('give all that a fragment stands for before the next one comes, however much it is', () => {
    for (let length = INFLATE_OUT_BYTES - 1000; length < INFLATE_OUT_BYTES + 8000; length += 500) {
      const packed = zlib.deflateRawSync(new Uint8Array(length), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
      expect(finish(engine.createInflator(KEPT).inflate(packed, 0, false))).toHaveLength(length);
    }
  });

  it('read nothing of each other: a distance behind their own bytes is refused', () => {
    const secret = engine.createInflator(KEPT);
    finish(secret.inflate(zlib.deflateRawSync(utf8('a secret of somebody else, forty bytes..')), 0));
    // A fixed block: a literal, then a match of three bytes at distance 2.
    expect(() => finish(engine.createInflator(KEPT).inflate(hex('4a 04 41 00'), 0))).toThrow('invalid distance too far back');
  });
});
