// Holds the rules and the tests together, and docs/conformance-w3c.md says what both say. UPDATE_CONFORMANCE=1 writes the document.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cell, titlesIn, type TitledTest } from '../document.ts';
import { ALGORITHMS, type Algorithm } from './rules.ts';

const DOCUMENT = new URL('../../../docs/conformance-w3c.md', import.meta.url);
const ID = /^[a-z]+-[a-z0-9]+$/;
const FILES = ['opening.ts', 'commands.ts', 'events.ts', 'interface.ts'];
const tests = FILES.flatMap((file) => titlesIn(file, readFileSync(new URL(file, import.meta.url), 'utf8'), ID));
const rules = ALGORITHMS.flatMap((algorithm) => algorithm.rules);
const shown = new Set(tests.flatMap(({ ids }) => ids));

const PREAMBLE = `# Conformance to the WHATWG WebSockets standard

The steps of the [standard](https://websockets.spec.whatwg.org/), in our words, with the tests that show them for the class of \`wasock/w3c\`. The same tests run on
Node.js 20, 24 and 26, Deno, Bun and workerd, and in Chromium, whose class is the native one. They are in \`test/conformance/w3c/\`.

Where Chromium differs, our class follows the standard: \`close(undefined, reason)\` has no code in it, and a half in a close code is rounded to even.
A connection that is lost without a Close frame has failed (RFC 6455 section 7.2.1), so it fires \`error\` before \`close\`; browsers fire \`close\` alone.

Messages that arrive in one packet are handed over one after the other in one task, where the standard has a task for each. A listener that is added in a microtask after a
message may therefore miss the next one.

_Generated from \`test/conformance/w3c/rules.ts\` and the titles of the tests: \`UPDATE_CONFORMANCE=1 npx vitest run test/conformance\`._
`;

function render(algorithms: readonly Algorithm[], titled: readonly TitledTest[]): string {
  const parts = algorithms.map(({ title, rules: rows }) => {
    const lines = rows.map(({ id, rule, exempt }) => {
      const titles = titled.filter(({ ids }) => ids.includes(id)).map((one) => one.title);
      return `| ${[id, rule, titles.length > 0 ? titles.join('<br>') : `_${exempt ?? ''}_`].map(cell).join(' | ')} |`;
    });
    return `\n## ${title}\n\n${['| id | rule | shown by |', '| --- | --- | --- |', ...lines].join('\n')}\n`;
  });
  return `${PREAMBLE}\n<!-- prettier-ignore-start -->\n${parts.join('')}\n<!-- prettier-ignore-end -->\n`;
}

test('each rule has one id, and a test unless it says why not', () => {
  expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  const unshown = rules.filter(({ id }) => !shown.has(id)).map(({ id }) => id);
  expect(unshown).toEqual(rules.filter(({ exempt }) => exempt !== undefined).map(({ id }) => id));
});

test('each test names rules that there are', () => {
  const ids = new Set(rules.map(({ id }) => id));
  expect(tests.filter((one) => one.ids.length === 0).map(({ title }) => title)).toEqual([]);
  expect([...shown].filter((id) => !ids.has(id))).toEqual([]);
  expect(tests.length).toBeGreaterThan(40);
});

test('docs/conformance-w3c.md is up to date', () => {
  const document = render(ALGORITHMS, tests);
  if (process.env['UPDATE_CONFORMANCE']) writeFileSync(DOCUMENT, document);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(document);
});
