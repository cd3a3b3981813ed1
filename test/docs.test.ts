// The documents agree with the sources. `npm run docs:map` writes the generated parts of the documents.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { generate, PARTS, partsIn } from './tools/documents.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function pathOf(name: string): string {
  return join(ROOT, name);
}

/** Every document of the repository, relative to its root. */
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'examples/README.md',
  'packages/ws/README.md',
  ...readdirSync(pathOf('docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** The anchors that the headings of a document have on GitHub. */
function anchorsOf(document: string): Set<string> {
  const headings = Array.from(document.matchAll(/^#+ (.*)$/gm), ([, heading]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The links of a document that lead nowhere: to no file, or to no heading of one. */
function brokenLinksOf(name: string, document: string): string[] {
  const links = Array.from(document.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path, anchor] = link.split('#');
    const target = path === '' ? pathOf(name) : join(dirname(pathOf(name)), path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor);
  });
}

describe('generated parts', () => {
  const documents = ['CONTRIBUTING.md', 'docs/architecture.md'];

  test.each(documents)('of %s are up to date', async (name) => {
    const document = readFileSync(pathOf(name), 'utf8');
    await expect(generate(document)).toMatchFileSnapshot(pathOf(name));
  });

  test('are all in a document', () => {
    const parts = documents.flatMap((name) => partsIn(readFileSync(pathOf(name), 'utf8')));
    expect(parts.toSorted()).toEqual([...PARTS.keys()].toSorted());
  });

  test('replace nothing else', () => {
    const document = 'a\n\n<!-- generated: core -->\n\nold\n\n<!-- end -->\n\nb\n';
    expect(generate(document)).toBe(`a\n\n<!-- generated: core -->\n\n${PARTS.get('core')}\n\n<!-- end -->\n\nb\n`);
    expect(() => generate('<!-- generated: nothing -->\n\n<!-- end -->')).toThrow('nothing');
  });
});

describe('links', () => {
  test.each(DOCUMENTS)('of %s lead to a file and a heading', (name) => {
    expect(brokenLinksOf(name, readFileSync(pathOf(name), 'utf8'))).toEqual([]);
  });

  test('are found when they are broken', () => {
    const document = '[a](README.md) [b](gone.md) [c](#here-it-is) [d](#nowhere) [e](https://example.com/)\n\n## Here, it is\n';
    expect(brokenLinksOf('README.md', document)).toEqual(['gone.md', '#here-it-is', '#nowhere']);
    expect(anchorsOf(document)).toEqual(new Set(['here-it-is']));
  });
});
