// JavaScript of the package. ES modules have one file a source, so that dist/ has the layout of the repository and a runtime loads
// only what its adapter imports. CommonJS, which Node.js loads, has a file for each entry point, and chunks. Types come from tsc (tsconfig.build.json) into
// the same tree. Which entry point has which files: .ci/exports.mjs.

import { readFileSync, rmSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'rollup-plugin-esbuild';
import { minify } from 'terser';
import { denoEntry, entriesWith, isClassRequired } from './.ci/exports.mjs';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const { imports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

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

/** The imports of an ES module with the constants among them put in place. */
function ownImports(code, { fileName }, chunks) {
  return code.replace(/^import \{ (.*) \} from '(\..*)';$/gm, (_statement, list, source) => {
    const constants = constantsOf(chunks[posix.join(posix.dirname(fileName), source)].facadeModuleId);
    const names = list.split(', ').map((name) => name.split(' as '));
    const isConstant = ([name]) => constants.has(name);
    const copies = names.filter(isConstant).map(([name, alias = name]) => `const ${alias} = ${constants.get(name)};`);
    const others = names.filter((name) => !isConstant(name)).map((name) => name.join(' as '));
    return [...copies, ...(others.length > 0 ? [`import { ${others.join(', ')} } from '${source}';`] : [])].join('\n');
  });
}

const isFile = (id) => !id.startsWith('\0');

/**
 * The constants of all files of a chunk. A name with two values is an error: the code of other chunks names a constant without its file, so it would
 * get the wrong one, as `metrics()` once got the state of a connection for the index of a counter.
 */
function constantsOfChunk(files) {
  const constants = new Map();
  for (const file of files) {
    for (const [name, value] of constantsOf(file)) {
      if ((constants.get(name) ?? value) !== value) throw new Error(`${name} of ${file} has another value in another file`);
      constants.set(name, value);
    }
  }
  return constants;
}

/** CommonJS with the constants of the chunks that it requires put in place. */
function ownProperties(code, { fileName }, chunks) {
  let own = code;
  for (const [, variable, source] of code.matchAll(/^const (\w+) = require\('(\..*)'\);$/gm)) {
    const { moduleIds } = chunks[posix.join(posix.dirname(fileName), source)];
    const constants = constantsOfChunk(moduleIds.filter(isFile));
    const properties = new RegExp(`\\b${variable}\\.([A-Z][A-Z0-9_]+)\\b`, 'g');
    own = own.replace(properties, (property, name) => constants.get(name) ?? property);
  }
  return own;
}

/** Replaces the constants that a module imports by their values: V8 loads and checks an import each time (12 ns of a message on Node 20). */
const ownConstants = {
  name: 'own-constants',
  async renderChunk(code, chunk, { format }, { chunks }) {
    const own = format === 'cjs' ? ownProperties(code, chunk, chunks) : ownImports(code, chunk, chunks);
    return (await minify(own, TERSER)).code;
  },
};

/** The modules of workers by the files that import them: "imports" of package.json chooses between those, and the modules lie beside them. */
const EDGE = {
  './codec.ts': { name: '#edge-codec', module: './core.wasm', build: 'core-simd.wasm' },
  './deflate-module.ts': { name: '#edge-deflate', module: './deflate.wasm', build: 'deflate-simd.wasm' },
};

const edgeModules = {
  name: 'edge-modules',
  resolveId(source, importer) {
    if (Object.values(EDGE).some(({ module }) => module === source)) return { id: source, external: true };
    const isEdge = importer?.startsWith(posix.join(ROOT, 'adapters/edge/'));
    return isEdge && source in EDGE ? { id: EDGE[source].name, external: true } : null;
  },
  generateBundle() {
    for (const { module, build } of Object.values(EDGE)) {
      const source = readFileSync(new URL(`build/${build}`, import.meta.url));
      this.emitFile({ type: 'asset', fileName: posix.join('adapters/edge', module), source });
    }
  },
};

/** A relative import of another entry point's file. */
function specifier(from, to) {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Exports of an entry point that its class lacks become static properties. */
const COMPLETE = `for (const name of Object.keys(named)) if (!(name in main)) main[name] = named[name];`;

/**
 * CommonJS over the ES module. Runtimes add `__esModule` to an ES module that is required; as a static property it would make transpiled
 * programs look for `default` on the class. The parentheses are for publint: it takes each file under the condition "module" for an
 * ES module, and looks for `module.exports` and `exports.` at the start of words.
 */
function requireEntry(path, names) {
  const required = `(require('${specifier(path, `${path}.js`)}'))`;
  const exported = isClassRequired(path)
    ? `const { default: main, __esModule: _, ...named } = ${required};\n${COMPLETE}\n(module.exports = main);`
    : [
        `const all = ${required};\n(Object.defineProperty(exports, '__esModule', { value: true }));`,
        ...names.map((name) => `(exports.${name} = all.${name});`),
      ].join('\n');
  return `'use strict';\n\n${exported}\n`;
}

/** An ES module over CommonJS. */
function importEntry(path, names) {
  const module = specifier(path, `${path}.cjs`);
  const list = names.filter((name) => name !== 'default').join(', ');
  // Bundlers disagree about the default import of CommonJS that has a default export.
  const exported = isClassRequired(path)
    ? `export const { ${list} } = main;\nexport default main;\n`
    : `export { ${list} } from '${module}';\nexport default main.default ?? main;\n`;
  if (!names.includes('default')) return `export { ${list} } from '${module}';\n`;
  return `import main from '${module}';\n\n${exported}`;
}

/** CommonJS for tools that know no condition for their runtime. */
function syncEntry(path) {
  const [own, deno] = [specifier(path, `${path}.cjs`), specifier(path, `${denoEntry(path)}.require.cjs`)];
  return `'use strict';\n\nmodule.exports = require(globalThis.Deno === undefined ? '${own}' : '${deno}');\n`;
}

/** The small files that join ES modules and CommonJS. */
const joints = {
  name: 'joints',
  generateBundle(_options, bundle) {
    const emit = (fileName, source) => this.emitFile({ type: 'asset', fileName, source });
    for (const path of entriesWith('.require.cjs'))
      emit(`${path}.require.cjs`, requireEntry(path, bundle[`${path}.js`].exports));
    for (const path of entriesWith('.mjs')) emit(`${path}.mjs`, importEntry(path, bundle[`${path}.js`].exports));
    for (const path of entriesWith('.sync.cjs')) emit(`${path}.sync.cjs`, syncEntry(path));
  },
};

/** Stands before an entry point in the CommonJS build, and exports the value of `require`. */
const commonJsEntry = {
  name: 'commonjs-entry',
  resolveId: (source) => (source.startsWith('cjs:') ? `\0${source}` : null),
  load(id) {
    if (!id.startsWith('\0cjs:')) return null;
    const path = id.slice('\0cjs:'.length);
    const source = JSON.stringify(posix.join(ROOT, `${path}.ts`));
    const hasDefault = /^export (?:default\b|\{[^}]*\bdefault\b)/m.test(readFileSync(posix.join(ROOT, `${path}.ts`), 'utf8'));
    if (!isClassRequired(path)) return `export * from ${source};${hasDefault ? ` export { default } from ${source};` : ''}`;
    return `import * as all from ${source}; const { default: main, ...named } = all; ${COMPLETE} export default main;`;
  },
};

const plugins = [ownConstants, esbuild({ target: 'es2022', sourceMap: false, tsconfig: false })];
const common = {
  external: [/^node:/, /^cloudflare:/],
  // A warning here (an unresolved import, an import cycle) is a package that breaks at its user's.
  onwarn(warning) {
    if (warning.code !== 'MIXED_EXPORTS') throw new Error(warning.message);
  },
};

/**
 * The chunks of what the main entry point of Node.js shares with others, instead of one for each combination of entry points: they made 31 files of
 * `require('wasock')`. A module goes into the first one that serves an entry point which loads it, so no entry point loads node:http in vain.
 */
const SHARED = {
  base: /topics\/(?!index)\w+$|cli$|deflate\//,
  protocol: /testing\/index$/,
  ws: /topics\//,
  proxies: /proxy$/,
  network: /(?<!node\/|ws\/)index$|w3c$|reconnecting$/,
  classes: /testing\/ws\//,
};
const MAIN = 'adapters/node/index';
const ENTRY = '\0cjs:';

/** The entry points that load the module `id`. */
function entriesOf(id, getModuleInfo, known) {
  const before = known.get(id);
  if (before) return before;
  const above = getModuleInfo(id).importers.flatMap((importer) => [...entriesOf(importer, getModuleInfo, known)]);
  const entries = new Set(id.startsWith(ENTRY) ? [id.slice(ENTRY.length), ...above] : above);
  known.set(id, entries);
  return entries;
}

/** The `manualChunks` of Rollup. */
function sharedChunks() {
  const known = new Map();
  return (id, { getModuleInfo }) => {
    const entries = [...entriesOf(id, getModuleInfo, known)];
    if (!entries.includes(MAIN)) return undefined;
    // Apart from the codec, whose constants have the same names.
    if (/\/deflate\//.test(id)) return 'deflate';
    return Object.keys(SHARED).find((name) => entries.some((entry) => SHARED[name].test(entry)));
  };
}

/** @param paths Entry points that share chunks: those of one runtime, so that none is cut for the sake of another's. */
function commonJs(paths, chunks) {
  return {
    ...common,
    input: Object.fromEntries(paths.map((path) => [path, `cjs:${path}`])),
    plugins: [commonJsEntry, ...plugins],
    output: {
      dir: 'dist',
      format: 'cjs',
      exports: 'auto',
      interop: 'default',
      generatedCode: { constBindings: true, objectShorthand: true },
      entryFileNames: '[name].cjs',
      chunkFileNames: `chunks/${chunks}-[name].cjs`,
      manualChunks: sharedChunks(),
      hoistTransitiveImports: false,
    },
  };
}

/** The source of an entry point, or of a file below dist/. */
const sourceOf = (path) => `${path.replace('./dist/', '').replace(/\.js$/, '')}.ts`;
const isForPages = (path) => path.includes('browser');

/** @type {import('rollup').RollupOptions[]} */
export default [
  {
    ...common,
    input: [...entriesWith('.js'), ...Object.values(imports).flatMap((files) => Object.values(files))].map(sourceOf),
    plugins: [edgeModules, ...plugins, joints, clean],
    output: {
      dir: 'dist',
      format: 'es',
      preserveModules: true,
      preserveModulesRoot: ROOT,
      entryFileNames: '[name].js',
    },
  },
  commonJs(
    entriesWith('.cjs').filter((path) => !isForPages(path)),
    'node',
  ),
  commonJs(entriesWith('.cjs').filter(isForPages), 'browser'),
];
