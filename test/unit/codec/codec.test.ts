// The Codec class: what it adds to a kernel. What kernels do is in the files beside this one.

import { beforeEach, describe, expect, it } from 'vitest';
import {
  CONFIG_ALLOW_RSV1,
  CONFIG_EXPECT_MASK,
  CONFIG_SKIP_UTF8,
  HEADROOM,
  INPUT,
  INPUT_BYTES,
  OUTPUT,
  OUTPUT_SLOTS,
  OUTPUT_SLOT_BYTES,
  RECORD_CAPACITY,
  RECORD_WORDS,
  STATUS_INVALID_UTF8,
  STATUS_OK,
} from '../../../assembly/layout.ts';
import { Codec, DecoderState, UTF8_ACCEPT, UTF8_REJECT } from '../../../src/codec/codec.ts';
import { concat, frame, hex, pattern, utf8 } from '../../support/frames.ts';
import { KERNELS, StreamReader } from '../../support/kernels.ts';

const KEY = hex('37 fa 21 3d');

describe('DecoderState', () => {
  it.each([
    [{ expectMask: true }, CONFIG_EXPECT_MASK],
    [{ expectMask: false, allowRsv1: true }, CONFIG_ALLOW_RSV1],
    [{ expectMask: false, skipUtf8Validation: true }, CONFIG_SKIP_UTF8],
    [{ expectMask: false, allowRsv1: false, skipUtf8Validation: false }, 0],
    [{ expectMask: true, allowRsv1: true, skipUtf8Validation: true }, 7],
  ])('packs %j', (options, config) => {
    expect(new DecoderState(options).config).toBe(config);
  });

  it('joins the halves of what remains, whatever their sign', () => {
    const state = new DecoderState({ expectMask: true });
    expect(state.remaining).toBe(0);
    state.remainingLow = -1;
    state.remainingHigh = 0x1fffff;
    expect(state.remaining).toBe(2 ** 53 - 1);
  });
});

describe.each(KERNELS)('Codec over $name', ({ create }) => {
  let codec: Codec;
  beforeEach(() => {
    codec = new Codec(create());
  });

  it('shows the arenas through views of one memory', () => {
    expect(codec.memory.buffer).toBe(codec.kernel.memory);
    expect([codec.input.byteOffset, codec.input.length]).toEqual([INPUT, INPUT_BYTES]);
    expect(codec.records.length).toBe(RECORD_CAPACITY * RECORD_WORDS);
  });

  it('prepends what fits the headroom, and throws at more', () => {
    const bytes = pattern(HEADROOM);
    expect(codec.prepend(bytes)).toBe(INPUT - HEADROOM);
    expect(codec.memory.slice(INPUT - HEADROOM, INPUT)).toEqual(bytes);
    expect(codec.prepend(hex('81'))).toBe(INPUT - 1);
    expect(codec.prepend(new Uint8Array())).toBe(INPUT);
    expect(() => codec.prepend(new Uint8Array(HEADROOM + 1))).toThrow(RangeError);
  });

  it('decodes a header that was prepended together with the chunk behind it', () => {
    codec.input.set(hex('fa 21 3d 7f 9f 4d 51 58'));
    const address = codec.prepend(hex('81 85 37'));
    expect(codec.decode(new DecoderState({ expectMask: true }), address, 11)).toBe(1);
    expect(codec.memory.slice(codec.records[1], codec.records[1] + codec.records[2])).toEqual(utf8('Hello'));
    expect(codec.consumed).toBe(11);
  });

  it('keeps connections apart, also after one has failed', () => {
    const text = frame({ payload: '\u20ac\u{1f600}', key: KEY });
    const binary = frame({ opcode: 2, payload: pattern(40), key: hex('01 02 03 04') });
    const first = new StreamReader(codec, { expectMask: true });
    const second = new StreamReader(codec, { expectMask: true });
    const third = new StreamReader(codec, { expectMask: false });
    for (let at = 0; at < 50; at++) {
      first.read(text.subarray(at, at + 1));
      second.read(binary.subarray(at, at + 1));
      third.read(hex('81 01 ff').subarray(at, at + 1));
    }
    expect(first.result.frames[0].payload).toEqual(utf8('\u20ac\u{1f600}'));
    expect(second.result.frames[0].payload).toEqual(pattern(40));
    expect([first.result.status, second.result.status]).toEqual([STATUS_OK, STATUS_OK]);
    expect(third.result.status).toBe(STATUS_INVALID_UTF8);
  });

  it('lends every slot once, the most recently used first', () => {
    expect(codec.freeSlots).toBe(OUTPUT_SLOTS);
    const slots = Array.from({ length: OUTPUT_SLOTS }, () => codec.takeSlot()!);
    expect([codec.takeSlot(), codec.freeSlots]).toEqual([undefined, 0]);
    expect(new Set(slots.map(({ address }) => address)).size).toBe(OUTPUT_SLOTS);
    for (const { address } of slots) expect((address - OUTPUT) % OUTPUT_SLOT_BYTES).toBe(0);
    codec.releaseSlot(slots[3]);
    codec.releaseSlot(slots[1]);
    expect([codec.freeSlots, codec.takeSlot(), codec.takeSlot()]).toEqual([2, slots[1], slots[3]]);
  });

  it.each([0, 1, 5, 65535, 65536, 65537, 200003])('masks %i bytes of the heap in place', (length) => {
    const bytes = pattern(length + 10);
    const wanted = bytes.map((byte, index) => (index >= 3 && index < length + 3 ? byte ^ KEY[(index - 3) % 4] : byte));
    const rotated = codec.maskBytes(bytes, 3, length + 3, 0x3d21fa37);
    expect(Buffer.compare(bytes, wanted)).toBe(0);
    expect(rotated >>> 0).toBe([0x3d21fa37, 0x373d21fa, 0xfa373d21, 0x21fa373d][length % 4]);
  });

  it('validates bytes of the heap over several fillings of the scratch area', () => {
    for (let shift = 0; shift < 4; shift++) {
      const text = concat(new Uint8Array(65533 + shift).fill(0x41), utf8('\u{1f600}'.repeat(20000)));
      expect(codec.isUtf8(text)).toBe(true);
      expect(codec.isUtf8(text.subarray(0, -1))).toBe(false);
      const half = codec.validateBytes(text.subarray(0, 100001));
      expect(codec.validateBytes(text.subarray(100001), half)).toBe(UTF8_ACCEPT);
      text[65535 + shift] = 0x41;
      expect(codec.validateBytes(text)).toBe(UTF8_REJECT);
    }
  });

  it('does not recover from a bad byte', () => {
    expect(codec.validateBytes(hex('41 41'), UTF8_REJECT)).toBe(UTF8_REJECT);
    expect(codec.isUtf8(new Uint8Array())).toBe(true);
  });
});
