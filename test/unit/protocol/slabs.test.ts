// Slabs: who takes a piece gets memory that nobody else has.

import { expect, test } from 'vitest';
import { createSlabs } from '../../../src/protocol/slabs.ts';

function slabs(): { slab: ReturnType<typeof createSlabs>; allocations: number[] } {
  const allocations: number[] = [];
  const slab = createSlabs((length) => {
    allocations.push(length);
    return new Uint8Array(length);
  });
  return { slab, allocations };
}

test('slabs lend the same memory until it is full', () => {
  const { slab, allocations } = slabs();
  const first = slab(1000);
  first.free += 60_000;
  expect(slab(5536)).toBe(first);
  first.free += 5536;
  const second = slab(1);
  expect(second).not.toBe(first);
  expect([second.free, second.bytes.length, second.bytes.buffer === second.memory]).toEqual([0, 65_536, true]);
  expect(allocations).toEqual([65_536, 65_536]);
});

test('slabs lend more than one of them holds from memory made to measure, and go on with the other', () => {
  const { slab, allocations } = slabs();
  const shared = slab(100);
  shared.free += 100;
  const long = slab(65_537);
  expect([long.free, long.bytes.length]).toEqual([0, 65_537]);
  expect(slab(65_436)).toBe(shared);
  expect(allocations).toEqual([65_536, 65_537]);
});

test('slabs allocate nothing before they are asked', () => {
  expect(slabs().allocations).toEqual([]);
});
