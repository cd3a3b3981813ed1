// Checks the tarball that npm would publish: publint (metadata and entry points) and @arethetypeswrong/cli (types as each module
// resolution sees them). Packs by itself, because both tools would run `prepare` and so build everything again.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wasock-pack-'));
try {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // An array up to npm 11, an object by package name since.
  const [{ filename, size, entryCount }] = Object.values(JSON.parse(packed));
  console.log(`${filename}: ${entryCount} files, ${size} bytes packed`);
  const tarball = join(folder, filename);
  const checks = [
    ['publint', 'run', tarball, '--strict'],
    // node16: without the module resolution of TypeScript before 4.7, which reads no "exports".
    ['attw', tarball, '--profile', 'node16', '--no-emoji'],
  ];
  for (const [command, ...args] of checks) {
    const { status } = spawnSync(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
