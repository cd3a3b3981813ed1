import { afterEach, expect, test, vi } from 'vitest';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createDeflateEngine } from '../../../src/nodejs/compression.ts';
import { utf8 } from '../../support/frames.ts';
import { deflateEngine } from '../../../src/nodejs/deflate-engine.ts';

afterEach(() => vi.unstubAllGlobals());

test('messages are compressed by zlib where the runtime allows no WebAssembly', () => {
  vi.stubGlobal('WebAssembly', undefined);
  const engine = deflateEngine();
  const options = { windowBits: 15, noContextTakeover: false };
  const deflator = engine.createDeflator(options);
  const inflator = engine.createInflator(options);
  const compressed = deflator.deflate(Buffer.from('squeezed '.repeat(20)), true).step()!;
  expect(compressed.length).toBeLessThan(40);
  expect(Buffer.from(inflator.inflate(Buffer.from(compressed), 0).step()!).toString()).toBe('squeezed '.repeat(20));
  deflator.close();
  inflator.close();
});

test.each([
  ['our module where nothing else is named', undefined, {}, '02130000'],
  ['our module with a dictionary', undefined, { dictionary: new Uint8Array(8) }, '02130000'],
  ['zlib for a strategy', undefined, { strategy: 4 }, 'f200110000'],
  ['zlib where it is named', 'zlib', {}, 'f200110000'],
] as const)('messages are compressed by %s', (_name, engine, zlib, second) => {
  const choose = createDeflateEngine(sharedDeflateKernel);
  const options = { windowBits: 12, noContextTakeover: false, zlib };
  const deflator = choose({ engine }).createDeflator(options);
  const inflator = choose({ engine }).createInflator(options);
  for (const expected of [undefined, second]) {
    const packed = new Uint8Array(deflator.deflate(utf8('Hello'), true).step()!);
    if (expected !== undefined) expect(Buffer.from(packed).toString('hex')).toBe(expected);
    expect(new TextDecoder().decode(inflator.inflate(packed, 0).step()!)).toBe('Hello');
  }
});
