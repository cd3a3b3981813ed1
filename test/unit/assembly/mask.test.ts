// Masking, RFC 6455 section 5.3, by every kernel.

import { beforeAll, describe, expect, it } from 'vitest';
import { SCRATCH } from '../../../assembly/layout.ts';
import { Codec } from '../../../src/codec/codec.ts';
import { hex, pattern } from '../../support/frames.ts';
import { KERNELS } from '../../support/kernels.ts';

/** Any key but one that is the same in both byte orders or after a rotation. */
const KEY_BYTES = hex('37 fa 21 3d');
const KEY = 0x3d21fa37;
/** KEY rotated by 0 to 3 bytes. */
const ROTATED = [0x3d21fa37, 0x373d21fa, 0xfa373d21, 0x21fa373d];

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeAll(() => {
    codec = new Codec(create());
  });

  it('masks the example of RFC 6455 section 5.7', () => {
    codec.memory.set(hex('48 65 6c 6c 6f'), SCRATCH);
    codec.kernel.mask(SCRATCH, 5, KEY);
    expect(codec.memory.slice(SCRATCH, SCRATCH + 5)).toEqual(hex('7f 9f 4d 51 58'));
  });

  it('masks every length at every alignment, and no byte outside', () => {
    const guard = pattern(400, 7);
    for (let alignment = 0; alignment < 64; alignment++) {
      for (let length = 0; length <= 200; length++) {
        codec.memory.set(guard, SCRATCH);
        const start = 64 + alignment;
        const key = codec.kernel.mask(SCRATCH + start, length, KEY);
        const wanted = guard.slice();
        for (let index = 0; index < length; index++) wanted[start + index] ^= KEY_BYTES[index % 4];
        if (key >>> 0 !== ROTATED[length % 4]) expect([alignment, length, key >>> 0]).toEqual(ROTATED[length % 4]);
        if (Buffer.compare(codec.memory.subarray(SCRATCH, SCRATCH + guard.length), wanted) !== 0) {
          expect([alignment, length, codec.memory.slice(SCRATCH, SCRATCH + guard.length)]).toEqual([alignment, length, wanted]);
        }
      }
    }
  });

  it('takes the key as a signed or an unsigned number', () => {
    for (const key of [0xfa373d21, 0xfa373d21 | 0]) {
      codec.memory.fill(0, SCRATCH, SCRATCH + 8);
      expect(codec.kernel.mask(SCRATCH, 7, key)).toBe(0x373d21fa);
      expect(codec.memory.slice(SCRATCH, SCRATCH + 8)).toEqual(hex('21 3d 37 fa 21 3d 37 00'));
    }
  });

  it('goes on with the rotated key across every split', () => {
    const payload = pattern(97, 3);
    const whole = payload.map((byte, index) => byte ^ KEY_BYTES[index % 4]);
    for (let split = 0; split <= payload.length; split++) {
      codec.memory.set(payload, SCRATCH + 1);
      const key = codec.kernel.mask(SCRATCH + 1, split, KEY);
      codec.kernel.mask(SCRATCH + 1 + split, payload.length - split, key);
      expect(codec.memory.slice(SCRATCH + 1, SCRATCH + 98)).toEqual(whole);
    }
  });

  it('undoes itself over a whole arena', () => {
    const payload = pattern(65536, 5);
    codec.memory.set(payload, SCRATCH);
    codec.kernel.mask(SCRATCH, payload.length, KEY);
    expect(codec.memory[SCRATCH + 65535]).toBe(payload[65535] ^ 0x3d);
    codec.kernel.mask(SCRATCH, payload.length, KEY);
    expect(Buffer.compare(codec.memory.subarray(SCRATCH, SCRATCH + 65536), payload)).toBe(0);
  });
});
