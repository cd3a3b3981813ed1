// Inputs for the targets where no coverage-guided fuzzer runs: seeds that are mutated, joined and cut, by fast-check, which shrinks what it finds.

import fc from 'fast-check';
import { utf8 } from '../test/support/frames.ts';

/** A module of `targets/`. */
export interface Target {
  /** @throws for an input that shows a fault. */
  fuzz(data: Uint8Array): void;
  readonly seeds: readonly Uint8Array[];
  /** Texts that a mutation puts in. */
  readonly dictionary?: readonly string[];
}

/** Bytes with a meaning in frames, heads and DEFLATE streams. */
const BYTES = [
  0x00, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x0d, 0x20, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x88, 0x89, 0xc0, 0xc1, 0xed, 0xf4, 0xfe,
  0xff,
];
/** Longest input. Longer ones find little more, and take their time. */
const LONGEST = 80_000;

interface Mutation {
  readonly kind: 'flip' | 'set' | 'insert' | 'delete' | 'repeat' | 'move' | 'word' | 'length';
  /** Where, as a part of the input; squared, so that heads are hit more often. */
  readonly at: number;
  readonly value: number;
  readonly size: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('flip', 'set', 'set', 'insert', 'delete', 'repeat', 'move', 'word', 'length'),
  at: fc.nat(0xffff),
  value: fc.nat(0xffff),
  size: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 8 }) }, fc.integer({ min: 1, max: 300 })),
});

function splice(bytes: Uint8Array, start: number, end: number, insert: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - start) + insert.length);
  result.set(bytes.subarray(0, start));
  result.set(insert, start);
  result.set(bytes.subarray(end), start + insert.length);
  return result;
}

function mutate(bytes: Uint8Array, { kind, at, value, size }: Mutation, words: readonly Uint8Array[]): Uint8Array {
  const part = at / 0x10000;
  const start = Math.floor(part * part * (bytes.length + 1));
  const end = Math.min(bytes.length, start + size);
  switch (kind) {
    case 'flip':
      return splice(bytes, start, Math.min(bytes.length, start + 1), Uint8Array.of((bytes[start] ?? 0) ^ (1 << (value & 7))));
    case 'set':
      return splice(bytes, start, Math.min(bytes.length, start + 1), Uint8Array.of(BYTES[value % BYTES.length]));
    case 'insert':
      return splice(bytes, start, start, new Uint8Array(size).fill(BYTES[value % BYTES.length]));
    case 'delete':
      return splice(bytes, start, end, new Uint8Array());
    case 'repeat':
      return splice(bytes, end, end, bytes.slice(start, end));
    case 'move':
      return splice(bytes, start, start, bytes.slice(value % (bytes.length + 1), (value % (bytes.length + 1)) + size));
    case 'word':
      return words.length === 0 ? bytes : splice(bytes, start, start, words[value % words.length]);
    default:
      return splice(bytes, start, Math.min(bytes.length, start + 2), Uint8Array.of(value >> 8, value));
  }
}

/** Inputs for a target. */
export function inputsOf({ seeds, dictionary = [] }: Target): fc.Arbitrary<Uint8Array> {
  const words = dictionary.map((word) => utf8(word));
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.option(fc.tuple(fc.constantFrom(...seeds), fc.nat(0xffff)), { nil: null, freq: 4 }),
      fc.array(mutation, { maxLength: 8 }),
    )
    .map(([seed, second, mutations]) => {
      let bytes = second === null ? seed : splice(seed, second[1] % (seed.length + 1), seed.length, second[0]);
      for (const each of mutations) if (bytes.length < LONGEST) bytes = mutate(bytes, each, words);
      return bytes;
    });
  return fc.oneof({ weight: 9, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}
