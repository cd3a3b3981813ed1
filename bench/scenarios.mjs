// What is measured, and what is hoped for. Targets are ratios against a baseline, measured side by side.

/**
 * @typedef {'echo' | 'deflate' | 'fanout' | 'fanout-deflate' | 'handshake' | 'idle' | 'idle-deflate' | 'client' | 'start' | 'codec'} Kind
 *
 * @typedef {object} Scenario
 * @property {string} name As given to `--scenario`.
 * @property {string} title
 * @property {Kind} kind
 * @property {string} unit
 * @property {'higher' | 'lower'} better
 * @property {boolean} standard Part of a run without `--scenario`.
 * @property {boolean} quick Part of `--quick`.
 * @property {'connections' | 'size' | null} curve The field that grows along the curve that the row is a point of.
 * @property {boolean} byCpu Always judged by CPU time; other rows only where the server did not fill its core.
 * @property {number} connections
 * @property {number} inFlight
 * @property {number} size Payload bytes.
 * @property {boolean} text
 * @property {boolean} tls
 * @property {boolean} loop A fan-out by `send` for each connection, even where there is `broadcast` or `publish`.
 * @property {boolean} afresh With compression: each message starts with an empty window, in both directions.
 * @property {boolean} burst All connections send at once before they are idle.
 * @property {Record<string, Targets>} targets By implementation.
 *
 * @typedef {Record<string, number>} Targets Baseline → ratio to reach (`better: 'higher'`) or to stay below (`'lower'`).
 * @typedef {{ ws?: number, uws?: number, bun?: number, deno?: number }} Goal `bun` and `deno`: to the WebSocket of the runtime itself.
 * @typedef {Omit<Scenario, 'targets'> & { goal: Goal, borrowed: Goal }} Definition
 */

/** What a row behind node:http must keep of the figure for our own server, on Bun and Deno. */
const BEHIND_HTTP = 0.8;

/**
 * @param {Partial<Definition> & Pick<Definition, 'name' | 'title'>} fields
 * @returns {Definition}
 */
function define(fields) {
  return {
    kind: 'echo',
    unit: 'messages/s',
    better: 'higher',
    standard: true,
    quick: false,
    curve: null,
    byCpu: false,
    connections: 1,
    inFlight: 1,
    size: 125,
    text: false,
    tls: false,
    loop: false,
    afresh: false,
    burst: false,
    goal: {},
    borrowed: {},
    ...fields,
  };
}

/** @param {number} bytes @returns {string} */
function formatSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`;
}

/** @param {Pick<Definition, 'connections' | 'inFlight' | 'size'>} shape @returns {string} */
function describeShape({ connections, inFlight, size }) {
  return `${formatSize(size)}, ${connections} connections, ${inFlight} in flight`;
}

/** @param {Pick<Definition, 'connections' | 'inFlight' | 'size'>} shape @returns {string} */
function nameShape({ connections, inFlight, size }) {
  return `${formatSize(size).replace(' ', '')}-x${connections}x${inFlight}`;
}

/**
 * One row with binary messages and one with text. `quick` names the one that is part of `--quick`, as in the documents.
 *
 * @param {Pick<Definition, 'connections' | 'inFlight' | 'size'> & { quick?: 'binary' | 'text', goal?: Goal, borrowed?: Goal }} shape
 * @returns {Definition[]}
 */
function echo({ quick, ...shape }) {
  return [false, true].map((text) =>
    define({
      name: `echo-${text ? 'text-' : ''}${nameShape(shape)}`,
      title: `${text ? 'text' : 'binary'}, ${describeShape(shape)}`,
      ...shape,
      text,
      quick: quick === (text ? 'text' : 'binary'),
    }),
  );
}

/** @param {Pick<Definition, 'connections' | 'inFlight' | 'size'> & Partial<Definition>} shape @returns {Definition} */
function overTls(shape) {
  return define({
    name: `tls-${nameShape(shape)}`,
    title: `TLS, ${describeShape(shape)}`,
    tls: true,
    byCpu: true,
    quick: true,
    ...shape,
  });
}

/** @param {boolean} loop @param {number} inFlight @param {Goal} [goal] @returns {Definition} */
function fanout(loop, inFlight, goal = {}) {
  const by = loop ? 'send' : 'broadcast';
  return define({
    name: `fanout-${by}-64B-x500x${inFlight}`,
    title: `fan-out by ${by}, 64 B to 500, ${inFlight} in flight`,
    kind: 'fanout',
    unit: 'deliveries/s',
    connections: 500,
    size: 64,
    inFlight,
    loop,
    quick: !loop,
    goal,
  });
}

const json = /** @type {const} */ ({ kind: 'deflate', connections: 8, size: 1024, text: true });
const idle = /** @type {const} */ ({ unit: 'bytes', better: 'lower', connections: 5000 });

/** Thirty-two messages each way, then nothing. @param {{ afresh?: boolean, burst?: boolean }} [how] @returns {Definition} */
const idleDeflate = ({ afresh = false, burst = false } = {}) =>
  define({
    name: `idle-deflate${afresh ? '-afresh' : ''}${burst ? '-burst' : ''}`,
    title: `memory of an idle connection with deflate, ${afresh ? 'no context kept' : 'contexts kept'}${burst ? ', after all sent at once' : ''}`,
    ...json,
    ...idle,
    kind: 'idle-deflate',
    inFlight: 32,
    afresh,
    burst,
  });

/** Costs must stay flat over the number of connections. @param {number} connections @returns {Definition} */
const atConnections = (connections) =>
  define({
    name: `connections-${connections}`,
    title: `125 B, ${connections.toLocaleString('en')} connections, 1 in flight`,
    curve: 'connections',
    connections,
  });

/** @param {number} size @returns {Definition} */
const atSize = (size) =>
  define({
    name: `size-${formatSize(size).replace(' ', '')}`,
    title: `${formatSize(size)}, 4 connections, 1 in flight`,
    curve: 'size',
    connections: 4,
    size,
  });

/** Short messages, many in flight. */
const short = { connections: 8, inFlight: 32, goal: { ws: 18, uws: 2.5, bun: 1.1, deno: 12 } };
/** 64 KiB and 1 MiB have the same targets with 4 and with 64 connections. */
const medium = {
  size: 65536,
  inFlight: 1,
  goal: { ws: 3.5, uws: 0.6, bun: 0.95, deno: 1.2 },
  borrowed: { ws: 5, uws: 0.9, bun: 1.1 },
};
const large = {
  size: 1048576,
  inFlight: 1,
  goal: { ws: 3, uws: 0.6, bun: 0.9, deno: 1.5 },
  borrowed: { ws: 4, uws: 0.9, bun: 1 },
};

/** @type {Definition[]} */
const definitions = [
  ...echo({ ...short, size: 16, quick: 'binary' }),
  ...echo({ ...short, size: 125 }),
  ...echo({ ...short, size: 1024, goal: { ws: 15, uws: 2, bun: 1.1, deno: 6 }, quick: 'text' }),
  ...echo({ size: 125, connections: 64, inFlight: 1, goal: { ws: 1.5, uws: 0.9, bun: 0.95, deno: 1 }, quick: 'binary' }),
  ...echo({ size: 16384, connections: 16, inFlight: 8 }),
  ...echo({ ...medium, connections: 4 }),
  ...echo({ ...medium, connections: 64, quick: 'binary' }),
  ...echo({ ...large, connections: 4 }),
  ...echo({ ...large, connections: 64, quick: 'binary' }),
  overTls({ size: 16, connections: 8, inFlight: 32, goal: { ws: 4, bun: 1, deno: 1 } }),
  overTls({ size: 1024, connections: 8, inFlight: 32, goal: { ws: 2, bun: 1, deno: 1 } }),
  overTls({ size: 65536, connections: 64, inFlight: 1, goal: { ws: 2, bun: 1, deno: 1 } }),
  fanout(false, 1, { ws: 1.3, uws: 0.9, bun: 0.97, deno: 1.1 }),
  fanout(false, 16, { ws: 14, uws: 0.9, bun: 0.95, deno: 12 }),
  fanout(true, 1),
  fanout(true, 16),
  define({
    name: 'deflate-1KiB-x8x1',
    title: 'deflate, 1 KiB JSON, 8 connections, 1 in flight',
    ...json,
    goal: { ws: 4, bun: 0.8 },
  }),
  define({
    name: 'deflate-1KiB-x8x32',
    title: 'deflate, 1 KiB JSON, 8 connections, 32 in flight',
    ...json,
    inFlight: 32,
    goal: { ws: 14, bun: 1.2 },
  }),
  define({
    name: 'fanout-deflate-1KiB-x500x1',
    title: 'fan-out by broadcast, deflate, 1 KiB JSON to 500, 1 in flight',
    kind: 'fanout-deflate',
    unit: 'deliveries/s',
    connections: 500,
    size: 1024,
    text: true,
  }),
  define({ name: 'client-125B-x32', title: 'client, 125 B, 32 in flight', kind: 'client', inFlight: 32 }),
  define({ name: 'client-64KiB-x8', title: 'client, 64 KiB, 8 in flight', kind: 'client', size: 65536, inFlight: 8 }),
  define({
    name: 'handshakes',
    title: 'handshake and its end, 32 at once',
    kind: 'handshake',
    unit: 'handshakes/s',
    byCpu: true,
    quick: true,
    connections: 32,
    goal: { ws: 1.5, uws: 0.6, bun: 0.8, deno: 1 },
  }),
  define({
    name: 'idle-memory',
    title: 'memory of an idle connection',
    kind: 'idle',
    quick: true,
    ...idle,
    goal: { ws: 0.6, bun: 2.5, deno: 0.5 },
  }),
  idleDeflate(),
  idleDeflate({ afresh: true }),
  idleDeflate({ burst: true }),
  idleDeflate({ afresh: true, burst: true }),
  define({
    name: 'start',
    title: 'start: import to first echo',
    kind: 'start',
    unit: 'ms',
    better: 'lower',
    goal: { ws: 1.3 },
  }),
  define({ name: 'codec-125B', title: 'codec alone: decode of 125 B, masked', kind: 'codec' }),
  ...[10, 50, 100, 500, 1000, 5000].map(atConnections),
  ...[16, 128, 1024, 8192, 65536, 524288, 4 * 2 ** 20, 16 * 2 ** 20].map(atSize),
];

/** @param {Goal} goal @param {string} family @returns {Targets} */
function targetsOf({ ws, uws, bun, deno }, family) {
  const native = family === 'bun' ? bun : deno;
  const targets = family === 'node' ? { ws, uws } : { native };
  return Object.fromEntries(
    Object.entries(targets).flatMap(([name, target]) => (target === undefined ? [] : [[name, target]])),
  );
}

/** The scenarios, with the targets that count on a runtime. @param {import('./runtimes.mjs').RuntimeName} runtime @returns {Scenario[]} */
export function makeScenarios(runtime) {
  const [family] = runtime.split('-');
  return definitions.map(({ borrowed, goal, ...scenario }) => {
    const targets = targetsOf(goal, family);
    const http =
      scenario.better === 'higher' && family !== 'node' && Object.keys(targets).length > 0 ? { wasock: BEHIND_HTTP } : {};
    return {
      ...scenario,
      targets: {
        wasock: targets,
        'wasock+http': family === 'node' ? targets : http,
        'wasock+borrowed': targetsOf(borrowed, family),
      },
    };
  });
}
