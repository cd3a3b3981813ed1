// The course of a shutdown in time, by a fake clock.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Drain, readShutdownOptions, type Drainable } from '../../../src/admission/shutdown.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Connections that write down when they are closed and terminated. They end when the test says so. */
class Connections {
  readonly left: Set<Drainable> = new Set();
  readonly closes: number[] = [];
  readonly terminations: number[] = [];
  readonly #begin: number = Date.now();
  #drain: Drain | undefined;

  start(count: number, options: object): Drain {
    for (let index = 0; index < count; index++) {
      const one: Drainable = {
        close: () => void this.closes.push(Date.now() - this.#begin),
        terminate: () => {
          this.terminations.push(Date.now() - this.#begin);
          this.end(one, false);
        },
      };
      this.left.add(one);
    }
    this.#drain = new Drain(this.left, readShutdownOptions(options));
    this.#drain.start([...this.left]);
    return this.#drain;
  }

  end(one: Drainable, wasClean: boolean, unsent = 0): void {
    this.left.delete(one);
    this.#drain!.countUnsent(unsent);
    this.#drain!.count(wasClean);
    this.#drain!.check();
  }
}

describe('a spread', () => {
  test.each([
    [4, 1000, [0, 250, 500, 750]],
    [1, 1000, [0]],
    [3, 0, [0, 0, 0]],
  ])('of %i connections over %i ms', (count, spread, expected) => {
    const connections = new Connections();
    connections.start(count, { spread });
    vi.advanceTimersByTime(spread);
    expect(connections.closes).toEqual(expected);
  });

  test('of many connections closes as many in each part', () => {
    const connections = new Connections();
    connections.start(10_000, { spread: 20_000 });
    const counts = [];
    for (let second = 0; second < 20; second++) {
      const before = connections.closes.length;
      vi.advanceTimersByTime(1000);
      counts.push(connections.closes.length - before);
    }
    expect(connections.closes.length).toBe(10_000);
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThanOrEqual(5);
  });

  test('takes its time, and not more, where each timer is late', () => {
    const connections = new Connections();
    connections.start(1000, { spread: 10_000, timeout: 10_000 });
    // Between two timers the clock of a busy process goes on.
    const { performance } = globalThis;
    let late = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => Date.now() + late);
    for (let turn = 0; turn < 500; turn++) {
      vi.advanceTimersByTime(10);
      late += 10;
    }
    now.mockRestore();
    expect(connections.closes.length).toBe(1000);
  });

  test('passes over connections that have ended', () => {
    const connections = new Connections();
    connections.start(4, { spread: 1000 });
    connections.end([...connections.left][3], true);
    vi.advanceTimersByTime(1000);
    expect(connections.closes).toEqual([0, 250, 500]);
  });
});

test('the timeout drops the rest, and leaves no timer', async () => {
  const connections = new Connections();
  const drain = connections.start(3, { timeout: 5000 });
  connections.end([...connections.left][0], true);
  connections.end([...connections.left][0], false, 7);
  vi.advanceTimersByTime(4999);
  expect(connections.terminations).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(connections.terminations).toEqual([5000]);
  expect(await drain.result).toEqual({ closed: 1, terminated: 2, unsentMessages: 7 });
  expect(vi.getTimerCount()).toBe(0);
});

test.each([0, Infinity])('a timeout of %s waits', (timeout) => {
  const connections = new Connections();
  connections.start(1, { timeout });
  vi.advanceTimersByTime(1e9);
  expect(connections.terminations).toEqual([]);
});

test('an abort in the middle of a spread drops all, also those that come later, and listens no more', async () => {
  const connections = new Connections();
  const controller = new AbortController();
  const { signal } = controller;
  const removed = vi.spyOn(signal, 'removeEventListener');
  const drain = connections.start(4, { spread: 1000, signal });
  vi.advanceTimersByTime(300);
  controller.abort();
  expect(connections.terminations).toEqual([300, 300, 300, 300]);
  expect(await drain.result).toEqual({ closed: 0, terminated: 4, unsentMessages: 0 });
  expect(removed).toHaveBeenCalledTimes(1);
  const late = { close: vi.fn<() => void>(), terminate: vi.fn<() => void>() };
  drain.add(late);
  expect([late.close.mock.calls.length, late.terminate.mock.calls.length]).toEqual([0, 1]);
  vi.advanceTimersByTime(2000);
  expect(connections.closes.length).toBe(2);
});

test('keeps the process alive until it is over, also where all that is left are paused connections', async () => {
  vi.useRealTimers();
  const { getActiveResourcesInfo } = process;
  const count = (): number => getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = count();
  const connections = new Connections();
  const drain = connections.start(1, { timeout: 50 });
  expect(count()).toBe(before + 1);
  expect(await drain.result).toEqual({ closed: 0, terminated: 1, unsentMessages: 0 });
});
