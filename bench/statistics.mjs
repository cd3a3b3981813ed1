// From samples to figures: medians, and ratios taken round by round, since only runs side by side are comparable.

import { BASELINES, SUBJECT } from './implementations.mjs';

/** @typedef {import('./measurements.mjs').Sample} Sample */
/** @typedef {import('./scenarios.mjs').Scenario} Scenario */

/**
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} minimum
 * @property {number} maximum
 *
 * @typedef {object} Figures
 * @property {Spread | null} value Null if no round succeeded.
 * @property {number | null} subjectCpu Median share of a core.
 * @property {number | null} loadCpu Median share of a core.
 * @property {Record<string, Spread>} ratios To each baseline: own value / the baseline's value in the same round.
 * @property {Record<string, Spread>} cpuRatios The same of value per second of CPU time, which holds on a busy machine too.
 * @property {(number | null)[]} rounds Value of every round.
 * @property {string[]} failures
 *
 * @typedef {object} ScenarioResult
 * @property {Scenario} scenario
 * @property {Record<string, Figures>} implementations
 *
 * @typedef {{ samples: (Sample | null)[], failures: string[] }} Recording
 */

/** @param {number[]} numbers Not empty. @returns {number} */
function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {number[]} numbers @returns {Spread | null} */
function spread(numbers) {
  if (numbers.length === 0) return null;
  return { median: median(numbers), minimum: Math.min(...numbers), maximum: Math.max(...numbers) };
}

/** @param {(number | null | undefined)[]} numbers @returns {number[]} */
const present = (numbers) => numbers.filter((number) => typeof number === 'number');

/** @param {(Sample | null)[]} samples @param {'subjectCpu' | 'loadCpu'} field @returns {number | null} */
function medianShare(samples, field) {
  const shares = present(samples.map((sample) => sample?.[field]));
  return shares.length === 0 ? null : median(shares);
}

/** @param {Sample | null | undefined} sample @returns {number | null} */
const valueOf = (sample) => sample?.value ?? null;

/** @param {Sample | null | undefined} sample @returns {number | null} */
const valuePerCpu = (sample) => (sample?.subjectCpu ? sample.value / sample.subjectCpu : null);

/**
 * @param {(Sample | null)[]} own
 * @param {(Sample | null)[]} baseline
 * @param {(sample: Sample | null | undefined) => number | null} read
 * @returns {Spread | null}
 */
function ratio(own, baseline, read) {
  const ratios = own.map((sample, round) => {
    const [value, other] = [read(sample), read(baseline[round])];
    return value !== null && other ? value / other : null;
  });
  return spread(present(ratios));
}

/**
 * @param {string} name
 * @param {Map<string, Recording>} records
 * @param {(sample: Sample | null | undefined) => number | null} read
 * @returns {Record<string, Spread>}
 */
function ratiosOf(name, records, read) {
  /** @type {Record<string, Spread>} */
  const ratios = {};
  const own = records.get(name)?.samples ?? [];
  for (const baseline of BASELINES) {
    const found = baseline === name ? null : ratio(own, records.get(baseline)?.samples ?? [], read);
    if (found) ratios[baseline] = found;
  }
  return ratios;
}

/**
 * @param {Scenario} scenario
 * @param {Map<string, Recording>} records By implementation; samples by round, null where a round failed.
 * @returns {ScenarioResult}
 */
export function summarize(scenario, records) {
  /** @type {Record<string, Figures>} */
  const implementations = {};
  for (const [name, { failures, samples }] of records) {
    const [ratios, cpuRatios] = [ratiosOf(name, records, valueOf), ratiosOf(name, records, valuePerCpu)];
    const rounds = samples.map((sample) => sample?.value ?? null);
    const [subjectCpu, loadCpu] = [medianShare(samples, 'subjectCpu'), medianShare(samples, 'loadCpu')];
    implementations[name] = { value: spread(present(rounds)), subjectCpu, loadCpu, ratios, cpuRatios, rounds, failures };
  }
  return { scenario, implementations };
}

/**
 * Whether a ratio reaches its scenario's target. Targets are for the library under test only.
 *
 * @param {Scenario} scenario
 * @param {string} name
 * @param {string} baseline
 * @param {Spread | undefined} ratios
 * @returns {boolean | null} Null without a target or without a figure.
 */
export function reaches(scenario, name, baseline, ratios) {
  const target = scenario.targets[baseline];
  if (name !== SUBJECT || target === undefined || ratios === undefined) return null;
  return scenario.better === 'higher' ? ratios.median >= target : ratios.median <= target;
}
