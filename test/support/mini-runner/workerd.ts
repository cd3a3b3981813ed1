// Runs a worker in workerd, the runtime of Cloudflare Workers, on a free port of the loopback interface.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ROOT } from './bundle.ts';

const BINARY = join(ROOT, 'test/runtimes/node_modules/workerd/bin/workerd');

/** Whether workerd is there. */
export const hasWorkerd: boolean = existsSync(BINARY);

export interface WorkerPlan {
  /** Files by name; the first is the worker's entry. `.wasm` files are modules. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Default none. `nodejs_compat` brings Node.js's modules. */
  readonly flags?: readonly string[];
  /** A certificate to trust, PEM, in the place of the usual ones. */
  readonly certificate?: string;
  /** Default 2026-01-01. */
  readonly compatibilityDate?: string;
}

export interface RunningWorker {
  readonly port: number;
  /** Its standard error, uncaught errors included. */
  output(): string;
  close(): Promise<void>;
}

/** The configuration: https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp. */
function configuration(plan: WorkerPlan): string {
  const modules = Object.keys(plan.files).map((name) => {
    const kind = name.endsWith('.wasm') ? 'wasm' : 'esModule';
    return `(name = "${name}", ${kind} = embed "${name}")`;
  });
  const flags = (plan.flags ?? []).map((flag) => `"${flag}"`);
  const trusted = plan.certificate === undefined ? '' : `trustedCertificates = [${JSON.stringify(plan.certificate)}]`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${modules.join(', ')}],
      compatibilityDate = "${plan.compatibilityDate ?? '2026-01-01'}",
      compatibilityFlags = [${flags.join(', ')}],
      globalOutbound = "network"
    )),
    (name = "network", network = (allow = ["public", "private", "local"], tlsOptions = (${trusted})))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`;
}

/** Starts a worker, and waits until it listens. */
export async function startWorker(plan: WorkerPlan): Promise<RunningWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'wasock-worker-'));
  await Promise.all(Object.entries(plan.files).map(([name, content]) => writeFile(join(folder, name), content)));
  await writeFile(join(folder, 'worker.capnp'), configuration(plan));
  const worker = spawn(BINARY, ['serve', 'worker.capnp', '--control-fd=3', '--verbose'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let output = '';
  worker.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const close = async (): Promise<void> => {
    if (worker.exitCode === null && worker.signalCode === null) {
      worker.kill('SIGKILL');
      await once(worker, 'exit');
    }
    await rm(folder, { recursive: true });
  };
  try {
    return { port: await portOf(worker), output: () => output, close };
  } catch {
    await close();
    throw new Error(`workerd did not start: ${output}`);
  }
}

/** The port that workerd says it listens on: a line of JSON on its control channel. */
async function portOf(worker: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: worker.stdio[3] as Readable })) {
    const message = JSON.parse(line) as { event: string; port: number };
    if (message.event === 'listen') return message.port;
  }
  throw new Error('No port');
}
