// UTF-8 validation, RFC 3629 and RFC 6455 section 8.1, by every kernel, against a slow reference.

import { beforeAll, describe, expect, it } from 'vitest';
import { INPUT, RECORD_ASCII, RECORD_FLAGS, SCRATCH } from '../../../assembly/layout.ts';
import { Codec, DecoderState, UTF8_ACCEPT, UTF8_REJECT } from '../../../src/codec/codec.ts';
import { concat, frame, hex, toHex, utf8 } from '../../support/frames.ts';
import { KERNELS } from '../../support/kernels.ts';

type Verdict = 'complete' | 'incomplete' | 'bad';

/** The code points that a sequence of that many bytes may stand for: the shortest form, no surrogates, at most U+10FFFF. */
const RANGES: [low: number, high: number][][] = [
  [[0, 0x7f]],
  [[0x80, 0x7ff]],
  [
    [0x800, 0xd7ff],
    [0xe000, 0xffff],
  ],
  [[0x10000, 0x10ffff]],
];

/** Whether there is a code point whose encoding starts with `bytes`, and whether they are all of it. */
function verdictOfSequence(bytes: number[]): Verdict {
  const [lead, ...rest] = bytes;
  const size = lead >> 7 === 0 ? 1 : lead >> 5 === 0b110 ? 2 : lead >> 4 === 0b1110 ? 3 : lead >> 3 === 0b11110 ? 4 : 0;
  if (size === 0 || rest.some((byte) => byte >> 6 !== 0b10)) return 'bad';
  const known = rest.reduce((bits, byte) => bits * 64 + (byte & 0x3f), size === 1 ? lead : lead & (0x7f >> size));
  const missing = size - bytes.length;
  const lowest = known * 64 ** missing;
  const highest = (known + 1) * 64 ** missing - 1;
  if (!RANGES[size - 1].some(([low, high]) => lowest <= high && highest >= low)) return 'bad';
  return missing === 0 ? 'complete' : 'incomplete';
}

/** The verdict on every prefix of `bytes`, the empty one first. */
function verdicts(bytes: Uint8Array): Verdict[] {
  const result: Verdict[] = ['complete'];
  let sequence: number[] = [];
  for (const byte of bytes) {
    const before = result[result.length - 1];
    sequence = before === 'complete' ? [byte] : [...sequence, byte];
    result.push(before === 'bad' ? 'bad' : verdictOfSequence(sequence));
  }
  return result;
}

function verdictOfState(state: number): Verdict {
  return state === UTF8_ACCEPT ? 'complete' : state === UTF8_REJECT ? 'bad' : 'incomplete';
}

const BOUNDARIES = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x3ffff];
const BOUNDARY_CODE_POINTS = [...BOUNDARIES, 0x40000, 0xfffff, 0x100000, 0x10ffff];

/** Bad sequences, and which of their bytes is the first bad one. */
const BAD: [name: string, bytes: string, at: number][] = [
  ['a continuation byte alone', '80', 0],
  ['the last continuation byte alone', 'bf', 0],
  ['an overlong U+0000', 'c0 80', 0],
  ['an overlong U+007F', 'c1 bf', 0],
  ['an overlong U+07FF', 'e0 9f bf', 1],
  ['an overlong U+FFFF', 'f0 8f bf bf', 1],
  ['the first surrogate', 'ed a0 80', 1],
  ['the last surrogate', 'ed bf bf', 1],
  ['U+110000', 'f4 90 80 80', 1],
  ['a lead byte of 0xF5', 'f5 80 80 80', 0],
  ['five bytes', 'f8 88 80 80 80', 0],
  ['0xFE', 'fe', 0],
  ['0xFF', 'ff', 0],
  ['two bytes cut by ASCII', 'c3 41', 1],
  ['three bytes cut at the second', 'e2 28 a1', 1],
  ['three bytes cut at the third', 'e2 82 28', 2],
  ['four bytes cut at the second', 'f0 28 8c bc', 1],
  ['four bytes cut at the third', 'f0 9f 28 bc', 2],
  ['four bytes cut at the fourth', 'f0 9f 98 28', 3],
  ['two bytes cut by a lead byte', 'c3 c3 a9', 1],
  ['three bytes cut by a lead byte', 'e2 82 f0 9f 98 80', 2],
  ['a continuation byte too many', 'c3 a9 a9', 2],
  ['a fifth byte', 'f0 9f 98 80 80', 4],
];

/** Bytes at which the grammar's ranges begin or end. */
const EDGES = Array.from(hex('00 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff'));

const FILLERS: [name: string, character: string][] = [
  ['ASCII', 'a'],
  ['two-byte characters', '\u00e9'],
  ['three-byte characters', '\u20ac'],
  ['four-byte characters', '\u{1f600}'],
  ['mixed text', 'abc\u00e9de\u20ac\u{1f600}f'],
];

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeAll(() => {
    codec = new Codec(create());
    codec.memory.fill(0xff, SCRATCH, SCRATCH + 4096);
  });

  /** The verdict on `bytes`, with bytes around them that are never valid. */
  function validate(bytes: Uint8Array, state: number = UTF8_ACCEPT, alignment: number = 0): number {
    const address = SCRATCH + 64 + alignment;
    codec.memory.set(bytes, address);
    const result = codec.kernel.validate(address, bytes.length, state);
    codec.memory.fill(0xff, address, address + bytes.length);
    return result;
  }

  /** Checks every prefix of `bytes` by itself, and the whole after a split at every point. */
  function expectVerdicts(bytes: Uint8Array): void {
    const wanted = verdicts(bytes);
    const prefixes = wanted.map((_, length) => verdictOfState(validate(bytes.subarray(0, length), UTF8_ACCEPT, length % 64)));
    expect({ bytes: toHex(bytes), prefixes }).toEqual({ bytes: toHex(bytes), prefixes: wanted });
    const splits = wanted.map((_, at) =>
      verdictOfState(validate(bytes.subarray(at), validate(bytes.subarray(0, at)), at % 32)),
    );
    expect({ bytes: toHex(bytes), splits: new Set(splits) }).toEqual({
      bytes: toHex(bytes),
      splits: new Set([wanted[bytes.length]]),
    });
  }

  it('accepts every code point', () => {
    const all: number[] = [];
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) if (codePoint >> 11 !== 0x1b) all.push(codePoint);
    for (let at = 0; at < all.length; at += 5000) {
      const text = utf8(String.fromCodePoint(...all.slice(at, at + 5000)));
      expect([at, codec.isUtf8(text)]).toEqual([at, true]);
    }
  });

  it('knows what boundary code points start with', () => {
    for (const codePoint of BOUNDARY_CODE_POINTS) {
      const bytes = utf8(String.fromCodePoint(codePoint));
      expectVerdicts(bytes);
      expectVerdicts(concat(utf8('0123456789abcde'), bytes, utf8('0123456789abcde0123456789abcdef'), bytes));
    }
  });

  describe.each(BAD)('rejects %s', (_, digits, at) => {
    const bytes = hex(digits);

    it('at its first bad byte', () => {
      expect(verdictOfState(validate(bytes.subarray(0, at)))).not.toBe('bad');
      expect(validate(bytes.subarray(0, at + 1))).toBe(UTF8_REJECT);
      expectVerdicts(bytes);
    });

    it.each(FILLERS)('anywhere in %s', (_name, character) => {
      const filler = utf8(character.repeat(80));
      const before = verdicts(filler);
      for (let length = 0; length <= 80; length++) {
        if (before[length] !== 'complete') continue;
        const text = concat(filler.subarray(0, length), bytes, filler.subarray(0, 48));
        expect([length, validate(text)]).toEqual([length, UTF8_REJECT]);
        const shown = length + at + 1;
        expect([length, validate(text.subarray(0, shown))]).toEqual([length, UTF8_REJECT]);
        expect([length, verdictOfState(validate(text.subarray(0, shown - 1)))]).not.toEqual([length, 'bad']);
      }
    });
  });

  it('rejects whatever follows a bad byte', () => {
    for (const rest of ['', '41', '80', 'ff', '41 41 41 41 41 41 41 41'])
      expect(validate(hex(rest), UTF8_REJECT)).toBe(UTF8_REJECT);
  });

  it('agrees with the reference on all pairs of bytes', () => {
    const wrong: string[] = [];
    for (let pair = 0; pair < 0x10000; pair++) {
      const bytes = Uint8Array.of(pair >> 8, pair & 0xff);
      const wanted = verdicts(bytes)[2];
      if (verdictOfState(validate(bytes)) !== wanted) wrong.push(toHex(bytes));
    }
    expect(wrong).toEqual([]);
  });

  it('agrees with the reference on sequences of edge bytes, over the edges of blocks', () => {
    const filler = utf8('\u00e9'.repeat(40));
    const text = filler.slice();
    const wrong: string[] = [];
    let turn = 0;
    for (const a of EDGES.filter((byte) => byte >= 0x7f)) {
      for (const b of EDGES) {
        for (const c of EDGES) {
          const at = 12 + 2 * (turn++ % 11);
          text.set(filler);
          text.set([0x61, a, b, c], at);
          // What follows starts with a whole character, so the verdict is that on the three, and whether they end there.
          const last = verdicts(Uint8Array.of(a, b, c))[3];
          const wanted = last === 'complete' ? 'complete' : 'bad';
          if (verdictOfState(validate(text)) !== wanted) wrong.push(`${at}: ${toHex(text)}`);
          const prefix = text.subarray(0, at + 4);
          if (verdictOfState(validate(prefix)) !== last) wrong.push(`${at}: ${toHex(prefix)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('agrees with the reference on four edge bytes', () => {
    const bytes = new Uint8Array(4);
    const wrong: string[] = [];
    const leads = EDGES.filter((byte) => byte >= 0xdf);
    for (const a of leads) {
      for (const b of EDGES) {
        if (verdictOfSequence([a, b]) === 'bad') continue;
        for (const c of EDGES) {
          for (const d of EDGES) {
            bytes.set([a, b, c, d]);
            const wanted = verdicts(bytes)[4];
            if (verdictOfState(validate(bytes)) !== wanted) wrong.push(toHex(bytes));
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(FILLERS)('finds a bad byte at every position in %s', (_, character) => {
    for (const size of [16, 32, 64, 80]) {
      const good = utf8(character.repeat(size)).subarray(0, size);
      const wanted = verdicts(good)[size];
      expect(verdictOfState(validate(good))).toBe(wanted);
      for (const bad of [0xff, 0xc0, 0xf8]) {
        for (let at = 0; at < size; at++) {
          const text = good.slice();
          text[at] = bad;
          const found = [validate(text), validate(text.subarray(0, at + 1)), validate(text.subarray(0, at))].map(
            verdictOfState,
          );
          expect([size, at, ...found]).toEqual([size, at, 'bad', 'bad', verdicts(good)[at]]);
        }
      }
    }
  });

  it.each(FILLERS)('takes every length of %s at many alignments', (_, character) => {
    const text = utf8(character.repeat(201));
    const wanted = verdicts(text.subarray(0, 200));
    const wrong: unknown[] = [];
    for (let length = 0; length <= 200; length++) {
      for (const alignment of [0, 1, 2, 3, 8, 15, 31, length % 64]) {
        const found = verdictOfState(validate(text.subarray(0, length), UTF8_ACCEPT, alignment));
        if (found !== wanted[length]) wrong.push({ length, alignment, found });
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(FILLERS)('goes on at every split of %s', (_, character) =>
    expectVerdicts(utf8(character.repeat(80)).subarray(0, 127)),
  );

  describe('gives RECORD_ASCII', () => {
    /** Flags of the only record that `bytes` give to a connection in the middle of a text message. */
    function isAscii(payload: Uint8Array, state: number = UTF8_ACCEPT, alignment: number = 0): boolean {
      const connection = new DecoderState({ expectMask: false });
      connection.message = 1;
      connection.utf8 = state;
      const bytes = frame({ opcode: 0, fin: false, payload });
      codec.memory.set(bytes, INPUT + alignment);
      expect([codec.decode(connection, INPUT + alignment, bytes.length), codec.status]).toEqual([1, 0]);
      return (codec.records[RECORD_FLAGS] & RECORD_ASCII) !== 0;
    }

    it('to ASCII of every length', () => {
      for (let length = 0; length <= 200; length++) {
        expect([length, isAscii(new Uint8Array(length).fill(0x7f), UTF8_ACCEPT, length % 64)]).toEqual([length, true]);
      }
    });

    it('never to text with one other character, wherever it is', () => {
      for (const length of [2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 80, 130]) {
        for (let at = 0; at < length - 1; at++) {
          const text = new Uint8Array(length).fill(0x41);
          text.set([0xc3, 0xa9], at);
          expect([length, at, isAscii(text, UTF8_ACCEPT, at % 64)]).toEqual([length, at, false]);
        }
        const cut = new Uint8Array(length).fill(0x41);
        cut[length - 1] = 0xc3;
        expect([length, isAscii(cut)]).toEqual([length, false]);
      }
    });

    it('never to a record that begins in a code point', () => {
      const state = validate(hex('e2 82'));
      for (const payload of ['', 'ac', 'ac 41', 'ac 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41']) {
        expect(isAscii(hex(payload), state)).toBe(false);
      }
    });
  });
});
