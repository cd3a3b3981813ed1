// A program over our sources in a process of its own, on any of the runtimes: our server, for a pair that no single runtime can be.
// Works where there is node:child_process, so on Node, Deno and Bun alike.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plugin } from 'esbuild';
import type { RunningServer, ServerPlan } from '../contract/runtime.ts';
import { bundle, ROOT } from './mini-runner/bundle.ts';
import type { ServerPeer } from './pair.ts';

/** A runtime that a server can be started on. `node` is the machine's own, the others are pinned by test/runtimes/package.json. */
export type ServerRuntime = 'node' | 'node-24' | 'node-26' | 'deno' | 'bun';

const INSTALLED = join(ROOT, 'test/runtimes/node_modules');
const RUNTIMES: Record<ServerRuntime, { readonly adapter: string; readonly binary: () => string; readonly args: string[] }> = {
  node: { adapter: 'node', binary: machinesNode, args: [] },
  'node-24': { adapter: 'node', binary: () => join(INSTALLED, 'node-24/bin/node'), args: [] },
  'node-26': { adapter: 'node', binary: () => join(INSTALLED, 'node-26/bin/node'), args: [] },
  deno: { adapter: 'deno', binary: () => join(INSTALLED, '.bin/deno'), args: ['run', '--no-prompt', '--allow-all'] },
  bun: { adapter: 'bun', binary: () => join(INSTALLED, '.bin/bun'), args: ['run'] },
};
/** Milliseconds that a server has to end by itself. */
const PATIENCE = 5000;

/** The first `node` on the PATH that is one: `bun --bun` puts a link to itself there. */
function machinesNode(): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path) && basename(realpathSync(path)) === 'node');
  return found ?? 'node';
}

/** The program `entry` over `adapter`, as one file. The adapter takes the place of that of Node.js. */
async function bundleProgram(entry: string, adapter: string): Promise<string> {
  const choice: Plugin = {
    name: 'adapter',
    setup(program) {
      program.onResolve({ filter: /\/adapters\/node\/index\.ts$/ }, () => ({
        path: join(ROOT, `adapters/${adapter}/index.ts`),
      }));
    },
  };
  return await bundle(entry, { platform: 'node', plugins: [choice] });
}

const bundles = new Map<string, Promise<string>>();

function bundled(entry: string, adapter: string): Promise<string> {
  const name = `${adapter} ${entry}`;
  const made = bundles.get(name) ?? bundleProgram(entry, adapter);
  bundles.set(name, made);
  return made;
}

/** The URL that the server writes as its first line. */
async function urlOf(server: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: server.stdout! })) return line;
  throw new Error('It wrote no URL');
}

/** A program that runs. */
export interface SpawnedProgram {
  readonly process: ChildProcess;
  /** Standard error so far. */
  readonly errors: () => string;
  /** Ends its standard input, which ends the program, and waits. */
  close(): Promise<void>;
}

/**
 * Runs a program on `runtime`.
 *
 * @param entry A path in the repository. Its imports of the adapter of Node.js mean that of the runtime.
 */
export async function spawnProgram(runtime: ServerRuntime, entry: string, argument: object): Promise<SpawnedProgram> {
  const { adapter, binary, args } = RUNTIMES[runtime];
  const path = binary();
  if (!existsSync(path))
    throw new Error(`${path} is missing: \`npm test\` installs the runtimes of test/runtimes/package.json`);
  const folder = await mkdtemp(join(tmpdir(), 'wasock-program-'));
  const program = join(folder, 'program.mjs');
  await writeFile(program, await bundled(entry, adapter));
  const child = spawn(path, [...args, program, JSON.stringify(argument)], { cwd: folder, stdio: 'pipe' });
  let errors = '';
  child.stderr.on('data', (chunk: Uint8Array) => (errors += new TextDecoder().decode(chunk)));
  const ended = once(child, 'exit');
  return {
    process: child,
    errors: () => errors,
    async close() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(timer);
      await rm(folder, { recursive: true });
    },
  };
}

async function startServer(runtime: ServerRuntime, options: object): Promise<RunningServer> {
  const program = await spawnProgram(runtime, 'test/cross/server.ts', options);
  const close = (): Promise<void> => program.close();
  try {
    return { url: await urlOf(program.process), close };
  } catch (error) {
    await close();
    throw new Error(`The server on ${runtime} did not start: ${program.errors()}`, { cause: error });
  }
}

/** Our server on `runtime`, as a server of the contract. Its script is its own, in its process. */
export function spawnedServer(runtime: ServerRuntime, takesDeflate: boolean): ServerPeer {
  return {
    name: `our server on ${runtime}${takesDeflate ? ' with permessage-deflate' : ''}`,
    takesDeflate,
    createServer: ({ maxPayload }: ServerPlan) =>
      startServer(runtime, { perMessageDeflate: takesDeflate, ...(maxPayload !== undefined && { maxPayload }) }),
  };
}
