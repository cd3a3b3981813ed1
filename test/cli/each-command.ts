// The commands that serve and measure, as processes of any runtime. They talk to each other, so that no library of the test is needed.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { Command, endCommands, wasock } from './command.ts';

/** @param program The runtime and its arguments, before those of the command. */
export function describeCommands(program: readonly string[]): void {
  /** A command that listens on a port that the system picks. */
  async function start(...args: string[]): Promise<{ command: Command; url: string }> {
    const command = new Command(args, { program });
    const [, url] = await command.printed(/Listening on (ws:\/\/[\d.:]+\/)/);
    return { command, url };
  }
  const ask = async (url: string): Promise<unknown> =>
    await wasock(['connect', '--once', '--execute', 'hello', url], { program });

  describe('the command', () => {
    afterEach(endCommands);

    test('listen echoes through proxy, and both end at SIGTERM', async () => {
      const server = await start('listen', '0', '--compress');
      const proxy = await start('proxy', '0', server.url, '--verbose', '--compress');
      expect(await ask(proxy.url)).toMatchObject({ code: 0, stdout: 'hello\n' });
      // Not the exit code: Deno reports the signal that it has sent, also of a process that caught it.
      const { stdout } = await proxy.command.end('SIGTERM');
      expect(stdout).toMatch(/#1 > hello\n.*#1 < hello\n.*#1 closed 1000.*\n.* Stopped: 0 connections closed, 0 cut\n$/);
      expect((await server.command.end('SIGTERM')).stdout).toMatch(/ Stopped: 0 connections closed, 0 cut\n$/);
    });

    test('proxy answers 502 if there is no server', async () => {
      const { url } = await start('proxy', '0', 'ws://127.0.0.1:1/');
      expect(await ask(url)).toMatchObject({ code: 1, stderr: expect.stringContaining('502') as unknown });
    });

    test('listen runs a program', async () => {
      const { url } = await start('listen', '0', '--execute', 'cat');
      expect(await ask(url)).toMatchObject({ code: 0, stdout: 'hello\n' });
    });

    test('listen serves files beside its connections', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      writeFileSync(join(folder, 'a.txt'), 'text');
      const { url } = await start('listen', '0', '--static', folder);
      const body = await new Promise<string>((resolve, reject) => {
        const asked = request(`${url.replace('ws:', 'http:')}a.txt`, { agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk))).on('end', () => resolve(text));
        });
        asked.on('error', reject).end();
      });
      expect(body).toBe('text');
      expect(await ask(url)).toMatchObject({ code: 0, stdout: 'hello\n' });
    });

    test.each(['1', '2'])('bench measures with %s processes', async (workers) => {
      const { url } = await start('listen', '0');
      const args = ['bench', url, '--json', '--workers', workers, '-c', '4', '--warmup', '100ms', '-d', '500ms'];
      const { code, stdout, stderr } = await wasock(args, { program });
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({ connected: 4, failed: 0, lost: 0, workers: Number(workers) });
    });

    test('bench names a server that is not there', async () => {
      const args = ['bench', ':1', '--workers', '2', '--warmup', '0', '-d', '100ms'];
      expect(await wasock(args, { program })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('Cannot connect to 127.0.0.1:1: connection refused') as unknown,
      });
    });
  });
}
