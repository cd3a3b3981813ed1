// The frame decoder: whatever arrives, the three kernels read the same, however it is cut, and write nowhere else than they may.

import { HEADROOM, INPUT, INPUT_BYTES, OUTPUT, SCRATCH, SLACK } from '../../assembly/layout.ts';
import type { Codec } from '../../src/codec/codec.ts';
import { concat, frame } from '../../test/support/frames.ts';
import { createCodecs, StreamReader, type Reading } from '../../test/support/kernels.ts';
import { Input, must, mustEqual } from '../input.ts';

const codecs = createCodecs();
/** Most chunks whose lengths an input names. */
const CUTS = 8;
const CANARY = 0xc5;

/** Regions that decoding must not write: around the input arena, and the arenas of other work. */
const guarded = [
  [INPUT + INPUT_BYTES, INPUT + INPUT_BYTES + SLACK],
  [SCRATCH, SCRATCH + 64],
  [OUTPUT - 64, OUTPUT + 64],
  [OUTPUT + 1024, OUTPUT + 1088],
] as const;

for (const { memory } of codecs) for (const [start, end] of guarded) memory.fill(CANARY, start, end);

function checkCanaries({ memory, kernel }: Codec): void {
  for (const [start, end] of guarded) {
    for (let at = start; at < end; at++) must(memory[at] === CANARY, () => `${kernel.name} wrote at ${at}`);
  }
}

function readingOf({ frames, unfinished, leftover, status, state }: Reading): unknown[] {
  const each = (one: (typeof frames)[number]): unknown[] => [one.opcode, one.fin, one.rsv1, one.ascii, one.payload];
  // Whether a piece of an unfinished frame was all ASCII is known for what has come; `ascii` follows the pieces.
  return [status, frames.map(each), unfinished ? each(unfinished).toSpliced(3, 1) : null, leftover, state ?? null];
}

/** Input: rules, alignment, lengths of chunks, then the stream. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const rules = input.byte();
  const options = {
    expectMask: (rules & 1) !== 0,
    allowRsv1: (rules & 2) !== 0,
    skipUtf8Validation: (rules & 4) !== 0,
  };
  const alignment = input.byte() & 63;
  const lengths = new Input(input.bytes(2 * CUTS));
  const stream = input.rest().subarray(0, INPUT_BYTES - HEADROOM);
  const chunks = [...lengths.cut(stream, CUTS)];
  const whole = readingOf(new StreamReader(codecs[2], options).read(stream).result);
  for (const codec of codecs) {
    for (const pieces of [[stream], chunks]) {
      const reader = new StreamReader(codec, options, alignment);
      for (const piece of pieces) reader.read(piece);
      mustEqual(readingOf(reader.result), whole, `${codec.kernel.name}, ${pieces.length} chunks`);
    }
    checkCanaries(codec);
  }
}

const KEY = new Uint8Array([0x37, 0xfa, 0x21, 0x3d]);

/** A masked stream for the rules of a server. */
function seed(...frames: Uint8Array[]): Uint8Array {
  return concat(new Uint8Array([1, 5]), new Uint8Array(2 * CUTS).fill(3), ...frames);
}

export const seeds: readonly Uint8Array[] = [
  seed(frame({ payload: 'Hello', key: KEY })),
  seed(frame({ payload: 'Zażółć gęślą jaźń 𝄞', key: KEY }), frame({ opcode: 8, payload: '\x03\xe8', key: KEY })),
  seed(
    frame({ opcode: 2, fin: false, payload: 'one', key: KEY }),
    frame({ opcode: 9, payload: 'ping', key: KEY }),
    frame({ opcode: 0, payload: 'two', key: KEY }),
  ),
  seed(frame({ opcode: 2, payload: 'x'.repeat(200), key: KEY }), frame({ opcode: 2, payload: 'y'.repeat(130), key: KEY })),
  seed(frame({ opcode: 2, payload: 'z'.repeat(66_000), key: KEY }), frame({ opcode: 10, key: KEY })),
  seed(frame({ payload: 'a', lengthBits: 16, key: KEY }), frame({ length: 2n ** 63n, key: KEY })),
  seed(...Array.from({ length: 40 }, (_, index) => frame({ payload: String(index), key: KEY }))),
];
