// Installs what package.json pins, unless it is there, and packs the package and its alias as npm would publish them.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HERE, ROOT } from './consumer-project.mjs';

function readJson(...path) {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}

/** Whether every dependency is there in the version that package.json pins. */
function areInstalled() {
  return Object.entries(readJson(HERE, 'package.json').dependencies).every(([name, version]) => {
    const manifest = join(HERE, 'node_modules', name, 'package.json');
    // Node.js's has a "v" before it.
    return existsSync(manifest) && version.endsWith(readJson(manifest).version.replace(/^v/, ''));
  });
}

/** Returns the tarball's path. */
function pack(source, folder) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const packed = execFileSync('npm', args, { cwd: source, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // An array up to npm 11, an object by package name since.
  const [{ filename }] = Object.values(JSON.parse(packed));
  return join(folder, filename);
}

export default function setup({ provide }) {
  if (!existsSync(join(ROOT, 'dist'))) throw new Error('Nothing is built: npm run build');
  if (!areInstalled()) {
    console.log('Installing the tools of test/packaging/package.json');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: HERE, stdio: 'inherit' });
  }
  const folder = mkdtempSync(join(tmpdir(), 'wasock-packed-'));
  provide('tarballs', { wasock: pack(ROOT, folder), 'wasock-ws': pack(join(ROOT, 'packages/ws'), folder) });
  return () => rmSync(folder, { recursive: true, force: true });
}
