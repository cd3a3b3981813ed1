// Decoding, RFC 6455 sections 5.1 to 5.7: valid streams, at every split point and alignment, by every kernel.

import { beforeAll, describe, expect, it } from 'vitest';
import { HEADROOM, INPUT, RECORD_CAPACITY, RECORD_WORDS, STATUS_MORE, STATUS_OK } from '../../../assembly/layout.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { concat, frame, hex, pattern, utf8 } from '../../support/frames.ts';
import { KERNELS, StreamReader, type DecodedFrame } from '../../support/kernels.ts';

const KEY = hex('37 fa 21 3d');

interface Vector {
  name: string;
  bytes: Uint8Array;
  /** Also true for `expectMask`. */
  masked: boolean;
  rsv1?: boolean;
  frames: DecodedFrame[];
}

function expected(opcode: number, payload: Uint8Array, options: Partial<DecodedFrame> = {}): DecodedFrame {
  return { opcode, fin: true, rsv1: false, ascii: false, payload, ...options };
}

const HELLO = hex('48 65 6c 6c 6f');

/** The examples of RFC 6455 section 5.7, and RFC 7692 section 7.2.3.1 for RSV1. */
const EXAMPLES: Vector[] = [
  {
    name: 'an unmasked text message',
    bytes: hex('81 05 48 65 6c 6c 6f'),
    masked: false,
    frames: [expected(1, HELLO, { ascii: true })],
  },
  {
    name: 'a masked text message',
    bytes: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'),
    masked: true,
    frames: [expected(1, HELLO, { ascii: true })],
  },
  {
    name: 'a fragmented text message',
    bytes: hex('01 03 48 65 6c  80 02 6c 6f'),
    masked: false,
    frames: [expected(1, hex('48 65 6c'), { fin: false, ascii: true }), expected(0, hex('6c 6f'), { ascii: true })],
  },
  {
    name: 'a ping and a masked pong',
    bytes: hex('89 05 48 65 6c 6c 6f'),
    masked: false,
    frames: [expected(9, HELLO)],
  },
  { name: 'a masked pong', bytes: hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58'), masked: true, frames: [expected(10, HELLO)] },
  {
    name: '256 bytes in one unmasked frame',
    bytes: concat(hex('82 7e 01 00'), pattern(256)),
    masked: false,
    frames: [expected(2, pattern(256))],
  },
  {
    name: '64 KiB in one unmasked frame',
    bytes: concat(hex('82 7f 00 00 00 00 00 01 00 00'), pattern(65536)),
    masked: false,
    frames: [expected(2, pattern(65536))],
  },
  {
    name: 'a compressed text message',
    bytes: hex('c1 07 f2 48 cd c9 c9 07 00'),
    masked: false,
    rsv1: true,
    frames: [expected(1, hex('f2 48 cd c9 c9 07 00'), { rsv1: true })],
  },
];

const PING_IN_MESSAGE: DecodedFrame[] = [
  expected(1, hex('e2'), { fin: false }),
  expected(9, hex('e2 82')),
  expected(0, hex('82'), { fin: false }),
  expected(10, new Uint8Array()),
  expected(0, new Uint8Array(), { fin: false }),
  expected(0, hex('ac 41')),
  expected(8, hex('03 e8')),
];

/** 0x00 as key too: it needs no unmasking. */
const MORE: Vector[] = [
  {
    name: 'control frames inside a code point of a fragmented message',
    bytes: hex('01 01 e2  89 02 e2 82  00 01 82  8a 00  00 00  80 02 ac 41  88 02 03 e8'),
    masked: false,
    frames: PING_IN_MESSAGE,
  },
  {
    name: 'masked control frames inside a fragmented message',
    bytes: concat(
      ...PING_IN_MESSAGE.map(({ opcode, fin, payload }, index) => frame({ opcode, fin, payload, key: pattern(4, index + 1) })),
    ),
    masked: true,
    frames: PING_IN_MESSAGE,
  },
  {
    name: 'a key of zeros',
    bytes: hex('82 83 00 00 00 00 01 02 03  81 81 00 00 00 00 41'),
    masked: true,
    frames: [expected(2, hex('01 02 03')), expected(1, hex('41'), { ascii: true })],
  },
  {
    name: 'text with characters of 1 to 4 bytes',
    bytes: frame({ payload: 'a\u00e9\u20ac\u{1f600}b', key: KEY }),
    masked: true,
    frames: [expected(1, utf8('a\u00e9\u20ac\u{1f600}b'))],
  },
  {
    name: 'compressed fragments, which are not checked as text',
    bytes: hex('41 01 ff  00 01 c0  80 01 fe'),
    masked: false,
    rsv1: true,
    frames: [
      expected(1, hex('ff'), { fin: false, rsv1: true }),
      expected(0, hex('c0'), { fin: false }),
      expected(0, hex('fe')),
    ],
  },
  {
    name: 'a ping of 125 bytes and an empty binary message',
    bytes: concat(frame({ opcode: 9, payload: pattern(125), key: KEY }), hex('82 80 01 02 03 04')),
    masked: true,
    frames: [expected(9, pattern(125)), expected(2, new Uint8Array())],
  },
];

const SIZES: Vector[] = [0, 1, 125, 126, 127, 65535, 65536].flatMap((size) =>
  [true, false].map((masked) => ({
    name: `${size} ${masked ? 'masked' : 'plain'} bytes, and a frame behind them`,
    bytes: concat(
      frame({ opcode: 2, payload: pattern(size), ...(masked && { key: KEY }) }),
      frame({ opcode: 1, payload: 'ok', ...(masked && { key: hex('01 02 03 04') }) }),
    ),
    masked,
    frames: [expected(2, pattern(size)), expected(1, utf8('ok'), { ascii: true })],
  })),
);

const VECTORS = [...EXAMPLES, ...MORE, ...SIZES];

/** Every split point of a short stream; of a long one those near the ends, near multiples of 8,192, and some between. */
function splitPoints(length: number): number[] {
  const all = Array.from({ length: length + 1 }, (_, index) => index);
  if (length < 1000) return all;
  return all.filter((at) => at < 96 || length - at < 96 || (at + 17) % 8192 < 34 || at % 4001 === 0);
}

function same(actual: DecodedFrame, wanted: DecodedFrame): boolean {
  const { opcode, fin, rsv1, ascii, payload } = actual;
  if (opcode !== wanted.opcode || fin !== wanted.fin || rsv1 !== wanted.rsv1 || ascii !== wanted.ascii) return false;
  return Buffer.compare(payload, wanted.payload) === 0;
}

describe.each(KERNELS)('$name', ({ create }) => {
  let codec: Codec;
  beforeAll(() => {
    codec = new Codec(create());
  });

  /** Feeds `chunks` and fails with a readable difference unless exactly the vector's frames come out. */
  function expectFrames(vector: Vector, chunks: Uint8Array[], alignment: number): void {
    const reader = new StreamReader(codec, { expectMask: vector.masked, allowRsv1: vector.rsv1 ?? false }, alignment);
    for (const chunk of chunks) reader.read(chunk);
    const { frames, status, leftover, state } = reader.result;
    const isRight = frames.length === vector.frames.length && frames.every((one, index) => same(one, vector.frames[index]));
    if (!isRight) {
      expect({ chunks: chunks.map((chunk) => chunk.length), alignment, frames }).toEqual({ frames: vector.frames });
    }
    if (status !== STATUS_OK || leftover.length !== 0 || state?.frame !== 0 || state.message !== 0 || state.remaining !== 0) {
      expect({ chunks: chunks.map((chunk) => chunk.length), alignment, status, leftover, state }).toBe('a finished message');
    }
  }

  describe.each(VECTORS)('decodes $name', (vector) => {
    it('at every split point', () => {
      for (const at of splitPoints(vector.bytes.length)) {
        expectFrames(vector, [vector.bytes.subarray(0, at), vector.bytes.subarray(at)], (at * 7) % 64);
      }
    });

    it('at every alignment', () => {
      const splits = vector.bytes.length < 32 ? splitPoints(vector.bytes.length) : [0, 7, 40, vector.bytes.length - 3];
      for (let alignment = 0; alignment < 64; alignment++) {
        for (const at of splits) expectFrames(vector, [vector.bytes.subarray(0, at), vector.bytes.subarray(at)], alignment);
      }
    });

    it('byte by byte', () => {
      const bytes = vector.bytes.length < 1000 ? vector.bytes : undefined;
      const chunks = bytes ? Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)) : piecesOf(vector.bytes, 509);
      expectFrames(vector, chunks, 0);
    });
  });

  it('rotates the key at a split', () => {
    const bytes = hex('82 87 37 fa 21 3d 36 f8 22 39 32 fc 26');
    const keys = [0x3d21fa37, 0x373d21fa, 0xfa373d21, 0x21fa373d, 0x3d21fa37, 0x373d21fa, 0xfa373d21];
    for (let split = 0; split < 7; split++) {
      const reader = new StreamReader(codec, { expectMask: true }).read(bytes.subarray(0, 6 + split));
      expect(reader.connection.key >>> 0).toBe(keys[split]);
      expect(reader.connection.remaining).toBe(7 - split);
      expect(reader.read(bytes.subarray(6 + split)).result.frames[0].payload).toEqual(hex('01 02 03 04 05 06 07'));
    }
  });

  it('takes a 64-bit length up to 2^53 - 1, of which little has come', () => {
    const reader = new StreamReader(codec, { expectMask: true });
    reader.read(hex('82 ff 00 1f ff ff ff ff ff ff 00 00 00 00 01 02 03'));
    expect(reader.connection.remaining).toBe(2 ** 53 - 4);
    expect(reader.read(hex('04')).connection.remaining).toBe(2 ** 53 - 5);
    expect(reader.result).toMatchObject({ status: STATUS_OK, unfinished: { opcode: 2, payload: hex('01 02 03 04') } });
  });

  it('counts a payload down across 2^32', () => {
    const reader = new StreamReader(codec, { expectMask: false });
    reader.read(hex('82 7f 00 00 00 01 00 00 00 01 aa'));
    expect(reader.connection.remaining).toBe(2 ** 32);
    expect(reader.read(hex('bb')).connection.remaining).toBe(2 ** 32 - 1);
    expect(reader.read(pattern(1000)).connection.remaining).toBe(2 ** 32 - 1001);
  });

  it('records an empty piece for a header whose payload has not come', () => {
    const reader = new StreamReader(codec, { expectMask: false }).read(hex('02 05'));
    expect(reader.result).toMatchObject({
      unfinished: { opcode: 2, fin: false, payload: new Uint8Array() },
      leftover: hex(''),
    });
  });

  it('leaves an unfinished header or control frame over, and nothing else', () => {
    const unfinished = [
      hex('82'),
      hex('82 fe'),
      hex('82 fe 01'),
      hex('82 fe 01 00 37 fa 21'),
      hex('82 ff 00 00 00 00 00 01 00'),
      hex('82 ff 00 00 00 00 00 01 00 00 37 fa 21'),
      hex('89 80 37 fa 21'),
      frame({ opcode: 9, payload: pattern(125), key: KEY }).subarray(0, 130),
    ];
    for (const rest of unfinished) {
      const chunk = concat(frame({ opcode: 2, payload: 'done', key: KEY }), rest);
      const reader = new StreamReader(codec, { expectMask: true }).read(chunk);
      expect(codec.consumed).toBe(10);
      expect(reader.result).toMatchObject({ status: STATUS_OK, leftover: rest, unfinished: undefined });
      expect(rest.length).toBeLessThanOrEqual(HEADROOM);
    }
  });

  it('leaves bytes that it did not use as they were', () => {
    const chunk = concat(hex('89 84 01 02 03 04 40 40 40 40'), hex('89 84 01 02 03 04 40 40 40'));
    codec.memory.set(chunk, INPUT);
    codec.decode(new DecoderState({ expectMask: true }), INPUT, chunk.length);
    expect(codec.memory.slice(INPUT + 10, INPUT + 19)).toEqual(hex('89 84 01 02 03 04 40 40 40'));
  });

  it('decodes nothing out of no bytes', () => {
    expect(codec.decode(new DecoderState({ expectMask: true }), INPUT, 0)).toBe(0);
    expect([codec.status, codec.consumed]).toEqual([STATUS_OK, 0]);
  });

  it('asks to be called again when the record table is full', () => {
    const connection = new DecoderState({ expectMask: false });
    const first = hex('82 03 01');
    codec.memory.set(first, INPUT);
    expect(codec.decode(connection, INPUT, first.length)).toBe(1);
    // The rest of that frame, 4,098 empty pongs, and the start of a message.
    const chunk = concat(hex('02 03'), ...new Array<Uint8Array>(4098).fill(hex('8a 00')), hex('01 02 41'));
    codec.memory.set(chunk, INPUT);
    expect(codec.decode(connection, INPUT, chunk.length)).toBe(RECORD_CAPACITY);
    expect([codec.status, codec.consumed]).toEqual([STATUS_MORE, 2 + 4095 * 2]);
    expect(codec.decode(connection, INPUT + codec.consumed, chunk.length - codec.consumed)).toBe(4);
    expect([codec.status, codec.consumed]).toEqual([STATUS_OK, 3 * 2 + 3]);
    expect(Array.from(codec.records.subarray(0, 4 * RECORD_WORDS), (word, index) => (index % 3 === 1 ? 0 : word))).toEqual([
      0x38a, 0, 0, 0x38a, 0, 0, 0x38a, 0, 0, 0x501, 0, 1,
    ]);
    expect(connection).toMatchObject({ frame: 0x101, message: 1, remaining: 1 });
  });

  it('is content with a record table that is exactly full', () => {
    codec.input.fill(0);
    for (let index = 0; index < RECORD_CAPACITY; index++) codec.input[2 * index] = 0x82;
    const connection = new DecoderState({ expectMask: false });
    expect(codec.decode(connection, INPUT, 2 * RECORD_CAPACITY)).toBe(RECORD_CAPACITY);
    expect([codec.status, codec.consumed]).toEqual([STATUS_OK, 2 * RECORD_CAPACITY]);
  });
});

function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}
