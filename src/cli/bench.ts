// `wasock bench`: measures a server, with a process for each core that the load needs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { elapsed } from '../clock.ts';
import {
  defineCommand,
  readChoice,
  readDuration,
  readNumber,
  readSize,
  type Arguments,
  type Command,
  type Options,
} from './arguments.ts';
import { CLIENT_OPTIONS, readClientPlan } from './client.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import type { Host } from './host.ts';
import { LoadRun, MODES, type Load, type Measured } from './load.ts';
import { jsonLine } from './messages.ts';
import { progressBar, report, summaryOf, type Summary } from './report.ts';
import { safeText } from './terminal.ts';
import { onSignal, sleep } from './wait.ts';

const OPTIONS = {
  connections: { value: 'NUMBER', short: 'c', help: 'connections; default 10' },
  'in-flight': { value: 'NUMBER', short: 'f', help: 'messages of a connection without an answer; default 1' },
  size: { value: 'BYTES', help: 'bytes of a message, such as 64 or 16k; default 64' },
  rate: { value: 'NUMBER', short: 'r', help: 'messages a second of all connections; default: as many as possible' },
  duration: { value: 'TIME', short: 'd', help: 'default 10s' },
  warmup: { value: 'TIME', help: 'time before the measurement; default 1s' },
  mode: { value: 'MODE', short: 'm', help: 'echo: an answer for each message; send; receive; connect; default echo' },
  workers: { value: 'NUMBER', help: 'processes; default: one for each core but one, and for 10 connections' },
  text: { help: 'text messages; default: binary ones' },
  json: { help: 'the result as JSON' },
  ...CLIENT_OPTIONS,
} as const satisfies Options;

export const command: Command = defineCommand({
  operands: ['URL'],
  summary: 'Measures a server: messages a second and round trips.',
  options: OPTIONS,
  notes: `Examples:
  wasock bench ws://127.0.0.1:8080/
  wasock bench ws://127.0.0.1:8080/ -c 500 --rate 20000 --duration 30s
  wasock bench ws://127.0.0.1:8080/ --mode connect --json`,
  run,
});
type BenchValues = Arguments<typeof OPTIONS>['values'];

/** A process of the load is told so by this variable: its share of the load. */
const WORKER = 'WASOCK_BENCH_WORKER';
/** Milliseconds between two reports of progress. */
const REPORT_INTERVAL = 200;
/** Connections for which a further process pays. */
const CONNECTIONS_PER_WORKER = 10;

function readLoad(values: BenchValues): Load {
  return {
    mode: readChoice('--mode', values.mode ?? 'echo', MODES),
    connections: readNumber('--connections', values.connections ?? '10', { least: 1, isInteger: true }),
    inFlight: readNumber('--in-flight', values['in-flight'] ?? '1', { least: 1, isInteger: true }),
    size: readSize('--size', values.size ?? '64'),
    isBinary: values.text !== true,
    rate: values.rate === undefined ? undefined : readNumber('--rate', values.rate, { least: 1 }),
    warmup: readDuration('--warmup', values.warmup ?? '1s'),
    duration: readDuration('--duration', values.duration ?? '10s'),
  };
}

/** The loads of the processes: connections and rate in equal parts. */
function split(load: Load, workers: number): Load[] {
  return Array.from({ length: workers }, (_, index) => {
    const connections = Math.floor(load.connections / workers) + (index < load.connections % workers ? 1 : 0);
    return { ...load, connections, rate: load.rate === undefined ? undefined : (load.rate * connections) / load.connections };
  });
}

async function run(host: Host, { operands: [url], values }: Arguments<typeof OPTIONS>): Promise<ExitCode> {
  const load = readLoad(values);
  const plan = await readClientPlan(host, url, values);
  const share = process.env[WORKER];
  const createRun = async (own: Load): Promise<LoadRun> => new LoadRun(await host.load(), plan, own);
  if (share !== undefined) return await work(await createRun(JSON.parse(share) as Load));
  const most = Math.max(1, Math.min(availableParallelism() - 1, Math.ceil(load.connections / CONNECTIONS_PER_WORKER)));
  const workers =
    values.workers === undefined
      ? most
      : readNumber('--workers', values.workers, { least: 1, most: load.connections, isInteger: true });
  const part: Part =
    workers === 1 || host.program === undefined
      ? new OwnPart(await createRun(load))
      : new SpawnedParts(split(load, workers), host.program);
  const summary = await measure(part, load, values.json === true);
  if (summary.failed > 0 && summary.connected === 0)
    throw new CommandError(safeText(summary.error ?? 'No connection could be opened'));
  process.stdout.write(values.json ? `${jsonLine(summary)}\n` : report(summary, process.stdout));
  return EXIT.done;
}

/** The load, in this process or in others. */
interface Part {
  /** Opens the connections. */
  open(): Promise<unknown>;
  run(signal: AbortSignal): Promise<void>;
  measured(): readonly Measured[];
  close(): Promise<void>;
}

class OwnPart implements Part {
  readonly #run: LoadRun;

  constructor(own: LoadRun) {
    this.#run = own;
  }

  async open(): Promise<void> {
    await this.#run.open();
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#run.run(signal);
  }

  measured(): readonly Measured[] {
    return [this.#run.measured()];
  }

  async close(): Promise<void> {
    await this.#run.close();
  }
}

/** Runs the load to its end, with a progress bar on a terminal. */
async function measure(part: Part, load: Load, isJson: boolean): Promise<Summary> {
  const ending = new AbortController();
  const stopListening = onSignal(() => ending.abort());
  const done = new AbortController();
  const isShown = process.stderr.isTTY && !isJson;
  const start = elapsed();
  const showProgress = async (): Promise<void> => {
    while (isShown && !done.signal.aborted) {
      await sleep(REPORT_INTERVAL, done.signal);
      process.stderr.write(`\r\u001b[K${done.signal.aborted ? '' : progressBar(load, part.measured(), elapsed() - start)}`);
    }
  };
  const shown = showProgress();
  try {
    await part.open();
    await part.run(ending.signal);
    await part.close();
  } finally {
    done.abort();
    await shown;
    stopListening();
  }
  return summaryOf(load, part.measured());
}

/** A process of the load: opens, waits for a line, runs, and prints reports as lines of JSON. */
async function work(own: LoadRun): Promise<ExitCode> {
  const print = (type: string): void => void process.stdout.write(`${JSON.stringify({ type, measured: own.measured() })}\n`);
  const ending = new AbortController();
  // Ctrl+C reaches all processes: the first one decides.
  onSignal(() => {});
  const lines = createInterface({ input: process.stdin });
  const started = once(lines, 'line');
  // The first process is gone, or wants the end.
  lines.on('close', () => ending.abort());
  await own.open();
  print('opened');
  await Promise.race([started, once(lines, 'close')]);
  const done = new AbortController();
  const running = own.run(ending.signal).finally(() => done.abort());
  while (!done.signal.aborted) {
    await sleep(REPORT_INTERVAL, done.signal);
    print('progress');
  }
  await running;
  await own.close();
  print('done');
  lines.close();
  process.stdin.destroy();
  return EXIT.done;
}

/** Further processes of this command, which share the load. */
class SpawnedParts implements Part {
  readonly #parts: readonly SpawnedPart[];

  constructor(loads: readonly Load[], program: readonly string[]) {
    this.#parts = loads.map((load) => new SpawnedPart(load, program));
  }

  async open(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.opened));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const part of this.#parts) part.start(signal);
    await Promise.all(this.#parts.map((part) => part.ended));
  }

  measured(): readonly Measured[] {
    return this.#parts.flatMap(({ measured }) => measured ?? []);
  }

  async close(): Promise<void> {}
}

class SpawnedPart {
  measured: Measured | undefined;
  readonly opened: Promise<void>;
  readonly ended: Promise<void>;
  readonly #start: (signal: AbortSignal) => void;

  constructor(load: Load, [binary, ...args]: readonly string[]) {
    const child = spawn(binary, [...args, ...process.argv.slice(2)], {
      env: { ...process.env, [WORKER]: JSON.stringify(load) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => {});
    const closed = once(child, 'close') as Promise<[code: number | null]>;
    const lines = createInterface({ input: child.stdout });
    this.opened = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const { measured } = JSON.parse(line) as { measured: Measured };
        this.measured = measured;
        resolve();
      });
      closed.then(([code]) => reject(new CommandError(`A process of the load has ended with ${code ?? 'a signal'}`)), reject);
    });
    this.ended = closed.then(([code]) => {
      if (code !== 0) throw new CommandError(`A process of the load has ended with ${code ?? 'a signal'}`);
    });
    this.ended.catch(() => {});
    this.#start = (signal) => {
      child.stdin.write('start\n');
      signal.addEventListener('abort', () => child.stdin.end());
    };
  }

  start(signal: AbortSignal): void {
    this.#start(signal);
  }
}
