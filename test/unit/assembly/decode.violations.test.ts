// Violations that decoding finds, RFC 6455 sections 5.1 to 5.5 and 8.1: which, at which byte, and what stands before them.

import { beforeAll, describe, expect, it } from 'vitest';
import {
  STATUS_CONTROL_TOO_LONG,
  STATUS_EXPECTED_CONTINUATION,
  STATUS_FRAGMENTED_CONTROL,
  STATUS_INVALID_UTF8,
  STATUS_LENGTH_FORM,
  STATUS_LENGTH_UNSAFE,
  STATUS_MASK_FORBIDDEN,
  STATUS_MASK_MISSING,
  STATUS_OK,
  STATUS_RESERVED_OPCODE,
  STATUS_RSV2_OR_RSV3,
  STATUS_UNEXPECTED_CONTINUATION,
  STATUS_UNEXPECTED_RSV1,
} from '../../../assembly/layout.ts';
import { Codec } from '../../../src/codec/codec.ts';
import { concat, frame, hex, toHex } from '../../support/frames.ts';
import { KERNELS, StreamReader } from '../../support/kernels.ts';

interface Violation {
  name: string;
  status: number;
  /** All of them, up to the byte that shows the violation. */
  bytes: string;
  masked?: true;
  rsv1?: true;
  /** A message is in progress: text, unless this says otherwise. */
  within?: 'text' | 'binary' | 'compressed';
}

const RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): Violation => ({
  name: `opcode ${opcode}`,
  status: STATUS_RESERVED_OPCODE,
  bytes: toHex(Uint8Array.of(0x80 | opcode)),
}));

const HEADERS: Violation[] = [
  ...RESERVED,
  { name: 'a reserved opcode without FIN', status: STATUS_RESERVED_OPCODE, bytes: '0b' },
  { name: 'a reserved opcode in a message', status: STATUS_RESERVED_OPCODE, bytes: '83', within: 'text' },
  { name: 'RSV2', status: STATUS_RSV2_OR_RSV3, bytes: 'a1' },
  { name: 'RSV3', status: STATUS_RSV2_OR_RSV3, bytes: '91' },
  { name: 'RSV1 and RSV3', status: STATUS_RSV2_OR_RSV3, bytes: 'd1', rsv1: true },
  { name: 'RSV2 on a pong', status: STATUS_RSV2_OR_RSV3, bytes: 'aa' },
  { name: 'RSV1 that was not negotiated', status: STATUS_UNEXPECTED_RSV1, bytes: 'c1' },
  { name: 'RSV1 on a binary frame, not negotiated', status: STATUS_UNEXPECTED_RSV1, bytes: 'c2' },
  { name: 'RSV1 on a ping', status: STATUS_UNEXPECTED_RSV1, bytes: 'c9', rsv1: true },
  { name: 'RSV1 on a continuation', status: STATUS_UNEXPECTED_RSV1, bytes: 'c0', rsv1: true, within: 'compressed' },
  { name: 'RSV1 on a reserved opcode', status: STATUS_UNEXPECTED_RSV1, bytes: 'c3', rsv1: true },
  { name: 'a continuation of nothing', status: STATUS_UNEXPECTED_CONTINUATION, bytes: '80' },
  { name: 'a continuation of nothing without FIN', status: STATUS_UNEXPECTED_CONTINUATION, bytes: '00' },
  { name: 'text in a text message', status: STATUS_EXPECTED_CONTINUATION, bytes: '81', within: 'text' },
  { name: 'binary in a binary message', status: STATUS_EXPECTED_CONTINUATION, bytes: '02', within: 'binary' },
  {
    name: 'RSV1 text in a compressed message',
    status: STATUS_EXPECTED_CONTINUATION,
    bytes: 'c1',
    rsv1: true,
    within: 'compressed',
  },
  { name: 'a close without FIN', status: STATUS_FRAGMENTED_CONTROL, bytes: '08' },
  { name: 'a ping without FIN', status: STATUS_FRAGMENTED_CONTROL, bytes: '09' },
  { name: 'a pong without FIN', status: STATUS_FRAGMENTED_CONTROL, bytes: '0a' },
  { name: 'an unmasked frame of a client', status: STATUS_MASK_MISSING, bytes: '81 00', masked: true },
  { name: 'an unmasked close of a client', status: STATUS_MASK_MISSING, bytes: '88 7e', masked: true },
  { name: 'a masked frame of a server', status: STATUS_MASK_FORBIDDEN, bytes: '81 80' },
  { name: 'a masked ping of a server', status: STATUS_MASK_FORBIDDEN, bytes: '89 fe' },
  { name: 'a ping of 126 bytes', status: STATUS_CONTROL_TOO_LONG, bytes: '89 7e' },
  { name: 'a masked pong with a 64-bit length', status: STATUS_CONTROL_TOO_LONG, bytes: '8a ff', masked: true },
  { name: '0 in 16 bits', status: STATUS_LENGTH_FORM, bytes: '82 7e 00 00' },
  { name: '125 in 16 bits', status: STATUS_LENGTH_FORM, bytes: '82 7e 00 7d' },
  { name: '125 in 16 bits, masked', status: STATUS_LENGTH_FORM, bytes: '82 fe 00 7d', masked: true },
  { name: '0 in 64 bits', status: STATUS_LENGTH_FORM, bytes: '82 7f 00 00 00 00 00 00 00 00' },
  { name: '65535 in 64 bits', status: STATUS_LENGTH_FORM, bytes: '82 7f 00 00 00 00 00 00 ff ff' },
  { name: 'a length of 2^63', status: STATUS_LENGTH_FORM, bytes: '82 7f 80 00 00 00 00 00 00 00' },
  { name: 'a length of 2^64 - 1', status: STATUS_LENGTH_FORM, bytes: '82 ff ff ff ff ff ff ff ff ff', masked: true },
  { name: 'a length of 2^53', status: STATUS_LENGTH_UNSAFE, bytes: '82 7f 00 20 00 00 00 00 00 00' },
  { name: 'a length of 2^63 - 1', status: STATUS_LENGTH_UNSAFE, bytes: '82 7f 7f ff ff ff ff ff ff ff' },
];

const TEXTS: Violation[] = [
  { name: 'a stray continuation byte', status: STATUS_INVALID_UTF8, bytes: '81 03 41 80' },
  { name: 'a bad byte early in a long frame', status: STATUS_INVALID_UTF8, bytes: '81 7e ff ff 41 ff' },
  { name: 'a bad byte in a masked frame', status: STATUS_INVALID_UTF8, bytes: '81 83 37 fa 21 3d 76 05', masked: true },
  { name: 'an overlong form', status: STATUS_INVALID_UTF8, bytes: '81 05 e0 80' },
  { name: 'a surrogate', status: STATUS_INVALID_UTF8, bytes: '81 05 ed a0' },
  { name: 'above U+10FFFF', status: STATUS_INVALID_UTF8, bytes: '81 05 f4 90' },
  { name: 'the end of a message in a code point', status: STATUS_INVALID_UTF8, bytes: '81 02 41 e2' },
  { name: 'an empty last frame in a code point', status: STATUS_INVALID_UTF8, bytes: '01 01 c3 80 00' },
  { name: 'the end of a fragmented message in a code point', status: STATUS_INVALID_UTF8, bytes: '01 01 e2 80 01 82' },
  { name: 'a code point broken by the next fragment', status: STATUS_INVALID_UTF8, bytes: '01 02 e2 82 80 02 41' },
];

const MESSAGES = { text: '01 01 41', binary: '02 01 ff', compressed: '41 01 ff' };
const KEY = hex('37 fa 21 3d');

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeAll(() => {
    codec = new Codec(create());
  });

  describe.each([...HEADERS, ...TEXTS])('fails on $name', ({ status, bytes, masked, rsv1, within }) => {
    const options = { expectMask: masked ?? false, allowRsv1: rsv1 ?? false };
    const valid = concat(
      frame({ opcode: 2, payload: 'before', ...(masked && { key: KEY }) }),
      frame({ opcode: 9, payload: 'it', ...(masked && { key: KEY }) }),
      within ? hex(MESSAGES[within]) : hex(''),
    );
    const kept = within ? 3 : 2;
    const broken = hex(bytes);

    it('at the byte that shows it', () => {
      const reader = new StreamReader(codec, options).read(valid).read(broken.subarray(0, -1));
      expect(reader.result.status).toBe(STATUS_OK);
      expect(reader.read(broken.subarray(-1)).result.status).toBe(status);
    });

    it('after what came before it, at every split point', () => {
      const whole = concat(valid, broken, hex('ff ff ff ff ff ff'));
      for (let split = 0; split <= whole.length; split++) {
        const reader = new StreamReader(codec, options, split % 64).read(whole.subarray(0, split)).read(whole.subarray(split));
        const { frames, status: found } = reader.result;
        expect([split, found]).toEqual([split, status]);
        expect(frames.slice(0, kept).map(({ payload }) => toHex(payload))).toEqual(
          ['62 65 66 6f 72 65', '69 74', within === 'text' ? '41' : 'ff'].slice(0, kept),
        );
      }
    });
  });

  it.each(HEADERS)('uses no byte of a header with $name', ({ bytes, masked, rsv1, within }) => {
    const valid = within ? hex(MESSAGES[within]) : frame({ opcode: 2, payload: 'before', ...(masked && { key: KEY }) });
    new StreamReader(codec, { expectMask: masked ?? false, allowRsv1: rsv1 ?? false }).read(concat(valid, hex(bytes)));
    expect(codec.consumed).toBe(valid.length);
  });

  it.each([
    ['a length of 126', '82 7e 00 7e'],
    ['a length of 65536', '82 7f 00 00 00 00 00 01 00 00'],
    ['a length of 2^53 - 1', '82 7f 00 1f ff ff ff ff ff ff'],
    ['a ping of 125 bytes', '89 7d'],
    ['text in a binary message', '02 00 00 01 ff 80 02 c0 c1'],
  ])('accepts %s', (_, bytes) => {
    expect(new StreamReader(codec, { expectMask: false }).read(hex(bytes)).result.status).toBe(STATUS_OK);
  });

  it('does not check text with CONFIG_SKIP_UTF8', () => {
    const reader = new StreamReader(codec, { expectMask: false, skipUtf8Validation: true }).read(hex('81 02 c0 ff  81 01 41'));
    const { status, frames } = reader.result;
    expect([status, frames.map(({ ascii }) => ascii)]).toEqual([STATUS_OK, [false, false]]);
  });

  it('does not check text with RSV1, and the text after it again', () => {
    const reader = new StreamReader(codec, { expectMask: false, allowRsv1: true });
    expect(reader.read(hex('c1 02 c0 ff  41 01 ff 80 01 c0')).result.status).toBe(STATUS_OK);
    expect(reader.read(hex('81 02 c0 ff')).result.status).toBe(STATUS_INVALID_UTF8);
  });
});
