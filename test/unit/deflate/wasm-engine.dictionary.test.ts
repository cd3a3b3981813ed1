// A dictionary together with streams that end: each further stream starts with it, as with zlib (RFC 7692 section 7.2.3.4).

import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { concat, hex, pattern } from '../../support/frames.ts';
import { finish } from './zlib-oracle.ts';

const engine = createWasmEngine(sharedDeflateKernel);
// Without repetitions within itself, so that every distance reaches into it.
const dictionary = pattern(32_768, 7);

/** A stream with BFINAL that refers to the dictionary. */
function stream(payload: Uint8Array): Uint8Array {
  return zlib.deflateRawSync(payload, { dictionary, windowBits: 15 });
}

test.each([true, false])(
  'a message is inflated after one that has ended its stream (each starts afresh: %s)',
  (noContextTakeover) => {
    const inflator = engine.createInflator({ windowBits: 15, noContextTakeover, zlib: { dictionary } });
    for (let index = 0; index < 5; index++) {
      const payload = concat(dictionary.subarray(index * 1000, 30_000), pattern(index * 40_000, index + 1));
      expectBytes(finish(inflator.inflate(stream(payload), 0)), payload);
    }
    inflator.close();
  },
);

test('streams within a message start with the dictionary, however long they are', () => {
  const inflator = engine.createInflator({ windowBits: 15, noContextTakeover: false, zlib: { dictionary } });
  const payloads = [1, 50, 3000, 32_768, 200_000, 0, 70_000, 10].map((length, index) =>
    concat(dictionary.subarray(1000, 1000 + Math.min(length, 20_000)), pattern(length, index + 3)),
  );
  expectBytes(finish(inflator.inflate(concat(...payloads.map((payload) => stream(payload))), 0)), concat(...payloads));
  inflator.close();
});

test('a window bound holds for the dictionary', () => {
  const inflator = engine.createInflator({ windowBits: 9, noContextTakeover: false, zlib: { dictionary } });
  const small = zlib.deflateRawSync(dictionary.subarray(-300), { dictionary: dictionary.subarray(-512), windowBits: 9 });
  for (let round = 0; round < 3; round++) expectBytes(finish(inflator.inflate(small, 0)), dictionary.subarray(-300));
  inflator.close();
});

test('empty streams cost little', () => {
  const inflator = engine.createInflator({ windowBits: 15, noContextTakeover: false, zlib: { dictionary } });
  const blocks = new Uint8Array(20_000).map((_, index) => (index % 2 === 0 ? 0x03 : 0x00));
  expect(finish(inflator.inflate(concat(blocks, hex('00')), 0))).toHaveLength(0);
  inflator.close();
});
