import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { copyMessage, MessageQueue, type QueueSettings } from '../../../src/reconnecting/queue.ts';

const SETTINGS: QueueSettings = { maximumBytes: 1000, maximumAge: Infinity, policy: 'drop-oldest' };

/** A queue, and what it gives up. */
function create(settings: Partial<QueueSettings>): { queue: MessageQueue; dropped: string[] } {
  const dropped: string[] = [];
  const queue = new MessageQueue({ ...SETTINGS, ...settings }, (data, reason) => dropped.push(`${data as string} ${reason}`));
  return { queue, dropped };
}

describe('MessageQueue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('gives messages in order, and counts their bytes', () => {
    const { queue } = create({});
    queue.add('four');
    queue.add(new ArrayBuffer(10));
    queue.add(new Blob(['abc']));
    expect(queue.bytes).toBe(17);
    expect(queue.take()).toBe('four');
    expect(queue.bytes).toBe(13);
    queue.take();
    queue.take();
    expect([queue.take(), queue.bytes]).toEqual([undefined, 0]);
  });

  test('gives up what is older than the maximum age, when it is used next', () => {
    const { queue, dropped } = create({ maximumAge: 1000 });
    queue.add('old');
    vi.advanceTimersByTime(600);
    queue.add('newer');
    vi.advanceTimersByTime(401);
    expect(queue.take()).toBe('newer');
    expect(dropped).toEqual(['old expired']);
  });

  test('takes a time that grows with the number of messages, and not with its square', () => {
    vi.useRealTimers();
    const { queue } = create({ maximumBytes: Infinity });
    const seconds = (count: number): number => {
      const start = performance.now();
      for (let number = 0; number < count; number++) queue.add('');
      while (queue.take() !== undefined);
      return (performance.now() - start) / 1000;
    };
    seconds(50_000);
    expect(seconds(400_000)).toBeLessThan(20);
    expect(queue.bytes).toBe(0);
  });

  test('counts 64 bytes for an empty message, so their number is bounded', () => {
    const { queue, dropped } = create({ maximumBytes: 640 });
    for (let count = 0; count < 15; count++) queue.add('');
    expect(dropped).toHaveLength(5);
  });

  test('gives up as many as a larger one needs, and none for one that is too large', () => {
    const { queue, dropped } = create({ maximumBytes: 300 });
    for (const text of ['1', '2', '3', '4']) queue.add(text);
    queue.add('x'.repeat(120));
    expect(dropped).toEqual(['1 full', '2 full', '3 full']);
    expect(queue.add('x'.repeat(237))).toBe(false);
    expect(dropped).toHaveLength(4);
    queue.clear();
    expect(dropped.slice(4)).toEqual(['4 closed', `${'x'.repeat(120)} closed`]);
    expect(queue.bytes).toBe(0);
  });
});

describe('copyMessage()', () => {
  test('makes memory of its own, of the bytes that a view shows', () => {
    const memory = Uint8Array.of(0, 1, 2, 3);
    const copy = copyMessage(memory.subarray(1, 3)) as ArrayBuffer;
    const whole = copyMessage(memory.buffer) as ArrayBuffer;
    memory.fill(9);
    expect([...new Uint8Array(copy)]).toEqual([1, 2]);
    expect([...new Uint8Array(whole)]).toEqual([0, 1, 2, 3]);
  });

  test('converts other values to text, as send() does', () => {
    expect(copyMessage(5)).toBe('5');
    expect(copyMessage(null)).toBe('null');
    expect(() => copyMessage(Symbol('s'))).toThrow(TypeError);
    const blob = new Blob(['x']);
    expect(copyMessage(blob)).toBe(blob);
  });
});
