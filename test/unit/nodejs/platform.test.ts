import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { platform } from '../../../src/nodejs/platform.ts';
import { expectBytes } from '../../support/bytes.ts';
import { pattern, utf8 } from '../../support/frames.ts';
import { sleep } from '../../support/sleep.ts';

describe('platform', () => {
  test.each([0, 1, 4095, 4096, 100_000])('allocates Buffers of %i bytes', (length) => {
    const bytes = platform.allocate(length);
    expect(Buffer.isBuffer(bytes)).toBe(true);
    expect(bytes).toHaveLength(length);
    // A large message does not share its memory.
    if (length >= 4096) expect(bytes.buffer.byteLength).toBe(length);
  });

  test('copies a range that the source may then change', () => {
    const source = pattern(100);
    const copy = platform.copy(source, 10, 20);
    source.fill(0);
    expect(Buffer.isBuffer(copy)).toBe(true);
    expectBytes(copy, pattern(100).subarray(10, 20));
  });

  test('copies messages from codec memory', () => {
    const start = platform.codec.input.byteOffset;
    platform.codec.memory.set([1, 2, 3], start);
    const long = platform.copyMessage(platform.codec.memory, start, start + 4096);
    platform.codec.memory.set([9, 9, 9], start);
    expect([...long.subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  const TEXTS = ['', 'abc', 'né', '€', '😀', '\ufeffbom', 'a\0b', '\ud800', 'x\udc00y', '\ud83d', 'é'.repeat(1000)];

  test.each(TEXTS)('encodes and decodes %j as TextEncoder does', (text) => {
    const expected = utf8(text);
    expect(platform.byteLength(text)).toBe(expected.length);
    for (const target of [new Uint8Array(expected.length + 10), Buffer.alloc(expected.length + 10)]) {
      expect(platform.writeText(text, target, 3)).toBe(expected.length);
      expectBytes(target.subarray(3, 3 + expected.length), expected);
      expect(target.subarray(0, 3)).toEqual(target.subarray(0, 3).fill(0));
      const isAscii = expected.every((byte) => byte < 0x80);
      const wellFormed = new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected);
      expect(platform.decodeText(target, 3, 3 + expected.length, false)).toBe(wellFormed);
      if (isAscii) expect(platform.decodeText(target, 3, 3 + expected.length, true)).toBe(wellFormed);
    }
  });

  test('draws masking keys that do not repeat, in all 32 bits', () => {
    const keys = Array.from({ length: 5000 }, () => platform.maskingKey());
    expect(new Set(keys).size).toBeGreaterThan(4990);
    expect(keys.every((key) => key === (key | 0))).toBe(true);
    // Each bit is set in about half of them.
    for (let bit = 0; bit < 32; bit++) {
      const count = keys.filter((key) => ((key >>> bit) & 1) === 1).length;
      expect(count).toBeGreaterThan(2000);
      expect(count).toBeLessThan(3000);
    }
  });

  test('defers to the end of the turn, before I/O', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('immediate'));
    platform.defer(() => order.push('deferred'));
    order.push('sync');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(order).toEqual(['sync', 'deferred', 'immediate']);
  });

  test('runs one task of nextTurn a turn, in order', async () => {
    const order: string[] = [];
    const turn = (): Promise<void> =>
      new Promise((resolve) => {
        setImmediate(resolve);
      });
    platform.nextTurn(() => {
      order.push('a');
      platform.nextTurn(() => order.push('c'));
    });
    platform.nextTurn(() => order.push('b'));
    expect(order).toEqual([]);
    const seen: number[] = [];
    for (let index = 0; index < 6 && order.length < 3; index++) {
      await turn();
      seen.push(order.length);
    }
    expect(order).toEqual(['a', 'b', 'c']);
    expect(seen.slice(0, 2)).toEqual([1, 2]);
  });

  test('runs another task of nextTurn in the same turn after one that was short, and no other after one that was not', async () => {
    const order: string[] = [];
    const turn = (): Promise<void> =>
      new Promise((resolve) => {
        setImmediate(resolve);
      });
    platform.nextTurn(() => order.push('a') > 0);
    platform.nextTurn(() => order.push('b') > 0);
    platform.nextTurn(() => void order.push('c'));
    platform.nextTurn(() => {
      order.push('d');
      throw new Error('of a task');
    });
    platform.nextTurn(() => order.push('e') > 0);
    const seen: string[] = [];
    const errors: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => errors.push(error));
    try {
      for (let index = 0; index < 8 && order.length < 5; index++) {
        await turn();
        seen.push(order.join(''));
      }
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(seen[0]).toBe('abc');
  });

  test('timers run once, can be cleared, and do not keep the process alive', async () => {
    let cleared = 0;
    const timer = platform.setTimer(() => cleared++, 1);
    expect((timer as { timer: NodeJS.Timeout }).timer.hasRef()).toBe(false);
    platform.clearTimer(timer);
    let runs = 0;
    platform.setTimer(() => runs++, 1);
    await sleep(30);
    expect([cleared, runs]).toEqual([0, 1]);
  });
});
