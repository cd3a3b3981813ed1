// Makes the files of a release, in release/: the packages `wasock` and `wasock-ws`, the SBOM of the first (CycloneDX), the checksums of all,
// and the notes of CHANGELOG.md: `npm run release -- --tag v1.2.3`. Publishes nothing.
//
// `--dry-run` shows more before a release: it runs `npm run check`, JSR's checks and the build of the site, and prints sizes and notes.
// `--skip-build` takes dist/ as it is, for tests.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    tag: { type: 'string' },
    output: { type: 'string' },
    'dry-run': { type: 'boolean' },
    'skip-build': { type: 'boolean' },
  },
});
const output = values.output ?? join(ROOT, 'release');
const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
if (values.tag !== undefined && values.tag !== `v${version}`) {
  throw new Error(`The tag ${values.tag} does not belong to version ${version} of package.json`);
}

function npm(...args) {
  return execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs a command, whose output is shown. */
function run(command, ...args) {
  execFileSync(command, args, { cwd: ROOT, stdio: 'inherit' });
}

/** Packs a package of the repository. @returns The name of the file in the output. */
function pack(folder) {
  const packed = JSON.parse(npm('pack', `./${folder}`, '--json', '--ignore-scripts', '--pack-destination', output));
  // An array up to npm 11, an object by package name since.
  return Object.values(packed)[0].filename;
}

/** The part of CHANGELOG.md for this version, or for the next one. */
function notes() {
  const parts = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').split(/^## /m);
  const part = parts.find((text) => text.startsWith(`[${version}]`)) ?? parts.find((text) => text.startsWith('[Unreleased]'));
  return part.slice(part.indexOf('\n')).trim();
}

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
if (!values['skip-build']) npm('run', 'build');
if (values['dry-run']) {
  run('npm', 'run', 'check');
  run(join(ROOT, 'test/runtimes/node_modules/.bin/deno'), 'publish', '--dry-run', '--allow-dirty', '--quiet');
  run('npm', 'ci', '--prefix', 'docs', '--no-audit', '--no-fund');
  run('npm', 'run', 'site');
}
const filename = pack('.');
const aliasName = pack('packages/ws');
// The packages that users install: without development dependencies.
const sbom = JSON.parse(
  npm('sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'library', '--omit', 'dev', '--package-lock-only'),
);
const bytes = readFileSync(join(output, filename));
// npm names the component by the folder.
sbom.metadata.component.name = name;
sbom.metadata.component.hashes = [{ alg: 'SHA-512', content: createHash('sha512').update(bytes).digest('hex') }];
const sbomName = `${name}-${version}.cdx.json`;
writeFileSync(join(output, sbomName), `${JSON.stringify(sbom, null, 2)}\n`);
const files = [filename, aliasName, sbomName];
const sums = files.map((file) => {
  const sum = createHash('sha256').update(readFileSync(join(output, file)));
  return `${sum.digest('hex')}  ${file}\n`;
});
writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
writeFileSync(join(output, 'NOTES.md'), `${notes()}\n`);
if (values['dry-run']) {
  for (const file of files) console.log(`${file}: ${statSync(join(output, file)).size} bytes`);
  console.log(`\n${notes()}\n`);
}
console.log(`${output}: ${[...files, 'SHA256SUMS', 'NOTES.md'].join(', ')}`);
