// Reads the titles of the conformance tests and renders docs/conformance.md from them and the table.

import { readdirSync, readFileSync } from 'node:fs';
import type { Requirement, Section } from './requirements.ts';

/** A test that names requirements. */
export interface TitledTest {
  readonly file: string;
  readonly ids: readonly string[];
  /** Title without the ids. */
  readonly title: string;
}

/** A test's call up to its title, behind `test(` or the `)(` of `test.each(…)(`. The title is a literal without escapes. */
const TITLE = /(?:\btest\(|\)\()\s*(['"`])([^\n]*?)\1\s*,/g;
const ID = /^\d+(?:\.\d+)*-[a-z]$/;

/** The titles in one test file, which begin with words that are an `id`. */
export function titlesIn(file: string, text: string, id: RegExp = ID): TitledTest[] {
  return Array.from(text.matchAll(TITLE), ([, , whole]) => {
    const words = whole.split(' ');
    const first = words.findIndex((word) => !id.test(word));
    return { file, ids: words.slice(0, first), title: words.slice(first).join(' ') };
  });
}

/** The titles of all tests in `folder` but the one that looks at the others. */
export function collectTests(folder: URL): TitledTest[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.test.ts') && file !== 'table.test.ts')
    .sort()
    .flatMap((file) => titlesIn(file, readFileSync(new URL(file, folder), 'utf8')));
}

const PREAMBLE = `# Conformance to RFC 6455

Every MUST and MUST NOT of [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455) sections 4 to 7 and 8.1, the SHOULDs that we follow, and
those parts of sections 3, 9.1 and 10 that can be seen on the wire, in our words, with the tests that show them. The tests are in
\`test/conformance/\`; each talks to the public API over a loopback socket whose other end is a bare TCP socket. Those of framing,
fragments, control frames, text and closing run four times: as server and as client, with the bytes arriving at once and one by one.

_Generated from \`test/conformance/requirements.ts\` and the titles of the tests: \`UPDATE_CONFORMANCE=1 npx vitest run test/conformance\`._
`;

/** docs/conformance.md. */
export function renderDocument(sections: readonly Section[], tests: readonly TitledTest[]): string {
  const parts = sections.map((section) => {
    const rows = section.requirements.map((one) => renderRow(one, tests));
    return `\n## ${section.number} ${section.title}\n\n${['| id | | side | requirement | shown by |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')}\n`;
  });
  return `${PREAMBLE}\n<!-- prettier-ignore-start -->\n${parts.join('')}\n<!-- prettier-ignore-end -->\n`;
}

/** A cell of a table in Markdown. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function renderRow(one: Requirement, tests: readonly TitledTest[]): string {
  const shown = tests.filter(({ ids }) => ids.includes(one.id)).map(({ file, title }) => `\`${file}\`: ${title}`);
  const cells = [one.id, one.level, one.side, one.requirement, shown.length > 0 ? shown.join('<br>') : `_${one.exempt ?? ''}_`];
  return `| ${cells.map(cell).join(' | ')} |`;
}
