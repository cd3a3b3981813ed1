// Each target of fuzz/, a little in every run of the tests. FUZZ_RUNS asks for more inputs, FUZZ_SEED for others: see fuzz/README.md.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inputsOf } from '../../fuzz/mutations.ts';
import { TARGETS } from '../../fuzz/targets.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

describe.each(Object.entries(TARGETS))('%s', (_, target) => {
  test('takes its seeds', () => {
    expect(target.seeds.length).toBeGreaterThan(0);
    for (const seed of target.seeds) target.fuzz(seed);
  });

  test(
    'has no finding',
    () => {
      fc.assert(
        fc.property(inputsOf(target), (data) => target.fuzz(data)),
        { numRuns: RUNS, seed: SEED },
      );
    },
    60_000 + RUNS * 20,
  );
});
