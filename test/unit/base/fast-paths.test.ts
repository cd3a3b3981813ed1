// Switches of the fast paths: default, forced off, demanded.

import { afterEach, describe, expect, test } from 'vitest';
import { FAST_PATHS, takes } from '../../../src/base/fast-paths.ts';

const globals = globalThis as { [FAST_PATHS]?: object | undefined };
const before = globals[FAST_PATHS];
afterEach(() => {
  globals[FAST_PATHS] = before;
});

describe('a fast path', () => {
  test('is taken where the runtime has it', () => {
    globals[FAST_PATHS] = undefined;
    expect([takes('simd'), takes('simd', true), takes('simd', false)]).toEqual([true, true, false]);
  });

  test('is not taken when it is forced off, and no other is', () => {
    globals[FAST_PATHS] = { simd: false };
    expect([takes('simd'), takes('direct-read')]).toEqual([false, true]);
  });

  test('that is demanded and missing is an error', () => {
    globals[FAST_PATHS] = { simd: true };
    expect(takes('simd', true)).toBe(true);
    expect(() => takes('simd', false)).toThrow('No simd here');
  });

  test('is found by a key that a program can name', () => {
    expect(FAST_PATHS).toBe(Symbol.for('wasock.fastPaths'));
  });
});
