// Declarations of the package: `npm run build:types`. tsc has written dist/**/*.d.ts beside the JavaScript.
//
// They become CommonJS declarations (.d.cts), because a declaration of that kind may be imported by either kind of module in every
// TypeScript. A class then has one type, however a program gets it. An entry point also keeps an ES one, over the same files.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entriesWith, isClassRequired } from './exports.mjs';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const ENDING = '.d.ts';
/** The module of the ws-style class, below dist/, and as an entry point of a runtime imports it. */
const CLASSES = 'src/api/ws/classes';
const FROM_ENTRY = `../../${CLASSES}.cjs`;

/**
 * The value of `require` of an entry point. A class is `export =`, with the namespace of its name for the types; those of browsers and
 * workers have no namespace, so theirs are taken by name.
 */
function required(path, text) {
  if (!entries.includes(path) || !isClassRequired(path)) return text;
  if (/browser|edge/.test(path)) return text.replace(/,?\s*WebSocket as default\b/, '');
  if (!path.startsWith('adapters/')) return `import { WebSocket } from './websocket.cjs';\nexport = WebSocket;\n`;
  const folder = path.slice(0, -'index'.length);
  writeFileSync(join(DIST, `${folder}named.d.cts`), text);
  return [
    `import { WebSocket } from '${FROM_ENTRY}';`,
    `import * as named from './named.cjs';`,
    `declare module '${FROM_ENTRY}' {`,
    `  namespace WebSocket {`,
    ...membersFor(folder, text).map((line) => `    ${line}`),
    `  }`,
    `}`,
    `export = WebSocket;`,
    ``,
  ].join('\n');
}

/** The declarations of a module below dist/, which may have been renamed already. */
function declarationsOf(path) {
  const file = join(DIST, path);
  return readFileSync(existsSync(file + ENDING) ? file + ENDING : `${file}.d.cts`, 'utf8');
}

/** The exports of an entry point that are not members of its class. `require` puts them on the class. */
function membersFor(folder, text) {
  const own = declarationsOf(CLASSES);
  const namespace = own.split('declare namespace WebSocket')[1] ?? '';
  return [...exportedNames(folder, text)].flatMap((name) => {
    const isType = new RegExp(`\\b(?:type|interface) ${name}\\b`).test(namespace);
    const isStatic = new RegExp(`\\bstatic ${name}:`).test(own);
    if (isType) return [];
    if (!isStatic) return [`export import ${name} = named.${name};`];
    // The classes among the statics are types as well.
    return /^[A-Z]/.test(name) ? [`type ${name} = named.${name};`] : [];
  });
}

/** The names that a module of declarations exports, but for its default. */
function exportedNames(folder, text) {
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list]) => list.split(','));
  const listed = lists.map((entry) =>
    entry
      .trim()
      .replace(/^type /, '')
      .replace(/^.* as /, ''),
  );
  const declared = [...text.matchAll(/^export (?:declare )?(?:type|interface|class|function|const) (\w+)/gm)];
  const passed = [...text.matchAll(/^export \* from '([^']*)\.c?[jt]s'/gm)].flatMap(([, from]) => {
    const path = join(folder, from);
    return [...exportedNames(dirname(path), declarationsOf(path))];
  });
  const names = [...listed, ...declared.map(([, name]) => name), ...passed];
  return new Set(names.filter((name) => name !== '' && name !== 'default'));
}

const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
const entries = entriesWith(ENDING);
for (const file of files.filter((name) => name.endsWith(ENDING))) {
  const path = file.slice(0, -ENDING.length);
  const text = readFileSync(join(DIST, file), 'utf8')
    .replace(/(\bfrom |\bimport\()(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.cjs$2')
    // An `import name = …` may not lead to a name of `export type`.
    .replace(/^export (?:type )?\{[^}]*\}/gm, (list) => list.replace(/\btype /g, ''));
  if (entries.includes(path)) writeFileSync(join(DIST, file), text);
  else rmSync(join(DIST, file));
  writeFileSync(join(DIST, `${path}.d.cts`), required(path, text));
}
for (const path of entries) {
  if (!files.includes(path + ENDING)) throw new Error(`${basename(path)}: no declarations`);
}
