// The command `wasock` itself: help, mistakes, and what it loads.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { version } from '../../src/base/version.ts';
import { run } from '../../src/cli/main.ts';
import { BIN, wasock } from './command.ts';

const unneeded = async (): Promise<never> => await Promise.reject(new Error('the library is not needed'));

/** Runs a command that needs no library. */
async function runHere(...args: string[]): Promise<number> {
  return await run({ load: unneeded, loadProxies: unneeded, program: undefined }, args);
}

describe('wasock', () => {
  test('tells its version', async () => {
    expect(await wasock(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([[['--help']], [['-h']], [['help']]])('lists its commands: %j', async (args) => {
    const { code, stdout } = await wasock(args);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Usage: wasock COMMAND[^]*\n {2}connect {2,}talk to/) as unknown,
    ]);
  });

  test.each([
    [[], 'A command is missing'],
    [['conect'], 'Unknown command conect. Did you mean connect?'],
    [['--verison'], 'Unknown command --verison. Did you mean --version?'],
    [['toString'], 'Unknown command toString'],
    [['connect'], 'URL is missing'],
    [['connect', 'ws://a/', '--orign', 'b'], 'Unknown option --orign. Did you mean --origin?'],
    [['connect', 'ftp://a/'], 'The URL must start with ws:// or wss://, not ftp://'],
    [['connect', 'ws://'], 'Not a URL: "ws://"'],
    [['connect', 'ws://a/#b'], 'A WebSocket URL has no fragment'],
    [['connect', 'ws://a/', '-H', 'no field'], `--header must be 'Name: value', not "no field"`],
    [['connect', 'ws://a/', '--timeout', 'soon'], '--timeout must be a time such as'],
    [['connect', 'ws://a/', '--cert', 'a.pem'], '--cert and --key go together'],
    [['connect', 'ws://a/', '--binary', 'raw'], '--binary must be hex, base64'],
  ])('names a mistake: %j', async (args, message) => {
    expect(await wasock(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`^wasock: ${message.replaceAll(/[.?()]/g, String.raw`\$&`)}[^]*\nSee wasock`),
      ) as unknown,
    });
  });

  test.each([
    [['--help'], 'stdout', 'stderr', 0],
    [['connect', ':1'], 'stderr', 'stdout', 1],
  ] as const)('is silent if nobody reads: %j', async (args, unread, read, expected) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child[unread].destroy();
    let text = '';
    child[read].on('data', (chunk) => (text += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, text]).toEqual([expected, '']);
  });

  test('needs no library to help', async () => {
    expect(await runHere('--version')).toBe(0);
    expect(await runHere('connect', '--help')).toBe(0);
  });
});
