// The memory map of assembly/layout.ts: arenas fit and do not overlap, and nothing writes outside its own.

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import * as layout from '../../../assembly/layout.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { concat, frame, hex, pattern } from '../../support/frames.ts';
import { KERNELS } from '../../support/kernels.ts';

const { INPUT, MEMORY_PAGES, OUTPUT, PAGE_BYTES, RECORDS, RECORD_BYTES, SCRATCH, STATE, STATE_WORDS } = layout;
const MEMORY_BYTES = MEMORY_PAGES * PAGE_BYTES;
const KEY = hex('37 fa 21 3d');

const ARENAS: [name: string, start: number, length: number][] = [
  ['static data', 0, 1024],
  ['state', STATE, STATE_WORDS * 4],
  ['records', RECORDS, layout.RECORD_CAPACITY * RECORD_BYTES],
  ['headroom', INPUT - layout.HEADROOM, layout.HEADROOM],
  ['input', INPUT, layout.INPUT_BYTES],
  ['slack', INPUT + layout.INPUT_BYTES, layout.SLACK],
  ['scratch', SCRATCH, layout.SCRATCH_BYTES],
  ['output', OUTPUT, layout.OUTPUT_SLOTS * layout.OUTPUT_SLOT_BYTES],
];

describe('the memory map', () => {
  it('has arenas in order that do not overlap and fit the memory', () => {
    let behind = 0;
    for (const [name, start, length] of ARENAS) {
      expect(start, name).toBeGreaterThanOrEqual(behind);
      behind = start + length;
    }
    expect(behind).toBeLessThanOrEqual(MEMORY_BYTES);
  });

  it('aligns what is read as words', () => {
    expect([STATE % 4, RECORDS % 4, RECORD_BYTES]).toEqual([0, 0, layout.RECORD_WORDS * 4]);
  });

  it('has room for the longest header and control frame before the input arena', () => {
    expect(layout.HEADROOM).toBeGreaterThanOrEqual(14 + 125);
  });

  it('has the memory that the modules are compiled for, and that does not grow', () => {
    const { options } = JSON.parse(readFileSync(new URL('../../../asconfig.json', import.meta.url), 'utf8')) as {
      options: { initialMemory: number; maximumMemory: number };
    };
    expect([options.initialMemory, options.maximumMemory]).toEqual([MEMORY_PAGES, MEMORY_PAGES]);
  });

  it('gives every status a number of its own', () => {
    const numbers = Object.entries(layout).flatMap(([name, value]) => (name.startsWith('STATUS_') ? [value] : []));
    expect(numbers.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });
});

const BACKGROUND = pattern(MEMORY_BYTES, 11);

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeEach(() => {
    codec = new Codec(create());
    codec.memory.set(BACKGROUND);
  });

  /** Fails unless every byte outside the `allowed` regions, which are in order, is as it was. */
  function expectUntouched(allowed: [start: number, length: number][]): void {
    let at = 0;
    for (const [start, length] of [...allowed, [MEMORY_BYTES, 0] as const]) {
      const isSame = Buffer.compare(codec.memory.subarray(at, start), BACKGROUND.subarray(at, start)) === 0;
      expect([at, start, isSame]).toEqual([at, start, true]);
      at = start + length;
    }
  }

  it('has a memory of the size of the map', () => {
    expect(codec.kernel.memory.byteLength).toBe(MEMORY_BYTES);
  });

  it.each([
    [
      'valid frames',
      concat(frame({ payload: 'h\u00e9llo'.repeat(20), key: KEY }), frame({ opcode: 2, payload: pattern(300), key: KEY })),
    ],
    ['a part of a frame', frame({ opcode: 2, payload: pattern(1001), key: KEY }).subarray(0, 900)],
    ['an unfinished ping', frame({ opcode: 9, payload: pattern(100), key: KEY }).subarray(0, 90)],
    ['bad text', frame({ opcode: 1, payload: concat(pattern(70), hex('ff ff')), key: KEY })],
    ['a bad header', concat(frame({ opcode: 2, payload: pattern(33), key: KEY }), hex('ff ff ff ff'))],
    ['as much as the arena holds', frame({ opcode: 2, payload: pattern(layout.INPUT_BYTES - 14), key: KEY })],
    [
      'a full table',
      concat(...new Array<Uint8Array>(layout.RECORD_CAPACITY + 5).fill(frame({ opcode: 9, payload: 'x', key: KEY }))),
    ],
  ])('decodes %s without a write outside chunk, records and state', (_, chunk) => {
    for (const address of [INPUT - 139, INPUT, INPUT + layout.INPUT_BYTES - chunk.length]) {
      codec.memory.set(BACKGROUND);
      codec.memory.set(chunk, address);
      const count = codec.decode(new DecoderState({ expectMask: true }), address, chunk.length);
      expectUntouched([
        [STATE, STATE_WORDS * 4],
        [RECORDS, count * RECORD_BYTES],
        [address, chunk.length],
      ]);
    }
  });

  it('writes nothing but the frame when it encodes', () => {
    for (const length of [0, 5, 125, 126, 65535, 65536]) {
      for (const masked of [true, false]) {
        codec.memory.set(BACKGROUND);
        const end = codec.kernel.encodeFrame(OUTPUT + 3, 0x82, length, masked, 0x3d21fa37);
        expectUntouched([[OUTPUT + 3, end - OUTPUT - 3]]);
      }
    }
  });

  it('writes nothing but the bytes it masks, and nothing when it validates', () => {
    codec.kernel.mask(SCRATCH + 5, 1003, 0x3d21fa37);
    expectUntouched([[SCRATCH + 5, 1003]]);
    codec.memory.set(BACKGROUND);
    codec.kernel.validate(SCRATCH + 5, 1003, 0);
    codec.memory.fill(0x41, SCRATCH, SCRATCH + 1000);
    codec.kernel.validate(SCRATCH + 5, 995, 0);
    expectUntouched([[SCRATCH, 1000]]);
  });
});
