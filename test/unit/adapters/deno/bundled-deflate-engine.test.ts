import { expect, test } from 'vitest';
import { checkDeflateOptions, deflateEngine } from '../../../../adapters/deno/bundled-deflate-engine.ts';

test.each([
  ['engine', { engine: 'zlib' }],
  ['zlibDeflateOptions.strategy', { zlibDeflateOptions: { strategy: 2 } }],
] as const)('the single file refuses %s, which needs node:zlib, and says what to import', (name, options) => {
  const error = new TypeError(
    `The "perMessageDeflate.${name}" option needs node:zlib, which is not in this file: import npm:wasock`,
  );
  expect(() => checkDeflateOptions(options)).toThrow(error);
  expect(() => deflateEngine(options)).toThrow(error);
});

test('the single file checks other options as every runtime does', () => {
  expect(() => checkDeflateOptions({ maxMemoryPerConnection: -1 })).toThrow(RangeError);
  expect(() => checkDeflateOptions({ zlibDeflateOptions: { strategy: 9 } })).toThrow(RangeError);
  expect(() => checkDeflateOptions({ zlibDeflateOptions: { level: 9, strategy: 0 } })).not.toThrow();
  expect(() => checkDeflateOptions(undefined)).not.toThrow();
  expect(deflateEngine()).toBe(deflateEngine({ engine: 'wasm' }));
});
