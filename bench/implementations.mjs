// The implementations that are compared. To add one, add an entry: another library, or a program that speaks the JSON lines of
// control.mjs.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { binaryOf, launch } from './runtimes.mjs';

/** @typedef {import('./runtimes.mjs').RuntimeName} RuntimeName */
/** @typedef {import('./scenarios.mjs').Kind} Kind */

const require = createRequire(import.meta.url);

/** @param {string} name A file of this folder. @returns {string} */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @param {RuntimeName} runtime */
const isNode = (runtime) => runtime.startsWith('node');

/**
 * The library under test, unless `--library` names another build. Where it was not built, Bun and Deno run the source.
 *
 * @param {RuntimeName} runtime
 * @returns {string}
 */
export function defaultLibrary(runtime) {
  const adapter = isNode(runtime) ? 'node' : runtime;
  // What `import` gets of the package.
  const file = isNode(runtime) ? 'index.mjs' : 'index.js';
  const built = fileURLToPath(new URL(`../dist/adapters/${adapter}/${file}`, import.meta.url));
  if (isNode(runtime) || existsSync(built)) return built;
  return fileURLToPath(new URL(`../adapters/${adapter}/index.ts`, import.meta.url));
}

/** The library under test, in {@link makeImplementations}: its own server, behind node:http, and with borrowed messages. */
export const SUBJECT = 'wasock';
export const SUBJECTS = [SUBJECT, 'wasock+http', 'wasock+borrowed'];

/** What the subjects are compared with, in the order of the table. Each runtime has some of them. */
export const BASELINES = ['native', 'ws', 'ws+bufferutil', 'uws', 'net', SUBJECT];

/** Other packages are looked for here: they are no dependency of the project. */
const PEERS = new URL('peers/', import.meta.url);
/** uWebSockets.js is not in the npm registry under its own name; forks with its binaries are. */
const UWS_PACKAGES = ['uWebSockets.js', '@btc-vision/uwebsockets.js'];

/**
 * @typedef {'server' | 'client' | 'start' | 'codec'} Role
 *
 * @typedef {object} Implementation
 * @property {string} name
 * @property {boolean} standard Runs without being asked for by `--only`.
 * @property {boolean} quick Part of `--quick`.
 * @property {Kind[]} kinds What it can do. A scenario of another kind skips it.
 * @property {(role: Role, parameters: string[]) => string[]} command Program and arguments.
 * @property {NodeJS.ProcessEnv} environment Added to the environment; undefined removes a variable.
 * @property {boolean} raw Sends bytes back as they are, so that a client gets its masks back.
 * @property {() => string | null} missing Why it cannot run here, or null.
 */

/** @type {Kind[]} */
const SERVED_PLAIN = ['echo', 'fanout', 'handshake', 'idle'];
/** @type {Kind[]} */
const SERVED = [...SERVED_PLAIN, 'deflate', 'fanout-deflate', 'idle-deflate'];
/** @type {Kind[]} */
const EVERYTHING = [...SERVED, 'client', 'start', 'codec'];

/**
 * @param {Partial<Implementation> & Pick<Implementation, 'name' | 'kinds' | 'command'>} fields
 * @returns {Implementation}
 */
function define(fields) {
  return { standard: true, quick: false, environment: {}, raw: false, missing: () => null, ...fields };
}

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

/** @param {RuntimeName} runtime @param {string[]} [more] @returns {Implementation['command']} */
function withNative(runtime, more = []) {
  return (role, parameters) => {
    const program = role === 'client' ? 'client.mjs' : 'native-server.mjs';
    return [...launch(runtime), script(program), ...more, ...parameters];
  };
}

/**
 * The library under test in its forms.
 *
 * @param {RuntimeName} runtime
 * @param {string} library
 * @returns {Implementation[]}
 */
function subjects(runtime, library) {
  const { href } = pathToFileURL(library);
  const missing = () => (existsSync(library) ? null : `${library} does not exist: run \`npm run build\` first`);
  const codec = new URL('../../src/codec/load.js', href).href;
  const serve = withWsApi(runtime, href);
  /** @type {Implementation['command']} */
  const command = (role, parameters) =>
    role === 'codec' ? [...launch(runtime), script('codec.mjs'), `--codec=${codec}`, ...parameters] : serve(role, parameters);
  const kinds = isNode(runtime) ? EVERYTHING : [...SERVED, /** @type {const} */ ('client')];
  return [
    define({ name: SUBJECT, quick: true, kinds, command, missing }),
    define({ name: 'wasock+http', quick: true, kinds: SERVED, command: withWsApi(runtime, href, ['--http']), missing }),
    define({
      name: 'wasock+borrowed',
      standard: false,
      kinds: ['echo'],
      command: withWsApi(runtime, href, ['--borrowed']),
      missing,
    }),
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

/** uWebSockets.js, or null where it is not installed. @returns {{ path: string, title: string } | null} */
export function findUws() {
  const fromPeers = createRequire(PEERS);
  for (const name of UWS_PACKAGES) {
    try {
      const path = fromPeers.resolve(name);
      const { version } = fromPeers(`./node_modules/${name}/package.json`);
      return { path, title: `${name} ${version}` };
    } catch {
      // The next name.
    }
  }
  return null;
}

/** @param {RuntimeName} runtime @returns {string | null} Why it cannot run here, or null. */
export function missingUws(runtime) {
  const found = findUws();
  if (!found) return `not installed (npm install --prefix bench/peers --ignore-scripts ${UWS_PACKAGES[1]})`;
  // The package itself hides why its binary cannot be loaded.
  const binary = join(dirname(found.path), `uws_${process.platform}_${process.arch}_`);
  const load = `process.dlopen({ exports: {} }, ${JSON.stringify(binary)} + process.versions.modules + '.node')`;
  const { status, stderr } = spawnSync(binaryOf(runtime), ['-e', load], { encoding: 'utf8' });
  return status === 0
    ? null
    : `${found.title} cannot be loaded: ${/^Error: (.*?)(?: \(|$)/m.exec(stderr)?.[1] ?? 'unknown reason'}`;
}

/** @param {RuntimeName} runtime @returns {Implementation} */
function uWebSockets(runtime) {
  const href = pathToFileURL(findUws()?.path ?? '').href;
  return define({
    name: 'uws',
    quick: true,
    kinds: SERVED,
    command: (_role, parameters) => [...launch(runtime), script('uws-server.mjs'), `--module=${href}`, ...parameters],
    missing: () => missingUws(runtime),
  });
}

/** @param {RuntimeName} runtime @returns {Implementation[]} */
function peersOnNode(runtime) {
  const command = withWsApi(runtime, 'ws');
  const bufferutil = { environment: { WS_NO_BUFFER_UTIL: undefined }, missing: missingBufferutil };
  return [
    define({ name: 'ws', quick: true, kinds: EVERYTHING, command, environment: { WS_NO_BUFFER_UTIL: '1' } }),
    define({ name: 'ws+bufferutil', kinds: EVERYTHING, command, ...bufferutil }),
    // ws as its most careful user can drive it: the socket corked by hand, one write a turn.
    define({
      name: 'ws+cork',
      standard: false,
      kinds: SERVED_PLAIN,
      command: withWsApi(runtime, 'ws', ['--cork']),
      ...bufferutil,
    }),
    uWebSockets(runtime),
  ];
}

/**
 * @param {'bun' | 'deno'} runtime
 * @param {string} library
 * @returns {Implementation[]}
 */
function peersBesideNative(runtime, library) {
  const { href } = pathToFileURL(library);
  // Deno's own WebSockets do not compress.
  /** @type {Kind[]} */
  const served = runtime === 'bun' ? [...SERVED_PLAIN, 'deflate'] : SERVED_PLAIN;
  /** Bun's default of permessage-deflate: no context is kept. */
  const shared = define({
    name: 'native+shared',
    standard: false,
    kinds: ['deflate'],
    command: withNative(runtime, ['--shared']),
  });
  return [
    define({ name: 'native', quick: true, kinds: [...served, 'client'], command: withNative(runtime) }),
    // The library inside of Bun.serve or Deno.serve.
    define({ name: 'wasock+serve', standard: false, kinds: served, command: withNative(runtime, [`--module=${href}`]) }),
    // On Bun a part of the runtime under the same name, on Deno the package.
    define({ name: 'ws', standard: false, kinds: SERVED, command: withWsApi(runtime, 'ws') }),
    ...(runtime === 'bun' ? [shared] : []),
  ];
}

/**
 * @param {RuntimeName} runtime
 * @param {string} library Path of the entry point of the library under test.
 * @returns {Implementation[]}
 */
export function makeImplementations(runtime, library) {
  const peers = runtime === 'bun' || runtime === 'deno' ? peersBesideNative(runtime, library) : peersOnNode(runtime);
  const floor = define({
    name: 'net',
    kinds: ['echo', 'handshake', 'idle'],
    raw: true,
    command: (_role, parameters) => [...launch(runtime), script('net-server.mjs'), ...parameters],
  });
  return [...subjects(runtime, library), ...peers, floor];
}
