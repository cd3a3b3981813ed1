// The constants and helpers of both engines.

import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { concat, emptyMessage, TAIL, Z_SYNC_FLUSH } from '../../../src/deflate/zlib-module.ts';
import { hex } from '../../support/frames.ts';

it('a flush and its tail are those of zlib', () => {
  expect(Z_SYNC_FLUSH).toBe(zlib.constants.Z_SYNC_FLUSH);
  const flushed = zlib.deflateRawSync('x', { finishFlush: Z_SYNC_FLUSH });
  expect(new Uint8Array(flushed.subarray(-4))).toEqual(TAIL);
});

it('an empty message is a new array each time', () => {
  expect(emptyMessage()).toEqual(hex('00'));
  expect(emptyMessage()).not.toBe(emptyMessage());
});

it('parts are joined in order, and one part is not copied', () => {
  expect(concat([hex('01 02'), hex(''), hex('03')])).toEqual(hex('01 02 03'));
  expect(concat([])).toEqual(hex(''));
  const one = hex('01');
  expect(concat([one])).toBe(one);
});
