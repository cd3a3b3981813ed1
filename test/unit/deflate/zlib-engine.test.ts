// The engine over zlib's public functions: how it cuts its work up, and the windows it carries over.

import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DeflateJob } from '../../../src/deflate/engine.ts';
import { createZlibEngine, takesWindows } from '../../../src/deflate/zlib-engine.ts';
import { expectBytes } from '../../support/bytes.ts';
import { hex, utf8 } from '../../support/frames.ts';
import { finish, noise, records, unpack } from './zlib-oracle.ts';

const engine = createZlibEngine(zlib);
const KEPT = { windowBits: 15, noContextTakeover: false };

function count(job: DeflateJob): number {
  let steps = 1;
  while (job.step() === null) steps++;
  return steps;
}

// Deno's zlib starts with no window: there our own module inflates, and messages refer to none before them.
describe.runIf(takesWindows(zlib))('a job of the engine over zlib', () => {
  it('deflates 128 KiB a turn, with one window', async () => {
    const deflator = engine.createDeflator(KEPT);
    expect([0, 1, 131072, 131073, 262145].map((size) => count(deflator.deflate(noise(size), true)))).toEqual([1, 1, 1, 2, 3]);
    // Again after 30,000 bytes, across the border of two turns.
    const message = Buffer.concat([noise(120_000), noise(20_000, 7), noise(10_000, 8), noise(20_000, 7)]);
    const packed = finish(engine.createDeflator(KEPT).deflate(message, true));
    expect(packed.length).toBeLessThan(151_000);
    const [read] = await unpack([packed], 15, false);
    expectBytes(read, message);
  });

  it('inflates one stream a turn', () => {
    const inflator = engine.createInflator(KEPT);
    expect(count(inflator.inflate(hex('f3 48 cd c9 c9 07 00 00'), 0))).toBe(2);
    expect(count(inflator.inflate(hex('f3 48 cd c9 c9 07 00'), 0))).toBe(1);
    expect(count(inflator.inflate(Buffer.alloc(2000, hex('03 00')), 0))).toBe(1000);
  });

  it('owns what it gives', () => {
    const deflator = engine.createDeflator(KEPT);
    const first = deflator.deflate(utf8('Hello'), true);
    const bytes = first.step()!;
    const copy = new Uint8Array(bytes);
    finish(deflator.deflate(records(10_000), true));
    expect(first.isOwned).toBe(true);
    expectBytes(bytes, copy);
  });

  it('keeps no memory of zlib between turns: 16 KiB of it would stay for a stream of one byte', () => {
    const memory = Buffer.alloc(16384);
    const reused = createZlibEngine({
      ...zlib,
      inflateRawSync(data, options) {
        const { buffer, engine: read } = zlib.inflateRawSync(data, options) as unknown as {
          buffer: Buffer;
          engine: { bytesWritten: number };
        };
        memory.set(buffer);
        return { buffer: memory.subarray(0, buffer.length), engine: read };
      },
    });
    const streams = ['a', '', 'bc', 'd'.repeat(300), 'e'].map((text) => zlib.deflateRawSync(text));
    const job = reused.createInflator(KEPT).inflate(Buffer.concat(streams), 304);
    const bytes = finish(job);
    expectBytes(bytes, utf8(`abc${'d'.repeat(300)}e`));
    expect(job.isOwned).toBe(true);
    expect(bytes.buffer.byteLength).toBe(304);
    expect(() => finish(reused.createInflator(KEPT).inflate(Buffer.concat(streams), 303))).toThrow('Max payload size exceeded');
  });

  it('gives away no memory of zlib, which is longer than its output', () => {
    const packed = finish(engine.createDeflator(KEPT).deflate(utf8('Hello'), true));
    const short = engine.createInflator(KEPT).inflate(packed, 0);
    expectBytes(short.step()!, utf8('Hello'));
    expect(short.isOwned).toBe(false);
    const long = engine.createInflator(KEPT).inflate(hex('f3 48 cd c9 c9 07 00 00'), 0);
    expect(long.step()).toBeNull();
    const bytes = long.step()!;
    expect([long.isOwned, bytes.buffer.byteLength]).toEqual([true, bytes.length]);
  });
});

describe.runIf(takesWindows(zlib))('a context of the engine over zlib', () => {
  it('gives the parts of a message together with the last one', () => {
    const inflator = engine.createInflator(KEPT);
    expect(finish(inflator.inflate(hex('f2 48 cd'), 0, false)).length).toBe(0);
    expectBytes(finish(inflator.inflate(hex('c9 c9 07 00'), 0)), utf8('Hello'));
    expectBytes(finish(inflator.inflate(hex('f2 00 11 00 00'), 0)), utf8('Hello'));
  });

  it('keeps no more parts than a message may have bytes', () => {
    const inflator = engine.createInflator(KEPT);
    const parts = noise(65_537);
    expect(() => {
      for (let at = 0; at < parts.length; at += 100) finish(inflator.inflate(parts.subarray(at, at + 100), 1000, false));
    }).toThrow('Max payload size exceeded');
    const unlimited = engine.createInflator(KEPT);
    for (let round = 0; round < 3; round++) finish(unlimited.inflate(parts, 0, false));
  });

  it.each([
    ['a fixed block', 'f2 48 cd'],
    ['a stored block', '00 0a 00 f5 ff 41 42'],
    ['a second stream', 'f3 48 cd c9 c9 07 00 f2 48 cd'],
  ])('refuses a message that ends in the middle of %s', (_name, digits) => {
    const job = engine.createInflator(KEPT).inflate(hex(digits), 0);
    expect(() => finish(job)).toThrow(/^(unexpected end of file|invalid stored block lengths)$/);
  });

  it('ignores what zlib streams ignore', () => {
    const zlibOptions = { info: true, maxOutputLength: 1 };
    const packed = finish(engine.createDeflator({ ...KEPT, zlib: zlibOptions }).deflate(utf8('Hello'), true));
    expectBytes(finish(engine.createInflator({ ...KEPT, zlib: zlibOptions }).inflate(packed, 0)), utf8('Hello'));
  });
});

describe.runIf(takesWindows(zlib))('streams of a message, each of which is a context of zlib', () => {
  const EMPTY = hex('03 00');
  const tooMany = 'Too many deflate streams';

  /** Steps of a job until it is done or fails. */
  function stepsUntilError(job: DeflateJob): number {
    let steps = 0;
    expect(() => {
      for (;;) {
        if (job.step() !== null) return;
        steps++;
      }
    }).toThrow(tooMany);
    return steps;
  }

  it('are at most 1,004 in one message, and one more for each KiB', () => {
    const inflator = engine.createInflator(KEPT);
    expect(stepsUntilError(inflator.inflate(Buffer.alloc(1_048_576, EMPTY), 0))).toBe(2028);
    const other = engine.createInflator(KEPT);
    expect(count(other.inflate(Buffer.alloc(2008, EMPTY), 0))).toBe(1004);
    expect(stepsUntilError(other.inflate(Buffer.alloc(2008, EMPTY), 0))).toBe(6);
  });

  it('are as few in many short messages', () => {
    const inflator = engine.createInflator(KEPT);
    const message = Buffer.alloc(200, EMPTY);
    for (let round = 0; round < 10; round++) finish(inflator.inflate(message, 0));
    expect(() => finish(inflator.inflate(message, 0))).toThrow(tooMany);
  });

  it('do not count where a sender ends each message with BFINAL', () => {
    const inflator = engine.createInflator(KEPT);
    for (let round = 0; round < 2000; round++) {
      expectBytes(finish(inflator.inflate(hex('f3 48 cd c9 c9 07 00 00'), 0)), utf8('Hello'));
    }
  });

  it('may be many in a long message', () => {
    const stream = zlib.deflateRawSync(noise(1100), { level: 0 });
    const message = Buffer.concat(Array.from({ length: 3000 }, () => stream));
    const bytes = finish(engine.createInflator(KEPT).inflate(message, 0));
    expect(bytes.length).toBe(3_300_000);
    expectBytes(bytes.subarray(-1100), noise(1100));
  });
});
