import { expect, test } from 'vitest';
import { Histogram } from '../../../src/cli/histogram.ts';

test('a histogram has percentiles with an error of at most 3.2 %', () => {
  const times = new Histogram();
  for (let index = 1; index <= 10_000; index++) times.add(index / 100);
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    expect(Math.abs(times.percentile(share) / (share * 100) - 1)).toBeLessThan(0.032);
  }
  expect([times.count, times.least, times.most, Math.round(times.mean)]).toEqual([10_000, 0.01, 100, 50]);
});

test('histograms are merged', () => {
  const [all, a, b] = [new Histogram(), new Histogram(), new Histogram()];
  for (let index = 0; index < 1000; index++) {
    (index % 2 === 0 ? a : b).add(index);
    all.add(index);
  }
  const merged = new Histogram();
  // As another process reports it.
  for (const part of [a, b, new Histogram()]) merged.merge(JSON.parse(JSON.stringify(part)) as Histogram);
  expect([0.1, 0.5, 0.99].map((share) => merged.percentile(share))).toEqual(
    [0.1, 0.5, 0.99].map((share) => all.percentile(share)),
  );
  expect([merged.count, merged.least, merged.most]).toEqual([1000, 0, 999]);
});

test('ranges have all counts', () => {
  const times = new Histogram();
  expect(times.ranges(10, 0.99)).toEqual([]);
  for (let index = 1; index <= 1000; index++) times.add(index);
  const ranges = times.ranges(10, 0.99);
  expect([ranges.length, ranges.at(-1)?.to, ranges.reduce((sum, { count }) => sum + count, 0)]).toEqual([10, 1000, 1000]);
  const one = new Histogram();
  one.add(5);
  expect(one.ranges(10, 0.99)).toEqual([{ to: 5, count: 1 }]);
});
