// Bytes that messages of real kinds take at the levels in use: exactly these, on every kernel, and within 3 % of zlib's.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { makeCorpora } from '../../../bench/corpora.mjs';
import { loadDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { loadDeflateOracle } from '../../support/deflate-oracle.ts';
import { finish } from './zlib-oracle.ts';

const corpora = makeCorpora(200);
const TAIL_BYTES = 4;
const SETTINGS = [
  { level: 5, windowBits: 12, noContextTakeover: false },
  { level: 5, windowBits: 15, noContextTakeover: false },
  { level: 5, windowBits: 15, noContextTakeover: true },
  { level: 6, windowBits: 12, noContextTakeover: false },
  { level: 6, windowBits: 15, noContextTakeover: false },
  { level: 6, windowBits: 15, noContextTakeover: true },
] as const;
type Setting = (typeof SETTINGS)[number];

/** Bytes of all messages of each kind, in the order of {@link SETTINGS}. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  'JSON events': [48686, 43327, 79268, 48050, 42336, 79212],
  chat: [9385, 8768, 21351, 9300, 8664, 21351],
  'market data': [14626, 13305, 28584, 14188, 12884, 28583],
  GraphQL: [187644, 160598, 233414, 187444, 158847, 233358],
  Yjs: [2625, 2625, 4741, 2621, 2621, 4741],
  protobuf: [9007, 8755, 20505, 8853, 8471, 20505],
};

/** What zlib makes of them: a dictionary is the context of a message. */
function sizeByZlib(messages: readonly Uint8Array[], { level, windowBits, noContextTakeover }: Setting): number {
  let size = 0;
  let said = Buffer.alloc(0);
  for (const message of messages) {
    const dictionary = said.length > 0 ? { dictionary: said } : {};
    const packed = zlib.deflateRawSync(message, { level, windowBits, finishFlush: zlib.constants.Z_SYNC_FLUSH, ...dictionary });
    size += packed.length - TAIL_BYTES;
    if (!noContextTakeover) said = Buffer.concat([said, message]).subarray(-(2 ** windowBits));
  }
  return size;
}

describe.each([
  ['simd', loadDeflateKernel(true)],
  ['scalar', loadDeflateKernel(false)],
  ['oracle', await loadDeflateOracle()],
] as const)('the %s kernel', (_name, kernel) => {
  it.each(Object.keys(corpora))('deflates %s to as many bytes as ever, at most 3 %% more than zlib', (kind) => {
    const engine = createWasmEngine(() => kernel);
    const sizes = SETTINGS.map(({ level, ...options }) => {
      const deflator = engine.createDeflator({ ...options, zlib: { level } });
      return corpora[kind].reduce((sum, message) => sum + finish(deflator.deflate(message, true)).length, 0);
    });
    SETTINGS.forEach((setting, index) => {
      expect(sizes[index]).toBeLessThanOrEqual(1.03 * sizeByZlib(corpora[kind], setting));
    });
    expect(sizes).toEqual(EXPECTED[kind]);
  });
});
