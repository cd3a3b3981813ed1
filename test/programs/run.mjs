// Real programs that depend on ws, each run with ws and with this package in its place. `npm run test:programs`.
// With ws as the control: a script that fails there tests itself and not us.
//
// `node test/programs/run.mjs [program …] [--ws ws|wasock]`; needs a built package. Installs what package.json pins the first time.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = join(HERE, 'node_modules');
const PACKAGES = ['ws', 'wasock'];
/** Everything else here that ends in .mjs is a program. */
const HELPERS = ['run.mjs', 'program-runner.mjs'];
/** Milliseconds that a script may take. */
const LIMIT = 100_000;

const programs = readdirSync(HERE)
  .filter((file) => file.endsWith('.mjs') && !HELPERS.includes(file))
  .map((file) => basename(file, '.mjs'));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { ws: { type: 'string' } } });
for (const name of positionals) if (!programs.includes(name)) throw new Error(`No such program: ${name}`);

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

/** Copies a folder without ws and the commands; by hard links where the file system has them, ten thousand files are slow. */
function mirror(from, to) {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
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
 */
function alias(folder) {
  mirror(MODULES, join(folder, 'node_modules'));
  const ours = join(folder, 'node_modules/ws');
  mkdirSync(ours);
  execFileSync('tar', ['-xzf', pack(folder), '-C', ours, '--strip-components=1']);
  for (const file of readdirSync(HERE)) {
    if (file.endsWith('.mjs') || file === 'package.json') copyFileSync(join(HERE, file), join(folder, file));
  }
}

/** Runs a script. Returns how it ended; `output` is everything it printed, `notes` what it has to tell. */
async function run(folder, name, program) {
  const started = performance.now();
  const child = spawn(process.execPath, [`${program}.mjs`], {
    cwd: folder,
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
  return { program, with: name, result, seconds, notes, output };
}

if (!areInstalled()) {
  console.log('Installing the programs of test/programs/package.json');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: HERE, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm ci failed');
}
const folder = mkdtempSync(join(tmpdir(), 'wasock-programs-'));
const rows = [];
try {
  const names = PACKAGES.filter((name) => values.ws === undefined || name === values.ws);
  if (names.includes('wasock')) alias(folder);
  for (const program of positionals.length > 0 ? positionals : programs) {
    for (const name of names) {
      const row = await run(name === 'ws' ? HERE : folder, name, program);
      rows.push(row);
      console.log(`${row.program} with ${row.with}: ${row.result} (${row.seconds} s)`);
      if (row.result !== 'ok') console.log(row.output.replaceAll(/^/gm, '  | '));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.table(rows.map(({ output: _output, ...row }) => row));
if (rows.length === 0 || rows.some(({ result }) => result !== 'ok')) process.exitCode = 1;
