// A program of the soak in a process of its own: commands go in, JSON lines come out.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Milliseconds that an answer to a command may take. The machine may be busy with other work. */
const PATIENCE = 60_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export class Child {
  /** Resolves with the exit code, or the name of the signal. */
  ended;
  #process;
  #name;
  /** Answers that are awaited, by their event. @type {Map<string, (report: object) => void>} */
  #waiting = new Map();

  /**
   * @param {string} name
   * @param {string[]} command
   * @param {NodeJS.ProcessEnv} environment
   * @param {(report: { event: string }) => void} onReport For reports that answer no command.
   */
  constructor(name, command, environment, onReport) {
    this.#name = name;
    const [program, ...parameters] = command;
    this.#process = spawn(program, parameters, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'inherit'] });
    alive.add(this.#process);
    this.#process.stdin.on('error', () => {});
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const report = JSON.parse(line);
      const answer = this.#waiting.get(report.event);
      this.#waiting.delete(report.event);
      if (answer === undefined) onReport(report);
      else answer(report);
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (code, signal) => {
        alive.delete(this.#process);
        resolve(signal ?? code);
      });
    });
  }

  /** @param {string} command @returns {Promise<any>} Its answer. */
  async ask(command) {
    const answer = new Promise((resolve) => this.#waiting.set(command, resolve));
    this.#process.stdin.write(`${command}\n`);
    const end = this.ended.then((how) => {
      throw new Error(`${this.#name} ended (${how}) instead of answering '${command}'`);
    });
    return await Promise.race([answer, end, after(PATIENCE, `${this.#name}: no answer to '${command}'`)]);
  }

  kill() {
    this.#process.kill('SIGKILL');
  }
}

/** Rejects after a time. @param {number} milliseconds @param {string} message @returns {Promise<never>} */
export function after(milliseconds, message) {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error(`${message} after ${milliseconds} ms`)), milliseconds).unref();
  });
}
