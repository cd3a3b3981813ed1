// A release: the package holds the files of the written list and no others, and its SBOM and checksums belong to it.

import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guidesIn } from './tools/documents.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { name: string; version: string };

const { version: aliasVersion } = JSON.parse(readFileSync(join(ROOT, 'packages/ws/package.json'), 'utf8')) as {
  version: string;
};

/** All that is in the package besides the build of the sources. */
const WRITTEN: readonly string[] = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'bin/wasock.mjs',
  'dist/adapters/edge/core.wasm',
  'dist/adapters/edge/deflate.wasm',
  'dist/wasock.browser.js',
  'dist/wasock.deno.js',
  'dist/wasock.deno.w3c.js',
  'package.json',
];
/** Files that the build makes of a source: ES modules, CommonJS, declarations. */
const BUILT = /^dist\/((?:src|adapters|assembly)\/.+?)\.(?:js|mjs|cjs|require\.cjs|sync\.cjs|d\.ts|d\.cts)$/;
/** Declarations that `.ci/types.mjs` writes: the named exports of an entry point whose CommonJS form is a class. */
const NAMED = /^dist\/adapters\/(?:bun|deno|node)\/named\.d\.cts$/;
/** Parts that several entry points of the CommonJS build share. */
const CHUNK = /^dist\/chunks\/(?:browser|node)-[a-z\d-]+\.cjs$/;

let folder: string;
let packed: string[];
const tarball = (): string => join(folder, `${name}-${version}.tgz`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wasock-release-'));
  execFileSync(process.execPath, ['.ci/release.mjs', '--skip-build', '--output', folder, '--tag', `v${version}`], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const list = execFileSync('tar', ['-tzf', tarball()], { encoding: 'utf8' });
  packed = list
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package', () => {
  test('holds the written list, the documents, and what was built of the sources', () => {
    const others = packed.filter((path) => !BUILT.test(path) && !CHUNK.test(path));
    expect(others.toSorted()).toEqual([...WRITTEN, ...guidesIn(ROOT)].toSorted());
    const strays = packed.filter((path) => {
      const [, source] = BUILT.exec(path) ?? [];
      return (
        source !== undefined &&
        !NAMED.test(path) &&
        !existsSync(join(ROOT, `${source}.ts`)) &&
        !existsSync(join(ROOT, `${source}.d.ts`))
      );
    });
    expect(strays).toEqual([]);
    expect(packed.length).toBeGreaterThan(500);
    expect(new Set(packed).size).toBe(packed.length);
  });

  test('has no secret, no link and no script that an installation runs', () => {
    const listed = execFileSync('tar', ['-tvzf', tarball()], { encoding: 'utf8' }).trim().split('\n');
    expect(listed.filter((line) => !line.startsWith('-'))).toEqual([]);
    const manifest = JSON.parse(
      execFileSync('tar', ['-xzOf', tarball(), 'package/package.json'], { encoding: 'utf8' }),
    ) as Record<string, Record<string, unknown>>;
    for (const script of ['preinstall', 'install', 'postinstall']) expect(manifest['scripts']).not.toHaveProperty(script);
    expect(manifest['dependencies']).toBeUndefined();
    expect(manifest['publishConfig']).toEqual({ access: 'public', provenance: true });
    const texts = execFileSync('tar', ['-xzOf', tarball()], { encoding: 'latin1', maxBuffer: 2 ** 28 });
    expect(texts).not.toMatch(/PRIVATE KEY|_authToken|npm_[A-Za-z\d]{36}/);
  });
});

describe('the release', () => {
  test('has an SBOM of CycloneDX that names the package, its contents, and no dependency', () => {
    const sbom = JSON.parse(readFileSync(join(folder, `${name}-${version}.cdx.json`), 'utf8')) as {
      readonly bomFormat: string;
      readonly specVersion: string;
      readonly components: unknown[];
      readonly metadata: { readonly component: Record<string, unknown> };
    };
    expect(sbom.bomFormat).toBe('CycloneDX');
    expect(sbom.specVersion).toMatch(/^1\.\d$/);
    expect(sbom.components).toEqual([]);
    expect(sbom.metadata.component).toMatchObject({
      type: 'library',
      name,
      version,
      purl: `pkg:npm/${name}@${version}`,
      licenses: [{ license: { id: 'MIT' } }],
      hashes: [{ alg: 'SHA-512', content: createHash('sha512').update(readFileSync(tarball())).digest('hex') }],
    });
  });

  test('has checksums of its files, and notes', () => {
    const lines = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
    const files = lines.map((line) => line.split('  ') as [sum: string, file: string]);
    expect(files.map(([, file]) => file)).toEqual([
      `${name}-${version}.tgz`,
      `wasock-ws-${aliasVersion}.tgz`,
      `${name}-${version}.cdx.json`,
    ]);
    for (const [sum, file] of files) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(folder, file)))
          .digest('hex'),
      ).toBe(sum);
    }
    expect(readFileSync(join(folder, 'NOTES.md'), 'utf8')).toContain('### ');
  });

  test('is refused for the tag of another version', () => {
    const run = (): unknown =>
      execFileSync(
        process.execPath,
        ['.ci/release.mjs', '--skip-build', '--tag', 'v99.0.0', '--output', join(folder, 'other')],
        {
          cwd: ROOT,
          stdio: 'pipe',
        },
      );
    expect(run).toThrow(/v99\.0\.0 does not belong to version/);
  });

  test('is published by a workflow with provenance, which the package asks for as well', () => {
    const workflow = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8');
    for (const part of ['id-token: write', 'npm publish "./$package" --provenance', 'npm ci', 'npm test', 'npm run release']) {
      expect(workflow).toContain(part);
    }
  });
});
