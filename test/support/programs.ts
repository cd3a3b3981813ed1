// Programs of tests in processes of their own, on any of the runtimes. Works where there is node:child_process, so on Node, Deno and Bun alike.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plugin } from 'esbuild';
import { bundle, ROOT } from './mini-runner/bundle.ts';

/** A runtime that a program can be started on. `node` is the machine's own, the others are pinned by test/runtimes/package.json. */
export type ProgramRuntime = 'node' | 'node-24' | 'node-26' | 'deno' | 'bun';

const INSTALLED = join(ROOT, 'test/runtimes/node_modules');
const RUNTIMES: Record<ProgramRuntime, { readonly adapter: string; readonly binary: () => string; readonly args: string[] }> = {
  node: { adapter: 'node', binary: machinesNode, args: [] },
  'node-24': { adapter: 'node', binary: () => join(INSTALLED, 'node-24/bin/node'), args: [] },
  'node-26': { adapter: 'node', binary: () => join(INSTALLED, 'node-26/bin/node'), args: [] },
  deno: { adapter: 'deno', binary: () => join(INSTALLED, '.bin/deno'), args: ['run', '--no-prompt', '--allow-all'] },
  bun: { adapter: 'bun', binary: () => join(INSTALLED, '.bin/bun'), args: ['run'] },
};
/** Milliseconds that a program has to end by itself. */
const PATIENCE = 5000;

/** The first `node` on the PATH that is one: `bun --bun` puts a link to itself there. */
function machinesNode(): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path) && basename(realpathSync(path)) === 'node');
  return found ?? 'node';
}

/** The program `entry` over `adapter`, which takes the place of the adapter of Node.js, as one file. */
async function bundleProgram(entry: string, adapter: string): Promise<string> {
  const choice: Plugin = {
    name: 'adapter',
    setup(program) {
      program.onResolve({ filter: /\/adapters\/node\/(index|w3c)\.ts$/ }, ({ path }) => ({
        path: join(ROOT, `adapters/${adapter}`, basename(path)),
      }));
    },
  };
  return await bundle(entry, { platform: 'node', plugins: [choice] });
}

const bundles = new Map<string, Promise<string>>();

function bundled(entry: string, adapter: string): Promise<string> {
  const key = `${adapter} ${entry}`;
  const made = bundles.get(key) ?? bundleProgram(entry, adapter);
  bundles.set(key, made);
  return made;
}

/** A running program. It ends when its standard input does. */
export interface Program {
  readonly pid: number;
  /** Resolves with its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** The next line of its output. @throws {Error} If it ends before. */
  line(): Promise<string>;
  /** Writes a line to its standard input. */
  send(line: string): void;
  close(): Promise<void>;
}

/**
 * Starts `entry`, a path in the repository, on `runtime`. `argument` is given to it as JSON.
 *
 * @param flags Of the runtime.
 * @param surroundings A command that runs the command behind it, such as `ip netns exec NAME`. Default: none.
 */
export async function startProgram(
  entry: string,
  runtime: ProgramRuntime,
  argument: object,
  flags: readonly string[] = [],
  surroundings: readonly string[] = [],
): Promise<Program> {
  const { adapter, binary, args } = RUNTIMES[runtime];
  const path = binary();
  if (!existsSync(path))
    throw new Error(`${path} is missing: \`npm test\` installs the runtimes of test/runtimes/package.json`);
  const folder = await mkdtemp(join(tmpdir(), 'wasock-program-'));
  const file = join(folder, 'program.mjs');
  await writeFile(file, await bundled(entry, adapter));
  const [command, ...rest] = [...surroundings, path, ...args, ...flags, file, JSON.stringify(argument)];
  const child: ChildProcess = spawn(command, rest, { cwd: folder, stdio: 'pipe' });
  let errors = '';
  child.stderr!.on('data', (chunk: Uint8Array) => (errors += new TextDecoder().decode(chunk)));
  child.stdin!.on('error', () => {});
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const ended = exited.then(([code, signal]) => code ?? signal!);
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    pid: child.pid!,
    ended,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${entry} on ${runtime} has ended: ${errors}`);
      return value;
    },
    send: (line) => void child.stdin!.write(`${line}\n`),
    async close() {
      child.stdin!.end();
      // A suspended process would not end.
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGCONT');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(timer);
      await rm(folder, { recursive: true });
    },
  };
}
