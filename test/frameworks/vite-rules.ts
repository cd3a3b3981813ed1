// The rules for a framework whose development server is Vite: it builds without a network, and WebSockets of wasock stand beside those of Vite.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { NODE_24, Program, refusal } from '../examples/run-example.ts';
import { framework, serves, stops } from './framework-rules.ts';

/** An example that Vite builds and serves. */
export interface ViteProject {
  /** Its folder. */
  readonly folder: string;
  /** The command of the framework, in `node_modules`. */
  readonly command: string;
  /** The file of its page. */
  readonly page: string;
  /** Options of Node.js for the development server. */
  readonly nodeOptions?: string;
}

const ANSWER = /<p>The echo is at \/echo\.<\/p>/;

/** Runs the framework's command. Vitest's own variables would change it. */
function run({ folder, command }: ViteProject, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  return new Program(NODE_24, [framework(join('node_modules', command)), ...args], {
    cwd: framework(folder),
    env: { VITEST: '', ...env },
  });
}

/** Builds the project, and checks what its server does. */
export async function checkProduction(project: ViteProject): Promise<void> {
  const build = run(project, ['build'], { NODE_ENV: 'production' });
  expect(await build.ended(), build.errors).toBe(0);
  const server = new Program(NODE_24, ['server.js', '0'], { cwd: framework(project.folder), env: { NODE_ENV: 'production' } });
  const authority = await server.listens();
  await serves(authority, { answer: ANSWER });
  expect(await refusal(`ws://${authority}/elsewhere`)).toBe('Unexpected server response: 400');
  await stops(server, authority);
}

/** Checks the development server: its pages, the echo, and an update of a page through the WebSocket of Vite. */
export async function checkDevelopment(project: ViteProject): Promise<void> {
  const server = run(project, ['dev', '--host', '127.0.0.1', '--port', '0'], {
    NODE_ENV: 'development',
    NODE_OPTIONS: project.nodeOptions ?? '',
  });
  const authority = await server.listens();
  await serves(authority, { answer: ANSWER });

  const client = await (await fetch(`http://${authority}/@vite/client`)).text();
  const token = /wsToken = "([^"]+)"/.exec(client)?.[1];
  const reloads = new WebSocket(`ws://${authority}/?token=${token}`, 'vite-hmr', { origin: `http://${authority}` });
  onTestFinished(() => reloads.terminate());
  const types: unknown[] = [];
  reloads.on('message', (data: Buffer) => types.push((JSON.parse(data.toString()) as { type: unknown }).type));
  await expect.poll(() => types).toContain('connected');
  // Vite tells of changes in modules that a page has loaded. It may not watch yet, so there is more than one change.
  await (await fetch(`http://${authority}/${project.page}`)).text();
  const page = framework(join(project.folder, project.page));
  const text = await readFile(page, 'utf8');
  let changes = 0;
  const change = async (): Promise<unknown[]> => {
    changes += 1;
    await writeFile(page, text.replace('The echo is', `Change ${changes}: the echo is`));
    return types;
  };
  await expect.poll(change, { interval: 500 }).toContain('update');
  expect(await (await fetch(`http://${authority}/`)).text()).toMatch(/Change \d+: the echo is/);
  await server.end('SIGTERM');
}
