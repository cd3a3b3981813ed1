// Outcomes of tests that ran elsewhere, and their declaration as tests of this run.

import { describe, expect, test } from 'vitest';

/** The result of one test. */
export interface Outcome {
  /** Names of its suites and its own, with ` > ` between them. */
  readonly name: string;
  readonly state: 'pass' | 'fail' | 'skip';
  /** Why it failed; of a test that passed, why its first try failed. */
  readonly error?: string;
}

/** Declares a test for each outcome, and one that holds that there are at least `minimum` which passed. */
export function declareOutcomes(name: string, minimum: number, outcomes: readonly Outcome[]): void {
  describe(`${name}`, () => {
    test('ran the tests', () => {
      expect(outcomes.filter(({ state }) => state === 'pass').length).toBeGreaterThanOrEqual(minimum);
    });
    for (const outcome of outcomes) {
      let tries = 0;
      test.skipIf(outcome.state === 'skip')(`${outcome.name}`, () => {
        if (outcome.state === 'fail' || (outcome.error !== undefined && tries++ === 0)) throw new Error(outcome.error);
      });
    }
  });
}

/** Calls `declare` where a runtime is there; declares a test that is skipped, and says why, where it is not. */
export async function whereInstalled(name: string, isInstalled: boolean, declare: () => Promise<void>): Promise<void> {
  describe(`${name}`, () => {
    test.skipIf(!isInstalled)('is installed (npm test installs it)', () => {
      expect(isInstalled).toBe(true);
    });
  });
  if (isInstalled) await declare();
}
