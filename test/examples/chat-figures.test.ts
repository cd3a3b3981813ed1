// How the chat page writes figures. Its module needs no page for that.

import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { example } from './run-example.ts';

const { bytes, milliseconds, scaleFor } = (await import(pathToFileURL(example('chat/page/figures.mjs')).href)) as {
  bytes: (count: number) => string;
  milliseconds: (value: number) => string;
  scaleFor: (peak: number) => number;
};

test.each([
  [0, '0 ms'],
  [0.046, '0.05 ms'],
  [0.999, '1 ms'],
  [5.8724899, '5.87 ms'],
  [99.96, '100 ms'],
  [999.4, '999 ms'],
  [999.5, '1 s'],
  [5872.489999999991, '5.87 s'],
  [123_456, '123 s'],
])('page writes a time of %d ms as %s', (value, text) => {
  expect(milliseconds(value)).toBe(text);
});

test.each([
  [0, '0.5 ms'],
  [0.4, '0.5 ms'],
  [0.6, '1 ms'],
  [1, '1 ms'],
  [1.01, '2 ms'],
  [60.1, '100 ms'],
  [5000, '5 s'],
  [5872.489999999991, '10 s'],
  [123_456.789, '200 s'],
])('page draws a peak of %d ms on a chart up to %s', (peak, text) => {
  expect(scaleFor(peak)).toBeGreaterThanOrEqual(peak);
  expect(milliseconds(scaleFor(peak))).toBe(text);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [123_456_789, '123 MB'],
])('page writes %d bytes as %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});
