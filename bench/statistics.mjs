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

/** @param {(Sample | null)[]} own @param {(Sample | null)[]} baseline @returns {Spread | null} */
function ratio(own, baseline) {
  const ratios = own.map((sample, round) => {
    const other = baseline[round];
    return sample && other && other.value !== 0 ? sample.value / other.value : null;
  });
  return spread(present(ratios));
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
    /** @type {Record<string, Spread>} */
    const ratios = {};
    for (const baseline of BASELINES) {
      const other = records.get(baseline);
      const found = other && baseline !== name ? ratio(samples, other.samples) : null;
      if (found) ratios[baseline] = found;
    }
    const rounds = samples.map((sample) => sample?.value ?? null);
    const [subjectCpu, loadCpu] = [medianShare(samples, 'subjectCpu'), medianShare(samples, 'loadCpu')];
    implementations[name] = { value: spread(present(rounds)), subjectCpu, loadCpu, ratios, rounds, failures };
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
