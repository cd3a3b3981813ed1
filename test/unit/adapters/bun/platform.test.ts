// The Bun platform: views of codec memory are reused only where they are the same.

import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { platform } from '../../../../adapters/bun/platform.ts';
import { platform as nodejs } from '../../../../src/nodejs/platform.ts';

const { codec } = platform;

describe('a view', () => {
  test('is a Buffer over codec memory at the address that was asked for', () => {
    const view = platform.view(codec.region, 393216, 100);
    expect(Buffer.isBuffer(view)).toBe(true);
    expect([view.buffer, view.byteOffset, view.length]).toEqual([codec.kernel.memory, 393216, 100]);
  });

  test('is not mixed up with one of another place or of a length with the same low bits', () => {
    const asked = [
      [393216, 100],
      [393217, 100],
      [393216, 1124],
      [524288, 100],
      [393216, 100],
      [393216, 0],
      [393300, 0],
    ];
    for (const [address, length] of asked) {
      const view = platform.view(codec.region, address, length);
      expect([view.byteOffset, view.length]).toEqual([address, length]);
    }
  });

  test('is the same object when nothing has changed', () => {
    expect(platform.view(codec.region, 393216, 77)).toBe(platform.view(codec.region, 393216, 77));
  });
});

test('shares the codec of the thread', () => {
  expect(platform.codec).toBe(nodejs.codec);
});
