// Every test stands where the rule of CONTRIBUTING.md puts it, and every source is run by the tests that are said to run it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { hasCode, sourceOfTest, Suites, SUITES, TESTED_BY } from './tools/suites.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const suites = new Suites(ROOT);

describe('the tests', () => {
  test('stand in known folders, under names that say what they hold', () => {
    expect(suites.unknownPlaces()).toEqual([]);
  });

  test('of test/unit have a source of the same path', () => {
    expect(suites.strayTests()).toEqual([]);
  });

  test('run every source', () => {
    expect(suites.untestedSources()).toEqual([]);
  });

  test('have their folders listed in CONTRIBUTING.md', () => {
    const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
    const section = /## Write a test\n([^]*?)\n## /.exec(text)?.[1] ?? '';
    const listed = [...section.matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`(\w+)\//g)]);
    expect(listed.map(([, name]) => name)).toEqual(SUITES);
  });
});

describe('the checker', () => {
  test.each([
    ['test/unit/protocol/connection.test.ts', 'src/protocol/connection.ts'],
    ['test/unit/protocol/connection.closing.test.ts', 'src/protocol/connection.ts'],
    ['test/unit/clock.test.ts', 'src/clock.ts'],
    ['test/unit/assembly/mask.test.ts', 'assembly/mask.ts'],
    ['test/unit/adapters/bun/platform.test.ts', 'adapters/bun/platform.ts'],
  ])('finds the source of %s', (path, source) => {
    expect(sourceOfTest(path)).toBe(source);
  });

  test.each([
    ['export interface A {}\nexport type B = A;', false],
    [`export { a } from './a.ts';\nexport * from './b.ts';`, false],
    ['export declare const a: number;', false],
    ['export const a = 1;', true],
    ['class A {}\nexport { A };', true],
    ['f();', true],
  ])('knows code from types: %j', (text, expected) => {
    expect(hasCode('src/a.ts', text)).toBe(expected);
  });

  test('reports a source that no test runs', () => {
    const lines = TESTED_BY.filter(([sources]) => sources !== 'src/base/core.ts');
    expect(suites.untestedSources(lines)).toContain('src/base/core.ts has no unit test, and no line of TESTED_BY names it');
  });

  test('reports a suite that does not run what it is said to', () => {
    const lines = TESTED_BY.map(
      ([sources, tests]) => [sources, sources === 'src/base/core.ts' ? 'test/unit/base/' : tests] as const,
    );
    expect(suites.untestedSources(lines)).toContain('test/unit/base/ never imports src/base/core.ts');
  });

  test('reports a line without a use', () => {
    expect(suites.untestedSources([...TESTED_BY, ['src/gone.ts', 'test/unit/']])).toContain(
      'TESTED_BY needs no line for src/gone.ts',
    );
  });
});
