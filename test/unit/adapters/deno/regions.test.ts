import { expect, test } from 'vitest';
import { LARGE_REGION, MOST_KEPT, ReadRegion, SMALL_REGION } from '../../../../adapters/deno/regions.ts';

test('an idle connection has a small region', () => {
  const region = new ReadRegion();
  expect(region.bytes).toHaveLength(SMALL_REGION);
  region.advance(SMALL_REGION - 1);
  expect(region.bytes).toHaveLength(SMALL_REGION);
});

test('a busy one has a large region, until it needs no more', () => {
  const region = new ReadRegion();
  region.advance(SMALL_REGION);
  expect(region.bytes).toHaveLength(LARGE_REGION);
  region.advance(LARGE_REGION);
  region.advance(10);
  expect(region.bytes).toHaveLength(LARGE_REGION);
  region.advance(SMALL_REGION + 1);
  expect(region.bytes).toHaveLength(LARGE_REGION);
  region.advance(SMALL_REGION);
  expect(region.bytes).toHaveLength(SMALL_REGION);
});

test('what fits a small region to the byte leaves no large one waiting', () => {
  const region = new ReadRegion();
  region.advance(SMALL_REGION);
  region.advance(0);
  expect(region.bytes).toHaveLength(SMALL_REGION);
});

test('two connections never share a region', () => {
  const regions = Array.from({ length: 3 }, () => new ReadRegion());
  for (const region of regions) region.advance(region.bytes.length);
  expect(new Set(regions.map(({ bytes }) => bytes)).size).toBe(3);
  for (const region of regions) region.close();
});

test('so many connections wait with a large region, and no more', () => {
  const regions = Array.from({ length: MOST_KEPT + 5 }, () => new ReadRegion());
  for (const region of regions) {
    region.advance(SMALL_REGION);
    region.advance(100);
  }
  expect(regions.filter(({ bytes }) => bytes.length === LARGE_REGION)).toHaveLength(MOST_KEPT);
  regions[0].close();
  const last = regions.at(-1)!;
  last.advance(SMALL_REGION);
  last.advance(100);
  expect(last.bytes).toHaveLength(LARGE_REGION);
  for (const region of regions) region.close();
});
