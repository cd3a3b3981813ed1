import { expect, test } from 'vitest';
import { hasCurrent, readRange } from '../../../src/cli/byte-range.ts';

test.each([
  ['bytes=0-0', { start: 0, end: 0 }],
  ['bytes=2-5', { start: 2, end: 5 }],
  ['Bytes= 2-5 ', { start: 2, end: 5 }],
  ['bytes=9-', { start: 9, end: 9 }],
  ['bytes=0-', { start: 0, end: 9 }],
  ['bytes=5-99999999999999999999', { start: 5, end: 9 }],
  ['bytes=-3', { start: 7, end: 9 }],
  ['bytes=-10', { start: 0, end: 9 }],
  ['bytes=-99999999999999999999', { start: 0, end: 9 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=99999999999999999999-', 'unsatisfiable'],
  ['bytes=10-11', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  // The whole file.
  [undefined, undefined],
  ['', undefined],
  ['bytes=-', undefined],
  ['bytes=5-2', undefined],
  ['bytes=0-1,3-4', undefined],
  ['bytes=a-b', undefined],
  ['bytes=0 - 1', undefined],
  ['bytes 0-1', undefined],
  ['pages=1-2', undefined],
])('the range %j of ten bytes is %j', (field, range) => {
  expect(readRange(field, 10)).toEqual(range);
});

test('an empty file has no range', () => {
  expect(['bytes=0-', 'bytes=0-0', 'bytes=-1'].map((field) => readRange(field, 0))).toEqual(
    Array.from({ length: 3 }, () => 'unsatisfiable'),
  );
});

test.each([
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['*', true],
  ['"b"', false],
  ['a', false],
  ['', false],
  [undefined, false],
])('If-None-Match: %s names the tag: %s', (field, isNamed) => {
  expect(hasCurrent(field, '"a"')).toBe(isNamed);
});
