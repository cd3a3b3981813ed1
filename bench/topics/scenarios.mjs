// The libraries that are compared, and the measurements.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { launch, missingRuntime } from '../runtimes.mjs';

/**
 * @typedef {object} Library
 * @property {string} name
 * @property {'node' | 'bun'} runtime Of its servers.
 * @property {string} program Of the folder servers/.
 * @property {'plain' | 'socket.io'} protocol
 * @property {object} [options] Further options of its server.
 *
 * @typedef {object} Scenario
 * @property {string} name As given to `--scenario`.
 * @property {string} title
 * @property {'deliveries' | 'latency' | 'memory' | 'cost'} kind
 * @property {string} unit
 * @property {'higher' | 'lower'} better
 * @property {boolean} quick Part of `--quick`.
 * @property {boolean} byCpu
 * @property {Record<string, never>} targets
 * @property {string[]} libraries Names; the ones of ours come first.
 * @property {boolean} bus Its servers are connected by Redis.
 * @property {number[]} subscribers Of each server process.
 * @property {number} size Bytes of a text.
 * @property {number} inFlight Messages on their way (deliveries).
 * @property {number} rate Messages a second (latency).
 * @property {'own' | 'shared'} topics Memory: each subscription has a topic of its own, or 100 topics have all.
 * @property {boolean} patterns Cost: patterns instead of topics.
 * @property {boolean} plain Cost: a Map of sets instead of the library.
 * @property {boolean} scattered Cost: messages to all topics in turn instead of one.
 */

/** The points of the rows on costs: each one takes the place of a library. */
export const COUNTS = [100, 1_000, 10_000, 100_000];

/** Subscriptions when memory is measured: 100 of each connection. */
export const MEMORY_CONNECTIONS = 1_000;
export const SUBSCRIPTIONS = 100 * MEMORY_CONNECTIONS;

/** @type {Library[]} */
export const LIBRARIES = [
  { name: 'wasock', runtime: 'node', program: 'wasock.mjs', protocol: 'plain' },
  { name: 'wasock, history', runtime: 'node', program: 'wasock.mjs', protocol: 'plain', options: { history: true } },
  { name: 'socket.io', runtime: 'node', program: 'socket.io.mjs', protocol: 'socket.io' },
  { name: 'ws, loop', runtime: 'node', program: 'ws.mjs', protocol: 'plain' },
  { name: 'crossws', runtime: 'node', program: 'crossws.mjs', protocol: 'plain' },
  { name: 'wasock on Bun', runtime: 'bun', program: 'wasock.mjs', protocol: 'plain' },
  { name: 'wasock in Bun.serve', runtime: 'bun', program: 'wasock.mjs', protocol: 'plain', options: { upgrade: true } },
  { name: 'Bun.serve', runtime: 'bun', program: 'bun.mjs', protocol: 'plain' },
];

const ONE_PROCESS = ['wasock', 'wasock, history', 'socket.io', 'ws, loop'];
const ON_BUN = ['wasock on Bun', 'wasock in Bun.serve', 'Bun.serve'];
const BEHIND_REDIS = ['wasock', 'wasock, history', 'socket.io', 'crossws'];
const IN_MEMORY = ['wasock', 'socket.io'];

/** @param {Partial<Scenario> & Pick<Scenario, 'name' | 'title' | 'libraries'>} fields @returns {Scenario} */
function define(fields) {
  return {
    kind: 'deliveries',
    unit: 'deliveries/s',
    better: 'higher',
    quick: false,
    byCpu: false,
    targets: {},
    bus: false,
    subscribers: [500],
    size: 64,
    inFlight: 16,
    rate: 200,
    topics: 'own',
    patterns: false,
    plain: false,
    scattered: false,
    ...fields,
  };
}

/** @param {string} name @param {string} title @param {string[]} libraries @param {Partial<Scenario>} [fields] @returns {Scenario} */
const latency = (name, title, libraries, fields) =>
  define({ name, title, libraries, kind: 'latency', unit: 'ms', better: 'lower', quick: true, ...fields });

/** @param {string} name @param {string} title @param {Partial<Scenario>} fields @returns {Scenario} */
const cost = (name, title, fields) =>
  define({
    name,
    title,
    libraries: COUNTS.map(String),
    kind: 'cost',
    unit: 'ns of CPU for a publish',
    better: 'lower',
    quick: true,
    ...fields,
  });

/** @param {'own' | 'shared'} topics @param {string[]} libraries @param {string} suffix @returns {Scenario} */
const memory = (topics, libraries, suffix) =>
  define({
    name: `memory-${topics}${suffix}`,
    title: `100,000 subscriptions of 1,000 connections, ${topics === 'own' ? 'each to a topic of its own' : 'to 100 topics'}`,
    libraries,
    kind: 'memory',
    unit: 'bytes for a subscription',
    better: 'lower',
    quick: topics === 'own' && suffix === '',
    topics,
  });

/** @type {Scenario[]} */
export const SCENARIOS = [
  define({ name: 'process-500x1', title: 'one process, 500 subscribers, 1 in flight', libraries: ONE_PROCESS, inFlight: 1 }),
  define({ name: 'process-500x16', title: 'one process, 500 subscribers, 16 in flight', libraries: ONE_PROCESS, quick: true }),
  define({ name: 'process-5x16', title: 'one process, 5 subscribers, 16 in flight', libraries: ONE_PROCESS, subscribers: [5] }),
  define({ name: 'bun-500x1', title: 'one process on Bun, 500 subscribers, 1 in flight', libraries: ON_BUN, inFlight: 1 }),
  define({ name: 'bun-500x16', title: 'one process on Bun, 500 subscribers, 16 in flight', libraries: ON_BUN, quick: true }),
  define({
    name: 'redis-4x100',
    title: 'four processes, 100 subscribers each, 16 in flight',
    libraries: BEHIND_REDIS,
    bus: true,
    subscribers: [100, 100, 100, 100],
    quick: true,
  }),
  define({
    name: 'redis-4x1',
    title: 'four processes, 1 subscriber each, 16 in flight',
    libraries: BEHIND_REDIS,
    bus: true,
    subscribers: [1, 1, 1, 1],
  }),
  define({
    name: 'redis-1-of-4',
    title: 'four processes, all 100 subscribers on one, 16 in flight',
    libraries: BEHIND_REDIS,
    bus: true,
    subscribers: [0, 100, 0, 0],
  }),
  latency('latency-process', 'one process, 100 subscribers, 200 messages/s', ONE_PROCESS, { subscribers: [100] }),
  latency('latency-bun', 'one process on Bun, 100 subscribers, 200 messages/s', ON_BUN, { subscribers: [100], quick: false }),
  latency('latency-redis', 'four processes, 25 subscribers each, 200 messages/s', BEHIND_REDIS, {
    bus: true,
    subscribers: [25, 25, 25, 25],
  }),
  memory('own', IN_MEMORY, ''),
  memory('shared', IN_MEMORY, ''),
  memory('own', ON_BUN, '-bun'),
  memory('shared', ON_BUN, '-bun'),
  cost('cost-topics', 'publish to one topic beside N others', {}),
  cost('cost-topics-scattered', 'publish to N topics in turn', { scattered: true, quick: false }),
  cost('cost-map-scattered', 'the same with a Map of sets instead of the library', {
    scattered: true,
    plain: true,
    quick: false,
  }),
  cost('cost-patterns', 'publish to one of N patterns', { patterns: true }),
  cost('cost-patterns-scattered', 'publish to N patterns in turn', { patterns: true, scattered: true, quick: false }),
];

/** @param {string} path From the root of the project. @returns {URL} */
const built = (path) => new URL(`../../dist/${path}`, import.meta.url);

/** The entry points of the build under test. @param {'node' | 'bun'} runtime */
export function entryPoints(runtime) {
  return {
    library: built(`adapters/${runtime}/index.js`).href,
    topics: built('src/topics/index.js').href,
    redisBus: built('src/topics/redis.js').href,
  };
}

/** @returns {string | null} Why nothing can be measured, or null. */
export function missingBuild() {
  if (!existsSync(built('src/topics/index.js'))) return 'the library is not built: run `npm run build` first';
  if (existsSync(new URL('node_modules/socket.io', import.meta.url))) return null;
  return 'the peers are not installed: run `npm ci --prefix bench/topics` first';
}

/** @param {string} name @returns {Library} */
export function libraryOf(name) {
  return /** @type {Library} */ (LIBRARIES.find((library) => library.name === name));
}

/** @param {string} name Of a library. @returns {string | null} Why it cannot run here, or null. */
export const missingLibrary = (name) => (name === 'wasock on Bun' || name.includes('Bun.serve') ? missingRuntime('bun') : null);

/** Program and arguments of a server. @param {Library} library @param {object} options @returns {string[]} */
export function commandOf({ program, runtime, options: own }, options) {
  const script = fileURLToPath(new URL(`servers/${program}`, import.meta.url));
  return [...launch(runtime), script, JSON.stringify({ ...entryPoints(runtime), ...own, ...options })];
}
