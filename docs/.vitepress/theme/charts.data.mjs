// The charts of the page Performance: the committed results of the benchmark, as times that an implementation is better than the baseline.

import { readFileSync } from 'node:fs';
import { timesBetter } from '../../../bench/chart.mjs';
import { BASELINES, SUBJECT, SUBJECTS } from '../../../bench/implementations.mjs';
import { formatRatio } from '../../../bench/table.mjs';

/** Names of the files without `.json`, with the names of their baselines. */
const CHARTS = { latest: 'ws', 'latest-bun': 'Bun.serve', 'latest-deno': 'Deno.upgradeWebSocket' };
const TITLES = {
  'wasock+http': 'behind node:http',
  'ws+bufferutil': 'ws + bufferutil',
  uws: 'uWebSockets.js',
  net: 'bare net',
};
const TICKS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50];

/** @param {string} file @param {string} baselineTitle */
function chart(file, baselineTitle) {
  const { scenarios } = JSON.parse(readFileSync(new URL(`../../../bench/results/${file}.json`, import.meta.url), 'utf8'));
  const baseline = BASELINES.find((name) => name in scenarios[0].implementations);
  const rows = scenarios
    .filter(({ scenario }) => scenario.curve === null)
    .map((result) => {
      const { better, title, targets } = result.scenario;
      const bars = Object.keys(result.implementations)
        .filter((name) => name !== baseline)
        .map((name) => ({
          name: TITLES[name] ?? name,
          isSubject: name === SUBJECT,
          isOurs: SUBJECTS.includes(name),
          times: timesBetter(result, name, baseline),
        }))
        .filter(({ times }) => times !== null)
        .map((bar) => ({ ...bar, text: formatRatio(bar.times) }));
      const target = targets[SUBJECT]?.[baseline];
      return { title, bars, goal: target === undefined ? undefined : better === 'higher' ? target : 1 / target };
    })
    .filter(({ bars }) => bars.length > 0);
  const values = rows.flatMap(({ bars, goal }) => [...bars.map(({ times }) => times), ...(goal === undefined ? [] : [goal])]);
  const [low, high] = [Math.min(0.5, ...values) / 1.1, Math.max(2, ...values) * 1.1];
  return { baseline: baselineTitle, rows, low, high, ticks: TICKS.filter((tick) => tick > low && tick < high) };
}

const loader = {
  watch: ['../../../bench/results/latest*.json'],
  load() {
    return Object.fromEntries(Object.entries(CHARTS).map(([file, title]) => [file, chart(file, title)]));
  },
};
export default loader;
