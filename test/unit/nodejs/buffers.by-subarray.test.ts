// Buffers for users, cut as on Bun: exact, and apart from each other.

import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { INPUT } from '../../../assembly/layout.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { loadKernel } from '../../../src/codec/load.ts';
import { createCopyMessage } from '../../../src/nodejs/buffers.ts';
import type { Platform } from '../../../src/platform.ts';
import { concat, frame, pattern } from '../../support/frames.ts';

/** Decodes `payloads` as one chunk and copies each, as a session does during delivery. */
function deliver(codec: Codec, copy: Platform['copyMessage'], payloads: readonly Uint8Array[]): Buffer[] {
  const bytes = concat(...payloads.map((payload) => frame({ opcode: 2, payload })));
  codec.input.set(bytes);
  expect(codec.decode(new DecoderState({ expectMask: false }), INPUT, bytes.length)).toBe(payloads.length);
  return payloads.map((_, index) => {
    const start = codec.records[index * 3 + 1];
    return copy(codec.memory, start, start + codec.records[index * 3 + 2]) as Buffer;
  });
}

test('gives each message as a Buffer of its own bytes, chunk after chunk', () => {
  const codec = new Codec(loadKernel());
  const copy = createCopyMessage(codec, undefined, (_memory, start, length, window) => window.subarray(start, start + length));
  const payloads = [0, 1, 125, 126, 2047, 2048, 9000, 3, 70_000].map((length, index) => pattern(length, index + 1));
  const kept = Array.from({ length: 20 }, () => deliver(codec, copy, payloads));
  for (const messages of kept) {
    messages.forEach((message, index) => {
      expect(Buffer.isBuffer(message)).toBe(true);
      expect(Buffer.compare(message, payloads[index])).toBe(0);
    });
  }
  kept[0][3].fill(0);
  expect(Buffer.compare(kept[0][2], payloads[2])).toBe(0);
  expect(Buffer.compare(kept[0][4], payloads[4])).toBe(0);
});
