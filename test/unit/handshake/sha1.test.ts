import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha1 } from '../../../src/handshake/sha1.ts';

function oracle(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('sha1 digests the vectors of FIPS 180', () => {
  expect(hex(sha1(Buffer.from('abc')))).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
  expect(hex(sha1(new Uint8Array(0)))).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709');
});

test('sha1 agrees with node:crypto at every length from 0 to 200', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + length * 31 + 255) & 0xff);
    expect(hex(sha1(bytes)), `length ${length}`).toBe(oracle(bytes));
  }
});

test('sha1 agrees with node:crypto on any bytes, and leaves them alone', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      const before = bytes.slice();
      expect(hex(sha1(bytes))).toBe(oracle(before));
      expect(bytes).toEqual(before);
    }),
  );
});
