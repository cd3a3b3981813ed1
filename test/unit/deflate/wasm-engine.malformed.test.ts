// Streams that break RFC 1951, one for each way to do so, on every kernel: whole, in two pieces at every byte, and byte by byte.
// zlib's verdict on the same bytes stands beside ours.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { InflateError, type Inflator } from '../../../src/deflate/engine.ts';
import { loadDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { loadDeflateOracle } from '../../support/deflate-oracle.ts';
import { finish, noise, records } from './zlib-oracle.ts';

const kernels = [
  ['simd', loadDeflateKernel(true)],
  ['scalar', loadDeflateKernel(false)],
  ['oracle', await loadDeflateOracle()],
] as const;
const TAIL = [0x00, 0x00, 0xff, 0xff];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Writes fields from their lowest bit on, and Huffman codes from their highest. */
class Bits {
  readonly #bits: number[] = [];

  field(value: number, length: number): this {
    for (let bit = 0; bit < length; bit++) this.#bits.push((value >> bit) & 1);
    return this;
  }

  code(bits: string): this {
    for (const bit of bits) this.#bits.push(Number(bit));
    return this;
  }

  /** The bytes, with zeros up to the last one's end. */
  get bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, index) => (bytes[index >> 3] |= bit << (index & 7)));
    return bytes;
  }
}

const fixedBlock = (): Bits => new Bits().field(0, 1).field(1, 2);

/** The header of a dynamic block up to the code-length code, whose lengths are given by symbol. */
function dynamicBlock(literals: number, distances: number, codes: Readonly<Record<number, number>>): Bits {
  const bits = new Bits().field(0, 1).field(2, 2);
  bits
    .field(literals - 257, 5)
    .field(distances - 1, 5)
    .field(15, 4);
  for (const symbol of CODE_ORDER) bits.field(codes[symbol] ?? 0, 3);
  return bits;
}

/** A dynamic block with these code lengths, each of which takes four bits: its value. */
function block(literals: Readonly<Record<number, number>>, distances: readonly number[], count: number = 257): Bits {
  const codes = Object.fromEntries(Array.from({ length: 16 }, (_, symbol) => [symbol, 4]));
  const bits = dynamicBlock(count, distances.length, codes);
  const lengths = [...Array.from({ length: count }, (_, symbol) => literals[symbol] ?? 0), ...distances];
  for (const length of lengths) bits.code(length.toString(2).padStart(4, '0'));
  return bits;
}

/** Codes 0 for 'a', 10 for the end of the block, 11 for a match of three bytes. */
const THREE = { 97: 1, 256: 2, 257: 2 };

const MALFORMED: readonly (readonly [what: string, message: string, bytes: Uint8Array])[] = [
  ['a block of type 3', 'invalid block type', new Bits().field(0, 1).field(3, 2).bytes],
  ['a last block of type 3', 'invalid block type', new Bits().field(1, 1).field(3, 2).bytes],
  ['a stored block whose lengths differ', 'invalid stored block lengths', new Uint8Array([0x00, 0x05, 0x00, 0x05, 0x00])],
  [
    'a stored block whose lengths differ in a bit',
    'invalid stored block lengths',
    new Uint8Array([0x01, 0x01, 0x80, 0xfe, 0xff]),
  ],
  ['287 literal/length symbols', 'too many length or distance symbols', dynamicBlock(287, 1, { 0: 1, 1: 1 }).bytes],
  ['288 literal/length symbols', 'too many length or distance symbols', dynamicBlock(288, 1, { 0: 1, 1: 1 }).bytes],
  ['31 distance symbols', 'too many length or distance symbols', dynamicBlock(257, 31, { 0: 1, 1: 1 }).bytes],
  ['32 distance symbols', 'too many length or distance symbols', dynamicBlock(257, 32, { 0: 1, 1: 1 }).bytes],
  ['an oversubscribed code-length code', 'invalid code lengths set', dynamicBlock(257, 1, { 0: 1, 1: 1, 2: 1 }).bytes],
  [
    'an oversubscribed code-length code of long codes',
    'invalid code lengths set',
    dynamicBlock(257, 1, { 0: 1, 1: 2, 2: 2, 18: 7 }).bytes,
  ],
  ['an incomplete code-length code', 'invalid code lengths set', dynamicBlock(257, 1, { 0: 1, 1: 2 }).bytes],
  ['a code-length code of one symbol', 'invalid code lengths set', dynamicBlock(257, 1, { 0: 1 }).bytes],
  ['a code-length code of no symbol', 'invalid code -- missing end-of-block', dynamicBlock(257, 1, {}).field(0, 300).bytes],
  [
    'a repeat before any length',
    'invalid bit length repeat',
    dynamicBlock(257, 1, { 16: 1, 1: 1 }).code('1').field(0, 2).bytes,
  ],
  [
    'a repeat behind the last length',
    'invalid bit length repeat',
    dynamicBlock(257, 1, { 1: 1, 16: 1 }).code('0').code('111'.repeat(42)).code('1').field(3, 2).code('1').field(3, 2).bytes,
  ],
  [
    'zeros behind the last length',
    'invalid bit length repeat',
    dynamicBlock(257, 1, { 1: 1, 18: 1 }).code('1').field(127, 7).code('1').field(127, 7).bytes,
  ],
  ['no code for the end of the block', 'invalid code -- missing end-of-block', block({ 97: 1, 98: 1 }, [0]).bytes],
  ['an oversubscribed literal code', 'invalid literal/lengths set', block({ 97: 1, 98: 1, 256: 1 }, [0]).bytes],
  ['an oversubscribed literal code of 15 bits', 'invalid literal/lengths set', block({ 97: 1, 98: 1, 256: 15 }, [0]).bytes],
  ['an incomplete literal code', 'invalid literal/lengths set', block({ 97: 1, 256: 2 }, [0]).bytes],
  ['an incomplete literal code of 15 bits', 'invalid literal/lengths set', block({ 256: 15 }, [0]).bytes],
  ['an oversubscribed distance code', 'invalid distances set', block({ 97: 1, 256: 1 }, [1, 1, 1]).bytes],
  ['an incomplete distance code', 'invalid distances set', block({ 97: 1, 256: 1 }, [1, 2]).bytes],
  ['an incomplete distance code of 15 bits', 'invalid distances set', block({ 97: 1, 256: 1 }, [15]).bytes],
  [
    'the other bit of a literal code of one symbol',
    'invalid literal/length code',
    block({ 256: 1 }, [0]).code('1').field(0, 16).bytes,
  ],
  ['length symbol 286', 'invalid literal/length code', fixedBlock().code('11000110').field(0, 16).bytes],
  ['length symbol 287', 'invalid literal/length code', fixedBlock().code('11000111').field(0, 16).bytes],
  [
    'distance symbol 30',
    'invalid distance code',
    fixedBlock().code('00110000').code('0000001').code('11110').field(0, 32).bytes,
  ],
  [
    'distance symbol 31',
    'invalid distance code',
    fixedBlock().code('00110000').code('0000001').code('11111').field(0, 32).bytes,
  ],
  [
    'a match without distance codes',
    'invalid distance code',
    block(THREE, [0], 258).code('0').code('11').code('0').field(0, 32).bytes,
  ],
  [
    'the other bit of a distance code of one symbol',
    'invalid distance code',
    block(THREE, [1], 258).code('0').code('11').code('1').field(0, 32).bytes,
  ],
  [
    'a distance before the first byte',
    'invalid distance too far back',
    fixedBlock().code('0000001').code('00000').field(0, 16).bytes,
  ],
  [
    'a distance one byte before the first',
    'invalid distance too far back',
    fixedBlock().code('00110000').code('0000001').code('00001').field(0, 32).bytes,
  ],
  [
    'the longest distance of all',
    'invalid distance too far back',
    fixedBlock().code('00110000').code('0000001').code('11101').field(8191, 13).field(0, 32).bytes,
  ],
];

/** @returns What comes out, or the message of the error. */
function outcomeOf(inflate: () => Uint8Array): Uint8Array | string {
  try {
    return inflate();
  } catch (error) {
    if (!(error instanceof InflateError) && (error as { code?: string }).code !== 'Z_DATA_ERROR') throw error;
    return (error as Error).message;
  }
}

const byZlib = (bytes: Uint8Array): Uint8Array | string =>
  outcomeOf(() => zlib.inflateRawSync(Buffer.from([...bytes, ...TAIL]), { finishFlush: zlib.constants.Z_SYNC_FLUSH }));

/** Inflates a message in the pieces between these offsets. */
function inPieces(inflator: Inflator, bytes: Uint8Array, cuts: readonly number[], limit: number = 0): Uint8Array | string {
  return outcomeOf(() => {
    const parts: Uint8Array[] = [];
    [...cuts, bytes.length].reduce((from, to) => {
      parts.push(finish(inflator.inflate(bytes.subarray(from, to), limit, to === bytes.length)));
      return to;
    }, 0);
    return new Uint8Array(Buffer.concat(parts));
  });
}

const WAYS = (length: number): readonly (readonly number[])[] => [
  [],
  ...Array.from({ length: length - 1 }, (_, index) => [index + 1]),
  Array.from({ length: length - 1 }, (_, index) => index + 1),
];

describe.each(kernels)('the %s kernel', (_name, kernel) => {
  const engine = createWasmEngine(() => kernel);
  const make = (windowBits: number = 15): Inflator => engine.createInflator({ windowBits, noContextTakeover: false });

  it.each(MALFORMED)('refuses %s: %s, as zlib does', (_what, message, bytes) => {
    expect(byZlib(bytes)).toBe(message);
    for (const cuts of WAYS(bytes.length)) {
      const inflator = make();
      expect(inPieces(inflator, bytes, cuts)).toBe(message);
      inflator.close();
    }
    // What it has refused leaves nothing behind.
    expectBytes(finish(make().inflate(zlib.deflateRawSync(records(3000)), 3000)), records(3000));
  });

  it('refuses a distance beyond the window that was agreed on, by a byte', () => {
    for (const windowBits of [8, 9, 12, 14]) {
      const window = 2 ** windowBits;
      const stored = zlib.deflateRawSync(noise(window + 100), { level: 0, finishFlush: zlib.constants.Z_SYNC_FLUSH });
      const match = (distance: number): Uint8Array => {
        const symbol = 2 * (windowBits - 1) + (distance > window ? 2 : 1);
        const [extra, value] =
          distance > window ? [windowBits - 1, distance - window - 1] : [windowBits - 2, 2 ** (windowBits - 2) - 1];
        return fixedBlock().code('0000001').code(symbol.toString(2).padStart(5, '0')).field(value, extra).code('0000000').bytes;
      };
      const inflator = make(windowBits);
      finish(inflator.inflate(stored.subarray(0, -4), 0));
      expectBytes(finish(inflator.inflate(match(window), 0)), noise(window + 100).subarray(100, 103));
      const other = make(windowBits);
      finish(other.inflate(stored.subarray(0, -4), 0));
      expect(inPieces(other, match(window + 1), [])).toBe('invalid distance too far back');
    }
  });

  it.each([
    [
      'fixed',
      zlib.deflateRawSync(records(100), { strategy: zlib.constants.Z_FIXED, finishFlush: zlib.constants.Z_SYNC_FLUSH }),
    ],
    ['dynamic', zlib.deflateRawSync(records(900), { finishFlush: zlib.constants.Z_SYNC_FLUSH })],
    ['stored', zlib.deflateRawSync(noise(70), { level: 0, finishFlush: zlib.constants.Z_SYNC_FLUSH })],
  ])('tells a %s block that is cut anywhere as zlib does, or that it has no end', (_type, packed) => {
    let ends = 0;
    for (let length = 1; length < packed.length - 4; length++) {
      const bytes = packed.subarray(0, length);
      const expected = byZlib(bytes);
      for (const cuts of [[], [length >> 1]].filter(([at]) => at !== 0)) {
        const own = inPieces(make(), bytes, cuts);
        if (own === 'unexpected end of file') ends++;
        else if (typeof own === 'string') expect(own).toBe(expected);
        else expectBytes(own, expected as Uint8Array);
      }
    }
    expect(ends).toBeGreaterThan(packed.length / 4);
  });

  it('holds a message to its limit by a byte, cut anywhere', () => {
    const message = records(700);
    const packed = zlib.deflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
    for (const cuts of WAYS(packed.length).slice(0, -1)) {
      // The limit is one job's, so it is that of the last piece here.
      const inflator = make();
      const [cut = 0] = cuts;
      const before = finish(inflator.inflate(packed.subarray(0, cut), 0, false)).length;
      const rest = 700 - before;
      if (rest > 1) expect(inPieces(inflator, packed.subarray(cut), [], rest - 1)).toBe('Max payload size exceeded');
      const exact = make();
      finish(exact.inflate(packed.subarray(0, cut), 0, false));
      expect(inPieces(exact, packed.subarray(cut), [], rest)).toHaveLength(rest);
    }
  });
});
