// What all engines do alike, with zlib's own streams and one-shot functions as the oracle.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { InflateError, type ContextOptions, type DeflateEngine, type DeflateJob } from '../../../src/deflate/engine.ts';
import { loadDeflateKernel, sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { createZlibEngine, takesWindows, type ZlibModule } from '../../../src/deflate/zlib-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { loadDeflateOracle } from '../../support/deflate-oracle.ts';
import { hex, utf8 } from '../../support/frames.ts';
import { finish, noise, records, unpack } from './zlib-oracle.ts';

const node: ZlibModule = zlib;
const scalar = loadDeflateKernel(false);
const oracle = await loadDeflateOracle();
const engines: readonly (readonly [string, DeflateEngine])[] = [
  // Deno's zlib keeps no context from one message to the next.
  ...(takesWindows(node) ? ([['zlib', createZlibEngine(node)]] as const) : []),
  ['simd', createWasmEngine(sharedDeflateKernel)],
  ['scalar', createWasmEngine(() => scalar)],
  ['oracle', createWasmEngine(() => oracle)],
];
const KEPT: ContextOptions = { windowBits: 15, noContextTakeover: false };
const AFRESH: ContextOptions = { windowBits: 15, noContextTakeover: true };
const SIZES = [0, 1, 2, 16383, 16384, 16385, 65535, 65536, 65537, 131071, 131072, 131073, 1048575, 1048576, 1048577, 5_000_000];

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Steps a job, expecting it to fail. */
function failure(job: DeflateJob): InflateError {
  try {
    finish(job);
  } catch (error) {
    expect(error).toBeInstanceOf(InflateError);
    return error as InflateError;
  }
  throw new Error('The job has not failed');
}

describe.each(engines)('the %s engine', (name, engine) => {
  it.each([
    ['one block (7.2.3.1)', 'f2 48 cd c9 c9 07 00', 'Hello'],
    ['a block without compression (7.2.3.3)', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
    ['a block with BFINAL and what the section adds (7.2.3.4)', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
    ['a block with BFINAL alone', 'f3 48 cd c9 c9 07 00', 'Hello'],
    ['two blocks (7.2.3.5)', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
    ['an empty message (7.2.3.6)', '00', ''],
    ['an empty message with BFINAL', '03 00', ''],
    ['a block behind one with BFINAL', 'f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00', 'HelloHello'],
    ['two blocks with BFINAL', 'f3 48 cd c9 c9 07 00 f3 48 cd c9 c9 07 00', 'HelloHello'],
  ])('inflates %s', (_what, packed, expected) => {
    const inflator = engine.createInflator(KEPT);
    for (let round = 0; round < 3; round++) {
      expect(new TextDecoder().decode(finish(inflator.inflate(hex(packed), 5 + expected.length)))).toBe(expected);
    }
    inflator.close();
  });

  it('deflates and inflates the example of a shared window (7.2.3.2)', () => {
    const deflator = engine.createDeflator(KEPT);
    const inflator = engine.createInflator(KEPT);
    const packed = [1, 2].map(() => finish(deflator.deflate(utf8('Hello'), true)));
    // The section has a literal and a match; ours finds the whole word.
    const second = name !== 'zlib' ? '02130000' : 'f200110000';
    expect(packed.map(toHex)).toEqual(['f248cdc9c90700', second]);
    expect(packed.map((bytes) => new TextDecoder().decode(finish(inflator.inflate(bytes, 0))))).toEqual(['Hello', 'Hello']);
    const afresh = engine.createDeflator(AFRESH);
    expect([1, 2].map(() => toHex(finish(afresh.deflate(utf8('Hello'), true))))).toEqual(['f248cdc9c90700', 'f248cdc9c90700']);
  });

  describe('with a dictionary', () => {
    const dictionary = utf8('{"type":"trade","symbol":"WSCK","price":');
    const options = { ...KEPT, zlib: { dictionary } };
    const message = utf8('{"type":"trade","symbol":"WSCK","price":12}');

    it.each([false, true])('starts with its dictionary, without context takeover %s', (noContextTakeover) => {
      const deflator = engine.createDeflator({ ...options, noContextTakeover });
      const inflator = engine.createInflator({ ...options, noContextTakeover });
      for (let round = 0; round < 3; round++) {
        const packed = finish(deflator.deflate(message, true));
        expect(packed.length).toBeLessThan(12);
        expectBytes(finish(inflator.inflate(packed, 0)), message);
      }
    });

    it('keeps the dictionary in reach behind other messages, as a zlib stream does', async () => {
      const stream = zlib.createDeflateRaw({ dictionary });
      const pack = (data: Uint8Array): Promise<Buffer> =>
        new Promise((resolve) => {
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.write(data);
          stream.flush(() => {
            stream.removeAllListeners('data');
            resolve(Buffer.concat(chunks).subarray(0, -4));
          });
        });
      const inflator = engine.createInflator(options);
      for (const sent of [utf8('nothing alike'), utf8('{"type":"trade","symbol":"WSCK","price":1}')]) {
        expectBytes(finish(inflator.inflate(await pack(sent), 0)), sent);
      }
      stream.close();
    });

    it.runIf(takesWindows(node))('writes what zlib reads with it, whatever becomes of the memory', () => {
      const own = new Uint8Array(dictionary);
      const deflator = engine.createDeflator({ ...KEPT, zlib: { dictionary: own.buffer } });
      own.fill(0);
      const packed = finish(deflator.deflate(message, true));
      const read = zlib.inflateRawSync(Buffer.concat([packed, hex('00 00 ff ff')]), { finishFlush: 2, dictionary });
      expectBytes(read, message);
    });

    it.each([8, 9, 12])('keeps its end in a window of %i bits', (windowBits) => {
      const long = { windowBits, noContextTakeover: true, zlib: { dictionary: noise(9000) } };
      const [deflator, inflator] = [engine.createDeflator(long), engine.createInflator(long)];
      const end = noise(9000).subarray(9000 - 200);
      const packed = finish(deflator.deflate(end, true));
      expect(packed.length).toBeLessThan(60);
      expectBytes(finish(inflator.inflate(packed, 0)), end);
    });
  });

  it('deflates an empty message to a byte, whatever came before and whatever its reader does to it', () => {
    for (const options of [KEPT, AFRESH]) {
      const deflator = engine.createDeflator(options);
      const job = (data: string): Uint8Array => {
        const bytes = deflator.deflate(utf8(data), true).step()!;
        const copy = new Uint8Array(bytes);
        bytes.fill(0xdb);
        return copy;
      };
      expect(['', '', 'Hello', '', ''].map((data) => toHex(job(data)))).toEqual(['00', '00', 'f248cdc9c90700', '00', '00']);
    }
  });

  describe.each([KEPT, AFRESH])('with %j', ({ noContextTakeover }) => {
    it.each([8, 9, 10, 11, 12, 13, 14, 15])('writes what zlib reads with a window of %i bits', async (windowBits) => {
      const deflator = engine.createDeflator({ windowBits, noContextTakeover });
      // Each message resembles the last one, and reaches behind the window.
      const messages = [40, 3000, 3000, 1, 0, 70_000, 70_000, 200].map((length) => records(length));
      const packed = messages.map((message) => finish(deflator.deflate(message, true)));
      const read = await unpack(packed, windowBits, noContextTakeover);
      messages.forEach((message, index) => expectBytes(read[index], message));
      if (noContextTakeover) expectBytes(packed[2], packed[1]);
      else if (windowBits > 12) expect(packed[2].length).toBeLessThan(packed[1].length / 4);
      deflator.close();
    });

    it.each([8, 9, 10, 11, 12, 13, 14, 15])('reads what it wrote with a window of %i bits', (windowBits) => {
      const deflator = engine.createDeflator({ windowBits, noContextTakeover });
      const inflator = engine.createInflator({ windowBits, noContextTakeover });
      for (const length of [40, 3000, 3000, 1, 0, 70_000, 70_000, 200]) {
        const message = records(length);
        expectBytes(finish(inflator.inflate(finish(deflator.deflate(message, true)), length)), message);
      }
    });
  });

  it('deflates fragments to one message', async () => {
    const deflator = engine.createDeflator(KEPT);
    const parts = [records(5000), new Uint8Array(0), noise(100), records(140_000), new Uint8Array(0)];
    const packed = parts.map((part, index) => finish(deflator.deflate(part, index === parts.length - 1)));
    packed.slice(0, -1).forEach((part) => part.length && expect(toHex(part.subarray(-4))).toBe('0000ffff'));
    const [read] = await unpack([Buffer.concat(packed)], 15, false);
    expectBytes(read, Buffer.concat(parts));
    const next = finish(deflator.deflate(records(5000), true));
    expect(next.length).toBeLessThan(1000);
  });

  it('starts afresh behind the last fragment, not between them', () => {
    const deflator = engine.createDeflator(AFRESH);
    const message = noise(2000);
    const [first, second, other] = [false, true, true].map((isFinal) => finish(deflator.deflate(message, isFinal)));
    expect(first.length).toBeGreaterThan(2000);
    expect(second.length).toBeLessThan(50);
    expect(other.length).toBeGreaterThan(2000);
  });

  it.each(SIZES)('takes messages of %i bytes, dense and sparse, up to a limit that is exact', (size) => {
    const deflator = engine.createDeflator(KEPT);
    const inflator = engine.createInflator(KEPT);
    for (const message of [noise(size), new Uint8Array(size).fill(0x61)]) {
      const packed = finish(deflator.deflate(message, true));
      // Exact, without a limit, and with one that no runtime can allocate.
      for (const limit of [size, 0, Number.MAX_SAFE_INTEGER]) {
        expectBytes(finish(engine.createInflator(KEPT).inflate(zlib.deflateRawSync(message), limit)), message);
      }
      expectBytes(finish(inflator.inflate(packed, size)), message);
      if (size < 2) continue;
      const error = failure(engine.createInflator(KEPT).inflate(zlib.deflateRawSync(message), size - 1));
      expect(error).toMatchObject({ isTooLong: true, message: 'Max payload size exceeded' });
    }
  });

  it('holds all parts of a message to one limit', () => {
    const twice = Buffer.concat([zlib.deflateRawSync(records(600)), zlib.deflateRawSync(records(600))]);
    expect(finish(engine.createInflator(KEPT).inflate(twice, 1200))).toHaveLength(1200);
    expect(failure(engine.createInflator(KEPT).inflate(twice, 1199)).isTooLong).toBe(true);
    expect(failure(engine.createInflator(KEPT).inflate(twice, 600)).isTooLong).toBe(true);
  });

  it.each([
    ['an invalid block type', '07', 'Z_DATA_ERROR'],
    ['a stored block whose lengths differ', '00 05 00 05 00', 'Z_DATA_ERROR'],
    ['a distance before the first byte', '02 02 00 00', 'Z_DATA_ERROR'],
    ['an invalid block behind a good one', 'f2 48 cd c9 c9 07 00 00 00 ff ff 06', 'Z_DATA_ERROR'],
    ['an invalid block behind the last one', 'f3 48 cd c9 c9 07 00 06', 'Z_DATA_ERROR'],
  ])('refuses %s, and goes on refusing or works', (_what, packed, code) => {
    const inflator = engine.createInflator(KEPT);
    const error = failure(inflator.inflate(hex(packed), 0));
    expect(error).toMatchObject({ isTooLong: false, code });
    expect(error.message.length).toBeGreaterThan(3);
    try {
      expect(finish(inflator.inflate(hex('f248cdc9c90700'), 0))).toHaveLength(5);
    } catch (again) {
      expect(again).toBeInstanceOf(InflateError);
    }
    inflator.close();
  });

  it('refuses what reaches out of a smaller window', () => {
    const apart = Buffer.concat([
      Buffer.from('unmistakable, and repeated'),
      noise(600),
      Buffer.from('unmistakable, and repeated'),
    ]);
    const packed = zlib.deflateRawSync(apart);
    expectBytes(finish(engine.createInflator({ ...KEPT, windowBits: 10 }).inflate(packed, 0)), apart);
    const inflator = engine.createInflator({ ...KEPT, windowBits: 8 });
    const packed600 = zlib.deflateRawSync(noise(600), { level: 0, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    finish(inflator.inflate(packed600.subarray(0, -4), 0));
    // Three bytes of 300 bytes before, in fixed Huffman codes.
    expect(failure(inflator.inflate(hex('02 86 15 00'), 0)).code).toBe('Z_DATA_ERROR');
    const wider = engine.createInflator({ ...KEPT, windowBits: 9 });
    const before = noise(600);
    finish(
      wider.inflate(zlib.deflateRawSync(before, { level: 0, finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4), 0),
    );
    expectBytes(finish(wider.inflate(hex('02 86 15 00'), 0)), before.subarray(300, 303));
  });

  it('does not inflate with a context that is closed, nor end the process', () => {
    const deflator = engine.createDeflator(KEPT);
    const inflator = engine.createInflator(KEPT);
    const later = [deflator.deflate(records(300_000), true), inflator.inflate(zlib.deflateRawSync(records(3_000_000)), 0)];
    later.forEach((job) => job.step());
    deflator.close();
    inflator.close();
    deflator.close();
    inflator.close();
    for (const job of [...later, deflator.deflate(utf8('x'), true), inflator.inflate(hex('00'), 0)]) {
      expect(() => job.step()).toThrow('closed');
    }
  });

  it('keeps its window when the program changes what it has sent or received', () => {
    const options = { ...KEPT, windowBits: 9 };
    const messages = [records(5000), new Uint8Array(600).fill(0xdb), records(5000)];
    // Each against one whose messages are left alone.
    for (const [sender, receiver, spoils] of [
      [engine, engines[0][1], 'sent'],
      [engines[0][1], engine, 'received'],
    ] as const) {
      const deflator = sender.createDeflator(options);
      const inflator = receiver.createInflator(options);
      for (const message of messages) {
        const sent = Buffer.from(message);
        const packed = finish(deflator.deflate(sent, true));
        if (spoils === 'sent') sent.fill(0xdb);
        const received = inflator.inflate(packed, 0).step()!;
        expectBytes(received, message);
        if (spoils === 'received') received.fill(0xdb);
      }
    }
  });

  it('passes options on to zlib', () => {
    const message = records(2000);
    const [stored, packed] = [0, 9].map((level) => {
      const deflator = engine.createDeflator({ ...AFRESH, zlib: { level, memLevel: 9, chunkSize: 64, windowBits: 9 } });
      return finish(deflator.deflate(message, true));
    });
    expect(stored.length).toBeGreaterThan(2000);
    expect(packed.length).toBeLessThan(1000);
    expect(() => finish(engine.createDeflator({ ...AFRESH, zlib: { level: 99 } }).deflate(message, true))).toThrow('level');
  });

  it('frees the memory of closed contexts', () => {
    const cycle = (): void => {
      const deflator = engine.createDeflator(KEPT);
      const inflator = engine.createInflator(KEPT);
      finish(inflator.inflate(finish(deflator.deflate(utf8('Hello'), true)), 0));
      deflator.close();
      inflator.close();
    };
    for (let round = 0; round < 50; round++) cycle();
    const before = process.memoryUsage();
    for (let round = 0; round < 2000; round++) cycle();
    const after = process.memoryUsage();
    // A leak would be 2,000 times 300 KiB.
    expect(after.rss - before.rss).toBeLessThan(200 * 1048576);
    expect(after.external - before.external).toBeLessThan(200 * 1048576);
  });
});

it('an inflate error says whether the output or the input is to blame', () => {
  const malformed = new InflateError({ message: 'invalid block type', isTooLong: false, code: 'Z_DATA_ERROR' });
  expect(malformed).toBeInstanceOf(Error);
  expect(malformed).toMatchObject({ message: 'invalid block type', isTooLong: false, code: 'Z_DATA_ERROR' });
  expect(new InflateError({ message: 'long', isTooLong: true })).toMatchObject({ isTooLong: true, code: undefined });
});
