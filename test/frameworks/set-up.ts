// Copies the examples to where they find the frameworks, which are installed here, and where their builds may write.

import { cp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { BUN, DENO, has, WORKERD } from '../examples/run-example.ts';
import manifest from './package.json' with { type: 'json' };

const FOLDER = new URL('../../build/frameworks/', import.meta.url);
const PACKAGES = new URL('node_modules/', import.meta.url);

export default async function setUp(): Promise<void> {
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    if (installed(name) !== version) throw new Error(`${name} ${version} is missing: run \`npm ci --prefix test/frameworks\`.`);
  }
  if (![BUN, DENO, WORKERD].every(has)) throw new Error('A runtime is missing: run `npm ci --prefix test/runtimes`.');
  await rm(FOLDER, { recursive: true, force: true });
  await cp(new URL('../../examples/frameworks/', import.meta.url), FOLDER, { recursive: true });
  // Windows has junctions for every user; other systems ignore the type.
  await symlink(fileURLToPath(PACKAGES), new URL('node_modules', FOLDER), 'junction');
}

/** The version of an installed package; undefined if it is missing. */
function installed(name: string): string | undefined {
  try {
    const { version } = createRequire(PACKAGES)(fileURLToPath(new URL(`${name}/package.json`, PACKAGES))) as {
      version: string;
    };
    return version;
  } catch {
    return undefined;
  }
}
