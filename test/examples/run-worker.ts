// Bundles a worker by esbuild, and starts it in workerd with the configuration of examples/worker/.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ROOT } from '../support/mini-runner/bundle.ts';
import { example, Program, WORKERD } from './run-example.ts';

/** Bundles into `folder`/build, by the command in the worker's first comment. */
export async function bundleByEsbuild(entry: string, folder: string): Promise<void> {
  const program = new Program(join(ROOT, 'node_modules/.bin/esbuild'), [
    entry,
    '--bundle',
    '--format=esm',
    '--conditions=workerd',
    '--external:cloudflare:*',
    '--loader:.wasm=copy',
    '--asset-names=[name]',
    `--outfile=${join(folder, 'build/worker.js')}`,
    '--log-level=warning',
  ]);
  expect([await program.ended(), program.errors]).toEqual([0, '']);
}

/** Starts workerd with the example's configuration on what is bundled, with `upstream` as the other server. */
export async function serve(home: string, upstream: string): Promise<{ worker: Program; authority: string }> {
  await writeFile(join(home, 'worker.capnp'), await readFile(example('worker/worker.capnp')));
  const worker = new Program(WORKERD, ['serve', 'worker.capnp', '--socket-addr=http=127.0.0.1:0', '--control-fd=3'], {
    cwd: home,
    env: { UPSTREAM: upstream },
  });
  const [, port] = await worker.printed(/"event":"listen".*"port":(\d+)/);
  return { worker, authority: `127.0.0.1:${port}` };
}
