// Entry point on Bun: the command `wasock`.

import process from 'node:process';
import { run as runCommand } from '../../src/cli/main.ts';

/**
 * Runs a command line of `wasock`.
 *
 * @param args The arguments behind the name of the program, such as `['connect', 'ws://127.0.0.1:8080/']`.
 * @returns The exit code.
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = [process.execPath, ...process.execArgv, process.argv[1]];
  return await runCommand({ load: () => import('./index.ts'), loadProxies: () => import('./proxy.ts'), program }, args);
}
