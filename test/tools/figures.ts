// The tables of docs/performance.md and README.md with figures of the benchmark, from its committed results.

import { readFileSync } from 'node:fs';
import { compare, type ScenarioResult } from '../../bench/statistics.mjs';
import { formatNumber, formatRatio } from '../../bench/table.mjs';

type Row = readonly string[];

interface Results {
  readonly scenarios: readonly ScenarioResult[];
}

/** The scenarios of README.md, in its order: gains and losses. */
const IN_README: readonly (readonly [scenario: string, title: string])[] = [
  ['echo-16B-x8x32', '16 B, 8 connections, 32 in flight'],
  ['echo-text-1KiB-x8x32', '1 KiB, 8 connections, 32 in flight'],
  ['echo-64KiB-x64x1', '64 KiB, 64 connections, 1 in flight'],
  ['echo-125B-x64x1', '125 B, 64 connections, 1 in flight'],
  ['deflate-1KiB-x8x32', '1 KiB of JSON, compressed, 32 in flight'],
  ['handshakes', 'connections that open and end'],
];

function scenariosOf(file: string): readonly ScenarioResult[] {
  const path = new URL(`../../bench/results/${file}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as Results).scenarios;
}

/** The rate or the bytes, and the CPU time of one message. */
function figureOf({ implementations }: ScenarioResult, name: string): string {
  const { value = null, cpu = null } = implementations[name] ?? {};
  if (value === null) return '–';
  return cpu === null ? formatNumber(value.median) : `${formatNumber(value.median)}, ${formatNumber(cpu)} µs`;
}

function ratioOf(result: ScenarioResult, name: string, baseline: string, hasSpread = true): string {
  const comparison = compare(result, name, baseline);
  if (!comparison) return '–';
  const { ratio, by } = comparison;
  const spread = `${formatRatio(ratio.minimum).slice(0, -1)}–${formatRatio(ratio.maximum).slice(0, -1)}`;
  return `${formatRatio(ratio.median)}${hasSpread ? ` (${spread})` : ''}${by === 'CPU' && hasSpread ? ' by CPU' : ''}`;
}

function goalOf(result: ScenarioResult, baseline: string): string {
  const comparison = compare(result, 'wasock', baseline);
  if (!comparison || comparison.reached === null) return '–';
  const sign = result.scenario.better === 'higher' ? '≥' : '≤';
  return `${sign} ${comparison.target}×${comparison.reached ? '' : ' (missed)'}`;
}

/** The table of Node.js: head and rows. */
export function figuresOfNode(): readonly [head: Row, rows: readonly Row[]] {
  const peers = ['wasock', 'wasock+http', 'ws', 'ws+bufferutil'];
  const rows = scenariosOf('latest').map((result) => [
    `${result.scenario.title}, ${result.scenario.unit}`,
    ...peers.map((name) => figureOf(result, name)),
    ratioOf(result, 'wasock', 'ws'),
    goalOf(result, 'ws'),
    ratioOf(result, 'wasock+http', 'ws'),
    ratioOf(result, 'wasock', 'ws+bufferutil'),
  ]);
  const head = [
    'wasock',
    'behind `node:http`',
    'ws',
    'ws + bufferutil',
    'to ws',
    'goal',
    'behind `node:http` to ws',
    'to ws + bufferutil',
  ];
  return [['scenario', ...head], rows];
}

/** The table of a runtime with a WebSocket server of its own. */
export function figuresBesideNative(runtime: 'bun' | 'deno'): readonly [head: Row, rows: readonly Row[]] {
  const rows = scenariosOf(`latest-${runtime}`).map((result) => [
    `${result.scenario.title}, ${result.scenario.unit}`,
    ...['wasock', 'wasock+http', 'native'].map((name) => figureOf(result, name)),
    ratioOf(result, 'wasock', 'native'),
    goalOf(result, 'native'),
    ratioOf(result, 'wasock+http', 'native'),
  ]);
  const native = runtime === 'bun' ? '`Bun.serve`' : '`Deno.upgradeWebSocket`';
  return [
    ['scenario', 'wasock', 'behind `node:http`', native, `to ${native}`, 'goal', `behind \`node:http\` to ${native}`],
    rows,
  ];
}

/** The table of README.md. */
export function figuresInShort(): readonly [head: Row, rows: readonly Row[]] {
  const scenarios = new Map(scenariosOf('latest').map((result) => [result.scenario.name, result]));
  const rows = IN_README.map(([name, title]) => {
    const result = scenarios.get(name)!;
    const [own, peer] = ['wasock', 'ws'].map((implementation) =>
      formatNumber(result.implementations[implementation].value!.median),
    );
    return [title, own, peer, ratioOf(result, 'wasock', 'ws', false), ratioOf(result, 'wasock', 'ws+bufferutil', false)];
  });
  return [['scenario', 'wasock', 'ws', 'ratio', 'ratio with `bufferutil`'], rows];
}
