// The command `wasock` on Deno, from its sources.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { run } from '../../../adapters/deno/cli.ts';
import { WebSocketServer } from '../../../adapters/deno/index.ts';
import { describeCommands } from '../../cli/each-command.ts';

const FILE = fileURLToPath(new URL('../../../adapters/deno/cli.ts', import.meta.url));

describeCommands([process.execPath, 'run', '-A', FILE]);

test('a process of the command sends a message and prints the answer', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(data, { binary: false })));
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const args = ['run', '-A', FILE, 'connect', '--once', '--execute', 'hello', url];
  expect((await promisify(execFile)(process.execPath, args)).stdout).toBe('hello\n');
  expect(await run(['--version'])).toBe(0);
  await server.shutdown();
});
