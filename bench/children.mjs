// Child processes of a benchmark run: pinned to a core, spoken to in JSON lines, timed, and always ended.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

/** Core of the process under test. */
export const SUBJECT_CORE = 0;
/** Core of the process that loads it, or that counts what it sends. */
export const LOAD_CORE = 1;

/** @returns {boolean} */
function canPin() {
  if (availableParallelism() < 2) return false;
  return [SUBJECT_CORE, LOAD_CORE].every((core) => spawnSync('taskset', ['-c', String(core), 'true']).status === 0);
}

/** Whether children are pinned: needs `taskset` and two cores. */
export const pinned = canPin();

/** @type {Set<Child>} */
const alive = new Set();

process.on('exit', () => {
  for (const child of alive) child.kill();
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));

/**
 * @typedef {object} Report A JSON line of a child; which other fields there are depends on `event`.
 * @property {string} event
 * @property {string} [message]
 * @property {number} [port]
 * @property {number} [rate]
 * @property {number} [cpu]
 * @property {number} [time]
 * @property {number} [rss]
 * @property {number} [heap]
 * @property {number} [milliseconds]
 * @property {number} [nanoseconds]
 * @property {Record<string, number>} [latencies] Milliseconds, by percentile.
 */

/** One child process. */
export class Child {
  #process;
  #name;
  #errorOutput = '';
  /** @type {Report[]} */
  #reports = [];
  /** @type {Error | null} */
  #ended = null;
  #wake = () => {};

  /**
   * @param {string} name For error messages.
   * @param {number} core
   * @param {string[]} command
   * @param {NodeJS.ProcessEnv} [environment]
   */
  constructor(name, core, command, environment = process.env) {
    this.#name = name;
    const [program, ...parameters] = pinned ? ['taskset', '-c', String(core), ...command] : command;
    this.#process = spawn(program, parameters, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
    alive.add(this);
    this.#process.stdin.on('error', () => {});
    this.#process.stderr.on('data', (chunk) => (this.#errorOutput = (this.#errorOutput + chunk).slice(-2000)));
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#receive(line));
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('close', (code, signal) => this.#end(`ended (${signal ?? `exit code ${code}`})`));
  }

  /** @param {string} line */
  #receive(line) {
    if (line.startsWith('{')) this.#reports.push(JSON.parse(line));
    this.#wake();
  }

  /** @param {string} why */
  #end(why) {
    alive.delete(this);
    this.#ended ??= new Error(`${this.#name} ${why}${this.#errorLine()}`);
    this.#wake();
  }

  /** The line of the error output that names the error. */
  #errorLine() {
    const lines = this.#errorOutput.trim().split('\n');
    const line = lines.find((text) => /^\S*Error\b/.test(text)) ?? lines[0];
    return line ? `: ${line}` : '';
  }

  /**
   * Waits for the next report, which must be `event`.
   *
   * @param {string} event
   * @param {number} timeout Milliseconds.
   * @returns {Promise<Report>}
   * @throws {Error} If the child ends, reports an error, or takes too long.
   */
  async next(event, timeout) {
    const deadline = Date.now() + timeout;
    for (;;) {
      const report = this.#reports.shift();
      if (report?.event === event) return report;
      if (report) throw new Error(`${this.#name}: ${report.message ?? `'${report.event}' instead of '${event}'`}`);
      if (this.#ended) throw this.#ended;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.#name}: no '${event}' within ${timeout} ms`);
      await this.#wait(left);
    }
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  #wait(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Sends a line to the child's standard input. @param {string} line */
  send(line) {
    this.#process.stdin.write(`${line}\n`);
  }

  /**
   * Asks a server for its figures.
   *
   * @param {string} command `stats`, `collect`, or one of its own.
   * @returns {Promise<Report>}
   */
  ask(command) {
    this.send(command);
    return this.next('stats', 60_000);
  }

  /** Minor page faults since its start, or null where there is no /proc. @returns {number | null} */
  countFaults() {
    try {
      const fields = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8');
      // The second field, the name in parentheses, may contain spaces. Minor faults are the tenth: see proc(5).
      return Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[7]);
    } catch {
      return null;
    }
  }

  /** Whether the child is gone. */
  get ended() {
    return this.#ended !== null;
  }

  /**
   * Why the child ended by itself, or null. Waits a moment: its peer may notice the lost connection first.
   *
   * @returns {Promise<Error | null>}
   */
  async failure() {
    if (!this.#ended) await this.#wait(300);
    return this.#ended;
  }

  /** Ends the child at once. */
  kill() {
    this.#process.kill('SIGKILL');
  }

  /** Ends the child and waits until it is gone. */
  async stop() {
    this.kill();
    while (!this.#ended) await this.#wait(1000);
  }
}
