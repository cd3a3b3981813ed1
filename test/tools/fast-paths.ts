// Setup of every test file: FAST_PATHS=off runs the suite without any fast path, FAST_PATHS=simd,direct-read without these, and
// FAST_PATHS=on demands all that the runtime has. docs/architecture.md lists them.

import { FAST_PATHS, type FastPath } from '../../src/base/fast-paths.ts';

/** The fast paths, and the runtimes that lack them. */
const LACKED_BY: Readonly<Record<FastPath, readonly string[]>> = {
  'wasm-codec': [],
  simd: [],
  'direct-read': ['bun'],
  'direct-write': [],
  'shared-window': [],
  'shared-frame': [],
  'cached-views': [],
  'net-server': [],
  'short-upgrade': ['bun', 'deno'],
};

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const asked = process.env['FAST_PATHS'] ?? '';
const names = Object.keys(LACKED_BY) as FastPath[];

function settings(): Partial<Record<FastPath, boolean>> {
  if (asked === 'on')
    return Object.fromEntries(names.filter((name) => !LACKED_BY[name].includes(runtime)).map((name) => [name, true]));
  const off = asked === 'off' ? names : asked.split(',');
  const unknown = off.filter((name) => !names.includes(name as FastPath));
  if (unknown.length > 0)
    throw new Error(`FAST_PATHS: there is no ${unknown.join(', ')}; there are on, off, ${names.join(', ')}`);
  return Object.fromEntries(off.map((name) => [name, false]));
}

if (asked !== '') (globalThis as { [FAST_PATHS]?: object })[FAST_PATHS] = settings();
