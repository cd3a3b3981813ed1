import { describe, expect, test } from 'vitest';
import { Outbound } from '../../../src/protocol/outbound.ts';
import { Outbox } from '../../../src/protocol/outbox.ts';
import { LONGEST_SHARED, shareFrame } from '../../../src/protocol/shared-frames.ts';
import { concat, hex, pattern, toHex, utf8 } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

const platform = new ManualPlatform();

function bytesOf({ region, start, end }: ReturnType<typeof shareFrame>): Uint8Array {
  return region.bytes.subarray(start, end);
}

describe('shareFrame', () => {
  test.each([
    ['81 02 68 69', utf8('hi'), true],
    ['82 03 01 02 03', hex('01 02 03'), false],
    ['82 00', new Uint8Array(0), false],
  ])('lays out %s', (expected, payload, isText) => {
    expect(toHex(bytesOf(shareFrame(payload, isText ? 0x81 : 0x82)))).toBe(toHex(hex(expected)));
  });

  test('lays out long frames with their extended lengths', () => {
    expect(toHex(bytesOf(shareFrame(pattern(126), 0x82)).subarray(0, 4))).toBe(toHex(hex('82 7e 00 7e')));
    expect(toHex(bytesOf(shareFrame(pattern(LONGEST_SHARED), 0x81)).subarray(0, 4))).toBe(toHex(hex('81 7e 3f ff')));
  });

  test('puts frames back to back, until the memory is full', () => {
    let last = shareFrame(pattern(5000), 0x82);
    let hasMoved = false;
    for (let count = 0; count < 14; count++) {
      const next = shareFrame(pattern(5000, count), 0x82);
      if (next.region === last.region) expect(next.start).toBe(last.end);
      else hasMoved = true;
      expect(toHex(bytesOf(next).subarray(4))).toBe(toHex(pattern(5000, count)));
      last = next;
    }
    expect(hasMoved).toBe(true);
  });
});

describe('outbox with shared frames', () => {
  test('sends neighbours as one piece, and the same view as the next outbox', () => {
    const frames = ['a', 'b', 'c'].map((text) => shareFrame(utf8(text), 0x81));
    const [one, other] = [new Outbox(platform), new Outbox(platform)].map((outbox) => {
      for (const frame of frames) outbox.addShared(frame);
      return outbox.take().chunks;
    });
    expect(one.map((chunk) => toHex(chunk))).toEqual([toHex(hex('81 01 61 81 01 62 81 01 63'))]);
    expect(other[0]).toBe(one[0]);
  });

  test('keeps the order among its own frames, and writes none of them where others read', () => {
    const outbox = new Outbox(platform);
    const [first, second] = ['a', 'b'].map((text) => shareFrame(utf8(text), 0x81));
    outbox.addBytes(0x82, hex('01'), false);
    outbox.addShared(first);
    outbox.addBytes(0x82, hex('02'), false);
    outbox.addShared(second);
    outbox.addBytes(0x82, hex('03'), true);
    const { chunks } = outbox.take();
    const bytes = concat(...chunks);
    expect(toHex(bytes.subarray(0, 12))).toBe(toHex(hex('82 01 01 81 01 61 82 01 02 81 01 62')));
    expect(toHex(bytes.subarray(12, 14))).toBe(toHex(hex('82 81')));
    expect(toHex(bytesOf(first))).toBe(toHex(hex('81 01 61')));
    expect(toHex(bytesOf(second))).toBe(toHex(hex('81 01 62')));
  });

  test('leaves out what it does not send itself', () => {
    const frames = ['a', 'b', 'c'].map((text) => shareFrame(utf8(text), 0x81));
    const outbox = new Outbox(platform);
    outbox.addShared(frames[0]);
    outbox.addShared(frames[2]);
    expect(toHex(concat(...outbox.take().chunks))).toBe(toHex(hex('81 01 61 81 01 63')));
    expect(outbox.isEmpty).toBe(true);
  });
});

describe('outbound with a shared frame', () => {
  const sent = (masks: boolean, prepare: (outbound: Outbound) => void): Uint8Array[] => {
    const outbound = new Outbound(platform, masks, null, { onOutput() {}, onOutputFailure() {} });
    prepare(outbound);
    outbound.outbox.take();
    const payload = utf8('hi');
    outbound.sendBytes(payload, true, { shared: { frame: shareFrame(payload, 0x81) } }, undefined);
    return [...outbound.outbox.take().chunks];
  };
  const isShared = (chunk: Uint8Array): boolean => chunk.buffer === shareFrame(utf8(''), 0x81).region.memory;

  test('sends it as it is, as a server', () => {
    const [chunk] = sent(false, () => {});
    expect(toHex(chunk)).toBe(toHex(hex('81 02 68 69')));
    expect(isShared(chunk)).toBe(true);
  });

  test.each<[string, boolean, string, (outbound: Outbound) => void]>([
    ['as a client', true, '81 82', () => {}],
    ['while the transport takes nothing', false, '81 02', (outbound) => (outbound.outbox.isCongested = true)],
    ['to end a message in fragments', false, '80 02', (outbound) => outbound.sendText('begun', { fin: false }, undefined)],
  ])('makes a frame of its own %s', (_, masks, header, prepare) => {
    const [chunk] = sent(masks, prepare);
    expect(toHex(chunk.subarray(0, 2))).toBe(toHex(hex(header)));
    expect(isShared(chunk)).toBe(false);
  });
});
