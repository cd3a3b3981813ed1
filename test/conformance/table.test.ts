// Holds the table and the tests together: every requirement is shown or exempt, every id is in the table, and docs/conformance.md says
// what both say. UPDATE_CONFORMANCE=1 writes the document.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { collectTests, renderDocument, titlesIn } from './document.ts';
import { SECTIONS } from './requirements.ts';

const DOCUMENT = new URL('../../docs/conformance.md', import.meta.url);
const tests = collectTests(new URL('.', import.meta.url));
const requirements = SECTIONS.flatMap((section) => section.requirements);
const shown = new Set(tests.flatMap(({ ids }) => ids));

describe('the table', () => {
  test('has each id once, under its section, with words to it', () => {
    const ids = requirements.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { number, requirements: rows } of SECTIONS) {
      expect(rows.map(({ id }) => id)).toEqual(rows.map((_, index) => `${number}-${String.fromCharCode(97 + index)}`));
    }
    for (const { requirement, exempt } of requirements) {
      expect(requirement).toMatch(/\.\)?$/);
      expect(exempt ?? 'Shown.').toMatch(/^(Not applicable|Not followed|Not used|Shown)[:,.]/);
    }
  });

  test('has a test for each requirement that is not exempt, and none for those that are', () => {
    const unshown = requirements.filter(({ id }) => !shown.has(id)).map(({ id }) => id);
    expect(unshown).toEqual(requirements.filter(({ exempt }) => exempt !== undefined).map(({ id }) => id));
  });

  test('covers every section from 4 to 7', () => {
    const numbers = SECTIONS.map(({ number }) => number);
    const required =
      '4.1 4.2.1 4.2.2 4.3 4.4 5.1 5.2 5.3 5.4 5.5 5.5.1 5.5.2 5.5.3 5.6 5.7 5.8 6.1 6.2 7.1.1 7.1.2 7.1.3 7.1.4 7.1.5 7.1.6 7.1.7 7.2 7.3 7.4 8.1';
    expect(numbers).toEqual(expect.arrayContaining(required.split(' ')));
  });
});

describe('the tests', () => {
  test('name only requirements that the table has', () => {
    const known = new Set(requirements.map(({ id }) => id));
    expect([...shown].filter((id) => !known.has(id))).toEqual([]);
  });

  test('all begin their titles with what they show', () => {
    expect(tests.length).toBeGreaterThan(100);
    expect(tests.filter(({ ids }) => ids.length === 0)).toEqual([]);
    expect(tests.filter(({ title }) => title === '')).toEqual([]);
  });
});

describe('the reader of titles', () => {
  test('finds them behind test and test.each, and nothing else', () => {
    const text = `
      test('5.1-a 5.1-b closes', async () => {});
      test.each([['x', f(1)]])('4.2.1-c refuses %s', refuses);
      test.each([1])(
        \`7.4-b no ids 5.1-a here\`,
        run,
      );
      test('shows nothing', run);
      expect('5.1-c not a test').toBe('5.1-c', 1);
    `;
    expect(titlesIn('a', text)).toEqual([
      { file: 'a', ids: ['5.1-a', '5.1-b'], title: 'closes' },
      { file: 'a', ids: ['4.2.1-c'], title: 'refuses %s' },
      { file: 'a', ids: ['7.4-b'], title: 'no ids 5.1-a here' },
      { file: 'a', ids: [], title: 'shows nothing' },
    ]);
  });
});

describe('docs/conformance.md', () => {
  test('says what the table and the tests say', () => {
    const rendered = renderDocument(SECTIONS, tests);
    if (process.env['UPDATE_CONFORMANCE'] === '1') {
      mkdirSync(new URL('.', DOCUMENT), { recursive: true });
      writeFileSync(DOCUMENT, rendered);
    }
    expect(readFileSync(DOCUMENT, 'utf8'), 'run UPDATE_CONFORMANCE=1 npx vitest run test/conformance').toBe(rendered);
  });
});
