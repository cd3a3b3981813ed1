// What is measured, and what is hoped for. Targets are ratios against a baseline, measured side by side.

/**
 * @typedef {object} Scenario
 * @property {string} name As given to `--scenario`.
 * @property {string} title
 * @property {'echo' | 'deflate' | 'fanout' | 'fanout-deflate' | 'handshake' | 'idle' | 'idle-deflate' | 'client' | 'start' | 'codec'} kind
 * @property {string} unit
 * @property {'higher' | 'lower'} better
 * @property {boolean} standard Part of a run without `--scenario`.
 * @property {boolean} quick Part of `--quick`.
 * @property {number} connections
 * @property {number} inFlight
 * @property {number} size Payload bytes.
 * @property {boolean} text
 * @property {boolean} afresh With compression: each message starts with an empty window, in both directions.
 * @property {Record<string, number>} targets Baseline → ratio to reach (`better: 'higher'`) or to stay below (`'lower'`).
 *
 * @typedef {Partial<Record<import('./runtimes.mjs').RuntimeName, Record<string, number>>>} TargetsByRuntime
 * @typedef {Omit<Scenario, 'targets'> & { targets: TargetsByRuntime }} Definition
 */

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
    connections: 1,
    inFlight: 1,
    size: 125,
    text: false,
    afresh: false,
    targets: {},
    ...fields,
  };
}

/**
 * @param {number} ws
 * @param {number} bufferutil
 * @param {number} [bun] On Bun against Bun.serve.
 * @param {number} [deno] On Deno against Deno.upgradeWebSocket.
 * @returns {TargetsByRuntime}
 */
function against(ws, bufferutil, bun, deno) {
  return {
    node: { ws, 'ws+bufferutil': bufferutil },
    ...(bun === undefined ? {} : { bun: { native: bun } }),
    ...(deno === undefined ? {} : { deno: { native: deno } }),
  };
}

const pipelined = { connections: 8, inFlight: 32 };
const pingPong = { connections: 64, inFlight: 1 };
const fanout = /** @type {const} */ ({ kind: 'fanout', unit: 'deliveries/s', connections: 500, size: 64 });
const json = /** @type {const} */ ({ kind: 'deflate', connections: 8, size: 1024, text: true });

/** Thirty-two messages each way, then nothing. @param {boolean} afresh @returns {Definition} */
const idleDeflate = (afresh) =>
  define({
    name: afresh ? 'idle-deflate-afresh' : 'idle-deflate',
    title: `memory of an idle connection with deflate, ${afresh ? 'no context kept' : 'contexts kept'}, 5,000 held`,
    ...json,
    kind: 'idle-deflate',
    unit: 'bytes',
    better: 'lower',
    standard: false,
    connections: 5000,
    inFlight: 32,
    afresh,
  });

/** Costs must stay flat over the number of connections. @param {number} connections @returns {Definition} */
const flat = (connections) =>
  define({
    name: `flat-${connections}`,
    title: `125 B, ${connections} connections, 1 in flight`,
    standard: false,
    connections,
  });

/** @type {Definition[]} */
const definitions = [
  define({
    name: 'echo-16B-x8x32',
    title: '16 B, 8 connections, 32 in flight',
    size: 16,
    ...pipelined,
    targets: against(15, 15, 1.1, 12),
  }),
  define({
    name: 'echo-125B-x8x32',
    title: '125 B, 8 connections, 32 in flight',
    quick: true,
    ...pipelined,
    targets: against(15, 15, 1.1, 12),
  }),
  define({
    name: 'echo-1KiB-text-x8x32',
    title: '1 KiB text, 8 connections, 32 in flight',
    size: 1024,
    text: true,
    ...pipelined,
    targets: against(12, 12, 1.1, 10),
  }),
  define({
    name: 'echo-125B-x64x1',
    title: '125 B, 64 connections, 1 in flight',
    quick: true,
    ...pingPong,
    targets: against(1.3, 1.3, 0.97, 0.97),
  }),
  define({ name: 'echo-16KiB-x16x8', title: '16 KiB, 16 connections, 8 in flight', size: 16384, connections: 16, inFlight: 8 }),
  define({
    name: 'echo-64KiB-x64x1',
    title: '64 KiB, 64 connections, 1 in flight',
    quick: true,
    size: 65536,
    ...pingPong,
    targets: against(3.5, 1.4, 1.3, 1),
  }),
  define({
    name: 'echo-1MiB-x64x1',
    title: '1 MiB, 64 connections, 1 in flight',
    quick: true,
    size: 1048576,
    ...pingPong,
    targets: against(2.2, 1.15, 0.95, 1.5),
  }),
  define({
    name: 'fanout-64B-x500x1',
    title: 'fan-out of 64 B to 500, 1 in flight',
    ...fanout,
    targets: against(1.2, 1.2, 0.97, 1.2),
  }),
  define({
    name: 'fanout-64B-x500x16',
    title: 'fan-out of 64 B to 500, 16 in flight',
    ...fanout,
    inFlight: 16,
    targets: against(12, 12, 0.9, 12),
  }),
  define({
    name: 'deflate-1KiB-x8x1',
    title: 'deflate, 1 KiB JSON, 8 connections, 1 in flight',
    ...json,
    targets: against(2.3, 2.3, 0.8),
  }),
  define({
    name: 'deflate-1KiB-x8x32',
    title: 'deflate, 1 KiB JSON, 8 connections, 32 in flight',
    ...json,
    inFlight: 32,
    targets: against(3, 3, 0.8),
  }),
  define({
    name: 'fanout-deflate-1KiB-x500x1',
    title: 'fan-out of 1 KiB JSON to 500, compressed, 1 in flight',
    ...fanout,
    kind: 'fanout-deflate',
    size: 1024,
    text: true,
    targets: against(10, 10),
  }),
  define({
    name: 'client-64KiB',
    title: 'client sends 64 KiB, masked',
    kind: 'client',
    size: 65536,
    inFlight: 8,
    targets: against(3, 1.2),
  }),
  define({
    name: 'handshakes',
    title: 'handshakes, 32 at once',
    kind: 'handshake',
    unit: 'handshakes/s',
    connections: 32,
    targets: against(1.3, 1.3),
  }),
  define({
    name: 'idle-memory',
    title: 'memory of an idle connection, 5,000 held',
    kind: 'idle',
    unit: 'bytes',
    better: 'lower',
    connections: 5000,
    targets: { ...against(0.7, 0.7), deno: { native: 0.5 } },
  }),
  idleDeflate(false),
  idleDeflate(true),
  define({
    name: 'start',
    title: 'start: import to first echo',
    kind: 'start',
    unit: 'ms',
    better: 'lower',
    targets: { node: { ws: 1.3 } },
  }),
  define({
    name: 'codec-125B',
    title: 'codec alone: decode of 125 B, masked',
    kind: 'codec',
    targets: against(10, 10),
  }),
  ...[10, 100, 1000, 5000].map(flat),
];

/** The scenarios, with the targets that count on a runtime. @param {import('./runtimes.mjs').RuntimeName} runtime @returns {Scenario[]} */
export function makeScenarios(runtime) {
  return definitions.map((definition) => ({ ...definition, targets: definition.targets[runtime] ?? {} }));
}
