// Tests of which some fail, for runner.test.ts.

import { afterAll, describe, expect, test } from 'vitest';
import type { Outcome } from './report.ts';
import { runTests } from './vitest.ts';

export function run(without: readonly string[]): Promise<Outcome[]> {
  return runTests(() => {
    describe('suite', () => {
      afterAll(() => {
        throw new Error('in a hook');
      });
      test('passes', () => expect({ one: 1, two: [2] }).toEqual({ one: expect.any(Number) as number, two: [2] }));
      test('expects in vain', () => expect(1).toBe(2));
      let tries = 0;
      test('passes on a second try', () => expect(++tries).toBe(2));
      test('throws', () => Promise.reject(new Error('in a test')));
      test.skipIf(true)('is left out', () => {});
    });
  }, without);
}
