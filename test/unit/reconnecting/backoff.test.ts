import { describe, expect, test } from 'vitest';
import { backoffDelay, retryAfterDelay } from '../../../src/reconnecting/backoff.ts';

const SETTINGS = { initial: 100, maximum: 1000, factor: 2, jitter: 1, resetAfter: 0 };

describe('backoffDelay()', () => {
  test('doubles up to the maximum', () => {
    const delays = [0, 1, 2, 3, 4, 5000].map((retries) => backoffDelay({ ...SETTINGS, jitter: 0 }, retries, 0.5));
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test.each([
    [1, 0, 0],
    [1, 0.5, 50],
    [0.5, 0, 50],
    [0.5, 0.5, 75],
  ])('with jitter %d and random %d is %d', (jitter, random, expected) => {
    expect(backoffDelay({ ...SETTINGS, jitter }, 0, random)).toBe(expected);
  });

  test('of 0 stays 0, however many attempts there were', () => {
    expect(backoffDelay({ ...SETTINGS, initial: 0 }, 5000, 0.5)).toBe(0);
  });
});

describe('retryAfterDelay()', () => {
  test.each([
    [undefined, 0],
    ['0', 0],
    ['5', 5000],
    ['99999999999999999999', 3_600_000],
    ['-5', 0],
    ['1.5', 0],
    ['soon', 0],
    ['Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['Wed, 21 Oct 2115 07:28:00 GMT', 3_600_000],
  ])('of %s is %i ms', (value, expected) => expect(retryAfterDelay(value)).toBe(expected));

  test('of a date is the time until then', () => {
    const delay = retryAfterDelay(new Date(Date.now() + 60_000).toUTCString());
    expect(delay).toBeGreaterThan(55_000);
    expect(delay).toBeLessThanOrEqual(60_000);
  });
});
