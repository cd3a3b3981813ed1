// Our engine and zlib, both ways: levels, windows, pieces, contexts in turns, damaged streams. FUZZ_RUNS asks for more rounds and
// FUZZ_SEED for others.

import { expect, it } from 'vitest';
import { runRound } from './deflate-rounds.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const FIRST = Number(process.env['FUZZ_SEED'] ?? 1);

it(
  'zlib and our engine understand each other',
  () => {
    let messages = 0;
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
      try {
        messages += runRound(seed);
      } catch (error) {
        throw new Error(`With FUZZ_SEED=${seed} FUZZ_RUNS=1: ${(error as Error).message}`, { cause: error });
      }
    }
    expect(messages).toBeGreaterThanOrEqual(2 * RUNS);
  },
  60_000 + RUNS * 100,
);
