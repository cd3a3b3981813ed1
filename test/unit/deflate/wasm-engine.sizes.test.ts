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
  'JSON events': [48593, 43098, 79214, 47919, 42053, 79189],
  chat: [9335, 8726, 21077, 9238, 8623, 21077],
  'market data': [14501, 13127, 28616, 14016, 12765, 28616],
  GraphQL: [188069, 160248, 233198, 187964, 158673, 233148],
  Yjs: [2620, 2620, 4740, 2619, 2619, 4740],
  protobuf: [8914, 8642, 19662, 8825, 8372, 19662],
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
