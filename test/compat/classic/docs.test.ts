// docs/compat/classic.md: every source and every test that its table names exists.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

function read(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

const rows = read('docs/compat/classic.md')
  .split('\n')
  .filter((line) => /^\| .*\.ts`/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
  .filter((cells) => cells.length === 5)
  .map(([, item, sources, tests]) => ({ item, sources, tests }));

describe('the table of the documentation', () => {
  test('has the whole API', () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  test.each(rows)('names the source of $item', ({ sources }) => {
    for (const [, name] of sources.matchAll(/`([^`]+)`/g)) expect(read(`src/compat/classic/${name}`)).not.toBe('');
  });

  test.each(rows)('names the tests of $item', ({ tests }) => {
    let source = '';
    for (const piece of tests.split('; ')) {
      const [, file, title] = /^(?:`([^`]+)`(?:: )?)?([^]*)$/.exec(piece)!;
      if (file !== undefined) source = read(`test/compat/classic/${file}.test.ts`);
      // A title with `%s` in it, or one that is long, is cut with an ellipsis. Quotes are escaped in some sources.
      expect(source.replaceAll("\\'", "'")).toContain(title.split('…')[0].trim());
    }
  });
});
