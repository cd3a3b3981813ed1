import { describe, expect, test } from 'vitest';
import { makeFrame, type FrameOptions } from '../../../../src/nodejs/lowlevel/frame.ts';
import { concat, hex, pattern, toHex } from '../../../support/frames.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';

lendNodePlatform();

const generateMask = (mask: Buffer): void => mask.set(hex('37fa213d'));

function bytesOf(data: Buffer | string, options: FrameOptions): string {
  return toHex(concat(...makeFrame(data, options)));
}

describe('makeFrame()', () => {
  test('a server makes the examples of RFC 6455 section 5.7', () => {
    expect(bytesOf('Hello', { fin: true, opcode: 1 })).toBe('81 05 48 65 6c 6c 6f');
    expect(bytesOf('Hel', { opcode: 1 })).toBe('01 03 48 65 6c');
    expect(bytesOf('lo', { fin: true, opcode: 0 })).toBe('80 02 6c 6f');
    expect(bytesOf(Buffer.alloc(256), { fin: true, opcode: 2 }).slice(0, 11)).toBe('82 7e 01 00');
    expect(bytesOf(Buffer.alloc(65536), { fin: true, opcode: 2 }).slice(0, 29)).toBe('82 7f 00 00 00 00 00 01 00 00');
  });

  test('a client makes the examples of RFC 6455 section 5.7', () => {
    const options = { fin: true, mask: true, generateMask };
    expect(bytesOf('Hello', { ...options, opcode: 1 })).toBe('81 85 37 fa 21 3d 7f 9f 4d 51 58');
    expect(bytesOf(Buffer.from('Hello'), { ...options, opcode: 10 })).toBe('8a 85 37 fa 21 3d 7f 9f 4d 51 58');
  });

  test('sets RSV1 for a compressed payload', () => {
    expect(bytesOf(Buffer.from(hex('f248cdc9c90700')), { fin: true, opcode: 1, rsv1: true })).toBe(
      'c1 07 f2 48 cd c9 c9 07 00',
    );
  });

  test('masks in place what may be changed, and copies what may not', () => {
    const own = Buffer.from('Hello');
    expect(makeFrame(own, { mask: true, generateMask })[1]).toBe(own);
    expect(toHex(own)).toBe('7f 9f 4d 51 58');
    const borrowed = Buffer.from('Hello');
    expect(makeFrame(borrowed, { mask: true, generateMask, readOnly: true })).toHaveLength(1);
    expect(borrowed.toString()).toBe('Hello');
  });

  test('passes on what needs no mask, and leaves out what is empty', () => {
    const payload = Buffer.from('Hello');
    expect(makeFrame(payload, {})[1]).toBe(payload);
    expect(makeFrame('', { mask: true, generateMask }).map(toHex)).toEqual(['00 80 37 fa 21 3d']);
  });

  test('masks a payload longer than the scratch memory of the codec', () => {
    const payload = pattern(200_001);
    const [whole] = makeFrame(Buffer.from(payload), { mask: true, generateMask, readOnly: true });
    const key = hex('37fa213d');
    expect(Buffer.from(payload.map((byte, index) => byte ^ key[index % 4])).equals(whole.subarray(14))).toBe(true);
  });

  test('what it makes is in no pool', () => {
    const [head] = makeFrame(Buffer.from('Hello'), {});
    expect(head.buffer.byteLength).toBe(14);
    const [whole] = makeFrame(Buffer.from('Hello'), { mask: true, generateMask, readOnly: true });
    expect(whole.buffer.byteLength).toBe(whole.length);
    expect(makeFrame('Hello', { mask: true, generateMask })[1].buffer.byteLength).toBe(5);
  });

  test('gives the key to the buffer that is named', () => {
    const maskBuffer = Buffer.alloc(4);
    makeFrame('x', { mask: true, generateMask, maskBuffer });
    expect(toHex(maskBuffer)).toBe('37 fa 21 3d');
  });
});
