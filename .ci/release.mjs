// Makes what a release consists of, in release/: the package, its SBOM (CycloneDX), the checksums of both, and the notes of CHANGELOG.md:
// `npm run release -- --tag v1.2.3`. Publishes nothing.
//
// `--skip-build` takes dist/ as it is, for tests.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: { tag: { type: 'string' }, output: { type: 'string' }, 'skip-build': { type: 'boolean' } },
});
const output = values.output ?? join(ROOT, 'release');
const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
if (values.tag !== undefined && values.tag !== `v${version}`) {
  throw new Error(`The tag ${values.tag} does not belong to version ${version} of package.json`);
}

function npm(...args) {
  return execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
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
// An array up to npm 11, an object by package name since.
const [{ filename }] = Object.values(JSON.parse(npm('pack', '--json', '--ignore-scripts', '--pack-destination', output)));
// What users install: without development dependencies.
const sbom = JSON.parse(
  npm('sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'library', '--omit', 'dev', '--package-lock-only'),
);
const bytes = readFileSync(join(output, filename));
// npm names the component by the folder.
sbom.metadata.component.name = name;
sbom.metadata.component.hashes = [{ alg: 'SHA-512', content: createHash('sha512').update(bytes).digest('hex') }];
const sbomName = `${name}-${version}.cdx.json`;
writeFileSync(join(output, sbomName), `${JSON.stringify(sbom, null, 2)}\n`);
const sums = [filename, sbomName].map((file) => {
  const sum = createHash('sha256').update(readFileSync(join(output, file)));
  return `${sum.digest('hex')}  ${file}\n`;
});
writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
writeFileSync(join(output, 'NOTES.md'), `${notes()}\n`);
console.log(`${output}: ${[filename, sbomName, 'SHA256SUMS', 'NOTES.md'].join(', ')}`);
