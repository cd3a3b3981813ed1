// The documents agree with the sources. `npm run docs:map` writes the generated parts of the documents.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as options from '../src/base/options.ts';
import { generate, guidesIn, PARTS, partsIn } from './tools/documents.ts';
import { commentsIn, IN_COMMENTS, LIMITS } from './tools/limits.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function pathOf(name: string): string {
  return join(ROOT, name);
}

/** Every document of the repository, relative to its root. */
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'examples/README.md',
  'packages/ws/README.md',
  ...guidesIn(ROOT),
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
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    'docs/architecture.md',
    'docs/frameworks.md',
    'docs/operations.md',
    'docs/performance.md',
    'docs/replacing-ws.md',
    'docs/security.md',
  ];

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

  test('of a README that npm shows alone are none', () => {
    expect(readFileSync(pathOf('packages/ws/README.md'), 'utf8')).not.toMatch(/\]\((?!https:)/);
  });

  test('are found when they are broken', () => {
    const document = '[a](README.md) [b](gone.md) [c](#here-it-is) [d](#nowhere) [e](https://example.com/)\n\n## Here, it is\n';
    expect(brokenLinksOf('README.md', document)).toEqual(['gone.md', '#here-it-is', '#nowhere']);
    expect(anchorsOf(document)).toEqual(new Set(['here-it-is']));
  });
});

/** Defaults of options, as the documents write them. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ...LIMITS.filter(({ option }) => option !== 'heartbeat').map(({ option, byDefault }) => [option, byDefault] as const),
  ['interval', `${options.DEFAULT_HEARTBEAT_INTERVAL / 1000} s`],
  ['timeout', `${options.DEFAULT_HEARTBEAT_TIMEOUT / 1000} s`],
]);

/** Sentences with a default. */
const SENTENCES: readonly (readonly [name: string, text: string])[] = [
  ['docs/runtimes.md', `\`headersTimeout\` (${DEFAULTS.get('headersTimeout')})`],
  ['docs/extras.md', `up to \`maximum\` bytes (${options.DEFAULT_MAX_WAITING_BYTES / 2 ** 20} MiB; 0 for no limit)`],
  ['docs/extras.md', `waits for 'close', at most ${DEFAULTS.get('closeTimeout')} after`],
  ['docs/proxies.md', `the W3C client has ${options.DEFAULT_HANDSHAKE_TIMEOUT / 1000} s by default`],
  ['docs/operations.md', `| \`timeout\` | ${options.DEFAULT_SHUTDOWN_TIMEOUT / 1000} s |`],
  [
    'docs/ws-compatibility.md',
    `drops the connection at ${DEFAULTS.get('maxBufferedAmount')} (\`maxBufferedAmount\`, 0 for no limit)`,
  ],
];

/** The rows of tables in `document` that give the default of a known option: option and default. */
function defaultsIn(document: string): [option: string, value: string][] {
  const tables = document.match(/(?:^\|.*\n)+/gm) ?? [];
  return tables.flatMap((text) => {
    const [head, , ...rows] = text
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const [option, value] = [head.indexOf('option'), head.indexOf('default')];
    if (option < 0 || value < 0) return [];
    return rows
      .map((cells): [string, string] => [cells[option].replaceAll('`', ''), cells[value]])
      .filter(([name]) => DEFAULTS.has(name));
  });
}

test('the ways of a message in docs/architecture.md name files that exist', () => {
  const [, section] = /### On each runtime\n([^]*?)\n## /.exec(readFileSync(pathOf('docs/architecture.md'), 'utf8')) ?? [
    '',
    '',
  ];
  const names = Array.from(section.matchAll(/`(\w+\/[\w/-]+)`/g), ([, name]) => name);
  expect(names.length).toBeGreaterThan(20);
  const missing = names.filter((name) => ![`${name}.ts`, join('src', `${name}.ts`)].some((path) => existsSync(pathOf(path))));
  expect(missing).toEqual([]);
});

describe('defaults', () => {
  test('in tables are those of the sources', () => {
    const rows = DOCUMENTS.filter((name) => !name.includes('compat')).flatMap((name) =>
      defaultsIn(readFileSync(pathOf(name), 'utf8')),
    );
    expect(rows).toEqual(rows.map(([option]) => [option, DEFAULTS.get(option)]));
    expect(new Set(rows.map(([option]) => option))).toEqual(new Set(DEFAULTS.keys()));
  });

  const commented = ['src', 'adapters'].flatMap((folder) =>
    readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const file = join(folder, name);
        return commentsIn(readFileSync(pathOf(file), 'utf8')).map(([option, comment]) => ({ file, option, comment }));
      }),
  );

  test('in comments of options are those of the sources', () => {
    const checked = commented.flatMap(({ file, option, comment }) => {
      const expected = IN_COMMENTS.get(`${file} ${option}`) ?? IN_COMMENTS.get(option);
      return expected === undefined ? [] : [{ file, option, comment, expected }];
    });
    expect(checked.length).toBeGreaterThan(50);
    expect(checked.filter(({ comment, expected }) => !expected.split('|').some((one) => comment.includes(one)))).toEqual([]);
  });

  test('are in the comment of each option that is checked as a limit or a time', () => {
    const [, checks] = /const CHECKS[^]*?new Map\(([^]*?)\n\]\);/.exec(readFileSync(pathOf('src/base/options.ts'), 'utf8'))!;
    const names = Array.from(checks.matchAll(/'(\w+)'/g), ([, name]) => name).filter((name) => name !== 'maxSize');
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const places = commented.filter(({ option }) => option === name);
      const known = places.filter(({ file }) => IN_COMMENTS.has(`${file} ${name}`) || IN_COMMENTS.has(name));
      expect([name, known.length], name).toEqual([name, Math.max(1, places.length)]);
    }
  });

  test.each(SENTENCES)('in %s are those of the sources: %s', (name, text) => {
    expect(readFileSync(pathOf(name), 'utf8').replaceAll(/\s+/g, ' ')).toContain(text);
  });
});

/**
 * Words that make a sentence hard to read: a vague subject ("whoever", "nobody", a comment that starts with "What"), or a picture in the
 * place of the usual word ("hears" for "is told", "lends" for "gives"). They have no other use in our documents and sources.
 */
const RIDDLES = [/\b(?:whoever|nobody|lends?|lent|lending|hears?)\b/i, /^\s*(?:\/\/|\/\*\*|\*) What\b/];

/** The lines of a text with a riddle, each with its number. */
function riddlesIn(text: string): string[] {
  const lines = text.split('\n').map((line, index) => `${index + 1}: ${line.trim()}`);
  return lines.filter((line) => RIDDLES.some((riddle) => riddle.test(line.replace(/^\d+: /, ''))));
}

describe('plain English', () => {
  const sources = ['src', 'adapters', 'assembly', 'examples'].flatMap((folder) =>
    readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|mjs|html)$/.test(name) && !name.endsWith('embedded.ts'))
      .map((name) => join(folder, name)),
  );
  const texts = [...DOCUMENTS.filter((name) => !name.startsWith(join('docs', 'conformance'))), ...sources];

  test('is in the documents and in the comments of the sources', () => {
    expect(texts.length).toBeGreaterThan(200);
    const found = texts.flatMap((name) => riddlesIn(readFileSync(pathOf(name), 'utf8')).map((line) => `${name}:${line}`));
    expect(found).toEqual([]);
  });

  test.each([
    ['// Whoever has paused would not hear of the end.', 1],
    ['/** What a runtime lends to the shared code. */', 1],
    [' * What is left.', 1],
    ['// Resume, because a paused socket does not report its end.\nif (isPaused) resume(); // as heard', 0],
    ['// Fails: What is this?', 0],
  ])('is missed in %j', (text, count) => {
    expect(riddlesIn(text)).toHaveLength(count);
  });
});

test('the proxies of the examples cut no connection that the default heartbeat keeps alive', () => {
  const timeouts = ['nginx.conf', 'haproxy.cfg'].flatMap((name) => {
    const text = readFileSync(pathOf(`examples/reverse-proxies/${name}`), 'utf8');
    return Array.from(text.matchAll(/(?:proxy_read_timeout|timeout tunnel) (\d+)s/g), ([, seconds]) => Number(seconds) * 1000);
  });
  expect(timeouts).toHaveLength(2);
  for (const timeout of timeouts) expect(timeout).toBeGreaterThan(2 * options.DEFAULT_HEARTBEAT_INTERVAL);
});
