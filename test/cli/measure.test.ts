// `wasock bench` and `wasock replay`, against the server of `ws`.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Summary } from '../../src/cli/report.ts';
import { BIN, Command, endCommands, wasock } from './command.ts';
import { startPeer, type Peer } from './peer.ts';

let peer: Peer;
let folder: string;
beforeAll(async () => {
  peer = await startPeer();
  folder = mkdtempSync(join(tmpdir(), 'wasock-cli-'));
});
afterEach(endCommands);
afterAll(async () => {
  await peer.close();
  rmSync(folder, { recursive: true, force: true });
});

async function bench(...args: string[]): Promise<Summary> {
  const { code, stdout, stderr } = await wasock([
    'bench',
    peer.url,
    '--json',
    '--warmup',
    '100ms',
    ...(args.includes('-d') ? [] : ['-d', '500ms']),
    ...args,
  ]);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Summary;
}

describe('wasock bench', () => {
  test.each([['1'], ['2']])('measures round trips with %s processes', async (workers) => {
    const result = await bench('--workers', workers, '-c', '4', '--in-flight', '3', '--size', '1k');
    expect(result).toMatchObject({ connected: 4, failed: 0, lost: 0, workers: Number(workers), size: 1024, inFlight: 3 });
    expect(result.received).toBeGreaterThan(10);
    expect(result.times.count).toBe(result.received);
    expect(result.rate).toBeCloseTo(result.received * 2, 0);
    const { min, p50, p99, max } = result.times;
    expect([min > 0, min <= p50, p50 <= p99, p99 <= max]).toEqual([true, true, true, true]);
    expect(result.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(result.times.count);
  });

  test('sends at a rate', async () => {
    const { sent } = await bench('--rate', '100', '-d', '1s');
    // A loaded machine is late, but catches up; nothing is sent beyond the rate.
    expect(sent).toBeGreaterThan(5);
    expect(sent).toBeLessThan(1000);
  });

  test('measures sending alone, and opening handshakes', async () => {
    expect((await bench('--mode', 'send', '--text')).sent).toBeGreaterThan(10);
    const { times, rate } = await bench('--mode', 'connect', '-c', '2');
    expect([times.count > 2, rate > 2]).toEqual([true, true]);
  });

  test('draws a histogram', async () => {
    const { stdout, stderr } = await wasock(['bench', peer.url, '--warmup', '0', '-d', '300ms']);
    expect(stdout).toMatch(/^[\d,]+ messages\/s, [\d.]+ [KM]?i?B\/s\n\nconnections 10 open, 0 failed, 0 lost\nhandshakes +min/);
    expect(stdout).toMatch(/round trips min .*p50 .*p90 .*p99 .*p99\.9 .*max/);
    expect(stdout).toMatch(/^≤ +[\d.]+ .s █+ +[\d.]+ %$/m);
    expect(stderr).toBe('');
  });

  test('draws a progress bar on a terminal', async () => {
    const command = new Command(
      [
        '--quiet',
        '--return',
        '--command',
        `exec ${process.execPath} ${BIN} bench ${peer.url} --workers 1 --warmup 0 -d 3s`,
        '/dev/null',
      ],
      { program: ['script'], env: { TERM: 'xterm' } },
    );
    await command.printed(/[█░]{30} +\d+ % {2}10\/10 connections/);
    const { code, stdout } = await command.ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/messages\/s/);
  });

  test('ends early at SIGINT with what it has measured', async () => {
    const command = new Command(['bench', peer.url, '--json', '--workers', '2', '-d', '1h', '--warmup', '0']);
    const count = peer.messages.length;
    await expect.poll(() => peer.messages.length > count).toBe(true);
    const { code, stdout } = await command.end('SIGINT');
    expect([code, (JSON.parse(stdout) as Summary).connected]).toEqual([0, 10]);
  });

  test.each([
    [['bench', ':1'], 1, 'Cannot connect to 127.0.0.1:1: connection refused'],
    [['bench', ':1', '--workers', '2'], 1, 'Cannot connect to 127.0.0.1:1: connection refused'],
    [['bench', ':1', '--mode', 'fly'], 2, '--mode must be echo, send, receive, connect'],
    [['bench', ':1', '-c', '0'], 2, '--connections must be a whole number of at least 1'],
  ])('names a mistake: %j', async (args, code, message) => {
    const ended = await wasock([...args, '--warmup', '0', '-d', '100ms']);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});

describe('wasock replay', () => {
  const record = async (name: string): Promise<string> => {
    const file = join(folder, name);
    const input = '{"text":"one"}\n{"base64":"AP8="}\n';
    await wasock(['connect', '--json', '--record', file, '-w', '200ms', peer.url], { input });
    return file;
  };

  test.each([['talk.jsonl'], ['talk.har']])('sends the messages of %s again, and compares the answers', async (name) => {
    const file = await record(name);
    const before = peer.messages.length;
    const { code, stdout, stderr } = await wasock(['replay', file, peer.url, '--check', '--speed', '0', '--wait', '20s']);
    expect(peer.messages.slice(before)).toEqual(['one', Buffer.from('00ff', 'hex')]);
    expect([code, stdout]).toEqual([0, 'one\n00ff\n']);
    expect(stderr).toContain('The answers are those of the recording: 2');
  });

  test('has an exit code for other answers', async () => {
    const file = join(folder, 'other.jsonl');
    const line = (type: string, text: string): string => JSON.stringify({ type, connection: 1, time: 0, text });
    writeFileSync(file, `${line('send', 'one')}\n${line('receive', 'two')}\n`);
    const { code, stderr } = await wasock(['replay', file, peer.url, '--check']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('Answer 1 differs.\n  recorded: "two"\n  now:      "one"')]);
    expect((await wasock(['replay', file, peer.url])).code).toBe(0);
  });

  test.each([
    ['missing.jsonl', undefined, 'Cannot read the recording'],
    ['bad.jsonl', 'no JSON', 'is no recording of wasock'],
    ['null.jsonl', 'null\n', 'is no recording of wasock'],
    ['empty.jsonl', '', 'there is no connection 1'],
    ['bad.har', '{}', 'there is no connection 1'],
    ['null.har', 'null', 'is no recording of wasock'],
  ])('says why a file cannot be played: %s', async (name, text, message) => {
    if (text !== undefined) writeFileSync(join(folder, name), text);
    const { code, stderr } = await wasock(['replay', join(folder, name), peer.url]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });
});
