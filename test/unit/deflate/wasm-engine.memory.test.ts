// Bytes that a connection holds for compression between two messages: those of its windows, and none beyond what has passed or was
// agreed on. Counted, not timed: every array that the engine copies out of the module's memory.

import zlib from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ContextOptions } from '../../../src/deflate/engine.ts';
import { loadDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex } from '../../support/frames.ts';
import { finish, noise } from './zlib-oracle.ts';

const kernel = loadDeflateKernel();
const engine = createWasmEngine(() => kernel);
const { slice } = kernel.memory;
/** Lengths of the copies that were made. */
let copies: number[] = [];

beforeEach(() => {
  copies = [];
  kernel.memory.slice = (from, to) => {
    const copy = slice.call(kernel.memory, from, to);
    copies.push(copy.buffer.byteLength);
    return copy;
  };
});
afterEach(() => {
  kernel.memory.slice = slice;
});

/** Exchanges messages with one connection, then lets another one in. @returns The copies that were made for the first. */
function exchange(options: ContextOptions, lengths: readonly number[]): number[] {
  const [deflator, inflator] = [engine.createDeflator(options), engine.createInflator(options)];
  for (const [index, length] of lengths.entries()) {
    finish(inflator.inflate(finish(deflator.deflate(noise(length, index + 1), true)), length));
    // Others, which take the module's memory and are closed.
    const next = engine.createDeflator(options);
    finish(next.deflate(new Uint8Array([1]), true));
    finish(engine.createInflator(options).inflate(new Uint8Array([0x62, 0x04, 0x00]), 1));
    next.close();
  }
  const made = copies;
  copies = [];
  return made.filter((length) => length > 1);
}

describe('what a connection holds', () => {
  it.each([8, 9, 12, 15])('with a window of %i bits: the bytes that have passed, up to the window', (windowBits) => {
    const window = 2 ** windowBits;
    const options = { windowBits, noContextTakeover: false };
    // A copy for the deflater and one for the inflater, of exactly the bytes that passed.
    expect(exchange(options, [100])).toEqual([100, 100]);
    expect(exchange(options, [100, 50])).toEqual([100, 100, 150, 150]);
    if (windowBits < 14) expect(exchange(options, [window - 1, 1])).toEqual([window - 1, window - 1, window, window]);
    // Messages of one piece: a longer one's output is copied as well.
    expect(exchange(options, [10_000, 10_000, 10_000, 10_000, 10_000]).slice(-2)).toEqual([window, window]);
  });

  it.each([8, 12, 13])('of a full window of %i bits is in the same buffer for ever', (windowBits) => {
    const window = 2 ** windowBits;
    expect(exchange({ windowBits, noContextTakeover: false }, [window, 1024, 1024, 9000, 1])).toEqual([window, window]);
  });

  it('without context takeover is nothing', () => {
    expect(exchange({ windowBits: 15, noContextTakeover: true }, [100, 1024, 9000])).toEqual([]);
  });

  it('at level 0 is what it has read, since nothing that it writes refers to anything', () => {
    const options = { windowBits: 12, noContextTakeover: false, zlib: { level: 0 } };
    expect(exchange(options, [1024])).toEqual([1024]);
  });
});

describe('what contexts with a dictionary hold', () => {
  afterEach(() => vi.unstubAllGlobals());

  /** @returns The bytes that `task` allocates in arrays that are not views, besides copies out of the module's memory. */
  function allocatedBy(task: () => void): number {
    let bytes = 0;
    const construct = (target: typeof Uint8Array, given: ConstructorParameters<typeof Uint8Array>): Uint8Array => {
      const array = new target(...given);
      if (!((given as readonly unknown[])[0] instanceof ArrayBuffer)) bytes += array.length;
      return array;
    };
    vi.stubGlobal('Uint8Array', new Proxy(Uint8Array, { construct }));
    task();
    vi.unstubAllGlobals();
    return bytes;
  }

  const both = (options: ContextOptions) => [engine.createDeflator(options), engine.createInflator(options)] as const;

  it.each([
    ['a Buffer', () => Buffer.from(noise(100_000))],
    ['an ArrayBuffer', () => noise(100_000).buffer],
    ['a DataView', () => new DataView(noise(100_000).buffer, 1, 90_001)],
  ])('as %s is one copy of its last 32 KiB, for all of them and for all windows', (_type, make) => {
    const dictionary = make();
    const open: unknown[] = [];
    const bytes = allocatedBy(() => {
      for (const windowBits of [15, 12, 8]) {
        for (const noContextTakeover of [false, true]) {
          for (let count = 0; count < 20; count++) open.push(both({ windowBits, noContextTakeover, zlib: { dictionary } }));
        }
      }
    });
    expect(bytes).toBe(32_768);
  });

  it('is that copy and nothing else after messages without context takeover', () => {
    const options = { windowBits: 15, noContextTakeover: true, zlib: { dictionary: noise(40_000) } };
    expect(allocatedBy(() => both(options))).toBe(32_768);
    expect(allocatedBy(() => expect(exchange(options, [100, 1024, 9000])).toEqual([]))).toBeLessThan(32_768);
    const window = engine.createDeflator(options).sharedWindow!;
    expect(window.buffer.byteLength).toBe(32_768);
    expectBytes(window, noise(40_000).subarray(-32_768));
  });

  it('is their own window after messages with context takeover: the dictionary is not written to', () => {
    const options = { windowBits: 12, noContextTakeover: false, zlib: { dictionary: noise(4096) } };
    expect(new Set(exchange(options, [100, 100]))).toEqual(new Set([4096]));
    expectBytes(engine.createDeflator(options).sharedWindow!, noise(4096));
  });

  it('is another copy once the program has changed the bytes', () => {
    const dictionary = noise(1000);
    const options = { windowBits: 15, noContextTakeover: true, zlib: { dictionary } };
    const [before] = both(options);
    dictionary[999] ^= 1;
    const [after] = both(options);
    expectBytes(before.sharedWindow!, noise(1000));
    expectBytes(after.sharedWindow!, dictionary);
    expect(engine.createDeflator(options).sharedWindow).toBe(after.sharedWindow);
  });
});

describe('what a bomb takes', () => {
  const LIMIT = 1_000_000;
  const thousandfold = zlib.deflateRawSync(new Uint8Array(100_000_000));
  it.each([
    ['of ratio 1000:1', thousandfold, 'Max payload size exceeded'],
    [
      'of many small streams',
      Buffer.concat(Array.from({ length: 200 }, () => zlib.deflateRawSync(new Uint8Array(100_000)))),
      'Max payload size exceeded',
    ],
    ['of empty stored blocks', Buffer.alloc(1_000_000, hex('00 00 00 ff ff')), null],
    ['of empty last blocks', Buffer.alloc(1_000_000, hex('03 00')), null],
    // Its outer layer is a few hundred bytes of 97 KiB, which is all that one message gives.
    ['in a bomb', zlib.deflateRawSync(thousandfold), null],
  ])('%s is bounded by the limit, never by its ratio', (_what, bomb, message) => {
    const inflator = engine.createInflator({ windowBits: 15, noContextTakeover: false });
    const run = (): number => finish(inflator.inflate(bomb, LIMIT)).length;
    if (message === null) expect(run()).toBeLessThanOrEqual(LIMIT);
    else expect(run).toThrow(message);
    expect(copies.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(LIMIT);
    inflator.close();
  });
});
