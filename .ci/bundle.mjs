// Writes the single-file bundles for import by URL, and prints their sizes: `npm run build:bundle`.
//
// Deno has SIMD and never forbids WebAssembly, so its bundle carries one module and no stand-in for it.

import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, ROOT));

/** `limit`: most bytes, minified and gzipped. A bundle that outgrows it fails the build: raise it knowingly or not at all. */
const BUNDLES = [
  { entry: 'adapters/deno/index.ts', file: 'dist/wasock.deno.js', limit: 44_000 },
  { entry: 'adapters/deno/w3c.ts', file: 'dist/wasock.deno.w3c.js', limit: 32_000 },
  { entry: 'adapters/browser/index.ts', file: 'dist/wasock.browser.js', limit: 4_000 },
];
const WASM = { file: 'build/core-simd.wasm', limit: 8_192 };

const oneModule = {
  name: 'one-module',
  setup({ onResolve }) {
    onResolve({ filter: /\/load\.ts$/ }, () => ({ path: path('src/codec/load-simd.ts') }));
  },
};

function report(file, bytes, limit, unit) {
  console.log(`${file}: ${bytes} bytes ${unit}, at most ${limit}`);
  if (bytes > limit) throw new Error(`${file} is larger than it may be`);
}

for (const { entry, file, limit } of BUNDLES) {
  await build({
    entryPoints: [path(entry)],
    outfile: path(file),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: ['node:*'],
    legalComments: 'none',
    banner: { js: '// wasock, MIT licence' },
    plugins: [oneModule],
    logLevel: 'warning',
  });
  report(file, gzipSync(readFileSync(path(file)), { level: 9 }).length, limit, 'gzipped');
}
report(WASM.file, statSync(path(WASM.file)).size, WASM.limit, 'as it is');
