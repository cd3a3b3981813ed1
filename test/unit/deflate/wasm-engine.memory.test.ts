// Bytes that a connection holds for compression between two messages: those of its windows, and none beyond what has passed or was
// agreed on. Counted, not timed: every array that the engine copies out of the module's memory.

import zlib from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContextOptions } from '../../../src/deflate/engine.ts';
import { loadDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
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
