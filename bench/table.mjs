// The table on the terminal: one row a scenario.

import { BASELINES } from './implementations.mjs';
import { reaches } from './statistics.mjs';

/** @typedef {import('./statistics.mjs').ScenarioResult} ScenarioResult */
/** @typedef {import('./statistics.mjs').Figures} Figures */
/** @typedef {import('./statistics.mjs').Spread} Spread */

/** A load generator above this share of its core may be the bottleneck. */
const SATURATED = 0.95;
/** Below this share on both sides, neither had its core to itself: something else runs on the machine. */
const STARVED = 0.8;

/**
 * Three significant digits, thousands as k or M.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatNumber(value) {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (Math.abs(value) >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {number} ratio @returns {string} */
export function formatRatio(ratio) {
  return `${ratio.toFixed(ratio >= 10 ? 1 : 2)}×`;
}

/** @param {Figures | undefined} figures @returns {string} */
function formatValue(figures) {
  if (!figures) return '–';
  return figures.value ? formatNumber(figures.value.median) : 'failed';
}

/** Median, spread, target and mark of the ratio to one baseline. @param {ScenarioResult} result @param {string} subject @param {string} baseline */
function formatComparison({ implementations, scenario }, subject, baseline) {
  const ratios = implementations[subject]?.ratios[baseline];
  if (!ratios) return '–';
  const text = `${formatRatio(ratios.median)} (${formatRatio(ratios.minimum)}–${formatRatio(ratios.maximum)})`;
  const reached = reaches(scenario, subject, baseline, ratios);
  if (reached === null) return text;
  return `${text} ${scenario.better === 'higher' ? '≥' : '≤'} ${scenario.targets[baseline]} ${reached ? '✓' : '✗ MISSED'}`;
}

/** @param {Spread | undefined} ratios @returns {string} */
const formatCpuRatio = (ratios) => (ratios ? formatRatio(ratios.median) : '–');

/** CPU shares of the subject and of its generator, in per cent. @param {Figures | undefined} figures @returns {string} */
function formatShares(figures) {
  if (!figures || figures.subjectCpu === null || figures.loadCpu === null) return '–';
  const load = `${Math.round(figures.loadCpu * 100)}`;
  return `${Math.round(figures.subjectCpu * 100)} / ${load}${figures.loadCpu > SATURATED ? ' !' : ''}`;
}

/** Prints rows as they come in. */
export class Table {
  #names;
  #subject;
  #baselines;
  /** @type {number[]} */
  #widths;
  #write;

  /**
   * @param {string[]} names Implementations, in the order of columns.
   * @param {string} subject The one whose ratios are shown.
   * @param {number} titleWidth
   * @param {(line: string) => void} write
   */
  constructor(names, subject, titleWidth, write) {
    this.#names = names;
    this.#subject = subject;
    this.#write = write;
    this.#baselines = BASELINES.filter((baseline) => names.includes(baseline) && baseline !== subject);
    const comparisons = this.#baselines.map(() => 40);
    this.#widths = [
      titleWidth,
      12,
      ...names.map((name) => Math.max(8, name.length)),
      ...comparisons,
      ...this.#baselines.map((baseline) => 12 + baseline.length),
      14,
    ];
  }

  head() {
    const comparisons = this.#baselines.map((baseline) => `${this.#subject} : ${baseline} (spread) target`);
    this.#line([
      'scenario',
      'unit',
      ...this.#names,
      ...comparisons,
      ...this.#baselines.map((baseline) => `per CPU s : ${baseline}`),
      'CPU % / load %',
    ]);
    this.#write(this.#widths.map((width) => '─'.repeat(width)).join('  '));
  }

  /** @param {ScenarioResult} result */
  row(result) {
    const { implementations, scenario } = result;
    this.#line([
      scenario.title,
      scenario.unit,
      ...this.#names.map((name) => formatValue(implementations[name])),
      ...this.#baselines.map((baseline) => formatComparison(result, this.#subject, baseline)),
      ...this.#baselines.map((baseline) => formatCpuRatio(implementations[this.#subject]?.cpuRatios[baseline])),
      formatShares(implementations[this.#subject]),
    ]);
  }

  /** @param {string[]} cells */
  #line(cells) {
    const isNumber = (/** @type {number} */ index) => index >= 2 && index < 2 + this.#names.length;
    const padded = cells.map((cell, index) => {
      const width = this.#widths[index];
      return isNumber(index) ? cell.padStart(width) : cell.padEnd(width);
    });
    this.#write(padded.join('  ').trimEnd());
  }
}

/** @param {ScenarioResult} result @returns {string[]} Lines. */
function scenarioNotes({ implementations, scenario }) {
  const lines = [];
  const starved = [];
  for (const [name, { failures, loadCpu, subjectCpu }] of Object.entries(implementations)) {
    for (const failure of new Set(failures)) lines.push(`FAILED  ${scenario.name}, ${name}: ${failure}`);
    const busiest = Math.max(subjectCpu ?? 1, loadCpu ?? 1);
    if (busiest < STARVED) starved.push(`${name} ${Math.round(busiest * 100)} %`);
    if (loadCpu === null || loadCpu <= SATURATED) continue;
    const share = Math.round(loadCpu * 100);
    lines.push(
      `LIMITED ${scenario.name}, ${name}: the load generator used ${share} % of its core, the server may be faster than shown`,
    );
  }
  if (starved.length > 0) lines.push(`NOISY   ${scenario.name}: of its core the busier side got only: ${starved.join(', ')}`);
  return lines;
}

/**
 * What a reader must know to trust the table: failures, missed targets, a generator that was the bottleneck, a busy machine.
 *
 * @param {ScenarioResult[]} results
 * @param {string} subject
 * @returns {string[]} Lines.
 */
export function notes(results, subject) {
  const lines = results.flatMap(scenarioNotes);
  const verdicts = results.flatMap(({ implementations, scenario }) =>
    BASELINES.map((baseline) => reaches(scenario, subject, baseline, implementations[subject]?.ratios[baseline])),
  );
  const reached = verdicts.filter((verdict) => verdict === true).length;
  const missed = verdicts.filter((verdict) => verdict === false).length;
  if (reached + missed > 0)
    lines.push(`${missed > 0 ? '✗' : '✓'} ${reached} of ${reached + missed} targets reached by ${subject}`);
  return lines;
}
