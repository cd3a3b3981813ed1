// Compares long byte arrays in time, and reads frames byte by byte, sharing nothing with the codec.

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

/** A frame as it stood on the wire, unmasked. */
export interface ParsedFrame {
  /** First header byte. */
  first: number;
  masked: boolean;
  /** Bytes of the header, key included. */
  headerLength: number;
  payload: Uint8Array;
}

/** Reads frames; throws when the last one is cut off. */
export function parseFrames(bytes: Uint8Array): ParsedFrame[] {
  return readFrames(bytes, (length, at) => {
    throw new Error(`A frame of ${length} bytes is cut off at ${at}`);
  });
}

/** Reads frames, and leaves out a last one that is cut off: where memory is short, a long frame leaves in pieces. */
export function wholeFrames(bytes: Uint8Array): ParsedFrame[] {
  return readFrames(bytes, () => {});
}

function readFrames(bytes: Uint8Array, onCut: (length: number, at: number) => void): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] & 0x7f;
    const length = short === 126 ? view.getUint16(at + 2) : short === 127 ? Number(view.getBigUint64(at + 2)) : short;
    const masked = bytes[at + 1] >= 0x80;
    const key = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    const start = key + (masked ? 4 : 0);
    if (start + length > bytes.length) {
      onCut(length, bytes.length - start);
      break;
    }
    const payload = bytes.slice(start, start + length);
    if (masked) for (let index = 0; index < length; index++) payload[index] ^= bytes[key + (index & 3)];
    frames.push({ first: bytes[at], masked, headerLength: start - at, payload });
    at = start + length;
  }
  return frames;
}

/** A buffer that can shrink. TypeScript's library for our oldest runtime does not have it. */
export interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void;
}

export function resizableBuffer(length: number): ResizableBuffer {
  return Reflect.construct(ArrayBuffer, [length, { maxByteLength: length }]) as ResizableBuffer;
}
