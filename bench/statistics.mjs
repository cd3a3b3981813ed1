// From samples to figures: medians, and ratios taken round by round, since only runs side by side are comparable.

import { BASELINES } from './implementations.mjs';

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
 * @property {number | null} cpu Median microseconds of the server's CPU time for a message.
 * @property {number | null} faults Median minor page faults of the server for a message.
 * @property {number | null} subjectCpu Median share of a core.
 * @property {number | null} loadCpu Median share of a core.
 * @property {Record<string, Spread>} ratios To each baseline: own value / the baseline's value in the same round.
 * @property {Record<string, Spread>} cpuRatios The same of value per second of CPU time, which holds on a busy machine too.
 * @property {(number | null)[]} rounds Value of every round.
 * @property {string[]} failures
 *
 * @typedef {Pick<Scenario, 'better' | 'byCpu' | 'targets'>} Judged The part of a scenario that comparisons need.
 */

/**
 * @template {Judged} [S=Scenario]
 * @typedef {object} ScenarioResult
 * @property {S} scenario
 * @property {Record<string, Figures>} implementations
 */

/** @typedef {{ samples: (Sample | null)[], failures: string[] }} Recording */

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

/** @param {(Sample | null)[]} samples @param {'cpu' | 'faults' | 'subjectCpu' | 'loadCpu'} field @returns {number | null} */
function medianOf(samples, field) {
  const numbers = present(samples.map((sample) => sample?.[field]));
  return numbers.length === 0 ? null : median(numbers);
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
 * @param {readonly string[]} baselines
 * @param {(sample: Sample | null | undefined) => number | null} read
 * @returns {Record<string, Spread>}
 */
function ratiosOf(name, records, baselines, read) {
  /** @type {Record<string, Spread>} */
  const ratios = {};
  const own = records.get(name)?.samples ?? [];
  for (const baseline of baselines) {
    const found = baseline === name ? null : ratio(own, records.get(baseline)?.samples ?? [], read);
    if (found) ratios[baseline] = found;
  }
  return ratios;
}

/**
 * @template {Judged} S
 * @param {S} scenario
 * @param {Map<string, Recording>} records By implementation; samples by round, null where a round failed.
 * @param {readonly string[]} [baselines]
 * @returns {ScenarioResult<S>}
 */
export function summarize(scenario, records, baselines = BASELINES) {
  /** @type {Record<string, Figures>} */
  const implementations = {};
  for (const [name, { failures, samples }] of records) {
    const [ratios, cpuRatios] = [valueOf, valuePerCpu].map((read) => ratiosOf(name, records, baselines, read));
    const rounds = samples.map((sample) => sample?.value ?? null);
    implementations[name] = {
      value: spread(present(rounds)),
      cpu: medianOf(samples, 'cpu'),
      faults: medianOf(samples, 'faults'),
      subjectCpu: medianOf(samples, 'subjectCpu'),
      loadCpu: medianOf(samples, 'loadCpu'),
      ratios,
      cpuRatios,
      rounds,
      failures,
    };
  }
  return { scenario, implementations };
}

/** A server with a smaller share of its core waited for its client: then its rate says little. */
const FILLED = 0.95;

/**
 * @typedef {object} Comparison
 * @property {Spread} ratio
 * @property {'rate' | 'CPU'} by
 * @property {number | undefined} target
 * @property {boolean | null} reached Null without a target.
 */

/**
 * Compares two implementations by their rate, or by CPU time where one of them did not fill its core.
 *
 * @param {ScenarioResult<Judged>} result
 * @param {string} name
 * @param {string} baseline
 * @returns {Comparison | null} Null if one of them has no figure.
 */
export function compare({ implementations, scenario }, name, baseline) {
  const own = implementations[name];
  const byRate = own?.ratios[baseline];
  if (!byRate) return null;
  const byCpu = own.cpuRatios[baseline];
  const share = Math.min(own.subjectCpu ?? 1, implementations[baseline].subjectCpu ?? 1);
  const isByCpu = byCpu !== undefined && (scenario.byCpu || share < FILLED);
  const found = isByCpu ? byCpu : byRate;
  /** @type {number | undefined} */
  const target = scenario.targets[name]?.[baseline];
  const reaches = (/** @type {number} */ goal) => (scenario.better === 'higher' ? found.median >= goal : found.median <= goal);
  return { ratio: found, by: isByCpu ? 'CPU' : 'rate', target, reached: target === undefined ? null : reaches(target) };
}
