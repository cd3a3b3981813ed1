// What the tests of tools share: a project with the package installed from its tarball, and programs that are run in it.

import { execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';

export const HERE = fileURLToPath(new URL('.', import.meta.url));
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const RUNTIMES = join(ROOT, 'test/runtimes/node_modules');
export const BUN = join(RUNTIMES, '.bin/bun');
export const DENO = join(RUNTIMES, '.bin/deno');
/** Paths of Node.js by version. */
export const NODE = {
  own: process.execPath,
  20.19: join(HERE, 'node_modules/node-20.19/bin/node'),
  24: join(RUNTIMES, 'node-24/bin/node'),
  26: join(RUNTIMES, 'node-26/bin/node'),
};

/** Makes a folder with these files and the packed packages, unpacked under these names. */
export function project({ files = {}, packages = { wasock: 'wasock' }, manifest = {} }) {
  // Bundlers report real paths.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'wasock-project-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, tarball] of Object.entries(packages)) {
    const target = join(folder, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', inject('tarballs')[tarball], '-C', target, '--strip-components=1']);
  }
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Runs a program. Resolves with its output; rejects with all that it printed when it fails. */
export function run(cwd, command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 240_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(stdout.trim());
      else reject(new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`));
    });
  });
}

/** Bundles program.mjs as out.cjs, unless told otherwise. */
export function buildByWebpack(folder, options = {}) {
  const webpack = require('webpack');
  const compiler = webpack({
    context: folder,
    mode: 'production',
    // Most of its time, and none of what is tested.
    optimization: { minimize: false },
    target: 'node',
    entry: './program.mjs',
    output: { path: folder, filename: 'out.cjs' },
    ...options,
  });
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      compiler.close(() => {});
      if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString('errors-only')));
      else resolve();
    });
  });
}
