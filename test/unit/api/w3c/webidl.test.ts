import { expect, test } from 'vitest';
import {
  clampToUnsignedShort,
  exposeInterface,
  toDomString,
  toUnsignedShort,
  toUsvString,
} from '../../../../src/api/w3c/webidl.ts';

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

test.each([[Symbol('x')], [1000n], [Object.create(null)]])('conversion refuses %s as a number', (value) => {
  expect(() => clampToUnsignedShort(value)).toThrow(TypeError);
  expect(() => toUnsignedShort(value)).toThrow(TypeError);
});

test('conversion takes an unsigned short modulo 65,536', () => {
  expect([1000, 65536, -1, 1.9, NaN, Infinity, '7', null].map(toUnsignedShort)).toEqual([1000, 0, 65535, 1, 0, 0, 7, 0]);
});

test('conversion replaces lone surrogates, and those only', () => {
  expect(toUsvString('a\ud800b\udc00\ud83d\udc4b')).toBe('a\ufffdb\ufffd\ud83d\udc4b');
  expect(toUsvString({ toString: () => 'text' })).toBe('text');
  expect(() => toUsvString(Symbol('x'))).toThrow(TypeError);
});

test('members of a prototype become enumerable, its constructor does not', () => {
  class Interface {
    get attribute(): number {
      return 1;
    }

    operation(): void {}
  }
  exposeInterface(Interface, 'Named');
  expect(Interface.name).toBe('Named');
  expect(Object.prototype.toString.call(new Interface())).toBe('[object Named]');
  expect(Object.keys(Interface.prototype)).toEqual(['attribute', 'operation']);
});
