// The engine over zlib's handles: what its jobs lend, where they pause, and when it is not to be used.

import zlib from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InflateError, type ContextOptions, type DeflateEngine, type DeflateJob } from '../../../src/deflate/engine.ts';
import { createZlibEngine, type ZlibModule } from '../../../src/deflate/zlib-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex, utf8 } from '../../support/frames.ts';
import { finish, noise, records, spyOnZlib } from './support.ts';

// The clock that slices go by cannot be faked, which the tests here need.
vi.mock('../../../src/clock.ts', async (load) => ({
  ...(await load<typeof import('../../../src/clock.ts')>()),
  now: () => Date.now(),
}));

const KEPT: ContextOptions = { windowBits: 15, noContextTakeover: false };
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

afterEach(() => {
  vi.useRealTimers();
});

describe('a job of the handle engine', () => {
  const engine = createZlibEngine(zlib);

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
    const exact = inflator.inflate(zlib.deflateRawSync(noise(65536)), 0);
    finish(exact);
    expect(exact.isOwned).toBe(true);
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
    vi.useFakeTimers({ toFake: ['Date'] });
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
    ).toEqual([1, 3, 19]);
  });

  it('ends its turn when zlib takes long', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    const slow = createZlibEngine(spyOnZlib(() => vi.setSystemTime(Date.now() + 2)).zlib);
    const steps = (job: DeflateJob): number[] => {
      const spent: number[] = [];
      for (let bytes: Uint8Array | null = null; bytes === null;) {
        const before = Date.now();
        bytes = job.step();
        spent.push(Date.now() - before);
      }
      return spent;
    };
    expect(Math.max(...steps(slow.createDeflator(KEPT).deflate(noise(600_000), true)))).toBeLessThanOrEqual(8);
    expect(
      Math.max(...steps(slow.createInflator(KEPT).inflate(zlib.deflateRawSync(records(3_000_000)), 0))),
    ).toBeLessThanOrEqual(8);
    // Input that gives nothing costs time as well: blocks that are empty and the last of their stream.
    let writes = 0;
    const fine = createZlibEngine(spyOnZlib(() => ++writes % 100 === 0 && vi.setSystemTime(Date.now() + 1)).zlib);
    const hollow = Buffer.alloc(65536, hex('0300'));
    expect(Math.max(...steps(fine.createInflator(KEPT).inflate(hollow, 0)))).toBeLessThanOrEqual(3);
    // A clock that is set back must not hold it up either.
    const backward = createZlibEngine(spyOnZlib(() => vi.setSystemTime(Date.now() - 1000)).zlib);
    expect(steps(backward.createDeflator(KEPT).deflate(noise(600_000), true)).length).toBeGreaterThan(4);
  });

  it('costs a bomb no more than the limit and one scratch buffer', () => {
    const bomb = zlib.deflateRawSync(new Uint8Array(100_000_000));
    const spy = spyOnZlib();
    const inflator = createZlibEngine(spy.zlib).createInflator(KEPT);
    spy.written = 0;
    expect(() => finish(inflator.inflate(bomb, 200_000))).toThrow(InflateError);
    expect(spy.written).toBeGreaterThan(200_000);
    expect(spy.written).toBeLessThanOrEqual(200_000 + 65536);
  });
});

describe('createZlibEngine', () => {
  const roundTrip = (engine: DeflateEngine): void => {
    for (const options of [KEPT, { windowBits: 9, noContextTakeover: true }]) {
      const deflator = engine.createDeflator(options);
      const inflator = engine.createInflator(options);
      for (const message of [records(3000), noise(10), records(3000)]) {
        expectBytes(finish(inflator.inflate(finish(deflator.deflate(message, true)), 3000)), message);
      }
    }
  };

  it('drives the handles of this runtime, and nothing else', () => {
    const spy = spyOnZlib();
    const engine = createZlibEngine(spy.zlib);
    spy.writes = 0;
    roundTrip(engine);
    // One call for each deflation; another for the tail of each inflation.
    expect(spy).toMatchObject({ writes: 18, oneShots: 0 });
  });

  it('leaves the handles alone when it is told to', () => {
    const spy = spyOnZlib();
    roundTrip(createZlibEngine(spy.zlib, false));
    expect(spy).toMatchObject({ writes: 0, oneShots: 12 });
  });

  type Stream = { _handle: Record<string, unknown> | null; _writeState?: Uint32Array | undefined };
  const faults: readonly (readonly [string, (stream: Stream) => void])[] = [
    ['has no handle', (stream) => (stream._handle = null)],
    ['has no state', (stream) => Object.defineProperty(stream, '_writeState', { value: undefined })],
    ['has no writeSync', (stream) => (stream._handle!['writeSync'] = undefined)],
    ['has no reset', (stream) => (stream._handle!['reset'] = undefined)],
    ['does nothing', (stream) => (stream._handle!['writeSync'] = () => {})],
    [
      'throws',
      (stream) => {
        stream._handle!['writeSync'] = () => {
          throw new TypeError('Illegal invocation');
        };
      },
    ],
    [
      'tells its errors in another way',
      (stream) => Object.defineProperty(stream._handle, 'onerror', { value: undefined, writable: true }),
    ],
  ];
  it.each(faults)('uses the public functions where a stream %s', (_what, spoil) => {
    const spy = spyOnZlib();
    const spoiling =
      (create: (options: Record<string, unknown>) => unknown) =>
      (options: Record<string, unknown>): unknown => {
        const stream = create(options);
        spoil(stream as Stream);
        return stream;
      };
    const { createDeflateRaw, createInflateRaw } = spy.zlib;
    const engine = createZlibEngine({
      ...spy.zlib,
      createDeflateRaw: spoiling(createDeflateRaw),
      createInflateRaw: spoiling(createInflateRaw),
    } as unknown as ZlibModule);
    expect(spy.oneShots).toBe(0);
    roundTrip(engine);
    expect(spy.oneShots).toBe(12);
  });

  it('uses the public functions where there are no streams', () => {
    const create = (): never => {
      throw new Error('Not implemented');
    };
    roundTrip(createZlibEngine({ ...zlib, createDeflateRaw: create, createInflateRaw: create }));
  });
});
