import { expect, test } from 'vitest';
import { checkDeflateOptions, deflateEngine } from '../../../../adapters/deno/bundled-deflate-engine.ts';

test('options that need node:zlib are refused by name in the single file', () => {
  expect(() => checkDeflateOptions({ engine: 'zlib' })).toThrow(/^The "perMessageDeflate\.engine" option needs node:zlib/);
  expect(() => checkDeflateOptions({ zlibDeflateOptions: { strategy: 2 } })).toThrow(
    /^The "perMessageDeflate\.zlibDeflateOptions\.strategy" option needs node:zlib/,
  );
  expect(() => deflateEngine('zlib')).toThrow(TypeError);
});

test('other options are checked as everywhere', () => {
  expect(() => checkDeflateOptions({ maxMemoryPerConnection: -1 })).toThrow(RangeError);
  expect(() => checkDeflateOptions({ zlibDeflateOptions: { level: 9 } })).not.toThrow();
  expect(() => checkDeflateOptions(undefined)).not.toThrow();
  expect(deflateEngine()).toBe(deflateEngine('wasm'));
});
