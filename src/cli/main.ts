// The command `wasock`: finds the command, loads it alone, and turns its outcome into an exit code.

import process from 'node:process';
import { version } from '../base/version.ts';
import { helpText, readArguments, unknownCommand, type Command } from './arguments.ts';
import { CommandError, endNow, EXIT, UsageError, type ExitCode } from './exit.ts';
import type { Host } from './host.ts';
import { painter, safeLines } from './terminal.ts';

const COMMANDS: Readonly<Record<string, { readonly summary: string; load(): Promise<{ readonly command: Command }> }>> = {
  connect: { summary: 'talk to a WebSocket server', load: () => import('./connect.ts') },
  listen: { summary: 'serve: echo, chat, a program, topics, files', load: () => import('./listen.ts') },
  proxy: { summary: 'pass connections on, show and record them, make faults', load: () => import('./proxy.ts') },
  replay: { summary: 'send the messages of a recording again', load: () => import('./replay.ts') },
  bench: { summary: 'measure a server', load: () => import('./bench.ts') },
};

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return [
    'Usage: wasock COMMAND [options]',
    '',
    'Commands:',
    ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Options:',
    '  -h, --help     show this text, or that of a command: wasock connect --help',
    '  -v, --version  show the version',
    '',
  ].join('\n');
}

async function dispatch(host: Host, [name, ...args]: readonly string[]): Promise<ExitCode> {
  if (name === undefined) throw new UsageError(`A command is missing: ${Object.keys(COMMANDS).join(', ')}`);
  if (name === '--version' || name === '-v') return print(`${version}\n`);
  if (name === '--help' || name === '-h') return print(overview());
  if (name === 'help' && args.length > 0) return await dispatch(host, [args[0], '--help']);
  if (name === 'help') return print(overview());
  if (!Object.hasOwn(COMMANDS, name)) throw unknownCommand(name, [...Object.keys(COMMANDS), 'help', '--help', '--version']);
  const { command } = await COMMANDS[name].load();
  const given = readArguments(command, args);
  return given === undefined ? print(helpText(name, command)) : await command.run(host, given);
}

function print(text: string): ExitCode {
  process.stdout.write(text);
  return EXIT.done;
}

/**
 * Runs a command line.
 *
 * @param args The arguments behind the name of the program.
 * @returns The exit code: docs/cli.md has the table.
 */
export async function run(host: Host, args: readonly string[]): Promise<ExitCode> {
  // They stay: the last words fail only after this function has returned.
  for (const stream of [process.stdout, process.stderr]) stream.off('error', endWithoutReader).on('error', endWithoutReader);
  try {
    return await dispatch(host, args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`${painter(process.stderr)('red', 'wasock:')} ${safeLines(error.message)}\n`);
    if (error instanceof UsageError) process.stderr.write('See wasock --help\n');
    return error.exitCode;
  }
}

let isUnread = false;

/** A reader that ends early, such as `head`, is no fault: the exit code is the one that is set already. A full disk is one. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  // Each further line fails as well.
  if (isUnread) return;
  isUnread = true;
  if (error.code === 'EPIPE') return endNow();
  process.stderr.write(`wasock: Cannot write the output: ${error.message}\n`);
  endNow(EXIT.failed);
}
