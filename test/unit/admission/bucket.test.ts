import { describe, expect, test } from 'vitest';
import { BucketTable, MOST_BUCKETS, readRate, TokenBucket } from '../../../src/admission/bucket.ts';

describe('TokenBucket', () => {
  test('gives its count at once, and one after each part of the interval', () => {
    const bucket = new TokenBucket({ count: 2, interval: 1000 }, 0);
    expect([bucket.tryTake(0), bucket.tryTake(0), bucket.tryTake(0)]).toEqual([0, 0, 500]);
    expect([bucket.tryTake(499), bucket.tryTake(500), bucket.tryTake(500)]).toEqual([1, 0, 500]);
    // No more than its count comes together.
    expect([1, 2, 3].map(() => bucket.tryTake(1e9))).toEqual([0, 0, 500]);
  });

  test('goes into debt by what is spent, and tells how long', () => {
    const bucket = new TokenBucket({ count: 10, interval: 1000 }, 0);
    expect(bucket.spend(10, 0)).toBe(0);
    expect(bucket.spend(5, 0)).toBe(500);
    expect(bucket.spend(0, 400)).toBe(100);
    expect(bucket.spend(0, 500)).toBe(0);
  });

  test('survives a clock that is set back', () => {
    const bucket = new TokenBucket({ count: 1, interval: 1000 }, 1e6);
    bucket.tryTake(1e6);
    expect(bucket.tryTake(0)).toBe(1000);
    expect(bucket.tryTake(1000)).toBe(0);
  });
});

test('a table forgets the bucket that was used least recently', () => {
  const table = new BucketTable({ count: 1, interval: 1000 });
  table.tryTake('victim', 0);
  for (let index = 0; index < MOST_BUCKETS + 10; index++) {
    table.tryTake(`address ${index}`, 0);
    // Its own requests keep it in the table.
    if (index % 100 === 0) expect(table.tryTake('victim', 0)).toBe(1000);
  }
  expect(table.size).toBe(MOST_BUCKETS);
  expect(table.tryTake('address 0', 0)).toBe(0);
});

describe('readRate()', () => {
  test.each([
    [5, { count: 5, interval: 1000 }],
    [
      { count: 10, interval: 60_000 },
      { count: 10, interval: 60_000 },
    ],
    [{ count: 10 }, { count: 10, interval: 1000 }],
    [Infinity, undefined],
    [undefined, undefined],
  ])('of %j is %j', (given, expected) => expect(readRate('messageRate', given)).toEqual(expected));

  test.each([0, -1, NaN, 0.5, { count: 0 }, { count: 1, interval: 0 }, { count: 1, interval: Infinity }, { interval: 5 }, {}])(
    'refuses %j',
    (given) => expect(() => readRate('messageRate', given as never)).toThrow(/messageRate/),
  );
});
