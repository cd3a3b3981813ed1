// Bundles the targets: build/fuzz/<name>.cjs for a coverage-guided fuzzer, which wants CommonJS, and build/fuzz/targets.mjs for run.mjs.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  outdir: 'build/fuzz',
};

export async function buildTargets() {
  const targets = readdirSync(`${root}/fuzz/targets`).map((file) => `fuzz/targets/${file}`);
  await build({ ...common, entryPoints: targets, outbase: 'fuzz/targets', format: 'cjs', outExtension: { '.js': '.cjs' } });
  await build({
    ...common,
    entryPoints: ['fuzz/targets.ts', 'fuzz/mutations.ts'],
    outbase: 'fuzz',
    format: 'esm',
    splitting: true,
    packages: 'external',
    outExtension: { '.js': '.mjs' },
  });
  return `${root}/build/fuzz`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.info(await buildTargets());
