// Benchmark of topics: `npm run bench:topics`; see README.md in this folder. Prints a table, and writes results/topics.json and topics.md; quick-topics.* with --quick, part-topics.* with --scenario.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { UsageError, nameResults, pick, prepareFolder, readTimes, runProgram } from '../arguments.mjs';
import { pinned } from '../children.mjs';
import { missingUws } from '../implementations.mjs';
import { takeTurns } from '../rounds.mjs';
import { missingRuntime, versionOf } from '../runtimes.mjs';
import { summarize } from '../statistics.mjs';
import { Contestant, REDIS, missingRedis } from './measurements.mjs';
import { failuresOf, tableOf } from './report.mjs';
import { SCENARIOS, missingBuild, missingLibrary } from './scenarios.mjs';

/** @typedef {import('./report.mjs').Result} Result */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */
/** @typedef {import('../statistics.mjs').Recording} Recording */

const HELP = `usage: npm run bench:topics -- [options]

  --scenario=name,…   scenarios to run (--list names them)
  --quick             a row of each kind, one short round, in less than a minute
  --rounds=5          rounds; each measures every library once
  --seconds=1.2       length of one measurement
  --warmup=0.3        seconds before each measurement
  --output=folder     where JSON and Markdown go (bench/results)
                      Without it, --scenario writes part-topics.*, and leaves topics.* alone.
  --list              name the scenarios, then stop
  --help              this text
`;

/** @returns {ReturnType<typeof checkOptions> | null} Null if there is nothing to run. */
function readOptions() {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      output: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) process.stdout.write(HELP);
  if (values.list) process.stdout.write(SCENARIOS.map(({ name, title }) => `${name.padEnd(26)}${title}\n`).join(''));
  return values.help || values.list ? null : checkOptions(values);
}

/** @param {{ scenario?: string, quick: boolean, rounds?: string, seconds?: string, warmup?: string, output?: string }} values */
function checkOptions({ output, quick, rounds, scenario, seconds, warmup }) {
  const scenarios =
    scenario === undefined ? SCENARIOS.filter((one) => one.quick || !quick) : pick(SCENARIOS, scenario, 'scenario');
  const missing = missingBuild() ?? (scenarios.some(({ bus }) => bus) ? missingRedis() : null);
  if (missing) throw new UsageError(missing);
  const folder = resolve(output ?? fileURLToPath(new URL('../results', import.meta.url)));
  prepareFolder(folder);
  return {
    scenarios,
    quick,
    ...readTimes({ quick, rounds, seconds, warmup }, '1'),
    file: join(folder, nameResults({ quick, isPart: scenario !== undefined && output === undefined, whole: 'topics' })),
  };
}

/**
 * Runs one scenario.
 *
 * @param {Scenario} scenario
 * @param {{ rounds: number, times: import('../measurements.mjs').Times }} options
 * @returns {Promise<Result[]>} A result for each figure.
 */
async function runScenario(scenario, { rounds, times }) {
  const names = scenario.libraries.filter((name) => missingLibrary(name) === null);
  const contestants = names.map((name) => new Contestant(name, scenario));
  /** @type {Map<string, Map<string, Recording>>} */
  const figures = new Map();
  const recordingOf = (/** @type {string} */ figure, /** @type {string} */ name) => {
    const records = figures.get(figure) ?? new Map(names.map((one) => [one, { samples: [], failures: [] }]));
    figures.set(figure, records);
    return /** @type {Recording} */ (records.get(name));
  };
  await takeTurns(scenario.name, names, rounds, async (index, round) => {
    try {
      const samples = await contestants[index].measure(times);
      for (const [figure, sample] of Object.entries(samples)) recordingOf(figure, names[index]).samples[round] = sample;
    } catch (error) {
      const known = figures.size === 0 ? [''] : [...figures.keys()];
      for (const figure of known) {
        const { failures, samples } = recordingOf(figure, names[index]);
        samples[round] = null;
        failures.push(/** @type {Error} */ (error).message);
      }
      await contestants[index].stop();
    }
  });
  for (const contestant of contestants) await contestant.stop();
  return [...figures].map(([figure, records]) => ({ ...summarize(scenario, records, names), figure }));
}

/** Versions of everything that was compared. @returns {Record<string, string | number | boolean>} */
function describeMachine() {
  const version = (/** @type {string} */ name) =>
    JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
  const redis = missingRedis() ?? spawnSync(REDIS, ['--version'], { encoding: 'utf8' }).stdout;
  return {
    runtime: `Node.js ${process.version.slice(1)}`,
    bun: missingRuntime('bun') ?? versionOf('bun'),
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    pinned,
    redisServer: /v=(\S+)/.exec(redis)?.[1] ?? redis,
    ...Object.fromEntries(
      ['socket.io', '@socket.io/redis-streams-adapter', 'crossws', 'ws', 'redis'].map((name) => [name, version(name)]),
    ),
    uws: missingUws('node') ?? 'can be loaded, but has no rows here',
  };
}

/** @param {Result[]} results @param {NonNullable<ReturnType<typeof readOptions>>} options */
function writeResults(results, { file, rounds, times }) {
  const machine = describeMachine();
  const date = new Date().toISOString();
  writeFileSync(`${file}.json`, `${JSON.stringify({ date, machine, rounds, ...times, results }, null, 2)}\n`);
  const peers = ['socket.io', 'crossws', 'ws'].map((name) => `${name} ${machine[name]}`).join(', ');
  const engines = `Bun ${machine.bun}, Redis ${machine.redisServer}, uWebSockets.js: ${machine.uws}`;
  const caption = `${machine.runtime}, ${peers}, ${engines}; ${machine.cpu}; ${rounds} rounds; ${date.slice(0, 10)}`;
  writeFileSync(`${file}.md`, `${caption}\n\n${tableOf(results)}`);
}

/** @param {NonNullable<ReturnType<typeof readOptions>>} options */
async function main(options) {
  if (!pinned) process.stderr.write('children are not pinned to cores (needs taskset and two cores): expect a wide spread\n');
  const left = new Set(options.scenarios.flatMap(({ libraries }) => libraries).filter((name) => missingLibrary(name) !== null));
  for (const name of left) process.stderr.write(`${name} is left out: ${missingLibrary(name)}\n`);
  const began = Date.now();
  /** @type {Result[]} */
  const results = [];
  for (const scenario of options.scenarios) {
    const measured = await runScenario(scenario, options);
    results.push(...measured);
    process.stdout.write(
      `${tableOf(measured)
        .split('\n')
        .slice(results.length === measured.length ? 0 : 2)
        .join('\n')}`,
    );
  }
  const failures = failuresOf(results);
  process.stdout.write(['', ...failures, `${Math.round((Date.now() - began) / 1000)} s`, ''].join('\n'));
  writeResults(results, options);
  process.exit(failures.length > 0 ? 1 : 0);
}

await runProgram('bench:topics', async () => {
  const options = readOptions();
  if (options) await main(options);
});
