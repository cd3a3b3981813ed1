// Shows the live figures that the server sends each second, and formats numbers.

const numbers = new Intl.NumberFormat('en');
/** Three digits, such as 5.87 and 123. */
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, useGrouping: false });
const twoDecimals = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element '${id}'.`);
  return found;
}

/**
 * A time in at most three digits and the unit that suits it: 0.05 ms, 12.3 ms, 5.87 s.
 *
 * @param {number} value Milliseconds.
 */
export function milliseconds(value) {
  if (value < 1) return `${twoDecimals.format(value)} ms`;
  return value < 999.5 ? `${threeDigits.format(value)} ms` : `${threeDigits.format(value / 1000)} s`;
}

/**
 * The top of a chart that shows values up to `peak`: 1, 2 or 5 times a power of ten, and at least 0.5.
 *
 * @param {number} peak
 */
export function scaleFor(peak) {
  const power = 10 ** Math.floor(Math.log10(Math.max(peak, 0.5)));
  return [0.5, 1, 2, 5, 10].map((step) => step * power).find((top) => top >= peak && top >= 0.5) ?? peak;
}

/** @param {any} figures */
export function showFigures(figures) {
  set('connections', numbers.format(figures.connections));
  set('messages-per-second', numbers.format(figures.messagesPerSecond));
  set('messages-in', numbers.format(figures.messagesIn));
  set('messages-out', numbers.format(figures.messagesOut));
  set('bytes-in', bytes(figures.bytesIn));
  set('bytes-out', bytes(figures.bytesOut));
  set('event-loop-delay', milliseconds(figures.eventLoopDelay));
  set('event-loop-delay-max', milliseconds(figures.eventLoopDelayMax));
  set('uptime', `up for ${duration(figures.uptime)}`);
}

/**
 * @param {string} id
 * @param {string} text
 */
function set(id, text) {
  element(id).textContent = text;
}

/** @param {number} count */
export function bytes(count) {
  let unit = 0;
  let value = count;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${threeDigits.format(value)} ${UNITS[unit]}`;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
