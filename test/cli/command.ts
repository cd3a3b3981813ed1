// The command `wasock` as a process, as its users start it: the built package.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The file that `wasock` starts. */
export const BIN: string = fileURLToPath(new URL('../../bin/wasock.mjs', import.meta.url));
if (!existsSync(new URL('../../dist/adapters/node/cli.cjs', import.meta.url)))
  throw new Error('dist/ is missing. Run `npm run build` first.');

export interface StartOptions {
  /** Standard input. Default: it ends at once. `'open'`: {@link Command.type} writes it. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The program and its arguments before ours. Default: this Node.js with the built command. */
  readonly program?: readonly string[];
}

/** The end of a command. */
export interface Ended {
  /** Its exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<Command>();

/** Ends the commands that a test has left running. */
export async function endCommands(): Promise<void> {
  await Promise.all(Array.from(running, (command) => command.end('SIGKILL')));
}

/** A command that runs. */
export class Command {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #output: Buffer[] = [];
  stderr = '';

  constructor(args: readonly string[], { input = '', env, cwd, program = [process.execPath, BIN] }: StartOptions = {}) {
    const [binary, ...before] = program;
    this.#child = spawn(binary, [...before, ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
    });
    running.add(this);
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#output.push(chunk));
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // A command that ends before it reads is no fault of the test.
    this.#child.stdin!.on('error', () => {});
    if (input !== 'open') this.#child.stdin!.end(input);
    this.#closed = once(this.#child, 'close').finally(() => running.delete(this));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#output);
  }

  get stdout(): string {
    return this.bytes.toString();
  }

  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  endInput(): void {
    this.#child.stdin!.end();
  }

  /** The first match of `pattern` in what it has printed, as soon as it has. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      if (!running.has(this)) throw new Error(`The command ended without printing ${pattern}:\n${this.stdout}${this.stderr}`);
      const { stdout, stderr } = this.#child;
      const controller = new AbortController();
      const { signal } = controller;
      await Promise.race([once(stdout!, 'data', { signal }), once(stderr!, 'data', { signal }), this.#closed]);
      controller.abort();
    }
  }

  async ended(): Promise<Ended> {
    const [code, signal] = (await this.#closed) as [number | null, string | null];
    return { code: code ?? signal ?? -1, stdout: this.stdout, stderr: this.stderr };
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return await this.ended();
  }
}

/** Runs a command to its end. */
export async function wasock(args: readonly string[], options?: StartOptions): Promise<Ended> {
  return await new Command(args, options).ended();
}
