import { expect, test } from 'vitest';
import { writeHeader } from '../../../src/codec/header.ts';
import { hex, toHex } from '../../support/frames.ts';

function header(first: number, length: number, masked: boolean, key: number): string {
  const target = new Uint8Array(20).fill(0xee);
  const end = writeHeader(target, 3, first, length, masked, key);
  expect(toHex(target.subarray(0, 3))).toBe('ee ee ee');
  expect(target.subarray(end).every((byte) => byte === 0xee)).toBe(true);
  return toHex(target.subarray(3, end));
}

test.each([
  [0, '82 00'],
  [1, '82 01'],
  [125, '82 7d'],
  [126, '82 7e 00 7e'],
  [255, '82 7e 00 ff'],
  [256, '82 7e 01 00'],
  [65535, '82 7e ff ff'],
  [65536, '82 7f 00 00 00 00 00 01 00 00'],
  [0x12345678, '82 7f 00 00 00 00 12 34 56 78'],
  [0x80000000, '82 7f 00 00 00 00 80 00 00 00'],
  [0xffffffff, '82 7f 00 00 00 00 ff ff ff ff'],
  [0x100000000, '82 7f 00 00 00 01 00 00 00 00'],
  [Number.MAX_SAFE_INTEGER, '82 7f 00 1f ff ff ff ff ff ff'],
])('header of %d bytes has the shortest form', (length, unmasked) => {
  expect(header(0x82, length, false, 0x11223344)).toBe(unmasked);
  const masked = hex(unmasked);
  masked[1] |= 0x80;
  // The key's low byte comes first; a key with its top bit set is a negative integer.
  expect(header(0x82, length, true, 0x37fa213d)).toBe(`${toHex(masked)} 3d 21 fa 37`);
  expect(header(0x82, length, true, 0xf7fa213d | 0)).toBe(`${toHex(masked)} 3d 21 fa f7`);
});

test.each([0x01, 0x00, 0x80, 0x81, 0xc1, 0x88, 0x89, 0x8a])('header keeps its first byte %i', (first) => {
  expect(header(first, 5, false, 0)).toBe(`${toHex(Uint8Array.of(first))} 05`);
});
