import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../../src/protocol/blocks.ts';
import { MessageAssembler } from '../../../src/protocol/assembler.ts';
import { expectBytes } from '../../support/bytes.ts';
import { concat, pattern } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

function assemble(
  pieces: readonly Uint8Array[],
  expected: (rest: number) => number,
): { bytes: Uint8Array; allocated: number[] } {
  const platform = new ManualPlatform();
  const assembler = new MessageAssembler(platform);
  let rest = pieces.reduce((sum, piece) => sum + piece.length, 0);
  for (const piece of pieces) {
    rest -= piece.length;
    const padded = concat(pattern(7, 9), piece, pattern(5, 9));
    assembler.append(padded, 7, 7 + piece.length, expected(rest), rest === 0 || expected(rest) > 0);
    padded.fill(0);
  }
  const { length } = assembler;
  const bytes = assembler.take();
  expect(assembler.length).toBe(0);
  return { bytes: bytes.subarray(0, length), allocated: platform.allocations };
}

function sliced(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

describe('MessageAssembler', () => {
  test('the memory of a message in one frame is as long as the message, wherever it is cut', () => {
    for (const first of [0, 1, 63, 64, 500, 2046]) {
      const { bytes } = assemble([pattern(first), pattern(2047 - first)], (rest) => rest);
      expect([first, bytes.buffer.byteLength]).toEqual([first, 2047]);
    }
    const { bytes } = assemble(sliced(pattern(1_048_577), 65_536), (rest) => rest);
    expect(bytes.buffer.byteLength).toBe(1_048_577);
  });

  test('the memory of a message in fragments is as long as the message', () => {
    for (const size of [1, 100, 4096, 200_000])
      expect(assemble(sliced(pattern(500_001), size), () => 0).bytes.buffer.byteLength).toBe(500_001);
  });

  test.each([
    [1, 100],
    [31, 400],
    [32, 400],
    [33, 400],
    [1000, 100_001],
    [65536, 1_048_576],
  ])('joins pieces of %i bytes to %i, as fragments and as a frame of known length', (size, length) => {
    const whole = pattern(length);
    expectBytes(assemble(sliced(whole, size), () => 0).bytes, whole);
    expectBytes(assemble(sliced(whole, size), (rest) => rest).bytes, whole);
  });

  test('allocates exactly the length of a message that comes at once', () => {
    expect(assemble([pattern(70000)], () => 0).allocated).toEqual([70000]);
  });

  test('takes empty pieces', () => {
    const empty = new Uint8Array();
    expectBytes(assemble([empty, pattern(3), empty, pattern(2), empty], () => 0).bytes, concat(pattern(3), pattern(2)));
    expect(assemble([empty, empty], () => 0).bytes).toHaveLength(0);
  });

  test('fragments are staged in memory that is used again, and copied once more, to a message of exactly their length', () => {
    const platform = new ManualPlatform();
    const assembler = new MessageAssembler(platform);
    const fragments = sliced(pattern(1_048_576), 262_144);
    const receive = (): void => {
      for (const [index, fragment] of fragments.entries()) assembler.append(fragment, 0, fragment.length, 0, index === 3);
    };
    receive();
    expect(platform.allocations).toEqual([...Array.from({ length: 6 }, () => BLOCK_BYTES), 1_048_576]);
    expectBytes(assembler.take(), concat(...fragments));
    platform.allocations.length = 0;
    receive();
    expect(platform.allocations).toEqual([1_048_576]);
  });

  test('a frame whose first reads are short is allocated once, when a quarter of it has arrived', () => {
    expect(assemble(sliced(pattern(1_048_576), 65_536), (rest) => rest).allocated).toEqual([
      BLOCK_BYTES,
      BLOCK_BYTES,
      1_048_576,
    ]);
  });

  test('a message in short fragments takes few allocations, and at most twice its length before it is complete', () => {
    const { allocated } = assemble(sliced(pattern(1_048_576), 64), () => 0);
    expect(allocated.length).toBeLessThanOrEqual(20);
    const staged = allocated.slice(0, -1).reduce((sum, length) => sum + length, 0);
    expect(staged).toBeLessThanOrEqual(2 * 1_048_576);
  });

  test('a message that is dropped gives its memory back', () => {
    const platform = new ManualPlatform();
    const assembler = new MessageAssembler(platform);
    assembler.append(pattern(BLOCK_BYTES), 0, BLOCK_BYTES, 0, false);
    assembler.clear();
    const [before] = [platform.allocations.length];
    platform.blocks.take();
    expect(platform.allocations).toHaveLength(before);
  });

  test('allocates once for a frame whose first read brings a quarter of it, header included', () => {
    const reads = [262_130, 262_144, 262_144, 262_144, 14];
    expect(reads.reduce((sum, length) => sum + length)).toBe(1_048_576);
    const pieces = reads.map((length) => pattern(length));
    expect(assemble(pieces, (rest) => rest).allocated).toEqual([1_048_576]);
  });

  test('allocates for what arrived, not for what a header claims', () => {
    const platform = new ManualPlatform();
    const assembler = new MessageAssembler(platform);
    let arrived = 0;
    for (const length of [0, 1, 1, 100, 5000, 100_000]) {
      arrived += length;
      assembler.append(pattern(length), 0, length, 2 ** 40, true);
      expect(Math.max(...platform.allocations)).toBeLessThanOrEqual(Math.max(256, arrived * 4));
    }
    expect(assembler.length).toBe(arrived);
  });

  test('starts anew after take and after clear', () => {
    const assembler = new MessageAssembler(new ManualPlatform());
    assembler.append(Uint8Array.of(1, 2, 3), 0, 3, 0, true);
    const first = assembler.take();
    assembler.append(Uint8Array.of(9), 0, 1, 0, true);
    assembler.clear();
    expect(assembler.length).toBe(0);
    assembler.append(Uint8Array.of(4, 5), 0, 2, 0, true);
    expect([...assembler.take().subarray(0, 2)]).toEqual([4, 5]);
    expect([...first.subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  test('gives an empty array when nothing came', () => {
    expect(new MessageAssembler(new ManualPlatform()).take()).toHaveLength(0);
  });
});
