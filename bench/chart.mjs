// The SVG charts, on logarithmic axes: bars for how many times better than the first baseline, curves for CPU time a message.

import { SUBJECT } from './implementations.mjs';
import { compare } from './statistics.mjs';
import { formatNumber, formatRatio } from './table.mjs';

/** @typedef {import('./statistics.mjs').ScenarioResult} ScenarioResult */

const WIDTH = 960;
const LEFT = 300;
const RIGHT = 200;
const TOP = 88;
const BAR = 15;
const GAP = 16;
const COLORS = ['#2563eb', '#93c5fd', '#1e3a8a', '#9ca3af', '#6b7280', '#f59e0b', '#10b981', '#8b5cf6', '#ec4899', '#06b6d4'];
const TARGET_COLOR = '#dc2626';

/** @param {string} text @returns {string} */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {string} [attributes]
 */
const label = (x, y, text, attributes = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(text)}</text>`;

/**
 * How many times better than the baseline: smaller figures of time and memory count as better.
 *
 * @param {ScenarioResult} result
 * @param {string} name
 * @param {string} baseline
 * @returns {number | null}
 */
export function timesBetter(result, name, baseline) {
  const { implementations, scenario } = result;
  if (name === baseline) return implementations[name]?.value ? 1 : null;
  const ratio = compare(result, name, baseline)?.ratio.median;
  if (ratio === undefined || ratio <= 0) return null;
  return scenario.better === 'higher' ? ratio : 1 / ratio;
}

/** Logarithmic axis over everything shown. @param {number[]} values */
function makeAxis(values) {
  const low = Math.min(0.5, ...values) * 0.9;
  const high = Math.max(2, ...values) * 1.1;
  const ticks = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100].filter((tick) => tick >= low && tick <= high);
  const scale = (WIDTH - LEFT - RIGHT) / Math.log(high / low);
  return { ticks, x: (/** @type {number} */ value) => LEFT + Math.log(value / low) * scale };
}

/**
 * @param {ScenarioResult} result
 * @param {string[]} names
 * @param {string} baseline
 * @param {ReturnType<typeof makeAxis>} axis
 * @param {number} top
 * @returns {string[]}
 */
function drawScenario(result, names, baseline, axis, top) {
  const { implementations, scenario } = result;
  const height = names.length * BAR;
  const parts = [label(LEFT - 12, top + height / 2 + 4, scenario.title, 'text-anchor="end"')];
  for (const [index, name] of names.entries()) {
    const value = timesBetter(result, name, baseline);
    const figures = implementations[name]?.value;
    if (value === null || !figures) continue;
    const y = top + index * BAR;
    const [from, to] = [axis.x(Math.min(1, value)), axis.x(Math.max(1, value))];
    const width = Math.max(1.5, to - from).toFixed(1);
    parts.push(
      `<rect x="${from.toFixed(1)}" y="${y}" width="${width}" height="${BAR - 2}" rx="1.5" fill="${COLORS[index % COLORS.length]}"/>`,
    );
    const text = `${formatRatio(value)} · ${formatNumber(figures.median)} ${scenario.unit}`;
    parts.push(label(WIDTH - RIGHT + 12, y + BAR - 4, text, 'font-size="10" fill="#4b5563"'));
  }
  const target = scenario.targets[SUBJECT]?.[baseline];
  if (target !== undefined) {
    const x = axis.x(scenario.better === 'higher' ? target : 1 / target).toFixed(1);
    parts.push(`<path d="M${x} ${top - 3}V${top + BAR + 1}" stroke="${TARGET_COLOR}" stroke-width="2"/>`);
  }
  return parts;
}

/** @param {string[]} names @param {number} left @returns {string[]} The last part is the mark of targets. */
function drawLegend(names, left) {
  let x = left;
  const parts = names.map((name, index) => {
    const entry = `<rect x="${x}" y="52" width="11" height="11" fill="${COLORS[index % COLORS.length]}"/>${label(x + 16, 62, name)}`;
    x += 40 + name.length * 7;
    return entry;
  });
  parts.push(`<path d="M${x + 4} 51V64" stroke="${TARGET_COLOR}" stroke-width="2"/>${label(x + 12, 62, 'target')}`);
  return parts;
}

/**
 * @param {ScenarioResult[]} results
 * @param {string[]} names Implementations, in the order of bars.
 * @param {string} baseline The implementation that is 1.
 * @param {string} caption
 * @returns {string} An SVG document.
 */
export function drawChart(results, names, baseline, caption) {
  const values = results.flatMap((result) => {
    const target = result.scenario.targets[SUBJECT]?.[baseline];
    const shown = names.map((name) => timesBetter(result, name, baseline));
    if (target !== undefined) shown.push(result.scenario.better === 'higher' ? target : 1 / target);
    return shown.filter((value) => value !== null);
  });
  const axis = makeAxis(values);
  const block = names.length * BAR + GAP;
  const height = TOP + results.length * block + 24;
  const bottom = height - 28;
  const grid = axis.ticks.flatMap((tick) => {
    const x = axis.x(tick);
    const line = `<path d="M${x.toFixed(1)} ${TOP - 8}V${bottom}" stroke="${tick === 1 ? '#6b7280' : '#e5e7eb'}"/>`;
    return [line, label(x, bottom + 16, `${tick}×`, 'text-anchor="middle" fill="#6b7280"')];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#111827">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    label(
      24,
      28,
      `Times better than ${baseline}, measured side by side (median of ratios, logarithmic axis)`,
      'font-size="15" font-weight="600"',
    ),
    label(24, 44, caption, 'font-size="11" fill="#6b7280"'),
    ...drawLegend(names, 24),
    ...grid,
    ...results.flatMap((result, index) => drawScenario(result, names, baseline, axis, TOP + index * block)),
    '</svg>',
    '',
  ].join('\n');
}

const PANEL_TOP = 100;
const PANEL_HEIGHT = 300;
const PANEL_WIDTH = 380;
const AXES = /** @type {const} */ ([
  { field: 'connections', left: 72, title: 'µs of CPU a message, by connections' },
  { field: 'size', left: 540, title: 'µs of CPU a message, by bytes of payload' },
]);

/** @param {number} low @param {number} high @param {number} from @param {number} to @returns {(value: number) => number} */
function logarithmic(low, high, from, to) {
  const scale = (to - from) / Math.log(high / low || 2);
  return (value) => from + Math.log(value / low) * scale;
}

/**
 * @param {ScenarioResult[]} results The points of one curve.
 * @param {string[]} names
 * @param {typeof AXES[number]} axis
 * @returns {string[]}
 */
function drawPanel(results, names, { field, left, title }) {
  const places = results.map(({ scenario }) => scenario[field]);
  const costs = results.flatMap(({ implementations }) => Object.values(implementations).flatMap(({ cpu }) => cpu ?? []));
  if (costs.length === 0) return [];
  const [low, high] = [Math.min(...costs) * 0.8, Math.max(...costs) * 1.25];
  const x = logarithmic(Math.min(...places), Math.max(...places), left, left + PANEL_WIDTH);
  const y = logarithmic(low, high, PANEL_TOP + PANEL_HEIGHT, PANEL_TOP);
  const ticks = Array.from({ length: 9 }, (_, index) => 10 ** (index - 2)).filter((tick) => tick >= low && tick <= high);
  const lines = names.map((name, index) => {
    const points = results.flatMap(({ implementations, scenario }) => {
      const cpu = implementations[name]?.cpu;
      return cpu ? [`${x(scenario[field]).toFixed(1)},${y(cpu).toFixed(1)}`] : [];
    });
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLORS[index % COLORS.length]}" stroke-width="2"/>`;
  });
  return [
    label(left, PANEL_TOP - 14, title, 'font-weight="600"'),
    ...ticks.flatMap((tick) => [
      `<path d="M${left} ${y(tick).toFixed(1)}H${left + PANEL_WIDTH}" stroke="#e5e7eb"/>`,
      label(left - 6, y(tick) + 4, String(tick), 'text-anchor="end" fill="#6b7280"'),
    ]),
    ...places.map((place) =>
      label(x(place), PANEL_TOP + PANEL_HEIGHT + 18, formatNumber(place), 'text-anchor="middle" font-size="10" fill="#6b7280"'),
    ),
    ...lines,
  ];
}

/**
 * @param {ScenarioResult[]} results
 * @param {string[]} names Implementations, in the order of colors.
 * @param {string} caption
 * @returns {string | null} An SVG document, or null without the points of a curve.
 */
export function drawCurves(results, names, caption) {
  const panels = AXES.flatMap((axis) => {
    const points = results.filter(({ scenario }) => scenario.curve === axis.field);
    return points.length < 2 ? [] : drawPanel(points, names, axis);
  });
  if (panels.length === 0) return null;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 440" font-family="system-ui, sans-serif" font-size="12" fill="#111827">`,
    `<rect width="${WIDTH}" height="440" fill="#ffffff"/>`,
    label(
      24,
      24,
      'CPU time of the server for a message, on logarithmic axes; lower is better',
      'font-size="15" font-weight="600"',
    ),
    label(24, 42, caption, 'font-size="11" fill="#6b7280"'),
    ...drawLegend(names, 24).slice(0, -1),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}
