// Where a test belongs (CONTRIBUTING.md, "Write a test"), as data, and the checker that test/suites.test.ts runs over the repository.
// The checker only reports: a source that moves takes its tests along, or its line here changes.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'oxc-parser';
import { importsOf, sourcesIn } from './layering.ts';

/** The folders of `test/`, as CONTRIBUTING.md lists them. */
export const SUITES: readonly string[] = [
  'unit',
  'contract',
  'counts',
  'conformance',
  'oracle',
  'compat',
  'adapters',
  'attacks',
  'cross',
  'fuzz',
  'examples',
  'programs',
  'packaging',
  'proxies',
  'soak',
  'buses',
  'frameworks',
  'cli',
  'site',
  'support',
  'tools',
  'runtimes',
];

/** Suites with a folder for each folder of another name: the facades, and the runtimes. */
const MIRRORED: readonly (readonly [suite: string, sources: string])[] = [
  ['test/compat', 'src/compat'],
  ['test/adapters', 'adapters'],
];

/** Sources that need no unit test of their own, each a file or a folder, and how the paths of the tests begin that run them. */
export const TESTED_BY: readonly (readonly [sources: string, tests: string])[] = [
  ['assembly/index.ts', 'test/unit/codec/'],
  ['assembly/deflate/', 'test/unit/deflate/'],
  ['src/base/core.ts', 'test/oracle/ws/'],
  ['src/deflate/', 'test/unit/deflate/'],
  ['src/platform.ts', 'test/unit/protocol/'],
  ['src/base/output-limit.ts', 'test/unit/native/'],
  ['src/base/states.ts', 'test/unit/api/w3c/'],
  ['src/protocol/close-frame.ts', 'test/unit/protocol/connection'],
  ['src/protocol/inbound.ts', 'test/unit/protocol/connection'],
  ['src/protocol/outbound.ts', 'test/unit/protocol/connection'],
  ['src/nodejs/lowlevel/', 'test/oracle/ws/'],
  ['src/nodejs/', 'test/adapters/node/'],
  ['src/admission/', 'test/contract/'],
  ['src/native/gated.ts', 'test/adapters/'],
  ['src/reconnecting/', 'test/adapters/'],
  ['src/topics/local.ts', 'test/buses/'],
  ['src/topics/local-bus.ts', 'test/buses/'],
  ['src/topics/local-hub.ts', 'test/buses/'],
  ['src/topics/local-links.ts', 'test/buses/'],
  ['src/topics/local-messages.ts', 'test/buses/'],
  ['src/topics/nats.ts', 'test/buses/'],
  ['src/topics/nats-history.ts', 'test/buses/'],
  ['src/topics/nats-presence.ts', 'test/buses/'],
  ['src/proxy/', 'test/unit/proxy/'],
  ['src/tunnel/', 'test/adapters/deno/proxy-rules'],
  ['src/cli/', 'test/cli/'],
  ['src/topics/redis.ts', 'test/buses/'],
  ['src/topics/redis-clients.ts', 'test/buses/'],
  ['src/topics/redis-link.ts', 'test/buses/'],
  ['src/topics/redis-scripts.ts', 'test/buses/'],
  ['src/topics/postgres.ts', 'test/buses/'],
  ['src/topics/postgres-listener.ts', 'test/buses/'],
  ['src/topics/postgres-statements.ts', 'test/buses/'],
  ['src/topics/', 'test/contract/topics'],
  ['src/testing/', 'test/unit/testing/'],
  ['src/api/message-iterator.ts', 'test/unit/api/'],
  ['src/api/send-queue.ts', 'test/unit/api/'],
  // `ws` itself is the measure. Features that ws lacks have unit tests.
  ['src/api/ws/', 'test/oracle/ws/'],
  ['src/api/w3c/ports.ts', 'test/adapters/node/'],
  ['src/api/w3c/', 'test/unit/api/w3c/'],
  ['src/compat/shared/', 'test/compat/'],
  ...['classic', 'fibjs', 'jsh', 'websocket-node'].map((name) => [`src/compat/${name}/`, `test/compat/${name}/`] as const),
  ...['browser', 'bun', 'deno', 'edge', 'node'].map((name) => [`adapters/${name}/`, `test/adapters/${name}/`] as const),
];

/** Sources that the build puts in the place of others, so that no import of a test leads to them: these tests run the build. */
const BUILT_IN: readonly (readonly [source: string, tests: string])[] = [
  ['adapters/deno/bundled-codec.ts', 'test/examples/deno-url.test.ts'],
  ['adapters/deno/bundled-digest.ts', 'test/examples/deno-url.test.ts'],
  ['adapters/deno/bundled-modules.ts', 'test/examples/deno-url.test.ts'],
  ['adapters/deno/bundled-deflate.ts', 'test/examples/deno-url.test.ts'],
  ['adapters/deno/bundled-deflate-engine.ts', 'test/examples/deno-url.test.ts'],
  ['adapters/edge/inline-codec.ts', 'test/packaging/workers.test.mjs'],
  ['adapters/edge/inline-deflate-module.ts', 'test/packaging/workers.test.mjs'],
];

/** Names that say nothing about a file. */
const EMPTY_NAMES = /^(?:support|helpers?|utils?|common|misc)\.m?ts$|^(?:support|helpers?|utils?|common|misc)\.mjs$/;

/** The source that a unit test is about: `test/unit/protocol/connection.closing.test.ts` is about `src/protocol/connection.ts`. */
export function sourceOfTest(path: string): string {
  const [folder, file] = [posix.dirname(path.slice('test/unit/'.length)), posix.basename(path)];
  const source = posix.join(folder, `${file.slice(0, file.indexOf('.'))}.ts`);
  return /^(?:adapters|assembly)\//.test(source) ? source : `src/${source}`;
}

/** Whether a source does anything at run time: types, imports and re-exports do not. */
export function hasCode(path: string, text: string): boolean {
  if (path.endsWith('.d.ts')) return false;
  if (path.startsWith('assembly/')) return /\bfunction\b/.test(text);
  return parseSync(path, text).program.body.some((statement) => {
    const { type } = statement;
    if (type === 'ImportDeclaration' || type === 'ExportAllDeclaration') return false;
    if (type === 'ExportNamedDeclaration') return statement.declaration !== null && !isType(statement.declaration);
    return !isType(statement);
  });
}

function isType(statement: { readonly type: string; readonly declare?: boolean }): boolean {
  return (
    statement.type === 'TSInterfaceDeclaration' || statement.type === 'TSTypeAliasDeclaration' || statement.declare === true
  );
}

/** Reads the files of the repository at `root`, each once. */
export class Suites {
  readonly #root: string;
  readonly #reached = new Map<string, ReadonlySet<string>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Folders of `test/` that are in no list, and names that say nothing. */
  unknownPlaces(): string[] {
    const breaches = this.#foldersOf('test').flatMap((name) =>
      SUITES.includes(name) ? [] : [`test/${name} is no known suite`],
    );
    for (const [suite, sources] of MIRRORED) {
      const known = this.#foldersOf(sources);
      for (const name of this.#foldersOf(suite))
        if (!known.includes(name)) breaches.push(`${suite}/${name} has no ${sources}/${name}`);
    }
    for (const path of this.#testFiles()) {
      if (EMPTY_NAMES.test(posix.basename(path))) breaches.push(`${path} has a name that does not say what it holds`);
    }
    return breaches;
  }

  /** Unit tests whose source is not there. */
  strayTests(): string[] {
    return this.#testFiles()
      .filter((path) => path.startsWith('test/unit/') && path.endsWith('.test.ts'))
      .filter((path) => !existsSync(join(this.#root, sourceOfTest(path))))
      .map((path) => `${path} has no ${sourceOfTest(path)}`);
  }

  /** Sources without a unit test that no line of `lines` covers, and lines that are not true (any more). */
  untestedSources(lines: typeof TESTED_BY = TESTED_BY): string[] {
    const tested = new Set(this.#testFiles().flatMap((path) => (path.startsWith('test/unit/') ? [sourceOfTest(path)] : [])));
    for (const [source, tests] of BUILT_IN) if (existsSync(join(this.#root, tests))) tested.add(source);
    const untested = sourcesIn(this.#root, ['assembly', 'src', 'adapters']).filter(
      (path) => !tested.has(path) && !path.endsWith('/embedded.ts') && hasCode(path, this.#read(path)),
    );
    const used = new Set<string>();
    const breaches: string[] = [];
    for (const path of untested) {
      const line = lines.find(([sources]) => (sources.endsWith('/') ? path.startsWith(sources) : path === sources));
      if (line) used.add(line[0]);
      if (!line) breaches.push(`${path} has no unit test, and no line of TESTED_BY names it`);
      else if (!path.startsWith('assembly/') && !this.#reachedFrom(line[1]).has(path))
        breaches.push(`${line[1]} never imports ${path}`);
    }
    return [
      ...breaches,
      ...lines.filter(([sources]) => !used.has(sources)).map(([sources]) => `TESTED_BY needs no line for ${sources}`),
    ];
  }

  /** Every file that the tests whose paths start with `place` import, directly or by others. */
  #reachedFrom(place: string): ReadonlySet<string> {
    const known = this.#reached.get(place);
    if (known) return known;
    const found = new Set(this.#testFiles().filter((path) => path.startsWith(place)));
    // A set visits elements that are added during the loop.
    for (const path of found) for (const target of this.#importsOf(path)) found.add(target);
    this.#reached.set(place, found);
    return found;
  }

  readonly #imports = new Map<string, readonly string[]>();

  #importsOf(path: string): readonly string[] {
    let targets = this.#imports.get(path);
    if (!targets) {
      targets = importsOf(path, this.#read(path))
        .filter((name) => name?.startsWith('.') === true)
        .map((name) => posix.join(posix.dirname(path), name as string))
        .filter((target) => target.endsWith('.ts') && existsSync(join(this.#root, target)));
      this.#imports.set(path, targets);
    }
    return targets;
  }

  /** The folders in `folder` that hold a file: git leaves empty ones behind. */
  #foldersOf(folder: string): string[] {
    const isUsed = (path: string): boolean =>
      readdirSync(path, { withFileTypes: true }).some(
        (entry) => entry.isFile() || (entry.isDirectory() && isUsed(join(path, entry.name))),
      );
    return readdirSync(join(this.#root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && isUsed(join(this.#root, folder, entry.name)))
      .map(({ name }) => name);
  }

  #files: readonly string[] | undefined;

  /** The TypeScript and JavaScript files of `test/`. */
  #testFiles(): readonly string[] {
    this.#files ??= SUITES.flatMap((suite) => {
      const folder = join(this.#root, 'test', suite);
      const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
      return names
        .filter((name) => /\.m?[jt]s$/.test(name) && !name.includes('node_modules/'))
        .map((name) => `test/${suite}/${name}`);
    });
    return this.#files;
  }

  #read(path: string): string {
    return readFileSync(join(this.#root, path), 'utf8');
  }
}
