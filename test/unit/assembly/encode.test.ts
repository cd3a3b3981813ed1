// Encoding, RFC 6455 section 5.2, by every kernel: literal headers for both roles.

import { beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT, OUTPUT_SLOT_BYTES } from '../../../assembly/layout.ts';
import { Codec } from '../../../src/codec/codec.ts';
import { concat, hex, pattern } from '../../support/frames.ts';
import { KERNELS, StreamReader } from '../../support/kernels.ts';

const KEY = hex('37 fa 21 3d');

const HEADERS: [size: number, server: string, client: string][] = [
  [0, '82 00', '82 80 37 fa 21 3d'],
  [1, '82 01', '82 81 37 fa 21 3d'],
  [125, '82 7d', '82 fd 37 fa 21 3d'],
  [126, '82 7e 00 7e', '82 fe 00 7e 37 fa 21 3d'],
  [65535, '82 7e ff ff', '82 fe ff ff 37 fa 21 3d'],
  [65536, '82 7f 00 00 00 00 00 01 00 00', '82 ff 00 00 00 00 00 01 00 00 37 fa 21 3d'],
  [131000, '82 7f 00 00 00 00 00 01 ff b8', '82 ff 00 00 00 00 00 01 ff b8 37 fa 21 3d'],
];

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeAll(() => {
    codec = new Codec(create());
  });

  /** Encodes with 0xee all around. Returns what was there before the frame, the frame, and what is there behind it. */
  function encode(first: number, header: number, payload: Uint8Array, masked: boolean | number, address: number): Uint8Array[] {
    codec.memory.fill(0xee, OUTPUT, OUTPUT + 2 * OUTPUT_SLOT_BYTES);
    codec.memory.set(payload, address + header);
    const end = codec.kernel.encodeFrame(address, first, payload.length, masked, 0x3d21fa37);
    return [codec.memory.slice(address - 64, address), codec.memory.slice(address, end), codec.memory.slice(end, end + 64)];
  }

  it.each(HEADERS)('lays out %i bytes for both roles', (size, server, client) => {
    const guard = new Uint8Array(64).fill(0xee);
    const payload = pattern(size);
    const maskedPayload = payload.map((byte, index) => byte ^ KEY[index % 4]);
    for (const address of [OUTPUT + 64, OUTPUT + 65, OUTPUT + 71]) {
      const plain = encode(0x82, hex(server).length, payload, false, address);
      expect(Buffer.compare(plain[1], concat(hex(server), payload))).toBe(0);
      expect([plain[0], plain[2]]).toEqual([guard, guard]);
      const masked = encode(0x82, hex(client).length, payload, true, address);
      expect(Buffer.compare(masked[1], concat(hex(client), maskedPayload))).toBe(0);
      expect([masked[0], masked[2]]).toEqual([guard, guard]);
    }
  });

  it('writes the first byte as it is told', () => {
    for (const first of [0x00, 0x01, 0x80, 0x81, 0xc1, 0x88, 0x89, 0x8a]) {
      expect(encode(first, 2, hex('41'), 0, OUTPUT + 64)[1]).toEqual(Uint8Array.of(first, 1, 0x41));
    }
  });

  it('takes 1 for true', () => {
    expect(encode(0x81, 6, hex('48 65 6c 6c 6f'), 1, OUTPUT + 64)[1]).toEqual(hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
  });

  it.each([true, false])('writes what it reads, masked: %s', (masked) => {
    for (const size of [0, 1, 125, 126, 127, 1000, 65535, 65536]) {
      const header = (size < 126 ? 2 : size < 65536 ? 4 : 10) + (masked ? 4 : 0);
      const [, bytes] = encode(0x82, header, pattern(size), masked, OUTPUT + 64);
      const { frames, leftover } = new StreamReader(codec, { expectMask: masked }).read(bytes).result;
      expect([frames.length, leftover.length]).toEqual([1, 0]);
      expect(Buffer.compare(frames[0].payload, pattern(size))).toBe(0);
    }
  });
});
