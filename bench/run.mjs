// Benchmark: compares implementations side by side and prints a table; see README.md in this folder.
// Writes JSON, Markdown and SVG to results/: latest.*, or latest-bun.* and the like; quick.* with --quick, part.* with --scenario or --only.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { UsageError, keepAble, nameResults, pick, prepareFolder, readTimes, runProgram } from './arguments.mjs';
import { drawChart, drawCurves } from './chart.mjs';
import { pinned } from './children.mjs';
import { BASELINES, SUBJECTS, defaultLibrary, findUws, makeImplementations, missingUws } from './implementations.mjs';
import { Contestant } from './measurements.mjs';
import { takeTurns } from './rounds.mjs';
import { RUNTIMES, binaryOf, missingRuntime, titleOf, versionOf } from './runtimes.mjs';
import { makeScenarios } from './scenarios.mjs';
import { summarize } from './statistics.mjs';
import { markdownTable, notes, tableBlock, tableHead } from './table.mjs';

/** @typedef {import('./implementations.mjs').Implementation} Implementation */
/** @typedef {import('./runtimes.mjs').RuntimeName} RuntimeName */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */
/** @typedef {import('./statistics.mjs').ScenarioResult} ScenarioResult */

const HELP = `usage: npm run bench -- [options]

  --runtime=name      ${RUNTIMES.join(', ')}: what the servers run on (node)
  --scenario=name,…   scenarios to run (--list names them)
  --only=name,…       implementations to run (--list names them)
  --quick             a row of each kind and the main peers, two short rounds, in less than a minute
  --rounds=5          rounds; each measures every implementation once
  --seconds=1.2       length of one measurement
  --warmup=0.3        seconds before each measurement
  --library=path      entry point of the library under test (the one of the package)
  --output=folder     where JSON, Markdown and SVG go (bench/results)
                      Without it, --scenario and --only write part.*, and leave latest.* alone.
  --list              name scenarios and implementations, then stop
  --help              this text
`;

/**
 * @typedef {object} Options
 * @property {RuntimeName} runtime
 * @property {Scenario[]} chosenScenarios
 * @property {Implementation[]} chosenImplementations
 * @property {number} rounds
 * @property {{ warmup: number, duration: number }} times Milliseconds.
 * @property {boolean} isNamed The scenarios were named.
 * @property {string} file Path of the results, without the ending.
 */

/** @param {string} name @returns {RuntimeName} */
function readRuntime(name) {
  const runtime = RUNTIMES.find((known) => known === name);
  if (!runtime) throw new UsageError(`--runtime: there is no '${name}'; there are ${RUNTIMES.join(', ')}`);
  return runtime;
}

/**
 * @param {Scenario[]} scenarios
 * @param {Implementation[]} implementations
 */
function list(scenarios, implementations) {
  const lines = (/** @type {{ name: string, standard: boolean }[]} */ items) =>
    items.map(({ name, standard }) => `  ${name}${standard ? '' : ' (only when named)'}\n`).join('');
  process.stdout.write(`scenarios\n${lines(scenarios)}implementations\n${lines(implementations)}`);
}

/** @param {string} [output] @returns {string} The folder of the results. */
function readFolder(output) {
  if (output === '') throw new UsageError('--output must name a folder');
  return resolve(output ?? fileURLToPath(new URL('results', import.meta.url)));
}

/** @returns {Options | null} Null if there is nothing to run. */
function readOptions() {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', default: 'node' },
      scenario: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      library: { type: 'string' },
      output: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { library, only, output, quick, scenario } = values;
  const runtime = readRuntime(values.runtime);
  const all = makeImplementations(runtime, resolve(library ?? defaultLibrary(runtime)));
  // What nobody can do on this runtime does not exist.
  const scenarios = makeScenarios(runtime).filter(({ kind }) => all.some(({ kinds }) => kinds.includes(kind)));
  if (values.help) process.stdout.write(HELP);
  if (values.list) list(scenarios, all);
  if (values.help || values.list) return null;
  const missing = missingRuntime(runtime);
  if (missing) throw new UsageError(missing);
  const isPart = output === undefined && (scenario !== undefined || only !== undefined);
  const whole = runtime === 'node' ? 'latest' : `latest-${runtime}`;
  const isChosen = (/** @type {{ quick: boolean, standard: boolean }} */ item) => (quick ? item.quick : item.standard);
  return {
    runtime,
    chosenScenarios: scenario === undefined ? scenarios.filter(isChosen) : pick(scenarios, scenario, 'scenario'),
    chosenImplementations: only === undefined ? all.filter(isChosen) : pick(all, only, 'only'),
    isNamed: scenario !== undefined,
    ...readTimes(values, '2'),
    file: join(readFolder(output), nameResults({ quick, isPart, whole })),
  };
}

/** Leaves out what cannot run here; the library under test must. @param {Implementation[]} chosen @returns {Implementation[]} */
function keepRunnable(chosen) {
  return chosen.filter((implementation) => {
    const reason = implementation.missing();
    if (reason && SUBJECTS.includes(implementation.name)) throw new UsageError(`${reason} (or compare others with --only)`);
    if (reason) process.stderr.write(`${implementation.name} is left out: ${reason}\n`);
    return !reason;
  });
}

/**
 * Runs one scenario.
 *
 * @param {Scenario} scenario
 * @param {Implementation[]} implementations
 * @param {Options} options
 * @returns {Promise<ScenarioResult>}
 */
async function runScenario(scenario, implementations, { rounds, times }) {
  const able = implementations.filter(({ kinds }) => kinds.includes(scenario.kind));
  const contestants = able.map((implementation) => new Contestant(implementation, scenario));
  /** @type {Map<string, import('./statistics.mjs').Recording>} */
  const records = new Map(able.map(({ name }) => [name, { samples: [], failures: [] }]));
  const names = able.map(({ name }) => name);
  await takeTurns(scenario.name, names, rounds, async (index) => {
    const { failures, samples } = /** @type {import('./statistics.mjs').Recording} */ (records.get(names[index]));
    try {
      samples.push(await contestants[index].measure(times));
    } catch (error) {
      samples.push(null);
      failures.push(/** @type {Error} */ (error).message);
      await contestants[index].stop();
    }
  });
  for (const contestant of contestants) await contestant.stop();
  return summarize(scenario, records);
}

/** @param {RuntimeName} runtime @returns {Record<string, string | number | boolean>} */
function describeMachine(runtime) {
  const require = createRequire(import.meta.url);
  const version = (/** @type {string} */ name) =>
    JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')).version;
  // ws 8.23 unmasks by node:http where it can.
  const probe = 'typeof require("node:http").websocketUnmask === "function"';
  const hasUnmask =
    runtime.startsWith('node') && spawnSync(binaryOf(runtime), ['-p', probe], { encoding: 'utf8' }).stdout.trim() === 'true';
  return {
    runtime: `${titleOf(runtime)} ${versionOf(runtime)}`,
    loadGenerator: `Node.js ${process.version.slice(1)}`,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    pinned,
    ws: version('ws'),
    bufferutil: version('bufferutil'),
    uws: missingUws(runtime) ?? findUws()?.title ?? '',
    websocketUnmask: hasUnmask,
  };
}

/**
 * @param {ScenarioResult[]} results
 * @param {string[]} names
 * @param {Options} options
 */
function writeResults(results, names, { file, rounds, runtime, times }) {
  const machine = describeMachine(runtime);
  const date = new Date().toISOString();
  const document = { date, runtime, machine, rounds, ...times, scenarios: results };
  writeFileSync(`${file}.json`, `${JSON.stringify(document, null, 2)}\n`);
  const peers = names.includes('ws') ? `, ws ${machine.ws}, uWebSockets.js: ${machine.uws}` : '';
  const where = `${machine.runtime}, ${machine.platform}, ${machine.cpu}${peers}`;
  const caption = `${where}; server on one core, load on another; ${rounds} rounds; ${date.slice(0, 10)}`;
  writeFileSync(`${file}.md`, `${caption}\n\n${markdownTable(results)}`);
  const baseline = BASELINES.find((name) => names.includes(name));
  const rows = results.filter(({ scenario }) => scenario.curve === null);
  if (baseline && rows.length > 0) writeFileSync(`${file}.svg`, drawChart(rows, names, baseline, caption));
  const curves = drawCurves(results, names, caption);
  if (curves) writeFileSync(`${file}-curves.svg`, curves);
  process.stdout.write(`written to ${file}.json and beside it\n`);
}

/** @param {Options} options */
async function main(options) {
  const implementations = keepRunnable(options.chosenImplementations);
  if (implementations.length === 0) throw new UsageError('nothing to compare');
  const scenarios = keepAble(options.chosenScenarios, implementations, options.isNamed);
  prepareFolder(dirname(options.file));
  if (!pinned) process.stderr.write('children are not pinned to cores (needs taskset and two cores): expect a wide spread\n');
  const names = implementations.map(({ name }) => name);
  const began = Date.now();
  process.stdout.write(`${tableHead()}\n`);
  /** @type {ScenarioResult[]} */
  const results = [];
  for (const scenario of scenarios) {
    const result = await runScenario(scenario, implementations, options);
    results.push(result);
    process.stdout.write(`${tableBlock(result)}\n`);
  }
  process.stdout.write(['', ...notes(results), `${Math.round((Date.now() - began) / 1000)} s`, ''].join('\n'));
  writeResults(results, names, options);
  const failed = results.some((result) => Object.values(result.implementations).some(({ failures }) => failures.length > 0));
  process.exit(failed ? 1 : 0);
}

await runProgram('bench', async () => {
  const options = readOptions();
  if (options) await main(options);
});
