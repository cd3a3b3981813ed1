import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Keepalive, makeKeepalive } from '../../../../src/compat/websocket-node/keepalive.ts';

/** A keepalive of 100 and 40 milliseconds, and what it did. */
function bench(gracePeriod: number | undefined = 40): { keepalive: Keepalive; log: string[]; socket: { bytesRead: number } } {
  const log: string[] = [];
  const socket = { bytesRead: 0 };
  const keepalive = new Keepalive({
    interval: 100,
    gracePeriod,
    bytesRead: () => socket.bytesRead,
    ping: () => log.push('ping'),
    giveUp: () => log.push('give up'),
  });
  keepalive.start();
  return { keepalive, log, socket };
}

describe('keepalive', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('pings after the interval and gives up after the grace period', () => {
    const { log } = bench();
    vi.advanceTimersByTime(99);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['ping']);
    vi.advanceTimersByTime(39);
    expect(log).toEqual(['ping']);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['ping', 'give up']);
    vi.advanceTimersByTime(1000);
    expect(log).toHaveLength(2);
  });

  test('starts anew with all data', () => {
    const { keepalive, log } = bench();
    vi.advanceTimersByTime(90);
    keepalive.noteData();
    vi.advanceTimersByTime(90);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(log).toEqual(['ping']);
    keepalive.noteData();
    vi.advanceTimersByTime(99);
    expect(log).toEqual(['ping']);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['ping', 'ping']);
  });

  test('takes bytes of an unfinished message for a sign of life', () => {
    const { log, socket } = bench();
    socket.bytesRead = 5;
    vi.advanceTimersByTime(199);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['ping']);
    socket.bytesRead = 6;
    vi.advanceTimersByTime(40);
    expect(log).toEqual(['ping']);
  });

  test('never gives up without a grace period', () => {
    const log: string[] = [];
    const keepalive = new Keepalive({
      interval: 100,
      gracePeriod: undefined,
      bytesRead: () => undefined,
      ping: () => log.push('ping'),
      giveUp: () => log.push('give up'),
    });
    keepalive.start();
    vi.advanceTimersByTime(350);
    expect(log).toEqual(['ping', 'ping', 'ping']);
  });

  test('stops', () => {
    const { keepalive, log } = bench();
    keepalive.stop();
    keepalive.noteData();
    vi.advanceTimersByTime(1000);
    expect(log).toEqual([]);
  });

  test('is made only where a configuration asks for it', () => {
    const calls: unknown[] = [];
    const socket = { setKeepAlive: (...values: unknown[]) => calls.push(values) } as never;
    const actions = { ping() {}, giveUp() {} };
    expect(makeKeepalive(socket, {}, actions)).toBeUndefined();
    expect(makeKeepalive(socket, { keepalive: true }, actions)).toBeInstanceOf(Keepalive);
    expect(calls).toEqual([]);
    expect(makeKeepalive(socket, { keepalive: true, useNativeKeepalive: true }, actions)).toBeUndefined();
    expect(calls).toEqual([[true, 20000]]);
  });
});
