// How the benchmark is called: a mistake ends it with 2 and one line before anything is measured, and a part of a run leaves the committed results alone.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keepAble, nameResults, pick, prepareFolder, readTimes } from '../bench/arguments.mjs';

const PROGRAM = fileURLToPath(new URL('../bench/run.mjs', import.meta.url));
const TOPICS = fileURLToPath(new URL('../bench/topics/run.mjs', import.meta.url));

async function makeFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wasock-bench-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function run(program: string, args: readonly string[]): Promise<{ code: number; error: string; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (failure, output, error) => {
      resolve({ code: Number(failure?.code ?? 0), error, output });
    });
  });
}

describe('the benchmark refuses', () => {
  test.each([
    ['no scenario', ['--scenario='], "--scenario: there is no ''"],
    ['no implementation', ['--only='], "--only: there is no ''"],
    ['half a round', ['--rounds=1.5'], '--rounds must be a whole number from 1 up'],
    ['no time', ['--warmup='], '--warmup must be a number from 0 up'],
    ['a scenario that nobody can run', ['--only=wasock+http', '--scenario=start'], 'wasock+http cannot run start'],
    ['a scenario that a bare socket cannot run', ['--only=net', '--scenario=idle-deflate'], 'net cannot run idle-deflate'],
    ['no folder', ['--output=', '--scenario=start', '--only=ws'], '--output'],
    ['a folder below a file', [`--output=${PROGRAM}/results`, '--scenario=start', '--only=ws'], '--output'],
    ['a file as a folder', [`--output=${PROGRAM}`, '--scenario=start', '--only=ws'], '--output'],
    ['a folder that cannot be made', ['--output=/proc/wasock', '--scenario=start', '--only=ws'], '--output'],
  ])('%s', async (_name, args, message) => {
    const { code, error, output } = await run(PROGRAM, args);
    expect(error).toContain(message);
    expect(error.trim().split('\n')).toHaveLength(1);
    expect({ code, output }).toEqual({ code: 2, output: '' });
  });

  test('no scenario of topics', async () => {
    const { code, error, output } = await run(TOPICS, ['--scenario=']);
    expect(error).toContain("--scenario: there is no ''");
    expect({ code, output }).toEqual({ code: 2, output: '' });
  });
});

test('the benchmark writes the results of a named scenario to the folder that it was given', async () => {
  const folder = await makeFolder();
  const { code, output } = await run(PROGRAM, ['--scenario=start', '--only=ws', '--rounds=1', `--output=${folder}/a/b`]);
  expect(code).toBe(0);
  expect(output).toContain(join(folder, 'a/b/latest.json'));
  expect((await readdir(`${folder}/a/b`)).toSorted()).toEqual(['latest.json', 'latest.md', 'latest.svg']);
});

describe('the arguments of benchmarks', () => {
  test.each([
    [{ quick: false, isPart: false, whole: 'latest' }, 'latest'],
    [{ quick: false, isPart: true, whole: 'latest' }, 'part'],
    [{ quick: true, isPart: true, whole: 'latest' }, 'quick'],
    [{ quick: false, isPart: true, whole: 'latest-bun' }, 'part-bun'],
    [{ quick: false, isPart: true, whole: 'topics' }, 'part-topics'],
    [{ quick: true, isPart: false, whole: 'topics' }, 'quick-topics'],
  ])('name the results of %j', (options, expected) => {
    expect(nameResults(options)).toBe(expected);
  });

  test('leave out scenarios that nobody can run, if they were not named', () => {
    const scenarios = [
      { name: 'one', kind: 'echo' },
      { name: 'two', kind: 'start' },
    ];
    const implementations = [{ name: 'net', kinds: ['echo'] }];
    expect(keepAble(scenarios, implementations, false)).toEqual([scenarios[0]]);
    expect(() => keepAble(scenarios, implementations, true)).toThrow('net cannot run two');
  });

  test('take a name that is given twice once', () => {
    expect(pick([{ name: 'a' }, { name: 'b' }], 'b, a,b', 'only')).toEqual([{ name: 'b' }, { name: 'a' }]);
  });

  test('are milliseconds', () => {
    expect(readTimes({ quick: false, seconds: '2', rounds: '3' }, '2')).toEqual({
      rounds: 3,
      times: { duration: 2000, warmup: 300 },
    });
  });

  test('make the folder of the results, and leave nothing in it', async () => {
    const folder = await makeFolder();
    prepareFolder(join(folder, 'a/b'));
    expect(await readdir(join(folder, 'a/b'))).toEqual([]);
    await writeFile(join(folder, 'file'), '');
    expect(() => prepareFolder(join(folder, 'file'))).toThrow('--output');
  });
});
