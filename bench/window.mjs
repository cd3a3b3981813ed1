// The measuring window of a counting child process (load.mjs, sink.mjs), and how it reports to run.mjs.

/** Prints one JSON line. @param {object} message */
export function report(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** @param {Error} error @returns {never} */
export function fail(error) {
  report({ event: 'error', message: error.message });
  process.exit(1);
}

/** @param {number} milliseconds @returns {Promise<void>} */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Opens the window after the warm-up and reports it with { event: 'measure' }; at its end reports { event: 'result' } with
 * `rate` (counts a second) and `cpu` (share of one core that this process used: near 1 means that it was the bottleneck).
 *
 * @param {() => number} count Reads the counter.
 * @param {{ warmup: number, duration: number }} times Milliseconds.
 */
export async function measure(count, { warmup, duration }) {
  await sleep(warmup);
  report({ event: 'measure' });
  const before = { count: count(), time: process.hrtime.bigint(), cpu: process.cpuUsage() };
  await sleep(duration);
  const counted = count() - before.count;
  const cpu = process.cpuUsage(before.cpu);
  const seconds = Number(process.hrtime.bigint() - before.time) / 1e9;
  report({ event: 'result', rate: counted / seconds, cpu: (cpu.user + cpu.system) / 1e6 / seconds });
}

/** Ends this process with its parent, whose end closes our standard input. */
export function endWithParent() {
  process.stdin.once('end', () => process.exit(0)).resume();
}
