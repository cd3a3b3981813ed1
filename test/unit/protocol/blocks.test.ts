import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, createBlocks } from '../../../src/protocol/blocks.ts';
import { Outbox } from '../../../src/protocol/outbox.ts';
import { concat, pattern } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

describe('createBlocks', () => {
  test('a block that was released is used again, and only so many are kept', () => {
    let allocations = 0;
    const blocks = createBlocks((length) => (allocations++, new Uint8Array(length)), 2);
    const taken = [blocks.take(), blocks.take(), blocks.take()];
    expect(new Set(taken).size).toBe(3);
    for (const block of taken) blocks.release(block);
    expect(new Set([blocks.take(), blocks.take(), blocks.take()]).size).toBe(3);
    expect(allocations).toBe(4);
    expect(taken[0].bytes).toHaveLength(BLOCK_BYTES);
  });
});

describe.each([
  ['server', false],
  ['client', true],
])('outbox of a %s', (_side, masked) => {
  test('long payloads that wait for the transport lie in blocks, back to back, and take none of the arena', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    outbox.addBytes(0x82, pattern(3), masked);
    const slots = platform.codec.freeSlots;
    outbox.isCongested = true;
    const payloads = [pattern(20_000, 1), pattern(300_000, 2), pattern(16_384, 3)];
    for (const payload of payloads) outbox.addBytes(0x82, payload, masked);
    expect(platform.codec.freeSlots).toBe(slots);
    const { chunks, blocks } = outbox.take();
    // 336 KB, behind the rest of the slot that the first frame had taken.
    expect(blocks).toHaveLength(2);
    const bytes = concat(...chunks);
    let at = masked ? 9 : 5;
    for (const payload of payloads) {
      const header = (payload.length < 65536 ? 4 : 10) + (masked ? 4 : 0);
      const key = bytes.subarray(at + header - 4, at + header);
      const body = bytes.slice(at + header, at + header + payload.length);
      if (masked) body.forEach((byte, index) => (body[index] = byte ^ key[index & 3]));
      expect(Buffer.compare(body, payload)).toBe(0);
      at += header + payload.length;
    }
    expect(at).toBe(bytes.length);
  });
});

describe('outbox over a transport that takes borrowed chunks', () => {
  const create = (): Outbox => new Outbox(new ManualPlatform(), undefined, true);

  test('server refers to a payload that no chunk can hold, and asks to be flushed', () => {
    const outbox = create();
    const payload = pattern(200_000);
    outbox.addBytes(0x82, payload, false);
    expect(outbox.isPressing).toBe(true);
    const { chunks, borrowed } = outbox.take();
    expect(borrowed).toBe(payload);
    expect(chunks.at(-1)).toBe(payload);
    expect(outbox.isPressing).toBe(false);
  });

  test('server copies it if it was not written', () => {
    const outbox = create();
    const payload = pattern(200_000);
    outbox.addBytes(0x82, payload, false);
    outbox.own();
    payload.fill(0);
    const { chunks, borrowed } = outbox.take();
    expect(borrowed).toBeUndefined();
    expect(Buffer.compare(chunks.at(-1)!, pattern(200_000))).toBe(0);
  });

  test.each([
    ['a client', (outbox: Outbox, payload: Uint8Array) => outbox.addBytes(0x82, payload, true)],
    [
      'a server whose transport accepts nothing',
      (outbox: Outbox, payload: Uint8Array) => {
        outbox.isCongested = true;
        outbox.addBytes(0x82, payload, false);
      },
    ],
  ])('%s copies every payload', (_side, add) => {
    const outbox = create();
    add(outbox, pattern(200_000));
    expect(outbox.take().borrowed).toBeUndefined();
  });
});
