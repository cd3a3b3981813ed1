// The live figures that the server pushes each second, and how numbers look.

const numbers = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3, useGrouping: false });
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element '${id}'.`);
  return found;
}

/** @param {number} value */
export function milliseconds(value) {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
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
function bytes(count) {
  let unit = 0;
  let value = count;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : compact.format(value)} ${UNITS[unit]}`;
}

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
