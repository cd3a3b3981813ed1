// Fresh bytes that a long message takes, in exact counts. New memory costs a page fault for each 4 KiB of it, so these counts decide the speed of
// long messages.

import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../../src/protocol/blocks.ts';
import { Bench } from '../../support/connection-bench.ts';
import { concat, pattern } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

const MIB = 1_048_576;

/** Counts every byte array of the library. */
class CountingPlatform extends ManualPlatform {
  override copy(source: Uint8Array, start: number, end: number): Uint8Array {
    this.allocations.push(end - start);
    return super.copy(source, start, end);
  }

  /** Lengths of the byte arrays since the last call. */
  fresh(): number[] {
    return this.allocations.splice(0);
  }
}

function open(): { bench: Bench; platform: CountingPlatform } {
  const platform = new CountingPlatform();
  const bench = new Bench({ role: 'server' }, platform);
  return { bench, platform };
}

function receiveIn(bench: Bench, bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bench.connection.receive(bytes.subarray(at, at + size));
}

describe('server receives 1 MiB', () => {
  test.each([
    ['a frame', 262_144, []],
    ['a frame', 65_536, [BLOCK_BYTES, BLOCK_BYTES]],
  ])('in %s and reads of %i bytes: its own memory, and a stage that the next message uses again', (_form, size, stage) => {
    const { bench, platform } = open();
    const bytes = bench.frame({ opcode: 2, payload: pattern(MIB) });
    receiveIn(bench, bytes, size);
    expect(platform.fresh()).toEqual([...stage, MIB]);
    receiveIn(bench, bytes, size);
    expect(platform.fresh()).toEqual([MIB]);
    expect(bench.sink.messages.map(({ bytes: { length } }) => length)).toEqual([MIB, MIB]);
  });

  test('in fragments of 64 KiB: the same', () => {
    const { bench, platform } = open();
    const fragments = Array.from({ length: 16 }, (_, index) =>
      bench.frame({ opcode: index === 0 ? 2 : 0, fin: index === 15, payload: pattern(65_536, index) }),
    );
    for (const fragment of fragments) bench.connection.receive(fragment);
    expect(platform.fresh()).toEqual([...Array.from({ length: 8 }, () => BLOCK_BYTES), MIB]);
    for (const fragment of fragments) bench.connection.receive(fragment);
    expect(platform.fresh()).toEqual([MIB]);
    const whole = concat(...Array.from({ length: 16 }, (_, index) => pattern(65_536, index)));
    for (const { bytes } of bench.sink.messages) expect(Buffer.compare(bytes, whole)).toBe(0);
  });

  test('a header that claims 100 MB allocates nothing for them', () => {
    const { bench, platform } = open();
    const header = bench.frame({ opcode: 2, length: 100_000_000 });
    bench.connection.receive(header);
    bench.connection.receive(pattern(1));
    expect(platform.fresh().reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(256);
    bench.connection.receive(pattern(100_000));
    expect(platform.fresh().reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(2 * 100_001);
  });
});

describe('server sends 1 MiB', () => {
  test('to a peer that reads: nothing', () => {
    const { bench, platform } = open();
    bench.connection.sendBytes(pattern(MIB), false);
    platform.runDeferred();
    expect(platform.fresh()).toEqual([]);
  });

  test('to a peer that does not: blocks, which are used again', () => {
    const { bench, platform } = open();
    for (const expected of [8, 0]) {
      bench.transport.isHeld = true;
      bench.connection.sendBytes(new Uint8Array(1), false);
      platform.runDeferred();
      platform.fresh();
      bench.connection.sendBytes(pattern(MIB), false);
      expect(platform.fresh()).toEqual(Array.from({ length: expected }, () => BLOCK_BYTES));
      bench.transport.isHeld = false;
      bench.transport.release();
      platform.runDeferred();
    }
  });
});
