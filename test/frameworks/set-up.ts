// Copies the examples to where they find the frameworks, which are installed here, and where their builds may write.

import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { BUN, DENO, has, NODE_24, WORKERD } from '../examples/run-example.ts';
import manifest from './package.json' with { type: 'json' };

const FOLDER = new URL('../../build/frameworks/', import.meta.url);
const ROOT = new URL('../../', import.meta.url);
const PACKAGES = new URL('node_modules/', import.meta.url);

export default async function setUp(): Promise<void> {
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    if (installed(name) !== version) throw new Error(`${name} ${version} is missing: run \`npm ci --prefix test/frameworks\`.`);
  }
  if (![BUN, DENO, NODE_24, WORKERD].every(has)) throw new Error('A runtime is missing: run `npm ci --prefix test/runtimes`.');
  await rm(FOLDER, { recursive: true, force: true });
  await cp(new URL('../../examples/frameworks/', import.meta.url), FOLDER, { recursive: true });
  // Windows has junctions for every user; other systems ignore the type.
  await symlink(fileURLToPath(PACKAGES), new URL('node_modules', FOLDER), 'junction');
  for (const name of await readdir(FOLDER)) {
    // A package of its own does not find wasock as the package that it is in.
    if (!existsSync(new URL(`${name}/package.json`, FOLDER))) continue;
    const modules = new URL(`${name}/node_modules/`, FOLDER);
    await mkdir(modules);
    await symlink(fileURLToPath(ROOT), new URL('wasock', modules), 'junction');
  }
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
