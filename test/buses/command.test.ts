// `wasock listen --topic-bus`, with the packages and the engine that its users have.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { Command, endCommands, wasock } from '../cli/command.ts';
import { Engine, REDIS } from './engine.ts';

afterEach(endCommands);

/** A project that has one package. */
function projectWith(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(fileURLToPath(new URL(`node_modules/${name}`, import.meta.url)), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{}');
  return folder;
}

/** An open client of topics. */
async function connect(url: string): Promise<WebSocket> {
  const ws = new WebSocket(url, ['wasock.topics.v1']);
  onTestFinished(() => ws.terminate());
  await once(ws, 'open');
  return ws;
}

async function answer(ws: WebSocket, request?: object): Promise<unknown> {
  if (request !== undefined) ws.send(JSON.stringify(request));
  const [data] = (await once(ws, 'message')) as [Buffer];
  return JSON.parse(data.toString()) as unknown;
}

describe.each(['redis', 'ioredis'])('wasock listen --topic-bus by the package %s', (name) => {
  test('ends with a clear error if there is no Redis', async () => {
    const cwd = projectWith(name);
    for (const host of ['127.0.0.1', 'localhost']) {
      expect(await wasock(['listen', '0', '--topic-bus', `redis://${host}:1/`], { cwd })).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^wasock: Cannot connect to the topic bus: .*ECONNREFUSED.*\n$/) as unknown,
      });
    }
  });

  test('joins two servers, and ends at SIGTERM', async () => {
    const cwd = projectWith(name);
    const engine = await Engine.start(REDIS);
    onTestFinished(async () => await engine.remove());
    const commands = [0, 1].map(
      () => new Command(['listen', '0', '--topic-bus', `redis://127.0.0.1:${engine.port}/`], { cwd }),
    );
    const matches = await Promise.all(
      commands.map(async (command) => await command.printed(/Listening on (ws:\/\/[\d.:]+\/)/)),
    );
    const [subscriber, publisher] = await Promise.all(matches.map(async ([, url]) => await connect(url)));
    expect(await answer(subscriber, { type: 'subscribe', id: 1, topic: 'news' })).toMatchObject({ type: 'subscribed' });
    const message = answer(subscriber);
    publisher.send(JSON.stringify({ type: 'publish', id: 1, topic: 'news', text: 'hello' }));
    expect(await message).toMatchObject({ topic: 'news', text: 'hello' });
    const ended = await Promise.all(commands.map(async (command) => await command.end('SIGTERM')));
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  });
});
