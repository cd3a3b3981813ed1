// What a message costs the engine over zlib: contexts of zlib, and bytes of output, in counts. And that no message is judged otherwise for it.

import zlib from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { InflateError, type DeflateEngine } from '../../../src/deflate/engine.ts';
import { sharedDeflateKernel } from '../../../src/deflate/load.ts';
import { createWasmEngine } from '../../../src/deflate/wasm-engine.ts';
import { createZlibEngine, takesWindows, type ZlibModule } from '../../../src/deflate/zlib-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex, utf8 } from '../../support/frames.ts';
import { finish, noise, records } from './zlib-oracle.ts';

/** The outcome of each call of zlib: how much it gave, or that it threw. */
let calls: (number | 'throws')[] = [];
const counting: ZlibModule = {
  deflateRawSync(data, options) {
    const bytes = zlib.deflateRawSync(data, options);
    calls.push(bytes.length);
    return bytes;
  },
  inflateRawSync(data, options) {
    try {
      const result = (zlib as ZlibModule).inflateRawSync(data, options) as { readonly buffer: Uint8Array };
      calls.push(result.buffer.length);
      return result as ReturnType<ZlibModule['inflateRawSync']>;
    } catch (error) {
      calls.push('throws');
      throw error;
    }
  },
};
const engine = createZlibEngine(counting);
const own = createWasmEngine(sharedDeflateKernel);
const KEPT = { windowBits: 15, noContextTakeover: false };
const { Z_SYNC_FLUSH, Z_FINISH, Z_PARTIAL_FLUSH, Z_FIXED, Z_HUFFMAN_ONLY } = zlib.constants;

beforeEach(() => {
  calls = [];
});

/** @returns The bytes in hexadecimal digits, or the error. */
function outcome(by: DeflateEngine, message: Uint8Array, limit: number): string {
  const inflator = by.createInflator(KEPT);
  try {
    return Buffer.from(finish(inflator.inflate(message, limit))).toString('hex');
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    return error.isTooLong ? 'too long' : `${error.code}: ${error.message}`;
  } finally {
    inflator.close();
  }
}

function expectAlike(message: Uint8Array, limit: number = 100_000): void {
  const [expected, found] = [own, engine].map((by) => outcome(by, message, limit));
  if (found !== expected) expect(`${hexOf(message)}: ${found}`).toBe(`${hexOf(message)}: ${expected}`);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.runIf(takesWindows(zlib))('a message without bytes takes no context of zlib', () => {
  it.each([
    ['no payload', ''],
    ['the beginning of a stored block', '00'],
    ['the same with bits that mean nothing', 'f8'],
    ['a stored block', '00 00 00 ff ff'],
    ['the same with bits that mean nothing', '88 00 00 ff ff'],
    ['two stored blocks', '00 00 00 ff ff 00 00 00 ff ff'],
    ['stored blocks and the beginning of one', '00 00 00 ff ff 00 00 00 ff ff 00'],
  ])('as %s, and leaves the window', (_form, digits) => {
    const inflator = engine.createInflator(KEPT);
    finish(inflator.inflate(hex('f2 48 cd c9 c9 07 00'), 5));
    const before = calls.length;
    const job = inflator.inflate(hex(digits), 1);
    expect([job.step()!.length, job.isOwned, calls.length - before]).toEqual([0, true, 0]);
    expectBytes(finish(inflator.inflate(hex('f2 00 11 00 00'), 5)), utf8('Hello'));
    expectAlike(hex(digits));
  });

  it.each(['03 00', '03 00 00', '03 fc', '03 00 00 00 00 ff ff'])('as %s, which forgets the window', (digits) => {
    const inflator = engine.createInflator({ ...KEPT, zlib: { dictionary: utf8('Hello') } });
    finish(inflator.inflate(hex('00 02 00 fd ff 41 42 00'), 2));
    const before = calls.length;
    expect([finish(inflator.inflate(hex(digits), 1)).length, calls.length - before]).toEqual([0, 0]);
    expectBytes(finish(inflator.inflate(hex('f2 00 11 00 00'), 5)), utf8('Hello'));
    expectAlike(hex(digits));
  });

  it('also where it is sent', () => {
    for (const noContextTakeover of [false, true]) {
      const deflator = engine.createDeflator({ ...KEPT, noContextTakeover });
      expectBytes(finish(deflator.deflate(new Uint8Array(0), true)), hex('00'));
      expect(deflator.sharedWindow).not.toBeNull();
      deflator.close();
      expect(() => deflator.deflate(new Uint8Array(0), true).step()).toThrow('closed');
    }
    expect(calls).toEqual([]);
  });

  it('but throws once the context is closed', () => {
    const inflator = engine.createInflator(KEPT);
    inflator.close();
    for (const digits of ['', '00', '03 00']) expect(() => inflator.inflate(hex(digits), 0).step()).toThrow('closed');
  });
});

describe.runIf(takesWindows(zlib))('a message takes', () => {
  const packed = zlib.deflateRawSync(records(3000), { finishFlush: Z_SYNC_FLUSH });

  it('one context', () => {
    expectBytes(finish(engine.createInflator(KEPT).inflate(packed.subarray(0, -4), 3000)), records(3000));
    expect(calls).toEqual([3000]);
  });

  it('one context that ends with BFINAL, with what RFC 7692 section 7.2.3.4 adds', () => {
    const last = Buffer.concat([zlib.deflateRawSync(records(3000)), hex('00')]);
    expectBytes(finish(engine.createInflator(KEPT).inflate(last, 3000)), records(3000));
    expect(calls).toEqual([3000]);
  });

  it('two contexts and no exception that ends with a whole block', () => {
    expectBytes(finish(engine.createInflator(KEPT).inflate(packed, 3000)), records(3000));
    expect(calls).toEqual([3007, 3000]);
  });

  it('one context and a short attempt that is malformed', () => {
    const bomb = zlib.deflateRawSync(new Uint8Array(5_000_000), { finishFlush: Z_SYNC_FLUSH });
    const malformed = Buffer.concat([bomb, hex('07')]);
    expect(() => finish(engine.createInflator(KEPT).inflate(malformed, 6_000_000))).toThrow('invalid block type');
    expect(calls).toEqual(['throws', 'throws']);
    calls = [];
    const most: unknown[] = [];
    const watching = createZlibEngine({
      ...counting,
      inflateRawSync(data, options) {
        most.push(options['maxOutputLength']);
        return counting.inflateRawSync(data, options);
      },
    });
    expect(() => finish(watching.createInflator(KEPT).inflate(malformed, 6_000_000))).toThrow('invalid block type');
    expect(most).toEqual([6_016_384, 65_536]);
  });

  it('one context that is cut', () => {
    const bomb = zlib.deflateRawSync(records(1_000_000), { finishFlush: Z_SYNC_FLUSH });
    expect(() => finish(engine.createInflator(KEPT).inflate(bomb.subarray(0, -20), 2_000_000))).toThrow(
      'unexpected end of file',
    );
    expect(calls.length).toBe(1);
  });
});

describe.runIf(takesWindows(zlib))('a message is judged as by our own module', () => {
  it('of one byte and of two', () => {
    for (let byte = 0; byte < 256; byte++) expectAlike(Uint8Array.of(byte));
    for (let both = 0; both < 65_536; both += 37) expectAlike(Uint8Array.of(both & 255, both >> 8));
  });

  it.each(['00 00 00 ff ff', '00 00 ff ff', '00 00 00 00 ff ff', '00 00 ff ff 00', '00 00 ff ff 00 00 00 ff ff 03 00 00'])(
    'of %s and a byte before it or behind it',
    (digits) => {
      for (let byte = 0; byte < 256; byte += 3) {
        expectAlike(Buffer.concat([hex(digits), Uint8Array.of(byte)]));
        expectAlike(Buffer.concat([Uint8Array.of(byte), hex(digits)]));
      }
    },
  );

  it.each([
    ['stored', { level: 0 }],
    ['in fixed codes', { strategy: Z_FIXED }],
    ['in dynamic codes', { strategy: Z_HUFFMAN_ONLY }],
    ['with matches', { level: 9 }],
  ])('of blocks %s, cut at every byte', (_type, options) => {
    for (const message of [records(200), noise(70), Buffer.alloc(1000, 'a')]) {
      for (const finishFlush of [Z_SYNC_FLUSH, Z_FINISH, Z_PARTIAL_FLUSH]) {
        const bytes = zlib.deflateRawSync(message, { ...options, finishFlush });
        for (let end = 0; end <= bytes.length; end++) expectAlike(bytes.subarray(0, end));
        for (const limit of [message.length, message.length - 1]) expectAlike(bytes, limit);
      }
    }
  });

  it('whose bytes look like what the engine puts behind it', () => {
    const probe = hex('00 00 ff ff 00 00 00 ff ff 03 00 00');
    for (let from = 0; from < probe.length; from++) {
      for (let to = from + 1; to <= probe.length; to++) {
        const message = Buffer.concat([utf8('Hello'), probe.subarray(from, to)]);
        for (const finishFlush of [Z_SYNC_FLUSH, Z_FINISH]) {
          const bytes = zlib.deflateRawSync(message, { level: 0, finishFlush });
          for (let end = bytes.length - 20; end <= bytes.length; end++) expectAlike(bytes.subarray(0, Math.max(0, end)));
        }
      }
    }
  });
});
