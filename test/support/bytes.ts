// Compares long byte arrays in time.

import { expect } from 'vitest';

/** Fails unless both hold the same bytes; says where they part. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  const around = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(Math.max(0, at - 8), at + 24)).toString('hex');
  expect({ length: actual.length, at, around: around(actual) }).toEqual({
    length: expected.length,
    at,
    around: around(expected),
  });
}

/** A buffer that can shrink. TypeScript's library for our oldest runtime does not have it. */
export interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}

export function resizableBuffer(length: number): ResizableBuffer {
  return Reflect.construct(ArrayBuffer, [length, { maxByteLength: length }]) as ResizableBuffer;
}
