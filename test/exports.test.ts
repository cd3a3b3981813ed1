// The package as its users get it: every export exists after the build, has types, and loads by `import` and by `require`.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Target = string | { readonly [condition: string]: Target };
interface Manifest {
  readonly main: string;
  readonly types: string;
  readonly files: readonly string[];
  readonly exports: { readonly [subpath: string]: Target };
}

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Manifest;
const subpaths = Object.entries(manifest.exports);

/** The files of an export, each with the conditions that lead to it. */
function filesOf(target: Target, conditions: readonly string[] = []): { file: string; conditions: readonly string[] }[] {
  if (typeof target === 'string') return [{ file: target, conditions }];
  return Object.entries(target).flatMap(([condition, inner]) => filesOf(inner, [...conditions, condition]));
}

/** What a program prints that runs in the package's folder, where the package's name means the package itself. */
function run(type: 'module' | 'commonjs', program: string): string {
  return execFileSync(process.execPath, [`--input-type=${type}`, '--eval', program], { cwd: ROOT, encoding: 'utf8' }).trim();
}

beforeAll(() => {
  if (!existsSync(new URL('../dist', import.meta.url))) throw new Error('dist/ is missing. Run `npm run build` first.');
});

describe.each(subpaths)('export %s', (subpath, target) => {
  const files = filesOf(target);

  test.each(files)('has $file', ({ file }) => {
    expect(file.startsWith('./')).toBe(true);
    expect(statSync(new URL(`.${file}`, import.meta.url)).isFile()).toBe(true);
  });

  test('is packed', () => {
    // npm always packs package.json.
    const packed = ['package.json', ...manifest.files];
    for (const { file } of files) expect(packed).toContain(file.split('/')[1]);
  });

  test('has types first and a default last, unless it is data', () => {
    if (subpath === './package.json') {
      expect(target).toBe(subpath);
      return;
    }
    // The first condition that matches wins, so types behind `default` would never be found.
    expect(files[0].conditions).toContain('types');
    expect(files.at(-1)?.conditions.at(-1)).toBe('default');
    for (const { file, conditions } of files) {
      const isRequired = conditions.at(-1) === 'require';
      if (conditions.includes('types')) expect(file).toMatch(isRequired ? /\.d\.cts$/ : /\.d\.ts$/);
      else if (isRequired) expect(file).toMatch(/\.cjs$/);
    }
  });
});

/** Prints each entry point whose two ways in differ, by name or by value. */
const COMPARE = `
const differing = [];
for (const [name, imported] of Object.entries(all)) {
  const required = require(name);
  const main = typeof required === 'function' ? required : required.default;
  if (main !== imported.default) differing.push(name);
  for (const [key, value] of Object.entries(imported)) {
    if (key !== 'default' && key !== 'module.exports' && required[key] !== value) differing.push(name + ' ' + key);
  }
}
console.log(Object.keys(all).length, differing.join());`;
const JOINED = [
  '',
  '/w3c',
  '/reconnecting',
  '/testing',
  '/cli',
  '/topics',
  '/topics/client',
  '/topics/local',
  '/topics/nats',
  '/topics/redis',
  '/topics/postgres',
  '/proxy',
  '/websocket',
  '/websocket/lib/browser',
  '/classic',
  '/fibjs',
  '/jsh',
].map((path) => `wasock${path}`);
const RUNTIMES = new URL('runtimes/node_modules/', import.meta.url);
const runtimes: readonly (readonly [name: string, binary: string, args: readonly string[]])[] = [
  ['this Node.js', process.execPath, []],
  ['this Node.js without require() of ES modules', process.execPath, ['--no-experimental-require-module']],
  ['Node.js 24', fileURLToPath(new URL('node-24/bin/node', RUNTIMES)), []],
  ['Node.js 24 without it', fileURLToPath(new URL('node-24/bin/node', RUNTIMES)), ['--no-experimental-require-module']],
  ['Node.js 26', fileURLToPath(new URL('node-26/bin/node', RUNTIMES)), []],
  ['Node.js 26 without it', fileURLToPath(new URL('node-26/bin/node', RUNTIMES)), ['--no-experimental-require-module']],
  ['Deno', fileURLToPath(new URL('.bin/deno', RUNTIMES)), ['run', '-A', '--node-modules-dir=manual']],
  ['Bun', fileURLToPath(new URL('.bin/bun', RUNTIMES)), []],
];

describe.each(runtimes)('import and require on %s', (_name, binary, args) => {
  let folder: string;
  beforeAll(() => {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: npm test installs it.`);
    folder = mkdtempSync(join(tmpdir(), 'wasock-joined-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules/wasock'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function output(file: string, program: string): string {
    writeFileSync(join(folder, file), program);
    const env = { ...process.env, NODE_NO_WARNINGS: '1', NO_COLOR: '1' };
    return execFileSync(binary, [...args, file], { cwd: folder, encoding: 'utf8', env }).trim();
  }

  test('give the same, whichever comes first', () => {
    const imports = JOINED.map((name, index) => `import * as all${index} from '${name}';`).join('\n');
    const all = `const all = { ${JOINED.map((name, index) => `'${name}': all${index}`).join()} };`;
    const module = `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`;
    expect(output('first.mjs', `${imports}\n${module}\n${all}\n${COMPARE}`)).toBe(`${JOINED.length}`);
    const lazily = `const names = ${JSON.stringify(JOINED)};
      for (const name of names) require(name);
      Promise.all(names.map((name) => import(name))).then((modules) => {
        const all = Object.fromEntries(modules.map((imported, index) => [names[index], imported]));
        ${COMPARE}
      });`;
    expect(output('second.cjs', lazily)).toBe(`${JOINED.length}`);
  });

  test('give the class with its statics to require', () => {
    const program = `
      const WebSocket = require('wasock');
      const { WebSocketServer, Server, createWebSocketStream, broadcast, ProtocolError } = WebSocket;
      const types = [WebSocketServer, createWebSocketStream, broadcast, ProtocolError].map((value) => typeof value);
      console.log(typeof WebSocket, WebSocket.name, WebSocket.OPEN, WebSocket.WebSocket === WebSocket, Server === WebSocketServer, types.join());
      const Classic = require('wasock/classic');
      console.log(typeof Classic, Classic.Server.name, Classic.CLOSED);
      console.log(Object.keys(require('wasock/jsh')).sort().join());`;
    expect(output('statics.cjs', program).split('\n')).toEqual([
      'function WebSocket 1 true true function,function,function,function',
      'function Server 3',
      'WebSocket,WebSocketServer,default,withWebSockets',
    ]);
  });
});

describe('the built package', () => {
  test('has main and types for tools that do not read exports', () => {
    const files = filesOf(manifest.exports['.']).map(({ file }) => file);
    expect(files).toContain(manifest.main);
    expect(files).toContain(manifest.types);
  });

  test('gives import the WebSocket class by name and as the default', () => {
    const program = `
      import * as all from 'wasock';
      console.log(all.default === all.WebSocket, all.WebSocket.name, typeof all.WebSocketServer);`;
    expect(run('module', program)).toBe('true WebSocket function');
  });

  test('gives import and require the W3C class at ./w3c', () => {
    expect(run('module', `import { WebSocket } from 'wasock/w3c'; console.log(WebSocket.name, WebSocket.CONNECTING);`)).toBe(
      'WebSocket 0',
    );
    expect(
      run('commonjs', `const { WebSocket } = require('wasock/w3c'); console.log(WebSocket.prototype instanceof EventTarget);`),
    ).toBe('true');
  });

  test('lets a program that only loads it end by itself', () => {
    expect(run('module', `import 'wasock'; import 'wasock/w3c'; process.on('exit', () => console.log('ended'));`)).toBe(
      'ended',
    );
  });
});

describe('docs/stability.md', () => {
  const page = readFileSync(new URL('../docs/stability.md', import.meta.url), 'utf8');
  const rows = Array.from(page.matchAll(/^\| `wasock([^`]*)` +\| (\w+) +\|/gm), ([, path, state]) => [`.${path}`, state]);

  test('names each entry point of npm once, with its state', () => {
    expect(rows.map(([path]) => path).sort()).toEqual(Object.keys(manifest.exports).sort());
    for (const [path, state] of rows) expect([path, state]).toEqual([path, expect.stringMatching(/^(?:stable|experimental)$/)]);
  });

  test('names each entry point of JSR, behind the name of its runtime', () => {
    const { exports } = JSON.parse(readFileSync(new URL('../jsr.json', import.meta.url), 'utf8')) as Pick<Manifest, 'exports'>;
    const known = new Set(rows.map(([path]) => path));
    const unknown = Object.keys(exports).filter(
      (path) => !known.has(path) && !known.has(path.replace(/^\.\/(?:node|browser|bun)(?=\/|$)/, '.')),
    );
    expect(unknown).toEqual([]);
  });
});
