// Entry point on Deno: the command `wasock`, which `deno run` starts as well.

import process from 'node:process';
import { run as runCommand } from '../../src/cli/main.ts';

/**
 * Runs a command line of `wasock`.
 *
 * @param args The arguments behind the name of the program, such as `['connect', 'ws://127.0.0.1:8080/']`.
 * @returns The exit code.
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = [process.execPath, 'run', '--allow-all', import.meta.url];
  return await runCommand({ load: () => import('./index.ts'), loadProxies: () => import('./proxy.ts'), program }, args);
}

// Without `await` at the top level, which `require` does not load.
if ((import.meta as { main?: boolean }).main) {
  void run(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
