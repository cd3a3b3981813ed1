// The rooms of the source tree with their import rules, and the checker that test/layering.test.ts runs over the sources.
// Imports are read from the syntax tree, so type-only imports count like all others and comments do not.

import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/** One room of the house: its files, and the files that they may import besides each other. */
export interface Room {
  /** A folder with a slash at its end, or one file. */
  readonly area: string;
  /** Purpose of the room, as a phrase. docs/architecture.md shows it. */
  readonly holds: string;
  /** Areas, folders or files of the repository. CONTRIBUTING.md shows them. */
  readonly mayImport: readonly string[];
  /** Module names; one that ends in `:` allows every name that starts so. With `type ` before it: for its types alone. */
  readonly modules?: readonly string[];
}

/** The rooms that every API, runtime and facade may use. */
export const BELOW_API: readonly string[] = [
  'src/base/',
  'src/clock.ts',
  'src/codec/',
  'src/deflate/',
  'src/handshake/',
  'src/protocol/',
  'src/platform.ts',
  'src/admission/',
  'src/proxy/',
];

const FACADES = {
  'websocket-node': 'facade: the API of WebSocket-Node',
  classic: 'facade: the API of ws 0.4, with hixie-76',
  fibjs: 'facade: the `ws` module of fibjs',
  jsh: 'facade: the `ws` module of JSH',
};

/**
 * The rooms, lowest first. A file outside of all of them is a breach: add its room here.
 *
 * The tables in CONTRIBUTING.md and docs/architecture.md come from this list: `npm run docs:map` writes them, test/docs.test.ts compares.
 */
export const ROOMS: readonly Room[] = [
  { area: 'assembly/', holds: 'the codec and DEFLATE in AssemblyScript, with their memory maps', mayImport: [] },
  { area: 'src/ambient.d.ts', holds: 'types of globals that every runtime has', mayImport: [] },
  { area: 'src/base/', holds: 'close codes, opcodes, errors, options with their defaults and limits', mayImport: [] },
  { area: 'src/clock.ts', holds: 'the only timers and microtasks', mayImport: [] },
  {
    area: 'src/codec/',
    holds: 'typed access to the codec, its loader, the codec in plain TypeScript',
    mayImport: ['src/base/', 'assembly/layout.ts'],
  },
  {
    area: 'src/deflate/',
    holds: 'permessage-deflate: parameters, and the engines over our module and node:zlib',
    mayImport: ['src/base/', 'src/clock.ts', 'src/codec/', 'assembly/deflate/layout.ts'],
  },
  {
    area: 'src/platform.ts',
    holds: 'the seams, as types: Session, Transport, Platform',
    mayImport: ['src/base/', 'src/codec/codec.ts'],
  },
  {
    area: 'src/handshake/',
    holds: 'RFC 6455 section 4 and HTTP heads; no sockets',
    mayImport: ['src/base/', 'src/deflate/'],
  },
  {
    area: 'src/admission/',
    holds: "limits of a server, its clients' addresses, its shutdown; no sockets",
    mayImport: ['src/base/', 'src/clock.ts', 'src/handshake/', 'src/platform.ts'],
  },
  {
    area: 'src/proxy/',
    holds: 'proxies of clients: HTTP CONNECT, SOCKS 5, NO_PROXY; no sockets',
    mayImport: ['src/base/', 'src/handshake/', 'src/admission/address.ts'],
  },
  {
    area: 'src/protocol/',
    holds: 'the connection, RFC 6455 sections 5 to 7; no sockets, timers or promises',
    mayImport: ['src/base/', 'src/codec/', 'src/deflate/', 'src/platform.ts', 'assembly/layout.ts'],
  },
  { area: 'src/api/message-iterator.ts', holds: 'messages as an async iterator, for both APIs', mayImport: [] },
  {
    area: 'src/api/send-queue.ts',
    holds: 'order of messages around a Blob, for both APIs',
    mayImport: ['src/base/', 'src/clock.ts'],
  },
  {
    area: 'src/api/w3c/',
    holds: 'the W3C API',
    mayImport: [...BELOW_API, 'src/api/address.ts', 'src/api/message-iterator.ts', 'src/api/send-queue.ts'],
  },
  {
    // The low-level classes are among its static members.
    area: 'src/api/ws/classes.ts',
    holds: 'the classes of ws, which an entry point binds to its runtime',
    mayImport: ['src/api/ws/', 'src/nodejs/lowlevel/'],
    modules: ['type node:http', 'type node:stream'],
  },
  {
    area: 'src/api/ws/',
    holds: 'the ws-style API; no sockets',
    mayImport: [...BELOW_API, 'src/api/address.ts', 'src/api/message-iterator.ts', 'src/api/send-queue.ts'],
    // The signatures of ws use Buffer, IncomingMessage and Server. Only an adapter speaks HTTP, so this room gets its types alone.
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
  { area: 'src/api/address.ts', holds: 'the address that a client is given, for every API', mayImport: ['src/handshake/'] },
  {
    area: 'src/reconnecting/',
    holds: 'a client that connects again, over the W3C API',
    mayImport: ['src/base/', 'src/clock.ts', 'src/protocol/heartbeat.ts', 'src/api/w3c/'],
  },
  {
    area: 'src/topics/',
    holds: 'topics, the seam to a bus, and their subprotocol',
    mayImport: ['src/base/', 'src/clock.ts', 'src/api/ws/'],
    modules: ['node:buffer'],
  },
  {
    area: 'src/native/',
    holds: 'a WebSocket of the runtime as a session',
    mayImport: ['src/base/', 'src/platform.ts', 'src/handshake/', 'src/admission/'],
  },
  {
    area: 'src/tunnel/',
    holds: 'tunnels through proxies by `node:` modules, on every runtime that has them',
    mayImport: [...BELOW_API, 'src/http1/network.ts'],
    modules: ['node:net', 'node:tls'],
  },
  {
    area: 'src/nodejs/lowlevel/',
    holds: 'the low-level classes of ws',
    mayImport: [...BELOW_API, 'src/nodejs/', 'src/api/ws/'],
    modules: ['node:'],
  },
  {
    area: 'src/nodejs/',
    holds: 'sockets, HTTP and strings by `node:` modules, on every runtime that has them',
    mayImport: [...BELOW_API, 'src/tunnel/'],
    modules: ['node:'],
  },
  {
    area: 'src/http1/ws/',
    holds: 'the ws-style API over byte streams',
    mayImport: [...BELOW_API, 'src/http1/', 'src/api/ws/', 'src/nodejs/'],
    modules: ['node:buffer', 'node:events', 'node:stream', 'type node:http', 'type node:net'],
  },
  {
    area: 'src/http1/',
    holds: 'HTTP/1.1 client and server over byte streams',
    mayImport: [...BELOW_API, 'src/api/w3c/'],
    modules: ['type node:net'],
  },
  {
    area: 'src/testing/ws/',
    holds: 'the ws-style classes in memory',
    mayImport: [...BELOW_API, 'src/testing/', 'src/api/ws/', 'src/http1/', 'src/nodejs/'],
    modules: ['type node:http'],
  },
  {
    // Browsers load it too, so it gets no module of Node.js.
    area: 'src/testing/',
    holds: 'the test kit: connections and servers in memory, with faults',
    mayImport: [...BELOW_API, 'src/api/address.ts', 'src/api/w3c/', 'src/http1/'],
  },
  {
    // fibjs runs in workers too, so this room gets only the types of node:http.
    area: 'src/compat/shared/',
    holds: 'the base of the facades',
    mayImport: [...BELOW_API, 'src/api/'],
    modules: ['node:buffer', 'node:stream', 'type node:http'],
  },
  ...Object.entries(FACADES).map(([name, holds]) => ({
    area: `src/compat/${name}/`,
    holds,
    mayImport: [...BELOW_API, 'src/api/', 'src/nodejs/', 'src/compat/shared/'],
    modules: ['node:'],
  })),
  {
    area: 'src/cli/',
    holds: 'the command `wasock`, by `node:` modules',
    mayImport: [...BELOW_API, 'src/proxy/', 'src/api/ws/', 'src/reconnecting/', 'src/topics/'],
    modules: ['node:'],
  },
  ...['node', 'deno', 'bun'].map((name) => ({
    area: `adapters/${name}/`,
    holds: `${name === 'node' ? 'Node.js' : name === 'deno' ? 'Deno' : 'Bun'}: sockets, clock, entry points`,
    mayImport: ['src/'],
    modules: ['node:'],
  })),
  {
    area: 'adapters/edge/',
    holds: 'workerd: sockets, `upgrade`, entry points',
    mayImport: ['src/'],
    modules: ['cloudflare:sockets', 'node:buffer', 'node:events', 'node:zlib'],
  },
  {
    area: 'adapters/browser/',
    holds: 'browsers: their own WebSocket, entry points',
    mayImport: ['src/api/', 'src/base/', 'src/platform.ts', 'src/proxy/', 'src/reconnecting/'],
  },
];

/** A file's imports. `undefined` stands for one whose target is computed, so that it cannot be checked. */
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
 * @throws {SyntaxError} when the file does not parse: its imports are unknown.
 */
export function importsOf(path: string, text: string): Specifiers {
  const { program, errors } = parseSync(path, path.startsWith('assembly/') ? withoutDecorators(text) : text);
  const error = errors.at(0);
  if (error) throw new SyntaxError(`${path}: ${error.message}`);
  const found: (string | undefined)[] = [];
  collect(program, found);
  return found;
}

/** Functions that only `src/clock.ts` calls: fake clocks replace these functions. */
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

/** The target of `specifier` in `path`: a path in the repository, or a module's name. AssemblyScript leaves out `.ts`. */
function resolve(path: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const target = posix.join(posix.dirname(path), specifier);
  return posix.extname(target) === '' ? `${target}.ts` : target;
}

/** Whether an entry of `modules` allows a module. Such an entry allows its types too. */
function allows(name: string, specifier: string): boolean {
  const plain = specifier.replace(/^type /, '');
  return name === specifier || name === plain || (name.endsWith(':') && plain.startsWith(name));
}

/**
 * The breaches of the import rules in one file.
 *
 * @param path Relative to the repository, with forward slashes.
 * @returns One sentence a breach; none when all is well.
 */
export function breachesOf(path: string, specifiers: Specifiers, rooms: readonly Room[] = ROOMS): string[] {
  const room = rooms.find(({ area }) => isWithin(path, area));
  if (!room) return [`${path} is in no room of the table`];
  const breaches: string[] = [];
  for (const specifier of specifiers) {
    if (specifier === undefined) {
      breaches.push(`${path} imports something computed`);
    } else if (specifier.startsWith('.')) {
      const target = resolve(path, specifier);
      if (![room.area, ...room.mayImport].some((area) => isWithin(target, area))) breaches.push(`${path} imports ${target}`);
    } else if (!(room.modules ?? []).some((name) => allows(name, specifier))) {
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

/** Whether an import or a re-export is gone once types are erased. */
function isTypeOnly(declaration: Node): boolean {
  if (declaration['importKind'] === 'type' || declaration['exportKind'] === 'type') return true;
  const specifiers = (declaration['specifiers'] ?? []) as readonly Node[];
  return specifiers.length > 0 && specifiers.every((each) => each['importKind'] === 'type' || each['exportKind'] === 'type');
}

/** The files whose values a source imports or passes on. */
export function valueImportsOf(path: string, text: string): string[] {
  const declarations = parseSync(path, text).program.body as unknown as readonly Node[];
  return declarations
    .filter((each) => isNode(each['source']) && !isTypeOnly(each))
    .map((each) => literal(each['source'])!)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => resolve(path, specifier));
}

/** The cycles of files that need each other's values to load. A cycle of types is harmless: it is gone in JavaScript. */
export function cyclesOf(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) return void cycles.push([...way.slice(way.indexOf(path)), path]);
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return cycles;
}
