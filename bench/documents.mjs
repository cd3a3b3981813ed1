// The tables of docs/performance.md and README.md with figures of the committed results. `npm run docs:map` writes them there.

import { readFileSync } from 'node:fs';
import { makeScenarios } from './scenarios.mjs';
import { compare } from './statistics.mjs';
import { formatNumber, formatRatio } from './table.mjs';

/** @typedef {import('./statistics.mjs').ScenarioResult} ScenarioResult */
/** @typedef {readonly [head: readonly string[], rows: readonly (readonly string[])[]]} Table */

/** The scenarios of README.md, in its order: gains and losses. @type {readonly (readonly [scenario: string, title: string])[]} */
const IN_README = [
  ['echo-16B-x8x32', '16 B, binary, 8 connections, 32 in flight'],
  ['echo-text-1KiB-x8x32', '1 KiB, text, 8 connections, 32 in flight'],
  ['echo-64KiB-x64x1', '64 KiB, binary, 64 connections, 1 in flight'],
  ['echo-125B-x64x1', '125 B, binary, 64 connections, 1 in flight'],
  ['deflate-1KiB-x8x32', '1 KiB of JSON, compressed, 32 in flight'],
  ['fanout-broadcast-64B-x500x1', '64 B to each of 500 connections, 1 in flight'],
  ['handshakes', 'connections that open and end'],
  ['idle-memory', 'bytes of memory of an idle connection'],
];

/** The results of a file, with the goals of today. @param {string} file @returns {ScenarioResult[]} */
function scenariosOf(file) {
  const { runtime, scenarios } = JSON.parse(readFileSync(new URL(`results/${file}.json`, import.meta.url), 'utf8'));
  const today = new Map(makeScenarios(runtime).map(({ name, targets }) => [name, targets]));
  return scenarios.map((/** @type {ScenarioResult} */ { implementations, scenario }) => ({
    implementations,
    scenario: { ...scenario, targets: today.get(scenario.name) ?? scenario.targets },
  }));
}

/** The rate or the bytes, and the CPU time of one message. @param {ScenarioResult} result @param {string} name */
function figureOf({ implementations }, name) {
  const figures = implementations[name];
  if (!figures?.value) return '–';
  const value = formatNumber(figures.value.median);
  return typeof figures.cpu !== 'number' ? value : `${value}, ${formatNumber(figures.cpu)} µs`;
}

/** @param {ScenarioResult} result @param {string} name */
function cpuOf({ implementations }, name) {
  const cpu = implementations[name]?.cpu;
  return typeof cpu === 'number' ? `${formatNumber(cpu)} µs` : '–';
}

/** @param {ScenarioResult} result @param {string} name @param {string} baseline */
function ratioOf(result, name, baseline) {
  const comparison = compare(result, name, baseline);
  if (comparison === null) return '–';
  return `${formatRatio(comparison.ratio.median)}${comparison.by === 'CPU' ? ' by CPU' : ''}`;
}

/** The same with the spread, and the basis of the comparison. @param {ScenarioResult} result @param {string} name @param {string} baseline */
function fullRatioOf(result, name, baseline) {
  const comparison = compare(result, name, baseline);
  if (comparison === null) return '–';
  const { ratio, by } = comparison;
  const spread = [ratio.minimum, ratio.maximum].map((value) => formatRatio(value).slice(0, -1)).join('–');
  return `${formatRatio(ratio.median)} (${spread})${by === 'CPU' ? ' by CPU' : ''}`;
}

/** @param {ScenarioResult} result @param {string} baseline */
function goalOf(result, baseline) {
  const comparison = compare(result, 'wasock', baseline);
  if (comparison === null || comparison.reached === null) return '–';
  const sign = result.scenario.better === 'higher' ? '≥' : '≤';
  return `${sign} ${comparison.target}×${comparison.reached ? '' : ' (missed)'}`;
}

/** @returns {Table} The table of Node.js. */
export function figuresOfNode() {
  const peers = ['wasock', 'wasock+http', 'ws', 'ws+bufferutil'];
  const rows = scenariosOf('latest').map((result) => [
    `${result.scenario.title}, ${result.scenario.unit}`,
    ...peers.map((name) => figureOf(result, name)),
    fullRatioOf(result, 'wasock', 'ws'),
    goalOf(result, 'ws'),
    fullRatioOf(result, 'wasock+http', 'ws'),
    fullRatioOf(result, 'wasock', 'ws+bufferutil'),
  ]);
  const ratios = ['to ws', 'goal', 'behind `node:http` to ws', 'to ws + bufferutil'];
  return [['scenario', 'wasock', 'behind `node:http`', 'ws', 'ws + bufferutil', ...ratios], rows];
}

/** @returns {Table} The table of uWebSockets.js and of a bare socket: the rows that one of them has. */
export function figuresBesideUws() {
  const rows = scenariosOf('latest')
    .filter(({ implementations }) => implementations.uws?.value || implementations.net?.value)
    .map((result) => [
      `${result.scenario.title}, ${result.scenario.unit}`,
      ...['wasock', 'uws', 'net'].map((name) => figureOf(result, name)),
      fullRatioOf(result, 'wasock', 'uws'),
      goalOf(result, 'uws'),
      fullRatioOf(result, 'wasock', 'net'),
    ]);
  return [['scenario', 'wasock', 'uWebSockets.js', 'bare `net`', 'to uWebSockets.js', 'goal', 'to bare `net`'], rows];
}

/** @returns {Table} The points of the curves: CPU time of a message. */
export function figuresOfCurves() {
  const peers = ['wasock', 'wasock+http', 'ws', 'uws', 'net'];
  const rows = scenariosOf('curves/latest').map((result) => [
    result.scenario.title,
    ...peers.map((name) => cpuOf(result, name)),
    fullRatioOf(result, 'wasock', 'ws'),
  ]);
  return [['point', 'wasock', 'behind `node:http`', 'ws', 'uWebSockets.js', 'bare `net`', 'to ws'], rows];
}

/** @returns {Table} The memory of an idle connection with compression, on each runtime. */
export function figuresOfMemory() {
  const runs = ['', '-node-24', '-bun', '-deno'].map((suffix) => scenariosOf(`memory/latest${suffix}`));
  const rows = runs[0].map(({ scenario, implementations }) => [
    scenario.title.replace('memory of an idle connection with deflate, ', ''),
    ...runs.map((results) => {
      const result = results.find((other) => other.scenario.name === scenario.name);
      return result === undefined ? '–' : figureOf(result, 'wasock');
    }),
    figureOf({ scenario, implementations }, 'ws'),
  ]);
  return [['bytes', 'Node.js 20', 'Node.js 24', 'Bun', 'Deno', 'ws, Node.js 20'], rows];
}

/** @param {'bun' | 'deno'} runtime @returns {Table} The table of a runtime with a WebSocket server of its own. */
export function figuresBesideNative(runtime) {
  const rows = scenariosOf(`latest-${runtime}`).map((result) => [
    `${result.scenario.title}, ${result.scenario.unit}`,
    ...['wasock', 'wasock+http', 'native'].map((name) => figureOf(result, name)),
    fullRatioOf(result, 'wasock', 'native'),
    goalOf(result, 'native'),
    fullRatioOf(result, 'wasock+http', 'native'),
  ]);
  const native = runtime === 'bun' ? '`Bun.serve`' : '`Deno.upgradeWebSocket`';
  const ratios = [`to ${native}`, 'goal', `behind \`node:http\` to ${native}`];
  return [['scenario', 'wasock', 'behind `node:http`', native, ...ratios], rows];
}

/** @returns {Table} The table of README.md. */
export function figuresInShort() {
  const scenarios = new Map(scenariosOf('latest').map((result) => [result.scenario.name, result]));
  const rows = IN_README.map(([name, title]) => {
    const result = scenarios.get(name);
    if (result === undefined) throw new Error(`The results have no ${name}`);
    const rates = ['wasock', 'ws'].map((implementation) =>
      formatNumber(result.implementations[implementation].value?.median ?? NaN),
    );
    return [title, ...rates, ratioOf(result, 'wasock', 'ws'), ratioOf(result, 'wasock', 'ws+bufferutil')];
  });
  return [['scenario', 'wasock', 'ws', 'ratio', 'ratio with `bufferutil`'], rows];
}
