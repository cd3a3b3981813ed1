// The declarations of the package in programs of every kind: with and without the types of web pages (`lib: ["dom"]`), by `import` and by
// `require`, for each runtime's condition. The compilers check our files too, as they do for users without `skipLibCheck`.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from './support/compile.ts';

const DIST = new URL('../dist/', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { exports: object };
const ENTRIES = Object.keys(exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace('.', 'wasock'));

/** `require` of these gives the class of their runtime with its namespace, which one program can have for one runtime only. */
const OF_A_RUNTIME = ['wasock/deno', 'wasock/bun'];

/** A program that requires `entry`, by its file name. */
function requiring(entry: string): [file: string, text: string] {
  return [`${entry.replaceAll('/', '-')}-required.cts`, `import all = require('${entry}');\nexport { all };\n`];
}

/** For each entry point, a program that imports it and one that requires it. */
const PROGRAMS: Readonly<Record<string, string>> = Object.fromEntries([
  ...ENTRIES.map((entry) => [`${entry.replaceAll('/', '-')}.ts`, `import * as all from '${entry}';\nexport { all };\n`]),
  ...ENTRIES.filter((entry) => !OF_A_RUNTIME.includes(entry)).map(requiring),
]) as Record<string, string>;

const LIBRARIES: readonly (readonly [name: string, lib: readonly string[]])[] = [
  ['without lib dom', ['ES2022']],
  ['with lib dom', ['ES2022', 'DOM']],
];

describe.each(LIBRARIES)('every entry point compiles %s', (_name, lib) => {
  test.each([[], ['deno'], ['bun'], ['workerd'], ['browser']].map((conditions) => [conditions]))(
    'with the conditions %j',
    async (customConditions) => {
      const options = { lib, types: ['node'], customConditions };
      expect(await compile(PROGRAMS, { module: 'nodenext', packages: ['wasock'], options })).toBe('');
    },
  );

  test.each(OF_A_RUNTIME)('when a program requires %s', async (entry) => {
    const options = { lib, types: ['node'] };
    expect(await compile(Object.fromEntries([requiring(entry)]), { module: 'nodenext', packages: ['wasock'], options })).toBe(
      '',
    );
  });
});

test('every entry point compiles without lib dom with TypeScript 5.9', async () => {
  const options = { lib: ['ES2022'], types: ['node'] };
  expect(await compile(PROGRAMS, { module: 'nodenext', compiler: '5.9', packages: ['wasock'], options })).toBe('');
});

// One would hide what another entry point lacks, since all are in one program above.
test('no declaration brings a library or names of its own into the whole program', () => {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((file) => /\.d\.[cm]?ts$/.test(file));
  expect(files.length).toBeGreaterThan(100);
  const bringing = files.filter((file) =>
    /^\/\/\/ <reference |^\s*declare global\b/m.test(readFileSync(new URL(file, DIST), 'utf8')),
  );
  expect(bringing).toEqual([]);
});
