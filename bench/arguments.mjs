// Arguments of the benchmarks, which several programs read alike.

import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A mistake in how a benchmark was called, or something that is not installed. */
export class UsageError extends Error {}

/** @param {string} text @param {string} option @param {number} minimum @returns {number} */
export function parseNumber(text, option, minimum) {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number >= minimum) return number;
  throw new UsageError(`--${option} must be a number from ${minimum} up, not '${text}'`);
}

/** @param {string} text @returns {number} */
function parseRounds(text) {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new UsageError(`--rounds must be a whole number from 1 up, not '${text}'`);
}

/**
 * The items that `names` lists, with commas between them, each once.
 *
 * @template {{ name: string }} Item
 * @param {Item[]} all
 * @param {string} names
 * @param {string} option
 * @returns {Item[]}
 */
export function pick(all, names, option) {
  const found = names.split(',').map((name) => {
    const item = all.find((one) => one.name === name.trim());
    if (item) return item;
    throw new UsageError(`--${option}: there is no '${name}'; there are ${all.map((one) => one.name).join(', ')}`);
  });
  return [...new Set(found)];
}

/**
 * The scenarios that an implementation can run. One that was named, but that nobody can run, is a mistake.
 *
 * @template {{ name: string, kind: string }} Scenario
 * @param {Scenario[]} scenarios
 * @param {{ name: string, kinds: string[] }[]} implementations
 * @param {boolean} isNamed
 * @returns {Scenario[]}
 */
export function keepAble(scenarios, implementations, isNamed) {
  const isAble = (/** @type {Scenario} */ { kind }) => implementations.some(({ kinds }) => kinds.includes(kind));
  const unable = scenarios.find((scenario) => !isAble(scenario));
  if (isNamed && unable)
    throw new UsageError(`${implementations.map(({ name }) => name).join(', ')} cannot run ${unable.name}`);
  return scenarios.filter(isAble);
}

/**
 * The name of the results, without its ending. Those of a quick run and of a part are not in git, so that they replace nothing there.
 *
 * @param {{ quick: boolean, isPart: boolean, whole: string }} run `whole` is the name of the results in git.
 */
export function nameResults({ quick, isPart, whole }) {
  if (!quick && !isPart) return whole;
  const rest = whole.replace(/^latest-?/, '');
  return `${quick ? 'quick' : 'part'}${rest && `-${rest}`}`;
}

/** Makes a folder and those above it. The recursive `mkdirSync` of Node.js never ends in /proc. @param {string} path */
function makeFolders(path) {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path);
}

/** Makes the folder of the results, and tries it: a measurement must not be lost at its end. @param {string} path */
export function prepareFolder(path) {
  try {
    makeFolders(path);
    rmdirSync(mkdtempSync(join(path, 'try-')));
  } catch (error) {
    throw new UsageError(`--output: nothing can be written to ${path} (${/** @type {{ code?: string }} */ (error).code})`);
  }
}

/**
 * Rounds and times, in milliseconds.
 *
 * @param {{ quick: boolean, rounds?: string, seconds?: string, warmup?: string }} values
 * @param {string} quickRounds Rounds with `--quick`.
 */
export function readTimes({ quick, rounds, seconds, warmup }, quickRounds) {
  return {
    rounds: parseRounds(rounds ?? (quick ? quickRounds : '5')),
    times: {
      duration: parseNumber(seconds ?? (quick ? '0.2' : '1.2'), 'seconds', 0.1) * 1000,
      warmup: parseNumber(warmup ?? (quick ? '0.1' : '0.3'), 'warmup', 0) * 1000,
    },
  };
}

/**
 * Runs a program. A mistake in its arguments ends it with 2, and one line.
 *
 * @param {string} name Of the program.
 * @param {() => Promise<void>} main
 */
export async function runProgram(name, main) {
  try {
    await main();
  } catch (error) {
    const isUsage = error instanceof UsageError || /** @type {{ code?: string }} */ (error).code?.startsWith('ERR_PARSE_ARGS');
    if (!isUsage) throw error;
    process.stderr.write(`${name}: ${/** @type {Error} */ (error).message}\n`);
    process.exit(2);
  }
}
