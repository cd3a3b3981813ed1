// JavaScript of the package: one file a module, so that dist/ has the layout of the repository and a runtime loads only what its
// adapter imports. Types come from tsc (tsconfig.build.json) into the same tree.

import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import esbuild from 'rollup-plugin-esbuild';

/** Empties dist/ once all modules have been read: nothing stale is packed, and a failed build leaves the last good one. */
const clean = {
  name: 'clean',
  renderStart() {
    rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
  },
};

/** @type {import('rollup').RollupOptions} */
export default {
  // Every entry point that package.json names under "exports".
  input: ['adapters/node/index.ts', 'adapters/node/w3c.ts'],
  external: [/^node:/],
  plugins: [esbuild({ target: 'es2022', sourceMap: false, tsconfig: false }), clean],
  output: {
    dir: 'dist',
    format: 'es',
    preserveModules: true,
    preserveModulesRoot: fileURLToPath(new URL('.', import.meta.url)),
    entryFileNames: '[name].js',
  },
  // A warning here (an unresolved import, an import cycle) is a package that breaks at its user's.
  onwarn(warning) {
    throw new Error(warning.message);
  },
};
