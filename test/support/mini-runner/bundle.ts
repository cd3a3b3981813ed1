// Bundles a test's program for a runtime that reads no TypeScript.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type BuildOptions, type OutputFile, type Plugin } from 'esbuild';

export const ROOT: string = fileURLToPath(new URL('../../..', import.meta.url));
const RUNNER = join(ROOT, 'test/support/mini-runner/vitest.ts');

/** `vitest` means the small runner. The runner's own files are left alone. */
const vitest: Plugin = {
  name: 'vitest',
  setup(program) {
    program.onResolve({ filter: /^vitest$/ }, () => ({ path: RUNNER }));
  },
};

/**
 * Leaves imports of the modules to the runtime. A bundler for workers does the same.
 *
 * In the sources the modules are not beside the adapter yet: `build/` has them.
 */
const modules: Plugin = {
  name: 'modules',
  setup(program) {
    program.onResolve({ filter: /\/(core|deflate)\.wasm$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Bundles `entry`, a path in the repository, as one ES module. */
export async function bundle(entry: string, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, entry)],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'silent',
    plugins: [vitest, modules],
    ...options,
  });
  return (outputFiles as OutputFile[])[0].text;
}

/** Bundles `entry` for this Node.js, and imports it. */
export async function importBundle(entry: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'wasock-program-'));
  const file = join(folder, 'program.mjs');
  try {
    await writeFile(file, await bundle(entry, { platform: 'node', external: ['node:*', 'ws', 'undici'], packages: 'bundle' }));
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as unknown;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The modules that a bundled worker may import, by their names. */
export function moduleFiles(): Record<string, Uint8Array> {
  return { 'core.wasm': codecBytes(), 'deflate.wasm': readFileSync(join(ROOT, 'build/deflate-simd.wasm')) };
}

/** The codec with SIMD, as `npm run build:wasm` leaves it. */
export function codecBytes(): Uint8Array {
  return readFileSync(join(ROOT, 'build/core-simd.wasm'));
}
