// The implementations that are compared. To add one, add an entry: another library, or a server on another runtime that speaks
// the JSON lines of server.mjs.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** @param {string} name A file of this folder. @returns {string} */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The library under test, unless `--library` names another build. */
export const DEFAULT_LIBRARY = fileURLToPath(new URL('../dist/adapters/node/index.js', import.meta.url));

/** Its name in {@link implementations}. */
export const SUBJECT = 'wasock';

/** What the subject is compared with, in the order of the table's columns. */
export const BASELINES = ['ws', 'ws+bufferutil'];

/**
 * @typedef {'server' | 'client' | 'start'} Role
 *
 * @typedef {object} Implementation
 * @property {string} name
 * @property {boolean} standard Runs without being asked for by `--only`.
 * @property {Role[]} roles Which programs there are. A scenario that needs another one skips the implementation.
 * @property {(role: Role, parameters: string[]) => string[]} command Program and arguments.
 * @property {NodeJS.ProcessEnv} environment Added to the environment; undefined removes a variable.
 * @property {() => string | null} missing Why it cannot run here, or null.
 */

/**
 * A library with the ws API on Node.
 *
 * @param {string} specifier What to import.
 * @param {string[]} [more] Further arguments.
 * @returns {Implementation['command']}
 */
function onNode(specifier, more = []) {
  return (role, parameters) => [
    process.execPath,
    '--expose-gc',
    script(`${role}.mjs`),
    `--module=${specifier}`,
    ...more,
    ...parameters,
  ];
}

/** @returns {string | null} */
function missingBufferutil() {
  try {
    const native = require('bufferutil') !== require('bufferutil/fallback');
    return native ? null : 'bufferutil has no native build for this platform';
  } catch {
    return 'bufferutil is not installed';
  }
}

/**
 * @param {string} library Path of the Node entry point of the library under test.
 * @returns {Implementation[]}
 */
export function makeImplementations(library) {
  return [
    {
      name: SUBJECT,
      standard: true,
      roles: ['server', 'client', 'start'],
      command: onNode(pathToFileURL(library).href),
      environment: {},
      missing: () => (existsSync(library) ? null : `${library} does not exist: run \`npm run build\` first`),
    },
    {
      name: 'ws',
      standard: true,
      roles: ['server', 'client', 'start'],
      command: onNode('ws'),
      environment: { WS_NO_BUFFER_UTIL: '1' },
      missing: () => null,
    },
    {
      name: 'ws+bufferutil',
      standard: true,
      roles: ['server', 'client', 'start'],
      command: onNode('ws'),
      environment: { WS_NO_BUFFER_UTIL: undefined },
      missing: missingBufferutil,
    },
    {
      // ws as its most careful user can drive it: the socket corked by hand, one write a turn.
      name: 'ws+cork',
      standard: false,
      roles: ['server'],
      command: onNode('ws', ['--cork']),
      environment: { WS_NO_BUFFER_UTIL: undefined },
      missing: missingBufferutil,
    },
  ];
}
