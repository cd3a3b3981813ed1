// The table of topics, in Markdown: a block for each figure, a line for each library. Ours are compared with each of the others.

import { compare } from '../statistics.mjs';
import { formatNumber, formatRatio } from '../table.mjs';

/**
 * @typedef {import('./scenarios.mjs').Scenario} Scenario
 * @typedef {import('../statistics.mjs').ScenarioResult<Scenario> & { figure: string }} Result `figure`: '' or the name of one of several.
 */

/** A load generator above this share of its core may be the bottleneck. */
const SATURATED = 0.95;

/** @param {string} name @returns {boolean} */
const isOurs = (name) => name.startsWith('wasock');

/** @param {Result} result @param {string} name @returns {string} */
function comparisonsOf(result, name) {
  const { implementations, scenario } = result;
  const others = Object.keys(implementations).filter((other) => other !== name && !isOurs(other));
  const [first] = Object.keys(implementations);
  const baselines = scenario.kind === 'cost' ? [first].filter((other) => other !== name) : isOurs(name) ? others : [];
  return baselines
    .flatMap((baseline) => {
      const comparison = compare(result, name, baseline);
      if (!comparison) return [];
      const { by, ratio } = comparison;
      const spread = ratio.minimum === ratio.maximum ? '' : ` (${formatRatio(ratio.minimum)}–${formatRatio(ratio.maximum)})`;
      return [`${formatRatio(ratio.median)} ${baseline}${by === 'CPU' ? ' by CPU' : ''}${spread}`];
    })
    .join(', ');
}

/** @param {string} name @param {Scenario} scenario @returns {string} */
function titleOf(name, { kind, patterns }) {
  return kind === 'cost' ? `${Number(name).toLocaleString('en')} ${patterns ? 'patterns' : 'topics'}` : name;
}

/** @param {Result} result @returns {string[]} Lines. */
function rowsOf(result) {
  const { figure, implementations, scenario } = result;
  const unit = figure === '' ? scenario.unit : `${figure}, ${scenario.unit}`;
  return Object.entries(implementations).map(([name, { cpu, loadCpu, subjectCpu, value }], index) => {
    const percent = (/** @type {number} */ share) => Math.round(share * 100);
    const shares = subjectCpu === null || loadCpu === null ? '–' : `${percent(subjectCpu)} / ${percent(loadCpu)}`;
    const cells = [
      index === 0 ? `${scenario.title}: ${unit}` : '',
      titleOf(name, scenario),
      value ? formatNumber(value.median) : 'failed',
      cpu === null ? '–' : formatNumber(cpu),
      `${shares}${loadCpu !== null && loadCpu > SATURATED ? ' !' : ''}`,
      comparisonsOf(result, name),
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

/** @param {Result[]} results @returns {string} */
export function tableOf(results) {
  const head = ['measurement', 'library', 'figure', 'CPU µs each', 'CPU / load %', 'compared (spread)'];
  return [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...results.flatMap(rowsOf), ''].join('\n');
}

/** @param {Result[]} results @returns {string[]} Each failure once. */
export function failuresOf(results) {
  const lines = results.flatMap(({ implementations, scenario }) =>
    Object.entries(implementations).flatMap(([name, { failures }]) =>
      failures.map((failure) => `FAILED  ${scenario.name}, ${name}: ${failure}`),
    ),
  );
  return [...new Set(lines)];
}
