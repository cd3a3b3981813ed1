// Servers and clients in processes of their own, which do as a test says: test/cross/puppet.ts.

import type { Command, Report } from '../cross/puppet.ts';
import { startProgram, type Program, type ProgramRuntime } from './programs.ts';
import { sleep } from './sleep.ts';

/** Registers a function that the test runs at its end. */
type AtEnd = (cleanup: () => Promise<void>) => void;

/** A puppet, and its reports. */
export class Puppet {
  readonly #program: Program;
  readonly #reports: Report[] = [];

  constructor(program: Program) {
    this.#program = program;
  }

  /** @param surroundings A command that runs the program: see {@link startProgram}. */
  static async start(
    atEnd: AtEnd,
    runtime: ProgramRuntime,
    argument: object,
    surroundings?: readonly string[],
  ): Promise<Puppet> {
    const program = await startProgram('test/cross/puppet.ts', runtime, argument, [], surroundings);
    atEnd(() => program.close());
    return new Puppet(program);
  }

  /** The next report of a kind. Keeps the others. */
  async next<Event extends Report['event']>(event: Event): Promise<Extract<Report, { event: Event }>> {
    for (;;) {
      const index = this.#reports.findIndex((report) => report.event === event);
      if (index >= 0) return this.#reports.splice(index, 1)[0] as Extract<Report, { event: Event }>;
      this.#reports.push(JSON.parse(await this.#program.line()) as Report);
    }
  }

  /** Names of the events that were reported and not asked for. */
  get others(): string[] {
    return this.#reports.map(({ event }) => event);
  }

  async do(command: Command): Promise<void> {
    this.#program.send(JSON.stringify(command));
    await this.next('done');
  }

  stop(): void {
    process.kill(this.#program.pid, 'SIGSTOP');
  }

  goOn(): void {
    process.kill(this.#program.pid, 'SIGCONT');
  }

  async pause(milliseconds: number): Promise<void> {
    this.stop();
    await sleep(milliseconds);
    this.goOn();
  }
}
