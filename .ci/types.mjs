// Declarations of the package: `npm run build:types`. tsc has written dist/**/*.d.ts beside the JavaScript.
//
// They become CommonJS declarations (.d.cts), because a declaration of that kind may be imported by either kind of module in every
// TypeScript. A class then has one type, however a program gets it. An entry point also keeps an ES one, over the same files.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entriesWith, isClassRequired } from './exports.mjs';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const ENDING = '.d.ts';

/**
 * What `require` of an entry point gives. A class is `export =`, with the namespace of its name for the types; those of browsers and
 * workers have no namespace, so theirs are taken by name.
 */
function required(path, text) {
  if (!entries.includes(path) || !isClassRequired(path)) return text;
  if (/browser|edge/.test(path)) return text.replace(/,?\s*WebSocket as default\b/, '');
  return `import { WebSocket } from './websocket.cjs';\nexport = WebSocket;\n`;
}

const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
const entries = entriesWith(ENDING);
for (const file of files.filter((name) => name.endsWith(ENDING))) {
  const path = file.slice(0, -ENDING.length);
  const text = readFileSync(join(DIST, file), 'utf8').replace(/(\bfrom |\bimport\()(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.cjs$2');
  if (entries.includes(path)) writeFileSync(join(DIST, file), text);
  else rmSync(join(DIST, file));
  writeFileSync(join(DIST, `${path}.d.cts`), required(path, text));
}
for (const path of entries) {
  if (!files.includes(path + ENDING)) throw new Error(`${basename(path)}: no declarations`);
}
