// wasock/deflate: messages in and out, with zlib as the other side; what is malformed or too long; who owns which memory.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Deflater, InflateDataError, InflateLengthError, Inflater } from '../../../src/deflate/index.ts';
import { takesWindows } from '../../../src/deflate/zlib-engine.ts';
import { expectBytes, resizableBuffer } from '../../support/bytes.ts';
import { concat, hex, utf8 } from '../../support/frames.ts';
import { EXPECTED, useDeflate } from '../../support/raw-deflate.ts';
import { noise, records, unpack } from './zlib-oracle.ts';

const TAIL = hex('00 00 ff ff');
const MESSAGES = [
  utf8('Hello'),
  utf8('Hello'),
  new Uint8Array(0),
  records(3000),
  records(200_000),
  noise(70_000),
  records(3000),
];

const endsWithTail = (bytes: Uint8Array): boolean => Buffer.from(bytes).subarray(-4).equals(Buffer.from(TAIL));

describe('a Deflater', () => {
  it.each(
    [8, 9, 12, 15].flatMap((windowBits) =>
      [true, false].flatMap((contextTakeover) =>
        [0, 1, 5, 9, -1].map((level) => [windowBits, contextTakeover, level] as const),
      ),
    ),
  )('writes what zlib and an Inflater read: %i bits, takeover %s, level %i', async (windowBits, contextTakeover, level) => {
    const deflater = new Deflater({ windowBits, contextTakeover, level });
    const inflater = new Inflater({ windowBits, contextTakeover });
    const packed = MESSAGES.map((message) => deflater.deflate(message));
    const read = await unpack(packed, windowBits, !contextTakeover);
    for (const [index, message] of MESSAGES.entries()) {
      expectBytes(read[index], message);
      expectBytes(inflater.inflate(packed[index]), message);
      expect(endsWithTail(packed[index])).toBe(false);
      expect(packed[index].buffer.byteLength).toBe(packed[index].length);
    }
    deflater.close();
    inflater.close();
  });

  it('has its defaults: 15 bits, level 5, takeover', () => {
    const [one, other] = [new Deflater(), new Deflater({ windowBits: 15, level: 5, contextTakeover: true })];
    for (const message of MESSAGES.slice(0, 4)) expectBytes(one.deflate(message), other.deflate(message));
    // 2,000 bytes back need a window of 11 bits.
    const far = concat(noise(300), noise(1700, 7), noise(300));
    expect(new Deflater().deflate(far).length).toBeLessThan(new Deflater({ windowBits: 10 }).deflate(far).length - 200);
    const nothing = new Deflater({ windowBits: undefined, level: null as never, dictionary: undefined });
    expectBytes(nothing.deflate(MESSAGES[3]), new Deflater().deflate(MESSAGES[3]));
  });

  it('flushes parts of a message, which an Inflater reads one by one', () => {
    const [deflater, inflater] = [new Deflater(), new Inflater()];
    for (let round = 0; round < 3; round++) {
      const parts = [
        deflater.deflate(utf8('first '), false),
        deflater.deflate(new ArrayBuffer(0), false),
        deflater.deflate(utf8('last')),
      ];
      expect(parts.map(endsWithTail)).toEqual([true, parts[1].length > 0, false]);
      const texts = parts.map((part, index) => new TextDecoder().decode(inflater.inflate(part, index === 2)));
      expect(texts).toEqual(['first ', '', 'last']);
    }
  });

  it('leaves the memory of the caller alone, and its results to the caller', () => {
    const deflater = new Deflater();
    const data = records(3000);
    const copy = new Uint8Array(data);
    const first = deflater.deflate(new DataView(data.buffer, 0, 3000));
    expectBytes(data, copy);
    const kept = new Uint8Array(first);
    data.fill(0);
    deflater.deflate(noise(50_000));
    expectBytes(first, kept);
    first.fill(0);
    const inflater = new Inflater();
    expectBytes(inflater.inflate(kept.buffer), copy);
  });

  it('takes a dictionary, which is copied', () => {
    const dictionary = utf8('{"type":"trade","symbol":"WSCK","price":');
    const [deflater, inflater] = [
      new Deflater({ dictionary }),
      new Inflater({ dictionary: new Uint8Array(dictionary).buffer }),
    ];
    dictionary.fill(0);
    const message = utf8('{"type":"trade","symbol":"WSCK","price":12}');
    const packed = deflater.deflate(message);
    expect(packed.length).toBeLessThan(12);
    expectBytes(inflater.inflate(packed), message);
  });
});

describe('an Inflater', () => {
  it('reads what a zlib stream writes with its context', async () => {
    const stream = zlib.createDeflateRaw();
    const inflater = new Inflater();
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const message of MESSAGES) {
      chunks.length = 0;
      await new Promise<void>((resolve) => {
        stream.write(message);
        stream.flush(zlib.constants.Z_SYNC_FLUSH, resolve);
      });
      const packed = Buffer.concat(chunks);
      expectBytes(inflater.inflate(message.length === 0 ? packed : packed.subarray(0, -4)), message);
    }
    stream.close();
  });

  it.each([
    ['an unknown block type', 'ff ff', 'Z_DATA_ERROR'],
    ['stored lengths that do not agree', '00 05 00 00 00 48', 'Z_DATA_ERROR'],
    ['a distance before the first byte', 'f2 00 11 00 00', 'Z_DATA_ERROR'],
    ['the end in the middle of a block', 'f2 48 cd', 'Z_BUF_ERROR'],
  ])('throws a named error at %s, and is closed', (_what, packed, code) => {
    const inflater = new Inflater();
    const failure = (): unknown => {
      try {
        return inflater.inflate(hex(packed));
      } catch (error) {
        return error;
      }
    };
    expect(failure()).toBeInstanceOf(InflateDataError);
    expect(() => new Inflater().inflate(hex(packed))).toThrow(expect.objectContaining({ name: 'InflateDataError', code }));
    expect(() => inflater.inflate(hex('f2 48 cd c9 c9 07 00'))).toThrow('The compression context is closed');
  });

  it.each([1, 5, 1000, 100_000])('throws above maxLength, here %i, and takes that much', (maxLength) => {
    const fits = new Deflater().deflate(new Uint8Array(maxLength));
    const exceeds = new Deflater().deflate(new Uint8Array(maxLength + 1));
    expect(new Inflater({ maxLength }).inflate(fits).length).toBe(maxLength);
    const error = {
      name: 'InflateLengthError',
      code: 'ERR_INFLATE_LENGTH',
      message: `The message is longer than ${maxLength} bytes`,
    };
    expect(() => new Inflater({ maxLength }).inflate(exceeds)).toThrow(expect.objectContaining(error));
    expect(() => new Inflater({ maxLength }).inflate(exceeds)).toThrow(InflateLengthError);
    expect(() => new Inflater({ maxLength }).inflate(exceeds)).toThrow(RangeError);
  });

  it('counts the parts of a message against maxLength together, and each message anew', () => {
    const deflater = new Deflater();
    const inflater = new Inflater({ maxLength: 10 });
    for (let round = 0; round < 2; round++) {
      expect(inflater.inflate(deflater.deflate(new Uint8Array(6), false), false).length).toBe(6);
      expect(inflater.inflate(deflater.deflate(new Uint8Array(4)), true).length).toBe(4);
    }
    inflater.inflate(deflater.deflate(new Uint8Array(10), false), false);
    expect(inflater.inflate(deflater.deflate(new Uint8Array(0), false), false).length).toBe(0);
    expect(() => inflater.inflate(deflater.deflate(new Uint8Array(1)))).toThrow(InflateLengthError);
  });

  it('a bomb costs no more than the limit', () => {
    const bomb = new Deflater({ level: 9 }).deflate(new Uint8Array(100_000_000));
    expect(bomb.length).toBeLessThan(200_000);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => new Inflater({ maxLength: 100_000 }).inflate(bomb)).toThrow(InflateLengthError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    const empty = concat(...Array.from({ length: 1000 }, () => hex('00 00 00 ff ff')), hex('00'));
    expect(new Inflater({ maxLength: 1 }).inflate(empty).length).toBe(0);
  });

  it('has no limit with 0 or Infinity, and 100 MiB by default', () => {
    const packed = new Deflater().deflate(new Uint8Array(104_857_601));
    expect(() => new Inflater().inflate(packed)).toThrow('The message is longer than 104857600 bytes');
    for (const maxLength of [0, Infinity]) expect(new Inflater({ maxLength }).inflate(packed).length).toBe(104_857_601);
  });

  it.runIf(takesWindows(zlib))('reads any bytes without harm: a named error, or an output within the limit', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const bytes = noise(1 + (seed % 60), seed * 7919);
      const inflater = new Inflater({ maxLength: 1000 });
      try {
        expect(inflater.inflate(bytes).length).toBeLessThanOrEqual(1000);
      } catch (error) {
        expect(['InflateDataError', 'InflateLengthError']).toContain((error as Error).name);
      }
    }
  });
});

describe('both', () => {
  it('do on this runtime as on every other', () => {
    expect(useDeflate({ Deflater, Inflater })).toEqual(EXPECTED);
  });

  it.each([
    [{ windowBits: 7 }, RangeError, 'windowBits'],
    [{ windowBits: 16 }, RangeError, 'windowBits'],
    [{ windowBits: 9.5 }, RangeError, 'windowBits'],
    [{ windowBits: '9' }, RangeError, 'windowBits'],
    [{ dictionary: 'text' }, TypeError, 'dictionary'],
    [{ contextTakeover: 0 }, TypeError, 'contextTakeover'],
    [{ contextTakeover: 'no' }, TypeError, 'contextTakeover'],
  ] as const)('refuse %j', (options, kind, name) => {
    for (const create of [() => new Deflater(options as never), () => new Inflater(options as never)]) {
      expect(create).toThrow(kind);
      expect(create).toThrow(`"${name}"`);
    }
  });

  it('refuse levels and limits that are none', () => {
    for (const level of [10, -2, 1.5, '5', NaN])
      expect(() => new Deflater({ level: level as never })).toThrow(/"level".*-1 to 9/);
    for (const maxLength of [-1, 1.5, '5', NaN])
      expect(() => new Inflater({ maxLength: maxLength as never })).toThrow(/"maxLength"/);
  });

  it('refuse data without bytes', () => {
    for (const data of ['text', null, undefined, 5, [1], {}]) {
      expect(() => new Deflater().deflate(data as never)).toThrow(TypeError);
      expect(() => new Inflater().inflate(data as never)).toThrow(TypeError);
    }
  });

  it.each(['shrunk', 'transferred'] as const)('refuse a view whose buffer has %s: it is no empty message', (how) => {
    for (const make of [
      (buffer: ArrayBuffer) => new Uint8Array(buffer, 4),
      (buffer: ArrayBuffer) => new Float32Array(buffer, 4, 1),
      (buffer: ArrayBuffer) => new DataView(buffer, 4, 4),
      (buffer: ArrayBuffer) => Buffer.from(buffer, 4, 4),
    ]) {
      const buffer = resizableBuffer(8);
      const view = make(buffer);
      if (how === 'shrunk') buffer.resize(2);
      else structuredClone(buffer, { transfer: [buffer] });
      expect(() => new Deflater().deflate(view)).toThrow(TypeError);
      expect(() => new Inflater().inflate(view)).toThrow(TypeError);
      expect(() => new Deflater({ dictionary: view })).toThrow('"dictionary"');
    }
    const gone = new ArrayBuffer(8);
    structuredClone(gone, { transfer: [gone] });
    expect(() => new Deflater().deflate(gone)).toThrow('The data must be an ArrayBuffer');
    expect(() => new Deflater({ dictionary: gone })).toThrow('"dictionary"');
    const empty = new ArrayBuffer(8);
    for (const view of [new Uint8Array(empty, 8), new Uint8Array(0), new DataView(empty, 0, 0)]) {
      expect(new Deflater().deflate(view)).toEqual(new Uint8Array([0]));
    }
  });

  it('are closed by `using`, more than once, and then refuse', () => {
    const [deflater, inflater] = [new Deflater(), new Inflater()];
    for (const one of [deflater, inflater]) {
      one[Symbol.dispose]();
      one.close();
    }
    expect(() => deflater.deflate(utf8('x'))).toThrow('The compression context is closed');
    expect(() => inflater.inflate(utf8('x'))).toThrow('The compression context is closed');
  });

  it('take turns without mixing their windows', () => {
    const pairs = Array.from(
      { length: 20 },
      () => [new Deflater({ windowBits: 12 }), new Inflater({ windowBits: 12 })] as const,
    );
    for (let round = 0; round < 10; round++) {
      for (const [index, [deflater, inflater]] of pairs.entries()) {
        const message = records(500 + index * 100 + round);
        expectBytes(inflater.inflate(deflater.deflate(message)), message);
      }
    }
  });
});
