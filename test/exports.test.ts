// The package as its users get it: every export exists after the build, has types, and loads by `import` and by `require`.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

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
    const conditions = files.map((entry) => entry.conditions.at(-1));
    // The first condition that matches wins, so types behind `default` would never be found.
    expect(conditions.at(0)).toBe('types');
    expect(conditions.at(-1)).toBe('default');
    const types = files.filter((_, index) => conditions[index] === 'types');
    for (const { file } of types) expect(file).toMatch(/\.d\.ts$/);
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

  test('gives require the WebSocket class itself', () => {
    const program = `
      const WebSocket = require('wasock');
      console.log(WebSocket.name, WebSocket.WebSocket === WebSocket, typeof WebSocket.WebSocketServer, WebSocket.OPEN);`;
    expect(run('commonjs', program)).toBe('WebSocket true function 1');
  });

  test('gives import and require the same class', () => {
    const program = `
      const required = require('wasock');
      import('wasock').then((imported) => console.log(imported.WebSocket === required));`;
    expect(run('commonjs', program)).toBe('true');
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
