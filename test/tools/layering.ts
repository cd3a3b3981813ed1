// The import rules of the house (CONTRIBUTING.md) as a table, and the checker that test/layering.test.ts runs over the sources.
// Imports are read from the syntax tree, so type-only imports count like all others and comments do not.

import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/** What the files of one area may import, besides each other. */
interface Rule {
  /** A folder with a slash at its end, or one file. */
  readonly area: string;
  /** Areas, folders or files of the repository. */
  readonly mayImport: readonly string[];
  /** Module names; one that ends in `:` allows every name that starts so. With `type ` before it: for its types alone. */
  readonly modules?: readonly string[];
}

const BELOW_API = [
  'src/base/',
  'src/clock.ts',
  'src/codec/',
  'src/deflate/',
  'src/handshake/',
  'src/protocol/',
  'src/platform.ts',
];

/** The table, lowest level first. A file in no area is a breach: name its area here, and what it may import. */
export const RULES: readonly Rule[] = [
  { area: 'assembly/', mayImport: [] },
  { area: 'src/ambient.d.ts', mayImport: [] },
  { area: 'src/base/', mayImport: [] },
  { area: 'src/clock.ts', mayImport: [] },
  { area: 'src/codec/', mayImport: ['src/base/', 'assembly/layout.ts'] },
  { area: 'src/deflate/', mayImport: ['src/base/', 'src/clock.ts', 'src/codec/', 'assembly/deflate/layout.ts'] },
  { area: 'src/platform.ts', mayImport: ['src/base/', 'src/codec/codec.ts'] },
  { area: 'src/handshake/', mayImport: ['src/base/', 'src/deflate/'] },
  {
    area: 'src/protocol/',
    mayImport: ['src/base/', 'src/codec/', 'src/deflate/', 'src/platform.ts', 'assembly/layout.ts'],
  },
  { area: 'src/api/w3c/', mayImport: BELOW_API },
  {
    area: 'src/api/ws/',
    mayImport: BELOW_API,
    // ws's own signatures speak of Buffer, IncomingMessage and Server. HTTP itself is the adapter's: only its types come up here.
    modules: [
      'node:buffer',
      'node:events',
      'node:stream',
      'type node:http',
      'type node:https',
      'type node:net',
      'type node:tls',
      'type node:url',
    ],
  },
  // Shared by all faces that take an address.
  { area: 'src/api/address.ts', mayImport: [] },
  // A runtime's own WebSocket as a session.
  { area: 'src/native/', mayImport: ['src/base/', 'src/platform.ts', 'src/handshake/'] },
  // The low-level classes of ws, over node:zlib and node:stream.
  { area: 'src/nodejs/lowlevel/', mayImport: [...BELOW_API, 'src/nodejs/', 'src/api/ws/'], modules: ['node:'] },
  // What Node.js's built-in modules give, on whichever runtime has them.
  { area: 'src/nodejs/', mayImport: [...BELOW_API, 'src/api/address.ts'], modules: ['node:'] },
  // Handshakes and servers over the raw sockets that an adapter lends. `ws/` joins them to the ws-style face.
  {
    area: 'src/http1/ws/',
    mayImport: [...BELOW_API, 'src/http1/', 'src/api/address.ts', 'src/api/ws/', 'src/nodejs/'],
    modules: ['node:buffer', 'node:events', 'node:stream', 'type node:http', 'type node:net'],
  },
  { area: 'src/http1/', mayImport: [...BELOW_API, 'src/api/address.ts', 'src/api/w3c/'] },
  // What the facades have in common. fibjs runs in workers too, so it knows no HTTP but by its types.
  {
    area: 'src/compat/shared/',
    mayImport: [...BELOW_API, 'src/api/'],
    modules: ['node:buffer', 'node:stream', 'type node:http'],
  },
  ...['websocket-node', 'classic', 'fibjs', 'jsh'].map((name) => ({
    area: `src/compat/${name}/`,
    mayImport: [...BELOW_API, 'src/api/', 'src/nodejs/', 'src/compat/shared/'],
    modules: ['node:'],
  })),
  ...['node', 'deno', 'bun'].map((name) => ({ area: `adapters/${name}/`, mayImport: ['src/'], modules: ['node:'] })),
  { area: 'adapters/edge/', mayImport: ['src/'], modules: ['cloudflare:sockets', 'node:buffer', 'node:events', 'node:zlib'] },
  { area: 'adapters/browser/', mayImport: ['src/api/', 'src/base/', 'src/platform.ts'] },
];

/** A file's imports. `undefined` stands for one whose target is computed, so that nobody can check it. */
export type Specifiers = readonly (string | undefined)[];

/** Whether `path` is `area` or, for a folder, in it. */
function isWithin(path: string, area: string): boolean {
  return area.endsWith('/') ? path.startsWith(area) : path === area;
}

/** A node of the syntax tree, as far as imports are concerned. */
interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** The module that a literal names; undefined when it is no literal. */
function literal(value: unknown): string | undefined {
  return isNode(value) && typeof value['value'] === 'string' ? value['value'] : undefined;
}

/** The target of an import declaration; a type-only import of a module is marked, a type-only import of a file is an import. */
function nameOf(declaration: Node): string | undefined {
  const name = literal(declaration['source']);
  return declaration['importKind'] === 'type' && name !== undefined && !name.startsWith('.') ? `type ${name}` : name;
}

/** Collects the targets of every import, re-export, `import()`, `import('…')` type and `require` below `value`. */
function collect(value: unknown, found: (string | undefined)[]): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  if (!isNode(value)) return;
  const callee = value['callee'];
  switch (value.type) {
    case 'ImportDeclaration':
      found.push(nameOf(value));
      break;
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      found.push(literal(value['source']));
      break;
    case 'ExportNamedDeclaration':
      if (value['source']) found.push(literal(value['source']));
      break;
    case 'TSExternalModuleReference':
      found.push(literal(value['expression']));
      break;
    case 'CallExpression':
      if (isNode(callee) && callee['name'] === 'require') found.push(literal((value['arguments'] as unknown[])[0]));
      break;
  }
  for (const child of Object.values(value)) collect(child, found);
}

/**
 * Everything that a source file imports.
 *
 * @param path Only its extension matters.
 * @throws {SyntaxError} when the file does not parse: what cannot be read cannot be judged.
 */
export function importsOf(path: string, text: string): Specifiers {
  const { program, errors } = parseSync(path, path.startsWith('assembly/') ? withoutDecorators(text) : text);
  const error = errors.at(0);
  if (error) throw new SyntaxError(`${path}: ${error.message}`);
  const found: (string | undefined)[] = [];
  collect(program, found);
  return found;
}

/** What `src/clock.ts` alone calls: fake clocks replace these functions. */
const SCHEDULERS: ReadonlySet<unknown> = new Set([
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/** The scheduling functions of the runtime that a source calls, imports or passes on. */
export function schedulersOf(path: string, text: string): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isNode(value)) return;
    const callee = value['callee'];
    if (value.type === 'CallExpression' && isNode(callee) && SCHEDULERS.has(callee['name'])) found.push(String(callee['name']));
    if (value.type === 'MemberExpression') {
      const [object, property] = [value['object'], value['property']];
      if (isNode(object) && object['name'] === 'process' && isNode(property) && property['name'] === 'nextTick') {
        found.push('process.nextTick');
      }
    }
    Object.values(value).forEach(visit);
  };
  visit(parseSync(path, text).program);
  const modules = importsOf(path, text).filter((name) => name === 'node:timers' || name === 'node:timers/promises');
  return [...found, ...(modules as string[])];
}

/** AssemblyScript decorates functions, TypeScript does not: drops the lines that hold a decorator and nothing else. */
function withoutDecorators(text: string): string {
  const lines = text.split('\n');
  return lines.map((line) => (line.startsWith('@') && !line.includes(' ') ? '' : line)).join('\n');
}

/** What `specifier` means in `path`: a path in the repository, or a module's name. AssemblyScript leaves out `.ts`. */
function resolve(path: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const target = posix.join(posix.dirname(path), specifier);
  return posix.extname(target) === '' ? `${target}.ts` : target;
}

/** Whether an entry of `modules` allows a module; what allows the module allows its types. */
function allows(name: string, specifier: string): boolean {
  const plain = specifier.replace(/^type /, '');
  return name === specifier || name === plain || (name.endsWith(':') && plain.startsWith(name));
}

/**
 * The breaches of {@link RULES} in one file.
 *
 * @param path Relative to the repository, with forward slashes.
 * @returns One sentence a breach; none when all is well.
 */
export function breachesOf(path: string, specifiers: Specifiers, rules: readonly Rule[] = RULES): string[] {
  const rule = rules.find(({ area }) => isWithin(path, area));
  if (!rule) return [`${path} is in no area of the table`];
  const breaches: string[] = [];
  for (const specifier of specifiers) {
    if (specifier === undefined) {
      breaches.push(`${path} imports something computed`);
    } else if (specifier.startsWith('.')) {
      const target = resolve(path, specifier);
      if (![rule.area, ...rule.mayImport].some((area) => isWithin(target, area))) breaches.push(`${path} imports ${target}`);
    } else if (!(rule.modules ?? []).some((name) => allows(name, specifier))) {
      breaches.push(`${path} imports ${specifier}`);
    }
  }
  return breaches;
}

/** All TypeScript sources in `folders`, relative to `root`, with forward slashes. */
export function sourcesIn(root: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
      .filter((path) => path.endsWith('.ts'))
      .toSorted(),
  );
}

/** The breaches of all sources in `folders`. */
export function breachesIn(root: string, folders: readonly string[]): string[] {
  return sourcesIn(root, folders).flatMap((path) => breachesOf(path, importsOf(path, readFileSync(join(root, path), 'utf8'))));
}
