// The implementations that are compared. To add one, add an entry: another library, or a program that speaks the JSON lines of
// control.mjs.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { launch } from './runtimes.mjs';

/** @typedef {import('./runtimes.mjs').RuntimeName} RuntimeName */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */

const require = createRequire(import.meta.url);

/** @param {string} name A file of this folder. @returns {string} */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * The library under test, unless `--library` names another build. Where it was not built, Bun and Deno run the source.
 *
 * @param {RuntimeName} runtime
 * @returns {string}
 */
export function defaultLibrary(runtime) {
  const built = fileURLToPath(new URL(`../dist/adapters/${runtime}/index.js`, import.meta.url));
  if (runtime === 'node' || existsSync(built)) return built;
  return fileURLToPath(new URL(`../adapters/${runtime}/index.ts`, import.meta.url));
}

/** Its name in {@link makeImplementations}. */
export const SUBJECT = 'wasock';

/** What the subject is compared with, in the order of the table's columns. Each runtime has some of them. */
export const BASELINES = ['native', 'ws', 'ws+bufferutil'];

/**
 * @typedef {'server' | 'client' | 'start' | 'codec'} Role
 *
 * @typedef {object} Implementation
 * @property {string} name
 * @property {boolean} standard Runs without being asked for by `--only`.
 * @property {Scenario['kind'][]} kinds What it can do. A scenario of another kind skips it.
 * @property {(role: Role, parameters: string[]) => string[]} command Program and arguments.
 * @property {NodeJS.ProcessEnv} environment Added to the environment; undefined removes a variable.
 * @property {() => string | null} missing Why it cannot run here, or null.
 */

/** @type {Scenario['kind'][]} */
const SERVED_PLAIN = ['echo', 'fanout', 'handshake', 'idle'];
/** @type {Scenario['kind'][]} */
const SERVED = [...SERVED_PLAIN, 'deflate', 'fanout-deflate', 'idle-deflate'];
/** @type {Scenario['kind'][]} */
const EVERYTHING = [...SERVED, 'client', 'start', 'codec'];

/**
 * A library with the ws API.
 *
 * @param {RuntimeName} runtime
 * @param {string} specifier What to import.
 * @param {string[]} [more] Further arguments.
 * @returns {Implementation['command']}
 */
function withWsApi(runtime, specifier, more = []) {
  return (role, parameters) => [...launch(runtime), script(`${role}.mjs`), `--module=${specifier}`, ...more, ...parameters];
}

/**
 * The library with a program's own loop over its clients in the place of `broadcast`.
 *
 * @param {RuntimeName} runtime
 * @param {string} href
 * @param {Pick<Implementation, 'environment' | 'missing'>} common
 * @returns {Implementation}
 */
function withOwnLoop(runtime, href, common) {
  const command = withWsApi(runtime, href, ['--loop']);
  return { name: 'wasock+loop', standard: false, kinds: ['fanout', 'fanout-deflate'], command, ...common };
}

/** @param {RuntimeName} runtime @param {string[]} [more] @returns {Implementation['command']} */
function withNativeServer(runtime, more = []) {
  return (_role, parameters) => [...launch(runtime), script('native-server.mjs'), ...more, ...parameters];
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

/** @param {string} library @returns {Implementation[]} */
function onNode(library) {
  const { href } = pathToFileURL(library);
  const serve = withWsApi('node', href);
  const missing = () => (existsSync(library) ? null : `${library} does not exist: run \`npm run build\` first`);
  const codec = new URL('../../src/codec/load.js', href).href;
  return [
    {
      name: SUBJECT,
      standard: true,
      kinds: EVERYTHING,
      command: (role, parameters) =>
        role === 'codec'
          ? [...launch('node'), script('codec.mjs'), `--codec=${codec}`, ...parameters]
          : serve(role, parameters),
      environment: {},
      missing,
    },
    withOwnLoop('node', href, { environment: {}, missing }),
    {
      name: 'ws',
      standard: true,
      kinds: EVERYTHING,
      command: withWsApi('node', 'ws'),
      environment: { WS_NO_BUFFER_UTIL: '1' },
      missing: () => null,
    },
    {
      name: 'ws+bufferutil',
      standard: true,
      kinds: EVERYTHING,
      command: withWsApi('node', 'ws'),
      environment: { WS_NO_BUFFER_UTIL: undefined },
      missing: missingBufferutil,
    },
    {
      // ws as its most careful user can drive it: the socket corked by hand, one write a turn.
      name: 'ws+cork',
      standard: false,
      kinds: SERVED_PLAIN,
      command: withWsApi('node', 'ws', ['--cork']),
      environment: { WS_NO_BUFFER_UTIL: undefined },
      missing: missingBufferutil,
    },
  ];
}

/**
 * @param {'bun' | 'deno'} runtime
 * @param {string} library
 * @returns {Implementation[]}
 */
function besideNative(runtime, library) {
  const { href } = pathToFileURL(library);
  const environment = { DENO_NO_UPDATE_CHECK: '1' };
  const missing = () => (existsSync(library) ? null : `${library} does not exist: run \`npm run build\` first`);
  /** @type {Implementation} Bun's default of permessage-deflate: no context is kept. */
  const shared = {
    name: 'native+shared',
    standard: false,
    kinds: ['deflate'],
    command: withNativeServer(runtime, ['--shared']),
    environment,
    missing: () => null,
  };
  // Deno's own WebSockets do not compress.
  /** @type {Scenario['kind'][]} */
  const nativeKinds = runtime === 'bun' ? [...SERVED_PLAIN, 'deflate'] : SERVED_PLAIN;
  return [
    { name: SUBJECT, standard: true, kinds: SERVED, command: withWsApi(runtime, href), environment, missing },
    withOwnLoop(runtime, href, { environment, missing }),
    {
      name: 'native',
      standard: true,
      kinds: nativeKinds,
      command: withNativeServer(runtime),
      environment,
      missing: () => null,
    },
    {
      // The library inside of Bun.serve or Deno.serve.
      name: 'wasock+serve',
      standard: false,
      kinds: nativeKinds,
      command: withNativeServer(runtime, [`--module=${href}`]),
      environment,
      missing,
    },
    {
      // On Bun a part of the runtime under the same name, on Deno the package.
      name: 'ws',
      standard: false,
      kinds: SERVED,
      command: withWsApi(runtime, 'ws'),
      environment,
      missing: () => null,
    },
    ...(runtime === 'bun' ? [shared] : []),
  ];
}

/**
 * @param {RuntimeName} runtime
 * @param {string} library Path of the entry point of the library under test.
 * @returns {Implementation[]}
 */
export function makeImplementations(runtime, library) {
  return runtime === 'node' ? onNode(library) : besideNative(runtime, library);
}
