// Imports go down only: the rules in test/tools/layering.ts, over every source, and proof that the checker can fail.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { breachesIn, breachesOf, cyclesOf, importsOf, schedulersOf, sourcesIn, valueImportsOf } from './tools/layering.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['assembly', 'src', 'adapters'];

/** Breaches of a made-up file. */
function judge(path: string, text: string): string[] {
  return breachesOf(path, importsOf(path, text));
}

describe('the sources', () => {
  test('keep the import rules', () => {
    expect(breachesIn(ROOT, FOLDERS)).toEqual([]);
  });

  test('are all looked at', () => {
    const sources = sourcesIn(ROOT, FOLDERS);
    expect(sources).toEqual(expect.arrayContaining(['assembly/index.ts', 'src/platform.ts', 'src/codec/codec.ts']));
    expect(importsOf('assembly/index.ts', 'export { mask } from "./mask";')).toEqual(['./mask']);
  });
});

describe('cycles of files', () => {
  test('go through types alone', () => {
    const imports = new Map(
      sourcesIn(ROOT, ['src', 'adapters']).map((path) => [path, valueImportsOf(path, readFileSync(join(ROOT, path), 'utf8'))]),
    );
    expect(imports.get('src/protocol/outbound.ts')).toContain('src/protocol/outbox.ts');
    expect(cyclesOf(imports)).toEqual([]);
  });

  test.each([
    ['an import', `import { b } from './b.ts';`, true],
    ['an import for its effects', `import './b.ts';`, true],
    ['an import of a type and a value', `import { type B, b } from './b.ts';`, true],
    ['a re-export', `export * from './b.ts';`, true],
    ['an import of types', `import type { B } from './b.ts';`, false],
    ['an import of inline types', `import { type B } from './b.ts';`, false],
    ['a re-export of types', `export type { B } from './b.ts';`, false],
  ])('are found: %s', (_, text, isFound) => {
    const imports = new Map([
      ['src/a.ts', valueImportsOf('src/a.ts', text)],
      ['src/b.ts', ['src/c.ts']],
      ['src/c.ts', ['src/a.ts']],
    ]);
    expect(cyclesOf(imports)).toEqual(isFound ? [['src/a.ts', 'src/b.ts', 'src/c.ts', 'src/a.ts']] : []);
  });
});

describe('turns and timers', () => {
  test('come from src/clock.ts alone', () => {
    const sources = sourcesIn(ROOT, ['src', 'adapters']).filter((path) => path !== 'src/clock.ts');
    const found = sources.map((path) => [path, schedulersOf(path, readFileSync(join(ROOT, path), 'utf8'))] as const);
    expect(found.filter(([, calls]) => calls.length > 0)).toEqual([]);
  });

  test.each([
    ['a call', 'setTimeout(() => {}, 1);', ['setTimeout']],
    ['a tick', 'process.nextTick(f);', ['process.nextTick']],
    ['a tick passed on', 'f(process.nextTick);', ['process.nextTick']],
    ['the module', `import { setTimeout as s } from 'node:timers';`, ['node:timers']],
    ['a method of that name', 'socket.setTimeout(0); class A { setTimeout() {} }', []],
  ])('are found: %s', (_, text, expected) => {
    expect(schedulersOf('src/a.ts', text)).toEqual(expected);
  });
});

describe('the reader of imports', () => {
  test.each([
    ['a default import', `import a from 'x';`, ['x']],
    ['a bare import', `import 'x';`, ['x']],
    ['a type-only import', `import type { A } from 'x';`, ['type x']],
    ['an import with an inline type', `import { type A } from 'x';`, ['x']],
    ['a named re-export', `export { a } from 'x';`, ['x']],
    ['a type-only re-export', `export type { A } from 'x';`, ['x']],
    ['a star re-export', `export * as a from 'x';`, ['x']],
    ['a dynamic import', `const a = await import('x');`, ['x']],
    ['a nested dynamic import', `class A { m() { return () => import('x'); } }`, ['x']],
    ['an import type', `let a: Map<string, import('x').A>;`, ['x']],
    ['an import assignment', `import a = require('x');`, ['x']],
    ['a require call', `const a = require('x');`, ['x']],
    ['a computed dynamic import', `import(name);`, [undefined]],
    ['no import in a comment or string', `// import 'x';\nexport const a = "import 'x'";`, []],
  ])('finds %s', (_, text, expected) => {
    expect(importsOf('made-up.ts', text)).toEqual(expected);
  });

  test('reads behind a decorated AssemblyScript function', () => {
    const text = '@inline\nfunction f(): i32 {\n  return <i32>1;\n}\nexport { g } from "./g";\n';
    expect(importsOf('assembly/made-up.ts', text)).toEqual(['./g']);
  });

  test('refuses a file that does not parse', () => {
    expect(() => importsOf('src/base/made-up.ts', 'import {')).toThrow(SyntaxError);
  });
});

describe('the checker', () => {
  test.each([
    ['a WASM source importing from src', 'assembly/decode.ts', `import { A } from '../src/base/a.ts';`],
    ['base importing the codec', 'src/base/a.ts', `import type { Codec } from '../codec/codec.ts';`],
    ['the codec importing an AssemblyScript source', 'src/codec/a.ts', `import { decode } from '../../assembly/decode.ts';`],
    ['the handshake importing the connection', 'src/handshake/a.ts', `import '../protocol/connection.ts';`],
    ['the connection importing the handshake', 'src/protocol/a.ts', `import '../handshake/client.ts';`],
    ['the connection importing an API', 'src/protocol/a.ts', `import type { WebSocket } from '../api/ws/websocket.ts';`],
    ['the connection importing from Node', 'src/protocol/a.ts', `import { Buffer } from 'node:buffer';`],
    ['the W3C API importing the ws API', 'src/api/w3c/a.ts', `export * from '../ws/websocket.ts';`],
    ['the ws API importing the W3C API', 'src/api/ws/a.ts', `type A = import('../w3c/websocket.ts').WebSocket;`],
    ['the W3C API importing from Node', 'src/api/w3c/a.ts', `import { EventEmitter } from 'node:events';`],
    ['the ws API importing sockets', 'src/api/ws/a.ts', `import net from 'node:net';`],
    ['the ws API importing an unprefixed builtin', 'src/api/ws/a.ts', `import { EventEmitter } from 'events';`],
    ['a source importing an adapter', 'src/api/ws/a.ts', `await import('../../../adapters/node/server.ts');`],
    ['a facade importing another', 'src/compat/classic/a.ts', `import '../fibjs/index.ts';`],
    ['an adapter importing another', 'adapters/node/a.ts', `import '../deno/transport.ts';`],
    ['an adapter importing a package', 'adapters/node/a.ts', `import ws from 'ws';`],
    ['an import outside the repository', 'src/base/a.ts', `import '../../../elsewhere.ts';`],
    ['a computed import', 'adapters/node/a.ts', `await import(process.argv[2]);`],
    ['a file in no area', 'src/elsewhere/a.ts', ''],
    ['an adapter without a rule', 'adapters/elsewhere/a.ts', ''],
  ])('reports %s', (_, path, text) => {
    expect(judge(path, text)).toHaveLength(1);
  });

  test.each([
    ['the codec importing the layout', 'src/codec/a.ts', `import { STATE } from '../../assembly/layout.ts';`],
    ['neighbours importing each other', 'src/base/a.ts', `import './b.ts';`],
    ['the ws API importing events and streams', 'src/api/ws/a.ts', `import 'node:events';\nimport 'node:stream';`],
    ['a Node adapter importing sources and Node', 'adapters/node/a.ts', `import '../../src/api/ws/a.ts';\nimport 'node:tls';`],
  ])('allows %s', (_, path, text) => {
    expect(judge(path, text)).toEqual([]);
  });

  test('reports every breach of a file, by name', () => {
    expect(judge('src/base/a.ts', `import 'node:net';\nimport '../api/ws/b.ts';`)).toEqual([
      'src/base/a.ts imports node:net',
      'src/base/a.ts imports src/api/ws/b.ts',
    ]);
  });
});
