import { describe, expect, test } from 'vitest';
import { checkDeflateOptions } from '../../../src/deflate/settings.ts';
import { resizableBuffer } from '../../support/bytes.ts';

const bytes = new Uint8Array(3);
const object = Object.create(null) as object;
const shrunk = resizableBuffer(8);
const outOfBounds = [new Uint8Array(shrunk, 4), new DataView(shrunk, 4, 4)];
shrunk.resize(2);

/** An option, values that are allowed, values that are not, the error of those, and how its message goes on. */
type Row = readonly [
  name: string,
  allowed: readonly unknown[],
  wrong: readonly unknown[],
  kind: ErrorConstructor,
  rule: string,
];

const ZLIB: readonly Row[] = [
  ['level', [-1, 0, 9], [-2, 10, 1.5, NaN, '5', true, object], RangeError, 'an integer from -1 to 9, not '],
  ['memLevel', [1, 9], [0, 10, Infinity, '8'], RangeError, 'an integer from 1 to 9, not '],
  ['windowBits', [8, 15], [0, 7, 16, -15, '15'], RangeError, 'an integer from 8 to 15, not '],
  ['strategy', [0, 4], [-1, 5, 'x'], RangeError, 'an integer from 0 to 4, not '],
  ['flush', [0, 5], [-1, 6], RangeError, 'an integer from 0 to 5, not '],
  ['finishFlush', [0, 5], [-1, 6], RangeError, 'an integer from 0 to 5, not '],
  ['chunkSize', [64, 16_384], [63, 0, -1, 64.5, NaN, Infinity, '64'], RangeError, 'an integer from 64 to 2147483647, not '],
  ['maxOutputLength', [1, 2 ** 53 - 1], [0, -1, Infinity], RangeError, 'an integer from 1 to 9007199254740991, not '],
  [
    'dictionary',
    [bytes, bytes.buffer, new DataView(bytes.buffer), new SharedArrayBuffer(3)],
    ['text', 5, [1], object, ...outOfBounds],
    TypeError,
    'an ArrayBuffer or a view of one, not ',
  ],
];

const OTHERS: readonly Row[] = [
  ['threshold', [0, 1024, Infinity], [-1, 0.5, NaN, '1', object], RangeError, 'a whole number of 0 or more, not '],
  ['concurrencyLimit', [0, 10, Infinity], [-1, 'all', true], RangeError, 'a whole number of 0 or more, not '],
  ['maxMemoryPerConnection', [0, 8192, Infinity], [-1, 1.5, '8k'], RangeError, 'a whole number of 0 or more, not '],
  ['serverNoContextTakeover', [true, false], [1, 0, 'yes', object], TypeError, 'true or false, not '],
  ['clientNoContextTakeover', [true, false], [1, 'no'], TypeError, 'true or false, not '],
  ['serverMaxWindowBits', [8, 15, false], [7, 16, 9.5, '10', true], RangeError, 'an integer from 8 to 15, not '],
  ['clientMaxWindowBits', [8, 15, false, true], [7, 16, 9.5, '10'], RangeError, 'an integer from 8 to 15, not '],
  ['engine', ['wasm', 'zlib'], ['brotli', '', 1, {}], TypeError, "'wasm' or 'zlib', not "],
  ['zlibDeflateOptions', [{}, false], ['x', '', 0, true], TypeError, 'an object, not '],
  ['zlibInflateOptions', [{}, false], ['x', 5, true], TypeError, 'an object, not '],
];

describe.each([
  ['', (name: string, value: unknown) => ({ [name]: value }), OTHERS],
  ['zlibDeflateOptions.', (name: string, value: unknown) => ({ zlibDeflateOptions: { [name]: value } }), ZLIB],
  ['zlibInflateOptions.', (name: string, value: unknown) => ({ zlibInflateOptions: { [name]: value } }), ZLIB],
] as const)('options perMessageDeflate.%s', (prefix, make, table) => {
  test.each(table)('%s: wrong values are errors that name it', (name, allowed, wrong, kind, rule) => {
    for (const value of [...allowed, null, undefined]) expect(() => checkDeflateOptions(make(name, value))).not.toThrow();
    for (const value of wrong) {
      const call = (): void => checkDeflateOptions(make(name, value));
      expect(call).toThrow(`The "perMessageDeflate.${prefix}${name}" option must be ${rule}`);
      expect(call).toThrow(kind);
    }
  });
});

test('options of a prototype do not count', () => {
  expect(() => checkDeflateOptions(Object.create({ threshold: -1 }) as object)).not.toThrow();
});
