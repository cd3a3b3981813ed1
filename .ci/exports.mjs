// The entry points in "exports" of package.json, for the builds and the tests.
//
// Files of the entry point P, all below dist/:
//   P.js           ES module, a file for each source: bundlers, Deno, Bun, workers
//   P.cjs          CommonJS that needs no ES module: Node.js and jest (with chunks in dist/chunks)
//   P.mjs          ES module over P.cjs, so that import and require of one process get the same classes: Node.js
//   P.require.cjs  CommonJS over P.js, for the same reason: where `import` gets P.js
//   P.sync.cjs     P.cjs, and on Deno the file of `import`: Deno's require() does not look for the condition "deno"
//   P.d.ts, P.d.cts  types of either kind

import { readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

function filesOf(target) {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(filesOf);
}

/** The files that "exports" names, relative to dist/. */
const files = [...new Set(filesOf(exports))]
  .filter((file) => file.startsWith('./dist/'))
  .map((file) => file.slice('./dist/'.length));

/** Paths P of the entry points whose files end so: `adapters/node/index`. */
export function entriesWith(ending) {
  return files
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .filter((path) => !path.includes('.'));
}

/**
 * Whether `require` of an entry point gives a class, its default export, with all that it exports by name as static properties, as
 * in ws. The others give an object of their exports.
 */
export function isClassRequired(path) {
  return /^adapters\/\w+\/index$|classic/.test(path);
}

/** The entry point that `import` gets on Deno where Node.js gets `path`. */
export function denoEntry(path) {
  const own = path.replace('adapters/node/', 'adapters/deno/').replace('src/compat/fibjs/index', 'adapters/deno/fibjs');
  return entriesWith('.require.cjs').includes(own) ? own : path;
}
