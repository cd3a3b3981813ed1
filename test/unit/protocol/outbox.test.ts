import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS, OUTPUT_SLOT_BYTES } from '../../../assembly/layout.ts';
import type { OutputSlot } from '../../../src/codec/codec.ts';
import { BORROWED, createSlabs, LASTING, Outbox, type Batch, OWNED } from '../../../src/protocol/outbox.ts';
import { expectBytes } from '../../support/bytes.ts';
import { parseFrames } from '../../support/parse-frames.ts';
import { concat, pattern, toHex, utf8 } from '../../support/frames.ts';
import { KERNELS } from '../../support/kernels.ts';
import { ManualPlatform } from '../../support/platform.ts';

const LARGE = pattern(16_777_216);
const SIZES = [0, 1, 3, 124, 125, 126, 127, 16383, 16384, 65535, 65536, 131058, 131059, 131072, 300_001];

/** Everything that was added, as it would leave; slots go back. */
function leave(platform: ManualPlatform, outbox: Outbox): { bytes: Uint8Array; batch: Batch } {
  const batch = outbox.take();
  const bytes = concat(...batch.chunks);
  for (const slot of batch.slots) platform.codec.releaseSlot(slot);
  return { bytes, batch };
}

function takeAllSlots(platform: ManualPlatform): OutputSlot[] {
  const slots: OutputSlot[] = [];
  for (let slot = platform.codec.takeSlot(); slot !== undefined; slot = platform.codec.takeSlot()) slots.push(slot);
  return slots;
}

describe.each(KERNELS)('outbox over $name', ({ create }) => {
  const platform = new ManualPlatform(create());

  describe.each([
    ['the output arena', false],
    ['the heap', true],
  ])('in %s', (_, isArenaFull) => {
    test.each([
      ['client', true],
      ['server', false],
    ])('%s lays out payloads of every length form, one frame and all together', (_role, masked) => {
      const held = isArenaFull ? takeAllSlots(platform) : [];
      const outbox = new Outbox(platform);
      for (const size of [...SIZES, -1]) {
        const payloads = (size < 0 ? SIZES : [size]).map((length) => pattern(length, length + 1));
        for (const payload of payloads) outbox.addBytes(0x82, payload, masked);
        const { bytes, batch } = leave(platform, outbox);
        const frames = parseFrames(bytes);
        expect(frames.map(({ first, masked: isMasked }) => [first, isMasked])).toEqual(payloads.map(() => [0x82, masked]));
        frames.forEach((frame, index) => expectBytes(frame.payload, payloads[index]));
        // The payload that the caller lent is as it was.
        payloads.forEach((payload) => expectBytes(payload, pattern(payload.length, payload.length + 1)));
        if (isArenaFull) expect(batch.slots).toEqual([]);
      }
      for (const slot of held) platform.codec.releaseSlot(slot);
      expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
    });

    test('a long frame of the program leaves whole, as the first of a batch and behind others', () => {
      const held = isArenaFull ? takeAllSlots(platform) : [];
      const outbox = new Outbox(platform);
      const long = pattern(300_001);
      for (const others of [0, 1, 0, 2, 0]) {
        for (let other = 0; other < others; other++) outbox.addBytes(0x82, pattern(9), false);
        outbox.addPiece(long, BORROWED);
        outbox.addPiece(long, BORROWED);
        const { bytes } = leave(platform, outbox);
        expectBytes(bytes.subarray(others * 11), concat(long, long));
      }
      for (const slot of held) platform.codec.releaseSlot(slot);
      expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
    });

    test.each([true, false])('16 MiB leave whole (masked: %s)', (masked) => {
      const held = isArenaFull ? takeAllSlots(platform) : [];
      const outbox = new Outbox(platform);
      outbox.addBytes(0x82, LARGE, masked);
      outbox.addBytes(0x81, utf8('behind'), masked);
      const [frame, behind] = parseFrames(leave(platform, outbox).bytes);
      expectBytes(frame.payload, LARGE);
      expectBytes(behind.payload, utf8('behind'));
      for (const slot of held) platform.codec.releaseSlot(slot);
      expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
    });
  });

  test.each([true, false])('text of every length form is UTF-8 behind the shortest header (masked: %s)', (masked) => {
    const units = ['a', 'é', '€', '😀', '\ud800', 'a\udc00'];
    const lengths = [0, 1, 31, 41, 42, 43, 62, 63, 124, 125, 126, 127, 21844, 21845, 21846, 43685, 43686, 43687, 65535, 65536];
    const outbox = new Outbox(platform);
    for (const unit of units) {
      for (const length of lengths) {
        const text = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
        const expected = utf8(text);
        expect(outbox.addText(0x81, text, masked)).toBe(expected.length);
        const frames = parseFrames(leave(platform, outbox).bytes);
        expect(frames).toHaveLength(1);
        expectBytes(frames[0].payload, expected);
        const form = expected.length < 126 ? 2 : expected.length < 65536 ? 4 : 10;
        expect(frames[0]).toMatchObject({ first: 0x81, masked, headerLength: masked ? form + 4 : form });
      }
    }
    expect(platform.codec.freeSlots).toBe(OUTPUT_SLOTS);
  });
});

describe('outbox', () => {
  test('server writes the bytes that RFC 6455 section 5.7 shows', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    outbox.addText(0x81, 'Hello', false);
    outbox.addBytes(0x89, utf8('Hello'), false);
    outbox.addBytes(0x01, utf8('Hel'), false);
    outbox.addBytes(0x80, utf8('lo'), false);
    expect(toHex(leave(platform, outbox).bytes)).toBe('81 05 48 65 6c 6c 6f 89 05 48 65 6c 6c 6f 01 03 48 65 6c 80 02 6c 6f');
  });

  test('client masks each frame with a key of its own', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    for (let index = 0; index < 5; index++) outbox.addBytes(0x82, new Uint8Array(4), true);
    const { bytes } = leave(platform, outbox);
    const keys = platform.keys.map((key) => toHex(new Uint8Array(Int32Array.of(key).buffer)));
    expect(new Set(keys).size).toBe(5);
    // Zeros masked show the key once more.
    expect(toHex(bytes)).toBe(keys.map((key) => `82 84 ${key} ${key}`).join(' '));
  });

  test('small frames share one chunk, and a batch starts a new one', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    expect(outbox.isEmpty).toBe(true);
    for (let index = 0; index < 1000; index++) outbox.addText(0x81, 'abc', false);
    expect(outbox.isEmpty).toBe(false);
    const first = outbox.take();
    expect(first.chunks).toHaveLength(1);
    expect(first.slots).toHaveLength(1);
    expect(outbox.isEmpty).toBe(true);
    outbox.addText(0x81, 'xyz', false);
    const second = outbox.take();
    expect(first.slots).not.toContain(second.slots[0]);
    expect(toHex(first.chunks[0].subarray(0, 5))).toBe('81 03 61 62 63');
    expect(platform.allocations).toEqual([]);
  });

  test('server refers to a long payload that lasts, and copies a short one', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    const long = pattern(16384);
    const short = pattern(16383);
    outbox.addBytes(0x82, long, false, LASTING);
    outbox.addBytes(0x82, short, false, LASTING);
    const { chunks } = outbox.take();
    expect(chunks[1]).toBe(long);
    short.fill(0);
    expectBytes(concat(...chunks).subarray(-16383), pattern(16383));
  });

  test.each([false, true])('a borrowed payload of any length is the caller’s again at once (masked: %s)', (masked) => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    const lengths = [16_383, 16_384, 131_058, 131_059, 200_000, 3_000_000];
    for (const [seed, length] of lengths.entries()) {
      const payload = pattern(length, seed);
      outbox.addBytes(0x82, payload, masked);
      payload.fill(0xff);
    }
    expect(platform.codec.freeSlots).toBeGreaterThan(0);
    const { bytes } = leave(platform, outbox);
    for (const [seed, { payload }] of parseFrames(bytes).entries()) expectBytes(payload, pattern(lengths[seed], seed));
  });

  test('a long payload goes through the same slots again while they are emptied', () => {
    const platform = new ManualPlatform();
    const written: Uint8Array[] = [];
    const outbox: Outbox = new Outbox(platform, { handOver: () => written.push(leave(platform, outbox).bytes) });
    outbox.addBytes(0x82, pattern(10_000_000), true);
    written.push(leave(platform, outbox).bytes);
    expect(platform.allocations).toEqual([]);
    expect(written.length).toBeGreaterThan(5);
    expectBytes(parseFrames(concat(...written))[0].payload, pattern(10_000_000));
  });

  test('client may mask in place only what it owns', () => {
    const platform = new ManualPlatform();
    const outbox = new Outbox(platform);
    const owned = pattern(200_000);
    outbox.addBytes(0x82, owned, true, OWNED);
    const batch = outbox.take();
    expect(batch.chunks.map(({ buffer }) => buffer)).toContain(owned.buffer);
    expectBytes(parseFrames(concat(...batch.chunks))[0].payload, pattern(200_000));
  });

  test('heap chunks grow with need and stay within the size of a slot', () => {
    const platform = new ManualPlatform();
    const held = takeAllSlots(platform);
    expect(held).toHaveLength(OUTPUT_SLOTS);
    const outbox = new Outbox(platform);
    const expected: Uint8Array[] = [];
    for (let index = 0; index < 3000; index++) {
      expected.push(pattern(index % 200, index));
      outbox.addBytes(0x82, expected[index], index % 2 === 0);
    }
    const { chunks, slots } = outbox.take();
    parseFrames(concat(...chunks)).forEach(({ payload }, index) => expectBytes(payload, expected[index]));
    expect(slots).toEqual([]);
    expect(platform.allocations.length).toBeLessThan(20);
    expect(Math.max(...platform.allocations)).toBeLessThanOrEqual(OUTPUT_SLOT_BYTES);
  });

  test('a batch may begin in a slot, go on in the heap, and end in a slot', () => {
    const platform = new ManualPlatform();
    const held = takeAllSlots(platform);
    platform.codec.releaseSlot(held.pop()!);
    const outbox = new Outbox(platform);
    const payloads = [60_000, 60_000, 60_000, 100, 200_000, 131_058, 5].map((length, index) => pattern(length, index + 1));
    payloads.forEach((payload, index) => {
      if (index === 4) platform.codec.releaseSlot(held.pop()!);
      outbox.addBytes(0x82, payload, true);
    });
    const { chunks } = outbox.take();
    parseFrames(concat(...chunks)).forEach((frame, index) => expectBytes(frame.payload, payloads[index]));
  });

  test('counts payload bytes and callbacks, and hands them out once', () => {
    const outbox = new Outbox(new ManualPlatform());
    const callbacks = [(): void => {}, (): void => {}];
    outbox.addText(0x81, 'é', false);
    outbox.count(2, callbacks[0]);
    outbox.addBytes(0x82, pattern(3), false);
    outbox.count(3, undefined);
    outbox.addBytes(0x82, new Uint8Array(), false);
    outbox.count(0, callbacks[1]);
    expect(outbox.payloadBytes).toBe(5);
    expect(outbox.take()).toMatchObject({ payloadBytes: 5, callbacks });
    expect(outbox.payloadBytes).toBe(0);
    expect(outbox.take()).toEqual({ chunks: [], slots: [], blocks: [], borrowed: undefined, payloadBytes: 0, callbacks: [] });
  });

  test('a batch like the one before fits in one chunk of the heap', () => {
    const platform = new ManualPlatform();
    takeAllSlots(platform);
    const outbox = new Outbox(platform);
    const chunks = [16, 16, 1, 1, 16].map((count) => {
      for (let index = 0; index < count; index++) {
        outbox.addBytes(0x82, pattern(64), false);
        outbox.count(64, undefined);
      }
      return leave(platform, outbox).batch.chunks.length;
    });
    expect(chunks).toEqual([2, 1, 1, 1, 2]);
  });

  test('outboxes that are filled in turns share a slab, and none writes where another has', () => {
    const platform = new ManualPlatform();
    takeAllSlots(platform);
    const outboxes = Array.from({ length: 40 }, () => new Outbox(platform));
    for (let round = 0; round < 12; round++) {
      outboxes.forEach((outbox, index) => outbox.addBytes(0x82, pattern(round * 7, index), index % 2 === 0));
    }
    outboxes.forEach((outbox, index) => {
      const frames = parseFrames(leave(platform, outbox).bytes);
      expect(frames).toHaveLength(12);
      frames.forEach(({ payload }, round) => expectBytes(payload, pattern(round * 7, index)));
    });
    expect(platform.allocations).toEqual([65_536]);
  });

  test('the last to take a piece of a slab gives back what it did not need', () => {
    const platform = new ManualPlatform();
    takeAllSlots(platform);
    for (let index = 0; index < 100; index++) {
      const outbox = new Outbox(platform);
      outbox.addBytes(0x82, pattern(100), false);
      expect(leave(platform, outbox).bytes).toHaveLength(102);
    }
    expect(platform.slab(1).free).toBe(10_200);
  });
});

function slabs(): { slab: ReturnType<typeof createSlabs>; allocations: number[] } {
  const allocations: number[] = [];
  const slab = createSlabs((length) => {
    allocations.push(length);
    return new Uint8Array(length);
  });
  return { slab, allocations };
}

test('slabs lend the same memory until it is full', () => {
  const { slab, allocations } = slabs();
  const first = slab(1000);
  first.free += 60_000;
  expect(slab(5536)).toBe(first);
  first.free += 5536;
  const second = slab(1);
  expect(second).not.toBe(first);
  expect([second.free, second.bytes.length, second.bytes.buffer === second.memory]).toEqual([0, 65_536, true]);
  expect(allocations).toEqual([65_536, 65_536]);
});

test('slabs lend more than one of them holds from memory made to measure, and go on with the other', () => {
  const { slab, allocations } = slabs();
  const shared = slab(100);
  shared.free += 100;
  const long = slab(65_537);
  expect([long.free, long.bytes.length]).toEqual([0, 65_537]);
  expect(slab(65_436)).toBe(shared);
  expect(allocations).toEqual([65_536, 65_537]);
});

test('slabs allocate nothing before they are asked', () => {
  expect(slabs().allocations).toEqual([]);
});
