// The result of `bench`: numbers, percentiles, and a histogram for the terminal.

import { Histogram } from './histogram.ts';
import type { Load, Measured } from './load.ts';
import { grouped, painter, safeText, showSize, showTime } from './terminal.ts';

/** The result, as `--json` prints it. Times are in milliseconds. */
export interface Summary {
  readonly mode: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly size: number;
  readonly duration: number;
  readonly workers: number;
  readonly connected: number;
  readonly failed: number;
  readonly lost: number;
  readonly sent: number;
  readonly received: number;
  /** A second. Of `send`: messages that were sent; of `connect`: connections. */
  readonly rate: number;
  readonly bytesPerSecond: number;
  readonly error: string | undefined;
  /** Round trips; of `connect`, opening handshakes. */
  readonly times: Times;
  readonly handshakes: Times;
  /** Counts by the end of their ranges. */
  readonly histogram: readonly { readonly to: number; readonly count: number }[];
}

/** Percentiles in milliseconds. */
export interface Times {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const ROWS = 12;
const BAR_WIDTH = 40;
/** The histogram goes up to this share; its last row has the rest. */
const SHOWN_SHARE = 0.999;

function merged(measured: readonly Measured[], name: 'times' | 'handshakes'): Histogram {
  const all = new Histogram();
  for (const each of measured) all.merge(each[name]);
  return all;
}

function timesOf(times: Histogram): Times {
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  const at = (share: number): number => round(times.percentile(share));
  return {
    count: times.count,
    mean: round(times.mean),
    min: times.count === 0 ? 0 : round(times.least),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    p999: at(0.999),
    max: round(times.most),
  };
}

export function summaryOf({ mode, connections, inFlight, size, duration }: Load, measured: readonly Measured[]): Summary {
  const sum = (value: (each: Measured) => number): number => measured.reduce((total, each) => total + value(each), 0);
  const times = merged(measured, 'times');
  const [sent, received] = [sum((each) => each.sent), sum((each) => each.received)];
  const counted = mode === 'send' ? sent : mode === 'connect' ? times.count : received;
  const bytes = mode === 'send' ? sent * size : sum((each) => each.bytesIn);
  const seconds = duration / 1000;
  return {
    mode,
    connections,
    inFlight,
    size,
    duration,
    workers: measured.length,
    connected: sum((each) => each.connected),
    failed: sum((each) => each.failed),
    lost: sum((each) => each.lost),
    sent,
    received,
    rate: seconds === 0 ? 0 : Math.round((counted / seconds) * 10) / 10,
    bytesPerSecond: seconds === 0 ? 0 : Math.round(bytes / seconds),
    error: measured.find(({ error }) => error !== undefined)?.error,
    times: timesOf(times),
    handshakes: timesOf(merged(measured, 'handshakes')),
    histogram: times.ranges(ROWS, SHOWN_SHARE),
  };
}

/** One line: how far the run is, and how many messages there were. */
export function progressBar({ warmup, duration, connections }: Load, measured: readonly Measured[], time: number): string {
  const sum = (value: (each: Measured) => number): number => measured.reduce((total, each) => total + value(each), 0);
  const share = Math.min(1, time / Math.max(1, warmup + duration));
  const filled = Math.round(share * 30);
  const bar = '█'.repeat(filled).padEnd(30, '░');
  return `${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${sum((each) => each.connected)}/${connections} connections  ${grouped(
    sum((each) => Math.max(each.received, each.sent)),
  )} messages`;
}

function timesLine(name: string, { min, p50, p90, p99, p999, max, mean }: Times): string {
  const values = { min, mean, p50: p50, p90: p90, p99: p99, 'p99.9': p999, max };
  return `${name.padEnd(12)}${Object.entries(values)
    .map(([key, value]) => `${key} ${showTime(value)}`)
    .join('   ')}`;
}

/** The result for people. */
export function report(summary: Summary, stream: { readonly isTTY?: boolean | undefined }): string {
  const paint = painter(stream);
  const { mode, connected, failed, lost, rate, bytesPerSecond, times, handshakes, histogram, error } = summary;
  const unit = mode === 'connect' ? 'connections' : 'messages';
  const lines = [
    `${paint('bold', `${grouped(rate)} ${unit}/s`)}${mode === 'connect' ? '' : `, ${showSize(bytesPerSecond)}/s`}`,
    '',
    `connections ${connected} open, ${failed} failed, ${lost} lost`,
    ...(handshakes.count > 0 && mode !== 'connect' ? [timesLine('handshakes', handshakes)] : []),
    ...(times.count > 0 ? [timesLine(mode === 'connect' ? 'handshakes' : 'round trips', times)] : []),
    ...(error === undefined ? [] : [`first error ${paint('red', safeText(error))}`]),
  ];
  if (histogram.length > 0) {
    const most = Math.max(...histogram.map(({ count }) => count));
    const width = Math.max(...histogram.map(({ to }) => showTime(to).length));
    lines.push('');
    for (const { to, count } of histogram) {
      // A few of many are visible too.
      const length = count === 0 ? 0 : Math.max(1, Math.round((count / most) * BAR_WIDTH));
      const share = ((100 * count) / times.count).toFixed(1).padStart(5);
      lines.push(`≤ ${showTime(to).padStart(width)} ${paint('cyan', '█'.repeat(length).padEnd(BAR_WIDTH))} ${share} %`);
    }
  }
  return `${lines.join('\n')}\n`;
}
