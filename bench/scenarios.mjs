// What is measured, and what is hoped for. Targets are ratios against a baseline, measured side by side.

/**
 * @typedef {object} Scenario
 * @property {string} name As given to `--scenario`.
 * @property {string} title
 * @property {'echo' | 'fanout' | 'handshake' | 'idle' | 'client' | 'start'} kind
 * @property {string} unit
 * @property {'higher' | 'lower'} better
 * @property {boolean} standard Part of a run without `--scenario`.
 * @property {boolean} quick Part of `--quick`.
 * @property {number} connections
 * @property {number} inFlight
 * @property {number} size Payload bytes.
 * @property {boolean} text
 * @property {Record<string, number>} targets Baseline → ratio to reach (`better: 'higher'`) or to stay below (`'lower'`).
 */

/**
 * @param {Partial<Scenario> & Pick<Scenario, 'name' | 'title'>} fields
 * @returns {Scenario}
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
    targets: {},
    ...fields,
  };
}

/** @param {number} ws @param {number} bufferutil @returns {Record<string, number>} */
const against = (ws, bufferutil) => ({ ws, 'ws+bufferutil': bufferutil });

const pipelined = { connections: 8, inFlight: 32 };
const pingPong = { connections: 64, inFlight: 1 };
const fanout = /** @type {const} */ ({ kind: 'fanout', unit: 'deliveries/s', connections: 500, size: 64 });

/** Costs must stay flat over the number of connections. @param {number} connections @returns {Scenario} */
const flat = (connections) =>
  define({
    name: `flat-${connections}`,
    title: `125 B, ${connections} connections, 1 in flight`,
    standard: false,
    connections,
  });

/** @type {Scenario[]} */
export const scenarios = [
  define({
    name: 'echo-16B-x8x32',
    title: '16 B, 8 connections, 32 in flight',
    size: 16,
    ...pipelined,
    targets: against(15, 15),
  }),
  define({
    name: 'echo-125B-x8x32',
    title: '125 B, 8 connections, 32 in flight',
    quick: true,
    ...pipelined,
    targets: against(15, 15),
  }),
  define({
    name: 'echo-1KiB-text-x8x32',
    title: '1 KiB text, 8 connections, 32 in flight',
    size: 1024,
    text: true,
    ...pipelined,
    targets: against(12, 12),
  }),
  define({
    name: 'echo-125B-x64x1',
    title: '125 B, 64 connections, 1 in flight',
    quick: true,
    ...pingPong,
    targets: against(1.3, 1.3),
  }),
  define({ name: 'echo-16KiB-x16x8', title: '16 KiB, 16 connections, 8 in flight', size: 16384, connections: 16, inFlight: 8 }),
  define({
    name: 'echo-64KiB-x64x1',
    title: '64 KiB, 64 connections, 1 in flight',
    quick: true,
    size: 65536,
    ...pingPong,
    targets: against(3.5, 1.4),
  }),
  define({
    name: 'echo-1MiB-x64x1',
    title: '1 MiB, 64 connections, 1 in flight',
    quick: true,
    size: 1048576,
    ...pingPong,
    targets: against(2.2, 1.15),
  }),
  define({ name: 'fanout-64B-x500x1', title: 'fan-out of 64 B to 500, 1 in flight', ...fanout, targets: against(1.2, 1.2) }),
  define({
    name: 'fanout-64B-x500x16',
    title: 'fan-out of 64 B to 500, 16 in flight',
    ...fanout,
    inFlight: 16,
    targets: against(12, 12),
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
    targets: against(0.7, 0.7),
  }),
  define({
    name: 'start',
    title: 'start: import to first echo',
    kind: 'start',
    unit: 'ms',
    better: 'lower',
    targets: { ws: 1.3 },
  }),
  ...[10, 100, 1000, 5000].map(flat),
];
