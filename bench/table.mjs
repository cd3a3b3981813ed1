// The table on the terminal, and the same in Markdown: a block for each scenario, a line for each implementation.

import { BASELINES, SUBJECTS } from './implementations.mjs';
import { compare } from './statistics.mjs';

/** @typedef {import('./statistics.mjs').ScenarioResult} ScenarioResult */
/** @typedef {import('./statistics.mjs').Comparison} Comparison */
/** @typedef {import('./statistics.mjs').Figures} Figures */

/** A load generator above this share of its core may be the bottleneck. */
const SATURATED = 0.95;
/** Below this share on both sides, neither had its core to itself: something else runs on the machine. */
const STARVED = 0.8;
/** Implementations, figures, shares of the cores. */
const WIDTHS = [16, 9, 11, 11, 12];
const HEAD = ['', 'figure', 'CPU µs each', 'faults each', 'CPU / load %', 'compared (spread) target'];

/**
 * Three significant digits, thousands as k or M.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatNumber(value) {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (Math.abs(value) >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) < 0.005 ? '0' : value.toPrecision(Math.abs(value) < 0.1 ? 1 : 3);
}

/** @param {number} ratio @returns {string} */
export function formatRatio(ratio) {
  return `${ratio.toFixed(ratio >= 10 ? 1 : 2)}×`;
}

/** @param {number | null} value @returns {string} */
const formatOptional = (value) => (value === null ? '–' : formatNumber(value));

/** @param {string} baseline @param {Comparison} comparison @param {ScenarioResult['scenario']} scenario @returns {string} */
function formatComparison(baseline, { ratio, by, reached, target }, { better }) {
  const spread = ratio.minimum === ratio.maximum ? '' : ` (${formatRatio(ratio.minimum)}–${formatRatio(ratio.maximum)})`;
  const text = `${formatRatio(ratio.median)} ${baseline}${by === 'CPU' ? ' by CPU' : ''}${spread}`;
  if (reached === null) return text;
  return `${text} ${better === 'higher' ? '≥' : '≤'} ${target} ${reached ? '✓' : '✗ missed'}`;
}

/**
 * What a subject is compared with; the forms of the library among themselves only where a target says so.
 *
 * @param {ScenarioResult} result
 * @param {string} name
 * @returns {[string, Comparison][]}
 */
function comparisonsOf(result, name) {
  if (!SUBJECTS.includes(name)) return [];
  return BASELINES.flatMap((baseline) => {
    const comparison = compare(result, name, baseline);
    if (!comparison || (SUBJECTS.includes(baseline) && comparison.reached === null)) return [];
    return [/** @type {[string, Comparison]} */ ([baseline, comparison])];
  });
}

/** @param {Figures} figures @returns {string} */
function formatShares({ loadCpu, subjectCpu }) {
  if (subjectCpu === null || loadCpu === null) return '–';
  return `${Math.round(subjectCpu * 100)} / ${Math.round(loadCpu * 100)}${loadCpu > SATURATED ? ' !' : ''}`;
}

/** @param {ScenarioResult} result @returns {string[][]} A row of cells for each implementation. */
function cellsOf(result) {
  return Object.entries(result.implementations).map(([name, figures]) => [
    name,
    figures.value ? formatNumber(figures.value.median) : 'failed',
    formatOptional(figures.cpu),
    formatOptional(figures.faults),
    formatShares(figures),
    comparisonsOf(result, name)
      .map(([baseline, comparison]) => formatComparison(baseline, comparison, result.scenario))
      .join(', '),
  ]);
}

/** @param {string[]} cells @returns {string} */
function pad(cells) {
  const padded = cells.map((cell, index) =>
    index > 0 && index < 4 ? cell.padStart(WIDTHS[index]) : cell.padEnd(WIDTHS[index] ?? 0),
  );
  return `  ${padded.join('  ').trimEnd()}`;
}

/** @returns {string} The line above a terminal's table. */
export const tableHead = () => pad(HEAD);

/** @param {ScenarioResult} result @returns {string} Lines of a terminal. */
export function tableBlock(result) {
  const { title, unit } = result.scenario;
  return [`${title}, ${unit}`, ...cellsOf(result).map(pad)].join('\n');
}

/** @param {ScenarioResult[]} results @returns {string} One table. */
export function markdownTable(results) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  const rows = results.flatMap((result) => {
    const { title, unit } = result.scenario;
    return cellsOf(result).map(([name, ...cells], index) => line([index === 0 ? `${title}, ${unit}` : '', name, ...cells]));
  });
  const head = ['scenario', 'implementation', ...HEAD.slice(1)];
  return [line(head), line(head.map(() => '---')), ...rows, ''].join('\n');
}

/** @param {ScenarioResult} result @returns {string[]} Lines. */
function scenarioNotes({ implementations, scenario }) {
  const lines = [];
  const starved = [];
  for (const [name, { failures, loadCpu, subjectCpu }] of Object.entries(implementations)) {
    for (const failure of new Set(failures)) lines.push(`FAILED  ${scenario.name}, ${name}: ${failure}`);
    const busiest = Math.max(subjectCpu ?? 1, loadCpu ?? 1);
    if (busiest < STARVED) starved.push(`${name} ${Math.round(busiest * 100)} %`);
  }
  if (starved.length > 0) lines.push(`NOISY   ${scenario.name}: of its core the busier side got only: ${starved.join(', ')}`);
  return lines;
}

/**
 * What a reader must know to trust the table: failures, a busy machine, and how many targets were reached.
 *
 * @param {ScenarioResult[]} results
 * @returns {string[]} Lines.
 */
export function notes(results) {
  const lines = results.flatMap(scenarioNotes);
  for (const subject of SUBJECTS) {
    const verdicts = results.flatMap((result) => comparisonsOf(result, subject).map(([, { reached }]) => reached));
    const [reached, missed] = [true, false].map((wanted) => verdicts.filter((verdict) => verdict === wanted).length);
    const mark = missed > 0 ? '✗' : '✓';
    if (reached + missed > 0)
      lines.push(`${mark} ${subject}: ${reached} of ${reached + missed} targets reached, ${missed} missed`);
  }
  return lines;
}
