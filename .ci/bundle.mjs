// Writes the single-file bundles for import by URL, and prints their sizes: `npm run build:bundle`.
//
// Deno has SIMD and never forbids WebAssembly, so its bundles carry one module, deflated, and no stand-in for it. Their SHA-1 is Deno's.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'terser';

const ROOT = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, ROOT));

/**
 * `limit`: most bytes, minified and gzipped. A bundle that outgrows it fails the build: raise it knowingly or not at all.
 * `goal`: bytes that it should come down to.
 */
const BUNDLES = [
  // Gate and the limits of servers took 6.1 KB of the first and 5.4 KB of the second, metrics and the calls of observers 2.4 and 2.3 KB, contexts of DEFLATE that stay in
  // the module 0.3 KB of each, the option heartbeat 0.15 KB of the second, status and Retry-After of a refused handshake 0.03 KB of the first,
  // timers that come late after a suspension 0.06 KB of each, borrowMessages 1.65 KB and 1.6 KB, the limit of compression's
  // work in a turn 0.03 KB of each. What reviewers found took 1.28 and 0.94 KB: what a program writes to `_socket`, borrowed messages that it
  // keeps, fair turns of compression, the longest text, checks of options, broadcasts that compress once again. Borrowed messages that are lost,
  // writes that nothing acknowledges, and input that comes within a listener took 0.52 KB of the first and 0.13 KB of the second.
  { entry: 'adapters/deno/index.ts', file: 'dist/wasock.deno.js', limit: 70_000, goal: 34_000 },
  { entry: 'adapters/deno/w3c.ts', file: 'dist/wasock.deno.w3c.js', limit: 51_500, goal: 24_000 },
  { entry: 'adapters/browser/index.ts', file: 'dist/wasock.browser.js', limit: 4_000, goal: 4_000 },
];
const MODULES = [
  { file: 'build/core-simd.wasm', limit: 8_192, goal: 8_192 },
  { file: 'build/deflate-simd.wasm', limit: 12_288, goal: 12_288 },
];

const oneModule = {
  name: 'one-module',
  setup({ initialOptions, onLoad, onResolve }) {
    const isW3C = initialOptions.entryPoints[0].endsWith('w3c.ts');
    const deflate = isW3C ? /\/(deflate\/load|nodejs\/deflate-engine)\.ts$/ : /\/deflate\/load\.ts$/;
    onResolve({ filter: /\/digest\.ts$/ }, () => ({ path: path('adapters/deno/bundled-digest.ts') }));
    // No switches either: every fast path is a constant.
    const takes = 'export const takes = (path, isPresent = true) => isPresent;';
    onLoad({ filter: /\/base\/fast-paths\.ts$/ }, () => ({ contents: takes }));
    // No channels: they take 0.8 KB.
    onLoad({ filter: /\/nodejs\/channels\.ts$/ }, () => ({ contents: 'export const publishEvents = () => {};' }));
    onResolve({ filter: /\/codec\/load\.ts$/ }, () => ({ path: path('adapters/deno/bundled-codec.ts') }));
    onResolve({ filter: deflate }, () => ({ path: path('adapters/deno/bundled-deflate.ts') }));
    onResolve({ filter: /\/nodejs\/deflate-engine\.ts$/ }, () => ({ path: path('adapters/deno/bundled-deflate-engine.ts') }));
  },
};

function report({ file, limit, goal }, bytes, unit) {
  const beyond = bytes > goal ? `, ${bytes - goal} more than its goal of ${goal}` : '';
  console.log(`${file}: ${bytes} bytes ${unit}, at most ${limit}${beyond}`);
  if (bytes > limit) throw new Error(`${file} is larger than it may be`);
}

for (const bundle of BUNDLES) {
  const { entry, file } = bundle;
  const { outputFiles } = await build({
    entryPoints: [path(entry)],
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: ['node:*'],
    legalComments: 'none',
    plugins: [oneModule],
    logLevel: 'warning',
  });
  // Once more by another minifier: 3 % less. Gzip packs statements better than their sequences.
  const compress = { passes: 3, sequences: false };
  const { code } = await minify(outputFiles[0].text, { module: true, ecma: 2022, compress });
  writeFileSync(path(file), `// wasock, MIT licence\n${code}\n`);
  report(bundle, gzipSync(readFileSync(path(file)), { level: 9 }).length, 'gzipped');
}
for (const module of MODULES) report(module, statSync(path(module.file)).size, 'as it is');
