import { expect, test } from 'vitest';
import { clampToUnsignedShort, exposeMembers, toDomString } from '../../../../src/api/w3c/webidl.ts';

test('conversion makes strings as ECMAScript does', () => {
  expect([undefined, null, 1n, -0, ['a', 'b'], 'x'].map(toDomString)).toEqual(['undefined', 'null', '1', '0', 'a,b', 'x']);
  const object = { toString: () => 'string', valueOf: () => 'value' };
  expect(toDomString(object)).toBe('string');
  expect(() => toDomString(Symbol('x'))).toThrow(TypeError);
  expect(() => toDomString(Object.create(null))).toThrow(TypeError);
});

test.each([
  [1000, 1000],
  ['3000', 3000],
  [NaN, 0],
  [null, 0],
  [-5, 0],
  [1e9, 65535],
  [Infinity, 65535],
  [999.4, 999],
  [999.5, 1000],
  [1000.5, 1000],
  [2999.5, 3000],
  [999.6, 1000],
])('conversion clamps %s to %s', (given, expected) => {
  expect(clampToUnsignedShort(given)).toBe(expected);
});

test('conversion refuses a symbol as a number', () => {
  expect(() => clampToUnsignedShort(Symbol('x'))).toThrow(TypeError);
});

test('members of a prototype become enumerable, its constructor does not', () => {
  class Interface {
    get attribute(): number {
      return 1;
    }

    operation(): void {}
  }
  exposeMembers(Interface.prototype);
  expect(Object.keys(Interface.prototype)).toEqual(['attribute', 'operation']);
});
