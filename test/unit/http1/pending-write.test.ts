import { describe, expect, test } from 'vitest';
import { PendingWrite } from '../../../src/http1/pending-write.ts';
import { createBlocks } from '../../../src/protocol/blocks.ts';
import { pattern } from '../../support/frames.ts';

const pool = { size: 131_072, take: () => new Uint8Array(131_072) };

/** Writes all of it, at most `most` bytes at a time. @returns What was written, piece by piece. */
function drain(chunks: readonly Uint8Array[], most = Infinity): Uint8Array[] {
  const write = new PendingWrite(chunks, () => {}, pool);
  const pieces: Uint8Array[] = [];
  for (let isDone = write.advance(0); !isDone;) {
    const bytes = write.next();
    const count = Math.min(bytes.length, most);
    pieces.push(bytes.slice(0, count));
    isDone = write.advance(count);
  }
  return pieces;
}

test('a single chunk is written as it is', () => {
  const chunk = pattern(100);
  const write = new PendingWrite([chunk], () => {}, pool);
  expect(write.next()).toBe(chunk);
});

test('a header leaves with its payload', () => {
  const [header, payload] = [Uint8Array.of(1, 2), pattern(65536)];
  expect(drain([header, payload]).map(({ length }) => length)).toEqual([65538]);
});

test.each([Infinity, 1000, 65537])('chunks of all sizes arrive in order, %i bytes at a time', (most) => {
  const chunks = [0, 10, 70_000, 1, 0, 300_000, 5, 131_072, 131_073, 0].map((length) => pattern(length));
  expect(Buffer.concat(drain(chunks, most)).equals(Buffer.concat(chunks))).toBe(true);
});

test('no bytes are done at once', () => {
  expect(new PendingWrite([], () => {}, pool).advance(0)).toBe(true);
  expect(new PendingWrite([new Uint8Array(0)], () => {}, pool).advance(0)).toBe(true);
});

describe('own', () => {
  test.each([0, 1, 5, 99, 130_000, 200_000])(
    'copies the rest of the last chunk to blocks when %i bytes were written',
    (written) => {
      let taken = 0;
      const released: unknown[] = [];
      const source = createBlocks((length) => (taken++, new Uint8Array(length)), 0);
      const last = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
      const whole = Buffer.concat([Uint8Array.of(1, 2, 3, 4, 5), last]).subarray(written);
      const write = new PendingWrite([Uint8Array.of(1, 2, 3, 4, 5), last], () => {}, {
        size: 16,
        take: () => new Uint8Array(16),
      });
      write.advance(written);
      write.own({ take: () => source.take(), release: (block) => void released.push(block) });
      last.fill(0xff);
      let at = 0;
      for (let isDone = false; !isDone;) {
        const bytes = write.next();
        expect(Buffer.compare(bytes, whole.subarray(at, at + bytes.length))).toBe(0);
        at += bytes.length;
        isDone = write.advance(bytes.length);
      }
      expect([at, released.length]).toEqual([whole.length, taken]);
    },
  );
});
