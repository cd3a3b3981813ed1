// Every example of docs/cli.md, run as it is written there. Lines that start with `$ ` are commands, the lines below are their output.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BIN, Command, endCommands } from './command.ts';
import { startPeer, type Peer } from './peer.ts';

const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

/** A command with the output that the document shows. */
interface Example {
  readonly command: string;
  readonly output: string;
}

/** The blocks of examples. A server runs until the end of its block. */
const blocks: { readonly title: string; readonly examples: readonly Example[] }[] = Array.from(
  text.matchAll(/^```console\n([^]*?)^```$/gm),
  ([, block]) => {
    const examples = block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n');
        return { command: part.slice(0, end), output: part.slice(end + 1) };
      });
    return { title: examples[0].command, examples };
  },
);

let peer: Peer;
let folder: string;
beforeAll(async () => {
  peer = await startPeer();
  folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
  writeFileSync(join(folder, 'wasock'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(join(folder, 'wasock'), 0o755);
});
afterEach(endCommands);
afterAll(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a command of the document, with both streams in one, in the order in which it writes them. */
function start(line: string): Command {
  // `exec`, so that a signal reaches the command; a subshell, so that all of a pipeline writes to one stream.
  return new Command(['-c', line.startsWith('wasock') ? `exec ${line} 2>&1` : `( ${line} ) 2>&1`], {
    program: ['/bin/sh'],
    cwd: folder,
    env: { PATH: `${folder}:${process.env['PATH']}` },
  });
}

/** `…` stands for anything in a line, and in a line of its own for any lines. */
function patternOf(output: string): RegExp {
  const lines = output.split(/(?<=\n)/).map((line) => {
    if (line === '…\n') return '[^]*';
    return line
      .split('…')
      .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`))
      .join('.*');
  });
  return new RegExp(`^${lines.join('')}$`);
}

const withPorts = (line: string, ports: ReadonlyMap<string, number>): string =>
  line.replaceAll(/(?<=:)\d{4}\b/g, (port) => String(ports.get(port) ?? port));

/** Starts a server of the document. It listens at a free port, which stands for that of the document from then on. */
async function startServer(line: string, ports: Map<string, number>): Promise<Command> {
  const [, port] = /^wasock \w+ (\d+)/.exec(line)!;
  const command = start(withPorts(line.replace(port, '0'), ports));
  const [, listening] = await command.printed(/Listening on ws:\/\/127\.0\.0\.1:(\d+)/);
  ports.set(port, Number(listening));
  return command;
}

test('the document has examples', () => {
  expect(blocks.length).toBeGreaterThan(7);
});

test.each(blocks)('$title', async ({ examples }) => {
  const ports = new Map([['8080', peer.port]]);
  const back = (printed: string): string =>
    [...ports].reduce((all, [documented, port]) => all.replaceAll(`:${port}`, `:${documented}`), printed);
  const servers: { readonly command: Command; readonly output: string }[] = [];
  for (const { command, output } of examples) {
    if (/^wasock (?:listen|proxy)/.test(command)) servers.push({ command: await startServer(command, ports), output });
    else expect(back((await start(withPorts(command, ports)).ended()).stdout)).toMatch(patternOf(output));
  }
  for (const { command, output } of servers) {
    const { stdout } = await command.end('SIGTERM');
    expect(back(stdout).replace(/^.*Stopped: .*\n/m, '')).toMatch(patternOf(output));
  }
});
