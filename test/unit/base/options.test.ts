// Options: which properties count, and what limits and times may be.

import { describe, expect, test } from 'vitest';
import { checkLimit, checkTime, ownOption, ownOptions, readOptions } from '../../../src/base/options.ts';

describe('properties', () => {
  test('that are own and enumerable count, and no others', () => {
    const hidden = Object.defineProperty({ maxPayload: 1 }, 'closeTimeout', { value: 2 });
    const given = Object.assign(Object.create({ maxFragments: 3 }), hidden) as object;
    expect(Object.entries(ownOptions(given))).toEqual([['maxPayload', 1]]);
    expect(Object.getPrototypeOf(ownOptions({}))).toBeNull();
    expect(Object.entries(readOptions(null))).toEqual([]);
  });

  test('that come with a message are looked up one by one', () => {
    const handedDown = Object.create({ fin: false }) as { fin?: boolean };
    expect(ownOption(handedDown, 'fin')).toBeUndefined();
    handedDown.fin = false;
    expect(ownOption(handedDown, 'fin')).toBe(false);
  });
});

describe('numbers', () => {
  test.each([0, 1, 2 ** 53 - 1, Infinity])('%d is a limit', (value) => {
    expect(() => checkLimit('maxPayload', value)).not.toThrow();
    expect(readOptions({ maxPayload: value })).toEqual({ maxPayload: value });
  });

  test.each([-1, 0.5, Number.NaN, -Infinity, '1', true, {}, 1n, 2 ** 53])('%o is no limit', (value) => {
    expect(() => readOptions({ maxReceivedFrameSize: value })).toThrow(RangeError);
    expect(() => readOptions({ maxReceivedFrameSize: value })).toThrow('The "maxReceivedFrameSize" option must be');
  });

  test.each([0, 0.5, 2 ** 31, Infinity])('%d is a time', (value) => {
    expect(() => checkTime('closeTimeout', value)).not.toThrow();
  });

  test.each([-1, Number.NaN, -Infinity, '1', true, {}, 1n])('%o is no time', (value) => {
    expect(() => readOptions({ keepaliveInterval: value })).toThrow('The "keepaliveInterval" option must be');
  });

  test('null and undefined count as left out', () => {
    expect(Object.entries(readOptions({ maxPayload: null, closeTimeout: undefined, origin: null, path: '' }))).toEqual([
      ['path', ''],
    ]);
    expect(Object.entries(ownOptions({ threshold: null, level: undefined, memLevel: 0 }))).toEqual([['memLevel', 0]]);
    expect(ownOption<{ fin?: boolean | null }, 'fin'>({ fin: null }, 'fin')).toBeUndefined();
  });

  test('null is a value where ws makes it one', () => {
    expect(readOptions({ clientTracking: null, protocolVersion: null })).toEqual({
      clientTracking: null,
      protocolVersion: null,
    });
    expect(Object.entries(readOptions({ clientTracking: undefined, protocolVersion: undefined }))).toEqual([]);
  });

  test('a policy is one of three', () => {
    expect(() => readOptions({ bufferPolicy: 'block' })).toThrow('"bufferPolicy"');
    expect(readOptions({ bufferPolicy: 'drop' })).toEqual({ bufferPolicy: 'drop' });
  });
});
