// Measures how long a message takes to /echo and back, four times a second, and draws the last minute.

import { Connection } from './connection.mjs';
import { element, milliseconds, scaleFor } from './figures.mjs';

const SIZE = 125;
const PAUSE = 250;
const SAMPLES = 240;
const CHART_HEIGHT = 62;

/** @type {number[]} The latest last. */
const times = [];
const message = new Uint8Array(SIZE);
const number = new DataView(message.buffer);
let sequence = 0;
let sentAt = 0;
let isWaiting = false;

/** @returns {Connection} */
export function startRoundTrips() {
  const connection = new Connection('/echo', {
    onOpen: () => {
      isWaiting = false;
    },
    onMessage: receive,
    onConnecting: () => {},
    onWaiting: () => {},
  });
  setInterval(() => send(connection), PAUSE);
  return connection;
}

/** One at a time: a message that is still under way is waited for. @param {Connection} connection */
function send(connection) {
  if (isWaiting) return;
  number.setUint32(0, ++sequence);
  sentAt = performance.now();
  isWaiting = connection.send(message);
}

/** @param {ArrayBuffer} data */
function receive(data) {
  const time = performance.now() - sentAt;
  if (data.byteLength !== SIZE || new DataView(data).getUint32(0) !== sequence) return;
  isWaiting = false;
  times.push(time);
  if (times.length > SAMPLES) times.shift();
  if (!document.hidden) show();
}

function show() {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const p99 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))];
  element('trip-last').textContent = milliseconds(times[times.length - 1]);
  element('trip-median').textContent = milliseconds(median);
  element('trip-p99').textContent = milliseconds(p99);
  draw(p99);
}

/** A few peaks may be above the top of the chart. @param {number} p99 */
function draw(p99) {
  const top = scaleFor(p99);
  const start = SAMPLES - times.length;
  const points = times.map((time, index) => {
    const y = 1 + CHART_HEIGHT * (1 - Math.min(1, time / top));
    return `${start + index + 1} ${y.toFixed(1)}`;
  });
  const line = `M${points.join('L')}`;
  element('chart-line').setAttribute('d', line);
  element('chart-area').setAttribute('d', `${line}L${SAMPLES} 63L${start + 1} 63Z`);
  element('chart-top').textContent = milliseconds(top);
}
