import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { History } from '../../../src/topics/history.ts';

function fill(history: History, count: number): void {
  for (let number = 1; number <= count; number++) history.add('t', `${number}`);
}

const since = (offset: number, epoch = 'E') => ({ epoch, offset });

describe('History', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('gives what was missed, in order, or says that it cannot', () => {
    const history = new History({ size: 3, ttl: Infinity }, 'E');
    expect(history.recover(since(0))).toEqual({ messages: [], position: since(0) });
    fill(history, 5);
    const texts = (offset: number) => history.recover(since(offset)).messages?.map(({ data }) => data);
    expect([texts(5), texts(4), texts(2), texts(1), texts(6)]).toEqual([[], ['5'], ['3', '4', '5'], undefined, undefined]);
    expect(history.recover(since(4, 'other'))).toEqual({ messages: undefined, position: since(5) });
  });

  test('numbers its messages', () => {
    const history = new History({ size: 3, ttl: Infinity }, 'E');
    expect(history.add('t', 'x')).toEqual({ topic: 't', data: 'x', position: since(1) });
    expect(history.position).toEqual(since(1));
  });

  test('forgets messages after their time', () => {
    const history = new History({ size: 10, ttl: 1000 }, 'E');
    history.add('t', 'old');
    vi.advanceTimersByTime(600);
    history.add('t', 'new');
    vi.advanceTimersByTime(600);
    expect(history.recover(since(0)).messages).toBe(undefined);
    expect(history.recover(since(1)).messages?.map(({ data }) => data)).toEqual(['new']);
    expect(history.expire()).toBe(false);
    vi.advanceTimersByTime(600);
    expect(history.expire()).toBe(true);
    // The position is kept, so nothing that was missed is taken for nothing.
    expect(history.recover(since(1)).messages).toBe(undefined);
    expect(history.recover(since(2)).messages).toEqual([]);
  });

  test('stays correct over many messages', () => {
    const history = new History({ size: 10, ttl: Infinity }, 'E');
    fill(history, 10_000);
    expect(history.recover(since(9_990)).messages?.map(({ data }) => Number(data))).toEqual(
      Array.from({ length: 10 }, (_, index) => 9_991 + index),
    );
    expect(history.recover(since(9_989)).messages).toBe(undefined);
  });
});
