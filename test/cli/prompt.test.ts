// The prompt of `wasock connect`, under a pseudo-terminal: `script` of util-linux.

import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BIN, Command, endCommands } from './command.ts';
import { startPeer, type Peer } from './peer.ts';

let peer: Peer;
beforeAll(async () => {
  // A run without it would test nothing.
  execFileSync('script', ['--version']);
  peer = await startPeer();
});
afterEach(endCommands);
afterAll(() => peer.close());

/** The command under a terminal. */
function prompt(args: string, env: Readonly<Record<string, string>> = {}): Command {
  const command = `exec ${process.execPath} ${BIN} ${args}`;
  return new Command(['--quiet', '--return', '--command', command, '/dev/null'], {
    program: ['script'],
    input: 'open',
    env: { TERM: 'xterm', NO_COLOR: '', ...env },
  });
}

const ESCAPE = '\u001b';

/** The lines that the terminal shows in the end: what was typed and printed, without the moves of the cursor. */
function screen(text: string): string[] {
  const lines: string[] = [''];
  let column = 0;
  // oxlint-disable-next-line no-control-regex -- the sequences of a terminal
  for (const [part, parameter, final] of text.matchAll(/\u001b\[(\d*)([A-Za-z])|[^]/g)) {
    const line = lines.at(-1)!;
    if (part === '\r') column = 0;
    else if (part === '\n') lines.push('');
    else if (final === 'G') column = Number(parameter) - 1;
    else if (final === 'K' || final === 'J') lines[lines.length - 1] = line.slice(0, column);
    else if (final === undefined) {
      lines[lines.length - 1] = line.slice(0, column).padEnd(column) + part + line.slice(column + 1);
      column++;
    }
  }
  return lines;
}

test('draws no prompt any more after Ctrl+D, whatever the peer still sends', async () => {
  const command = prompt(`connect ${peer.url}`);
  await command.printed(/> /);
  const ws = peer.sockets.at(-1)!;
  const close = ws.close.bind(ws);
  // It answers the Close frame with this method.
  ws.close = (code, reason) => {
    ws.send('late');
    close(code, reason);
  };
  command.type('\u0004');
  const { code } = await command.ended();
  const lines = screen(command.stdout);
  expect([code, lines.filter((line) => line.startsWith('>'))]).toEqual([0, []]);
  expect(lines.join('\n')).toMatch(/< late\s*\nClosed: 1000/);
});

test('sends lines, shows answers above the prompt, knows its history, and ends at Ctrl+D', async () => {
  const command = prompt(`connect --slash ${peer.url}`);
  await command.printed(/> /);
  command.type('hello\r');
  await command.printed(/< hello|<\S* hello/);
  command.type('escape\r');
  await command.printed(/u202ec/);
  // The line before the last one.
  command.type(`${ESCAPE}[A${ESCAPE}[A\r`);
  await command.printed(/hello[^]*hello[^]*hello[^]*hello/);
  command.type('/ping\r');
  await command.printed(/pong [\d.]+ .s/);
  command.type('/close 99\r');
  await command.printed(/A close code is/);
  command.type('\u0004');
  const { code, stdout } = await command.ended();
  const lines = screen(stdout).map((line) => line.trimEnd().replace(/[\d.]+ .s$/, 'TIME'));
  expect(lines.filter((line) => line !== '' && line !== '>')).toEqual([
    `Connected to ${peer.url}`,
    '> hello',
    '< hello',
    '> escape',
    String.raw`< a\x1b]0;title\x07\x9b2J`,
    String.raw`  b\u202ec\x7f`,
    '> hello',
    '< hello',
    '> /ping',
    'pong TIME',
    '> /close 99',
    'A close code is 1000 to 1014 but for 1004 to 1006, or 3000 to 4999',
    'Closed: 1000 normal closure',
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain(`${ESCAPE}[32m<${ESCAPE}[0m hello`);
});

test('has no colours with NO_COLOR, and ends at Ctrl+C', async () => {
  const command = prompt(`connect ${peer.url}`, { NO_COLOR: '1' });
  await command.printed(/> /);
  command.type('hello\r');
  await command.printed(/< hello/);
  command.type('\u0003');
  const { code, stdout } = await command.ended();
  expect(code).toBe(0);
  // oxlint-disable-next-line no-control-regex -- the sequence of a colour
  expect(stdout).not.toMatch(/\u001b\[\d+m/);
});

test('has the exit code of the end by the peer', async () => {
  const command = prompt(`connect ${peer.url}`);
  await command.printed(/> /);
  command.type('close 4001\r');
  const { code, stdout } = await command.ended();
  expect([code, screen(stdout).some((line) => line.startsWith('Closed: 4001'))]).toEqual([3, true]);
});
