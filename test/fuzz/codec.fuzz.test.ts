// Streams that nobody thought of: the three kernels must read the same out of them, however they are cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SCRATCH, STATUS_OK } from '../../assembly/layout.ts';
import { concat, frame, pattern, toHex } from '../support/frames.ts';
import { createCodecs, StreamReader, type Reading } from '../support/kernels.ts';

const codecs = createCodecs();
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const DEADLINE = 60_000 + RUNS * 20;

const config = fc.record({ expectMask: fc.boolean(), allowRsv1: fc.boolean(), skipUtf8Validation: fc.boolean() });
type Config = typeof config extends fc.Arbitrary<infer Value> ? Value : never;

/** Lengths of the chunks; what is left is the last chunk. */
const cuts = fc.oneof(
  fc.array(fc.nat(20), { maxLength: 60 }),
  fc.array(fc.nat(400), { maxLength: 10 }),
  fc.constant(new Array<number>(5000).fill(1)),
);

const piece = fc.oneof(
  fc.uint8Array({ maxLength: 140 }),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => new TextEncoder().encode(text)),
  fc.string({ unit: 'binary-ascii', maxLength: 140 }).map((text) => new TextEncoder().encode(text)),
);

/** A valid message: fragments of any size, control frames between them. */
interface Message {
  opcode: 1 | 2;
  rsv1: boolean;
  text: string;
  bytes: Uint8Array;
  fragments: number[];
  controls: { opcode: number; payload: Uint8Array }[];
  keys: Uint8Array[];
}

const message: fc.Arbitrary<Message> = fc.record({
  opcode: fc.constantFrom(1 as const, 2 as const),
  rsv1: fc.boolean(),
  text: fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'binary-ascii', maxLength: 300 })),
  bytes: fc.oneof(
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 65530, max: 65540 }).map((length) => pattern(length)) },
  ),
  fragments: fc.array(fc.nat(100), { maxLength: 6 }),
  controls: fc.array(fc.record({ opcode: fc.constantFrom(8, 9, 10), payload: fc.uint8Array({ maxLength: 125 }) }), {
    maxLength: 3,
  }),
  keys: fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
});

interface Wanted {
  opcode: number;
  fin: boolean;
  rsv1: boolean;
  payload: Uint8Array;
}

/** The frames of `message`, for a peer that obeys `rules`. */
function framesOf(one: Message, rules: Config): { wanted: Wanted[]; bytes: Uint8Array[] } {
  const rsv1 = one.rsv1 && rules.allowRsv1;
  const payload = one.opcode === 1 && !rsv1 ? new TextEncoder().encode(one.text) : one.bytes;
  const wanted: Wanted[] = [];
  let at = 0;
  one.fragments.forEach((length, index) => {
    const end = Math.min(payload.length, at + length);
    wanted.push({
      opcode: index === 0 ? one.opcode : 0,
      fin: false,
      rsv1: rsv1 && index === 0,
      payload: payload.slice(at, end),
    });
    at = end;
    const control = one.controls[index];
    if (control) wanted.push({ ...control, fin: true, rsv1: false });
  });
  const isFirst = one.fragments.length === 0;
  wanted.push({ opcode: isFirst ? one.opcode : 0, fin: true, rsv1: rsv1 && isFirst, payload: payload.slice(at) });
  const bytes = wanted.map((each, index) =>
    frame({ ...each, ...(rules.expectMask && { key: one.keys[index % one.keys.length] }) }),
  );
  return { wanted, bytes };
}

function chunksOf(stream: Uint8Array, lengths: number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    if (at >= stream.length) break;
    chunks.push(stream.subarray(at, at + length));
    at += length;
  }
  chunks.push(stream.subarray(at));
  return chunks;
}

/** Reads `stream` by every kernel, whole and cut, and fails unless all read the same. */
function expectSameReading(stream: Uint8Array, rules: Config, lengths: number[], alignment: number): Reading {
  const whole = new StreamReader(codecs[2], rules).read(stream).result;
  for (const codec of codecs) {
    for (const chunks of [[stream], chunksOf(stream, lengths)]) {
      const reader = new StreamReader(codec, rules, alignment);
      for (const chunk of chunks) reader.read(chunk);
      const { result } = reader;
      if (!isSame(result, whole)) {
        expect({ kernel: codec.kernel.name, chunks: chunks.length, ...printable(result) }).toEqual(printable(whole));
      }
    }
  }
  return whole;
}

function isSame(one: Reading, other: Reading): boolean {
  const withoutBytes = ({ frames, unfinished, leftover, ...rest }: Reading): string =>
    JSON.stringify([
      rest,
      [...frames, ...(unfinished ? [unfinished] : [])].map(({ payload, ...flags }) => [flags, payload.length]),
    ]) + toHex(leftover);
  if (withoutBytes(one) !== withoutBytes(other)) return false;
  if (!one.frames.every(({ payload }, index) => Buffer.compare(payload, other.frames[index].payload) === 0)) return false;
  return !one.unfinished || Buffer.compare(one.unfinished.payload, other.unfinished!.payload) === 0;
}

function printable(reading: Reading): object {
  const { frames, unfinished, leftover, ...rest } = reading;
  const print = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  return {
    ...rest,
    frames: frames.map(({ payload, ...flags }) => ({ ...flags, payload: print(payload) })),
    unfinished: unfinished && { ...unfinished, payload: print(unfinished.payload) },
    leftover: toHex(leftover),
  };
}

describe('the kernels', () => {
  it('read the same out of random bytes', { timeout: DEADLINE }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), config, cuts, fc.nat(63), (stream, rules, lengths, alignment) => {
        expectSameReading(stream, rules, lengths, alignment);
      }),
      { numRuns: RUNS },
    );
  });

  it('read the same out of random frames, which break some rule sooner or later', { timeout: DEADLINE }, () => {
    const anyFrame = fc.record({
      opcode: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, 1, 2, 8, 9, 10) }, { weight: 1, arbitrary: fc.nat(15) }),
      fin: fc.boolean(),
      rsv1: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
      payload: piece,
      mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      isMaskRight: fc.integer({ min: 0, max: 19 }).map((number) => number > 0),
    });
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), config, cuts, fc.nat(63), (parts, rules, lengths, alignment) => {
        const stream = parts.map(({ mask, isMaskRight, ...rest }) =>
          frame({ ...rest, ...(rules.expectMask === isMaskRight && { key: mask }) }),
        );
        expectSameReading(concat(...stream), rules, lengths, alignment);
      }),
      { numRuns: RUNS },
    );
  });

  it('read valid messages as they were written', { timeout: DEADLINE }, () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), config, cuts, fc.nat(63), (messages, rules, lengths, alignment) => {
        const parts = messages.map((one) => framesOf(one, rules));
        const stream = concat(...parts.flatMap(({ bytes }) => bytes));
        const reading = expectSameReading(stream, rules, lengths, alignment);
        expect(reading.status).toBe(STATUS_OK);
        expect([reading.leftover.length, reading.unfinished]).toEqual([0, undefined]);
        const wanted = parts.flatMap((part) => part.wanted);
        expect(reading.frames.length).toBe(wanted.length);
        reading.frames.forEach(({ opcode, fin, rsv1, payload }, index) => {
          const { payload: bytes, ...flags } = wanted[index];
          expect({ opcode, fin, rsv1 }).toEqual(flags);
          expect(Buffer.compare(payload, bytes)).toBe(0);
        });
      }),
      { numRuns: Math.ceil(RUNS / 5) },
    );
  });

  it('validate the same, with the same states at every cut', { timeout: DEADLINE }, () => {
    const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 4 }),
        fc.option(mutation),
        fc.nat(),
        fc.nat(63),
        (parts, change, cut, alignment) => {
          const bytes = concat(...parts);
          if (change && bytes.length > 0) bytes[change.at % bytes.length] = change.byte;
          const split = cut % (bytes.length + 1);
          const states = codecs.map((codec) => {
            const address = SCRATCH + alignment;
            codec.memory.set(bytes, address);
            const half = codec.kernel.validate(address, split, 0);
            const whole = codec.kernel.validate(address, bytes.length, 0);
            return [half, codec.kernel.validate(address + split, bytes.length - split, half), whole];
          });
          const isText = Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)).equals(bytes);
          expect(states[0]).toEqual(states[2]);
          expect(states[1]).toEqual(states[2]);
          expect(states[2][1]).toBe(states[2][2]);
          expect(states[2][2] === 0).toBe(isText);
        },
      ),
      { numRuns: RUNS * 2 },
    );
  });
});
