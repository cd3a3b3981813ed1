// Real programs that depend on ws, each run with ws and with this package in its place. `npm run test:programs`.
// With ws as the control: a script that fails there tests itself and not us. On Deno and Bun a program runs with this package only.
//
// `node test/programs/run.mjs [program …] [--ws ws|wasock] [--on node|deno|bun]`; needs a built package. The first run installs the
// packages that package.json pins. `--ws ws --on deno` runs the control on Deno, too.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = join(HERE, 'node_modules');
const RUNTIMES = join(ROOT, 'test/runtimes');
const PACKAGES = ['ws', 'wasock'];
/** Milliseconds that a script may take. */
const LIMIT = 100_000;
/** Scripts that run at a time. Most of a script is waiting and reading files. */
const AT_A_TIME = 2;

/**
 * The programs by name: the packages that a script shows, and for each runtime the reasons why it does not run there (`except`) or the
 * part of it that uses ws (`partly`). docs/replacing-ws.md shows them.
 */
const programs = readJson(HERE, 'programs.json');

/** How a runtime starts a script. Bun has a ws of its own, so replace-ws.mjs redirects the calls of `require`. */
const STARTS = {
  node: { binary: process.execPath, before: [] },
  deno: { binary: join(RUNTIMES, 'node_modules/.bin/deno'), before: ['run', '-A'] },
  bun: { binary: join(RUNTIMES, 'node_modules/.bin/bun'), before: ['--preload', './replace-ws.mjs'] },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ws: { type: 'string' }, on: { type: 'string' } },
});
for (const name of positionals) if (!(name in programs)) throw new Error(`No such program: ${name}`);
if (values.on !== undefined && !(values.on in STARTS)) throw new Error(`No such runtime: ${values.on}`);

function readJson(...path) {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}

/** Whether every dependency is there in the version that package.json pins. */
function areInstalled() {
  return Object.entries(readJson(HERE, 'package.json').dependencies).every(([name, version]) => {
    const manifest = join(MODULES, name, 'package.json');
    return existsSync(manifest) && readJson(manifest).version === version;
  });
}

/** Packs this package as npm would publish it. Returns the tarball's path. */
function pack(folder) {
  if (!existsSync(join(ROOT, 'dist'))) throw new Error('Nothing is built: npm run build');
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const packed = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // An array up to npm 11, an object by package name since.
  const [{ filename }] = Object.values(JSON.parse(packed));
  return join(folder, filename);
}

/** Files that no program reads: types and source maps, half of all. */
const UNUSED = /\.(?:map|[cm]?ts|md)$/;

/** Copies a folder without ws and the commands; by hard links where the file system has them, twenty thousand files are slow. */
function mirror(from, to) {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (UNUSED.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      if (source !== join(MODULES, 'ws') && entry.name !== '.bin') mirror(source, target);
    } else {
      try {
        linkSync(source, target);
      } catch {
        copyFileSync(source, target);
      }
    }
  }
}

/**
 * Makes a folder like this one, but with our tarball unpacked as node_modules/ws: what npm leaves after `npm i ws@npm:wasock` and an
 * override that sends the other dependents there. A copy, not a link: a link's target would find the ws that lies beside it.
 *
 * The folder `bun` in it has the scripts as they are for Bun: they import wasock, because Bun ignores a package that is called ws.
 */
function alias(folder) {
  const modules = join(folder, 'node_modules');
  mirror(MODULES, modules);
  const ours = join(modules, 'ws');
  mkdirSync(ours);
  execFileSync('tar', ['-xzf', pack(folder), '-C', ours, '--strip-components=1']);
  mirror(ours, join(modules, 'wasock'));
  mkdirSync(join(folder, 'bun'));
  for (const file of readdirSync(HERE)) {
    if (file === 'package.json') copyFileSync(join(HERE, file), join(folder, file));
    if (!file.endsWith('.mjs')) continue;
    copyFileSync(join(HERE, file), join(folder, file));
    const text = readFileSync(join(HERE, file), 'utf8');
    writeFileSync(join(folder, 'bun', file), text.replaceAll(/ from 'ws';$/gm, " from 'wasock';"));
  }
}

/** Runs a script. Returns how it ended; `output` is everything it printed, `notes` what it has to tell. */
async function run(folder, { program, name, runtime }) {
  const started = performance.now();
  const { binary, before } = STARTS[runtime];
  const child = spawn(binary, [...before, `${program}.mjs`], {
    cwd: runtime === 'bun' && name === 'wasock' ? join(folder, 'bun') : folder,
    env: { ...process.env, WS_PACKAGE: name },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...ending) => resolve(ending));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const result = code === 0 ? 'ok' : signal === null ? `exit code ${code}` : `ended by ${signal}`;
  const notes = [...output.matchAll(/^note: (.*)$/gm)].map(([, text]) => text).join('; ');
  return { program, on: runtime, with: name, result, seconds, notes, output };
}

/** Installs what the package.json of a folder pins. */
function install(folder) {
  console.log(`Installing the packages of ${join(folder, 'package.json')}`);
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm ci failed');
}

/** Everything to run, in the order of the programs. */
function jobs() {
  const names = PACKAGES.filter((name) => values.ws === undefined || name === values.ws);
  const runtimes = Object.keys(STARTS).filter((runtime) => values.on === undefined || runtime === values.on);
  return (positionals.length > 0 ? positionals : Object.keys(programs)).flatMap((program) =>
    runtimes
      .filter((runtime) => programs[program].except?.[runtime] === undefined)
      .flatMap((runtime) => names.map((name) => ({ program, name, runtime })))
      .filter(({ name, runtime }) => name === 'wasock' || runtime === 'node' || values.ws === 'ws'),
  );
}

if (!areInstalled()) install(HERE);
if (!existsSync(STARTS.deno.binary) || !existsSync(STARTS.bun.binary)) install(RUNTIMES);
const folder = mkdtempSync(join(tmpdir(), 'wasock-programs-'));
const rows = [];
try {
  const waiting = jobs();
  if (waiting.some(({ name }) => name === 'wasock')) alias(folder);
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const row = await run(job.name === 'ws' ? HERE : folder, job);
      rows.push(row);
      console.log(`${row.program} with ${row.with} on ${row.on}: ${row.result} (${row.seconds} s)`);
      if (row.result !== 'ok') console.log(row.output.replaceAll(/^/gm, '  | '));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows.map(({ output: _output, ...row }) => row));
if (rows.length === 0 || rows.some(({ result }) => result !== 'ok')) process.exitCode = 1;
