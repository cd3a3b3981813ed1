// JavaScript of the package: one file a module, so that dist/ has the layout of the repository and a runtime loads only what its
// adapter imports. Types come from tsc (tsconfig.build.json) into the same tree.

import { readFileSync, rmSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'rollup-plugin-esbuild';
import { minify } from 'terser';

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** The JavaScript files that a part of "exports" names. */
function filesOf(target) {
  if (typeof target === 'string') return target.endsWith('.js') ? [target] : [];
  return Object.values(target).flatMap((inner) => filesOf(inner));
}

/** The sources of the package's entry points. */
const inputs = [...new Set(filesOf(exports))].map((file) => file.replace('./dist/', '').replace(/\.js$/, '.ts'));

/** Empties dist/ once all modules have been read: nothing stale is packed, and a failed build leaves the last good one. */
const clean = {
  name: 'clean',
  renderStart() {
    rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
  },
};

/** The numeric constants that a source file exports. */
function constantsOf(file) {
  const declarations = readFileSync(file, 'utf8').matchAll(/^export const (\w+)(?:: \w+)? = (\d\w*);$/gm);
  return new Map([...declarations].map(([, name, value]) => [name, value]));
}

/** Puts constants in place, and leaves the rest as it is for people to read. */
const TERSER = {
  module: true,
  mangle: false,
  keep_classnames: true,
  keep_fnames: true,
  compress: { defaults: false, evaluate: true, reduce_vars: true, toplevel: true, unused: true },
  format: { beautify: true, comments: true, indent_level: 2 },
};

/** Replaces the constants that a module imports by their values: V8 loads and checks an import each time (12 ns of a message on Node 20). */
const ownConstants = {
  name: 'own-constants',
  async renderChunk(code, { fileName }, _options, { chunks }) {
    const own = code.replace(/^import \{ (.*) \} from '(\..*)';$/gm, (_statement, list, source) => {
      const constants = constantsOf(chunks[posix.join(posix.dirname(fileName), source)].facadeModuleId);
      const names = list.split(', ').map((specifier) => specifier.split(' as '));
      const isConstant = ([name]) => constants.has(name);
      const copies = names.filter(isConstant).map(([name, alias = name]) => `const ${alias} = ${constants.get(name)};`);
      const others = names.filter((name) => !isConstant(name)).map((name) => name.join(' as '));
      return [...copies, ...(others.length > 0 ? [`import { ${others.join(', ')} } from '${source}';`] : [])].join('\n');
    });
    return (await minify(own, TERSER)).code;
  },
};

/** The codec's module for runtimes that import it: the import stays as it is, and the file lies beside it. */
const codecModule = {
  name: 'codec-module',
  resolveId: (source) => (source === './core.wasm' ? { id: './core.wasm', external: true } : null),
  generateBundle() {
    this.emitFile({
      type: 'asset',
      fileName: 'adapters/edge/core.wasm',
      source: readFileSync(new URL('build/core-simd.wasm', import.meta.url)),
    });
  },
};

/** @type {import('rollup').RollupOptions} */
export default {
  input: inputs,
  external: [/^node:/, /^cloudflare:/],
  plugins: [codecModule, ownConstants, esbuild({ target: 'es2022', sourceMap: false, tsconfig: false }), clean],
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
