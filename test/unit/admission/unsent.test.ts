import { describe, expect, test } from 'vitest';
import { countMessages } from '../../../src/admission/unsent.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const long = (header: string, length: number): Uint8Array => Uint8Array.from([...bytes(header), ...new Uint8Array(length)]);

describe('countMessages()', () => {
  test.each([
    ['nothing', [], 0],
    ['a text', [bytes('8102 6869')], 1],
    ['three messages and a Ping', [bytes('8100 8900 8201ff 8100')], 3],
    ['a Close frame', [bytes('8802 03e9')], 0],
    ['fragments', [bytes('0101 61 0001 62 8001 63')], 1],
    ['fragments without their end', [bytes('0101 61 0001 62')], 0],
    ['the end of fragments', [bytes('8001 63 8100')], 2],
    ['a compressed message', [bytes('c101 00')], 1],
    ['masked frames', [bytes('8181 01020304 61 8180 01020304')], 2],
    ['a 16-bit length', [long('827e 0100', 256), bytes('8100')], 2],
    ['a 64-bit length', [long('827f 0000000000010000', 65_536), bytes('8100')], 2],
    ['a header apart from its payload', [bytes('827e 0100'), new Uint8Array(256), bytes('8100')], 2],
    ['a header in pieces', [bytes('82'), bytes('7e'), bytes('01'), bytes('00'), new Uint8Array(256)], 1],
    ['empty pieces', [new Uint8Array(0), bytes('8100'), new Uint8Array(0)], 1],
    // What a program lays out wrongly ends all the same.
    ['a length that is not there', [bytes('827f ffffffffffffffff 00')], 1],
    ['half a header', [bytes('82')], 1],
  ])('of %s', (_, pieces, expected) => expect(countMessages(pieces)).toBe(expected));
});
