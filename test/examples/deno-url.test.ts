// The Deno program that imports wasock by URL, with the rights that its first comment names, and with fewer.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bundle, ROOT } from '../support/mini-runner/bundle.ts';
import { DENO, endPrograms, example, has, NODE, Program } from './run-example.ts';

describe.runIf(has(DENO))('wasock by URL', () => {
  let folder: string;
  /** What serve.mjs is told to serve, where the package is built without it. */
  let file: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasock-url-'));
    file = [];
    if (existsSync(join(ROOT, 'dist/wasock.deno.js'))) return;
    file = [join(folder, 'wasock.deno.js')];
    await writeFile(file[0], await bundle('adapters/deno/index.ts'));
  });
  afterEach(endPrograms);
  afterAll(() => rm(folder, { recursive: true }));

  /** Runs the program with `permissions`, where PORT stands for that of the file's server. */
  async function run(permissions: readonly string[]): Promise<Program> {
    const server = new Program(NODE, [example('deno-url/serve.mjs'), '0', ...file]);
    const [, port] = await server.printed(/Serving http:\/\/127\.0\.0\.1:(\d+)\/wasock\.deno\.js\n/);
    // The program says 8000, the system picked another port.
    const map = join(folder, `${port}.json`);
    await writeFile(map, JSON.stringify({ imports: { 'http://127.0.0.1:8000/': `http://127.0.0.1:${port}/` } }));
    const args = ['run', '--no-prompt', '--no-lock', `--import-map=${map}`];
    return new Program(
      DENO,
      [...args, ...permissions.map((flag) => flag.replace('PORT', port)), example('deno-url/program.mjs')],
      {
        env: { DENO_DIR: join(folder, 'cache') },
      },
    );
  }

  test('program runs with two permissions, and ends by itself', async () => {
    const program = await run(['--allow-net=127.0.0.1', '--allow-import=127.0.0.1:PORT']);
    expect(await program.ended()).toBe(0);
    expect(program.output).toBe('Received: hello from a URL\n');
  });

  test.each([
    ['--allow-import=127.0.0.1:PORT', '--allow-net'],
    ['--allow-net=127.0.0.1', '--allow-import'],
  ])('program with %s alone fails for want of %s', async (given, missing) => {
    const program = await run([given]);
    expect(await program.ended()).toBe(1);
    expect(program.errors).toContain(missing);
    expect(program.output).toBe('');
  });
});
