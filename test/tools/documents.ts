// Parts of the documents that are generated from the sources: the tables of rooms in CONTRIBUTING.md and docs/architecture.md, the limits and the
// measured attacks in docs/security.md, the configurations of proxies in docs/operations.md, the programs in docs/replacing-ws.md, the examples in docs/frameworks.md, the figures of the
// benchmark in docs/performance.md and README.md.
// `npm run docs:map` writes them, test/docs.test.ts compares.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recorded } from '../attacks/attack.ts';
import {
  figuresBesideNative,
  figuresBesideUws,
  figuresInShort,
  figuresOfCurves,
  figuresOfMemory,
  figuresOfNode,
} from '../../bench/documents.mjs';
import { frameworkFiles, frameworkRows } from './frameworks.ts';
import { BELOW_API, ROOMS, type Room } from './layering.ts';
import { LIMITS } from './limits.ts';

/** Folders of docs/ with documents; the others belong to the site. */
const GUIDES = ['', 'compat', 'guide', 'migration'];

/** The documents in docs/, relative to `root`. */
export function guidesIn(root: string): string[] {
  return GUIDES.flatMap((folder) => readdirSync(join(root, 'docs', folder)).map((name) => join('docs', folder, name))).filter(
    (path) => path.endsWith('.md'),
  );
}

type Row = readonly string[];

/** A table in Markdown, with its columns aligned as Prettier aligns them. */
function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (row: Row): string => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** The folders and files that a room may import. The rooms below the APIs have one name together, since most rooms may import them. */
function importsOf({ mayImport }: Room): string {
  const isAbove = BELOW_API.every((area) => mayImport.includes(area));
  const named = isAbove ? mayImport.filter((area) => !BELOW_API.includes(area)) : mayImport;
  return [...(isAbove ? ['_the core_'] : []), ...named.map(code)].join(', ');
}

/** The modules that a room may import. */
function modulesOf({ modules = [] }: Room): string {
  const full = modules.filter((name) => !name.startsWith('type '));
  const types = modules.filter((name) => name.startsWith('type ')).map((name) => name.slice('type '.length));
  const names = full.map((name) => code(name.endsWith(':') ? `${name}*` : name));
  return [...names, ...(types.length > 0 ? [`types of ${types.map(code).join(', ')}`] : [])].join(', ');
}

/** The runtimes that attacks were measured on, by the name of the program that was run. */
const MEASURED: ReadonlyMap<string, string> = new Map([
  ['node-24', 'Node.js 24'],
  ['deno', 'Deno'],
  ['bun', 'Bun'],
]);

/** The attacks that `npm run attacks` has recorded. */
function attacksOf(side: 'server' | 'client'): string {
  const recorded = JSON.parse(readFileSync(new URL('../attacks/recorded.json', import.meta.url), 'utf8')) as Recorded[];
  const nameOf = ({ attack, bound }: Recorded): string => `${attack}|${bound}`;
  const names = new Set(recorded.filter(({ attack }) => attack.startsWith(`${side}: `)).map(nameOf));
  const rows = [...names].map((name) => {
    const costs = [...MEASURED.keys()].map((runtime) => {
      const run = recorded.find((one) => one.runtime === runtime && nameOf(one) === name);
      return run === undefined ? '' : `${run.memory} MiB, ${run.cpu} ms`;
    });
    return [...name.slice(side.length + 2).split('|'), ...costs];
  });
  return table(['attack', 'bounded by', ...MEASURED.values()], rows);
}

/** A file of the examples with configurations of reverse proxies, which `npm run test:proxies` starts. */
function configurationOf(file: string, language: string): string {
  const text = readFileSync(new URL(`../../examples/reverse-proxies/${file}`, import.meta.url), 'utf8');
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

/** A program of test/programs/programs.json: the packages that a script shows, and for runtimes: the other packages that it cannot show, or the reason why it does not run. */
interface Program {
  readonly packages: readonly string[];
  readonly partly?: Readonly<Record<string, string>>;
  readonly except?: Readonly<Record<string, string>>;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

/** The programs that `npm run test:programs` runs with this package in the place of ws. */
function programs(): string {
  const { dependencies } = readJson('../programs/package.json') as { dependencies: Record<string, string> };
  const all = Object.values(readJson('../programs/programs.json') as Record<string, Program>);
  const rows = all.map(({ packages, partly = {}, except = {} }): Row => [
    packages.map((name) => `${code(name)} ${dependencies[name]}`).join(', '),
    ...['node', 'deno', 'bun'].map((runtime) => {
      if (except[runtime] !== undefined) return `no: ${except[runtime]}`;
      return partly[runtime] === undefined ? '✓' : `✓ ${partly[runtime]}`;
    }),
  ]);
  return table(['package', 'Node.js', 'Deno', 'Bun'], rows);
}

/** Generated parts by name. */
export const PARTS: ReadonlyMap<string, string> = new Map([
  [
    'rooms',
    table(
      ['room', 'holds'],
      ROOMS.map(({ area, holds }) => [code(area), holds]),
    ),
  ],
  [
    'imports',
    table(
      ['files in', 'may import files of', 'may import modules'],
      ROOMS.map((room) => [code(room.area), importsOf(room), modulesOf(room)]),
    ),
  ],
  ['core', BELOW_API.map(code).join(', ')],
  [
    'limits',
    table(
      ['subject', 'option', 'default', 'beyond it'],
      LIMITS.map(({ subject, option, byDefault, beyond }) => [subject, code(option), byDefault, beyond]),
    ),
  ],
  ['serverAttacks', attacksOf('server')],
  ['clientAttacks', attacksOf('client')],
  ['nginx', configurationOf('nginx.conf', 'nginx')],
  ['haproxy', configurationOf('haproxy.cfg', 'text')],
  ['caddy', configurationOf('Caddyfile', 'text')],
  ['programs', programs()],
  ['frameworks', table(['framework', 'tested version', 'on', 'example'], frameworkRows())],
  ...frameworkFiles(),
  ['figuresOfNode', table(...figuresOfNode())],
  ['figuresBesideUws', table(...figuresBesideUws())],
  ['figuresOfCurves', table(...figuresOfCurves())],
  ['figuresOfMemory', table(...figuresOfMemory())],
  ['figuresBesideBun', table(...figuresBesideNative('bun'))],
  ['figuresBesideDeno', table(...figuresBesideNative('deno'))],
  ['figuresInShort', table(...figuresInShort())],
]);

const PART = /(<!-- generated: (\w+) -->\n)[^]*?(<!-- end -->)/g;

/** The names of the generated parts in a document. */
export function partsIn(document: string): string[] {
  return Array.from(document.matchAll(PART), ([, , name]) => name);
}

/**
 * The document with all its generated parts as the sources say.
 *
 * @throws {Error} for a part that is not in {@link PARTS}.
 */
export function generate(document: string): string {
  return document.replaceAll(PART, (_, before: string, name: string, after: string) => {
    const part = PARTS.get(name);
    if (part === undefined) throw new Error(`There is no part "${name}"`);
    return `${before}\n${part}\n\n${after}`;
  });
}
