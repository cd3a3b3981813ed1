import { describe, expect, test } from 'vitest';
import {
  BYTES_IN,
  DELIVERY_SUM,
  DELIVERY_TIME,
  CONNECTIONS_ENDED,
  HANDSHAKE_SUM,
  Meter,
  OPENED,
  PAYLOAD_IN,
  PAYLOAD_OUT,
  Watch,
  type Measured,
} from '../../../src/base/meter.ts';

const NO_BYTES = new Uint8Array(0);
const session = (): Measured => ({ bufferedAmount: 1, bufferedInput: 2 });

/** A meter of a server, and that of its process. */
function make(watch = new Watch()): { total: Meter; meter: Meter } {
  const total = new Meter(watch);
  return { total, meter: new Meter(watch, total, () => []) };
}

/** The bucket that is not empty. */
function bucketOf(meter: Meter, first: number): number {
  return meter.counts.subarray(first, first + 17).findIndex((count) => count > 0);
}

describe('buckets', () => {
  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [4, 1],
    [5, 2],
    [16, 2],
    [17, 3],
    [1024, 5],
    [1025, 6],
    [104_857_600, 14],
    [4 ** 15, 15],
    [4 ** 15 + 1, 16],
    [2 ** 32 - 1, 16],
  ])('of %i bytes', (length, bucket) => {
    const { meter } = make();
    meter.countReceived(length);
    meter.sent(length);
    expect([bucketOf(meter, PAYLOAD_IN), bucketOf(meter, PAYLOAD_OUT)]).toEqual([bucket, bucket]);
    expect(meter.counts[BYTES_IN]).toBe(length);
  });

  test.each([
    [-5, 0],
    [0, 0],
    [0.0625, 0],
    [0.07, 1],
    [0.125, 1],
    [1, 4],
    [1.01, 5],
    [2048, 15],
    [2049, 16],
    [1e12, 16],
    [Infinity, 16],
  ])('of %f milliseconds', (milliseconds, bucket) => {
    const watch = new Watch();
    let now = 0;
    watch.clock = () => now;
    const { meter } = make(watch);
    const begin = meter.begin();
    now = milliseconds;
    meter.delivered(begin);
    expect(bucketOf(meter, DELIVERY_TIME)).toBe(bucket);
    expect(meter.counts[DELIVERY_SUM]).toBe(Math.max(0, milliseconds));
  });
});

test('times are measured only with a clock, also if it comes during a delivery', () => {
  const watch = new Watch();
  const { meter } = make(watch);
  const begin = meter.begin();
  watch.clock = () => 7;
  meter.delivered(begin);
  expect(bucketOf(meter, DELIVERY_TIME)).toBe(-1);
});

test('the process gets what grows with messages when the last connection ends, and when it asks', () => {
  const { total, meter } = make();
  const [one, other] = [session(), session()];
  meter.opened(one);
  meter.opened(other);
  meter.countReceived(100);
  expect(total.counts[BYTES_IN]).toBe(0);
  Meter.passOn();
  Meter.passOn();
  expect(total.counts[BYTES_IN]).toBe(100);
  expect([...total.parts()]).toEqual([meter]);
  meter.countReceived(10);
  meter.ended(one, 1000, NO_BYTES, true);
  meter.ended(other, 1006, NO_BYTES, true);
  expect(total.counts[BYTES_IN]).toBe(110);
  expect([...total.parts()]).toEqual([]);
  expect([total.counts[OPENED], total.counts[CONNECTIONS_ENDED]]).toEqual([2, 2]);
  expect([...total.tallies.closeCodes]).toEqual([
    [1000, 1],
    [1006, 1],
  ]);
});

test('the process gets refusals, errors and handshakes at once', () => {
  const { total, meter } = make();
  meter.tally('refused', 'path');
  meter.failed(session(), Object.assign(new Error('of a peer'), { code: 'ECONNRESET' }));
  meter.failed(session(), new Error('without a code'));
  meter.shaken(3);
  for (const one of [meter, total]) {
    expect([...one.tallies.refused]).toEqual([['path', 1]]);
    expect([...one.tallies.errors]).toEqual([
      ['ECONNRESET', 1],
      ['other', 1],
    ]);
    expect(one.counts[HANDSHAKE_SUM]).toBe(3);
  }
});

test('a connection that moves to another meter counts there alone', () => {
  const { total, meter } = make();
  const one = session();
  total.opened(one);
  expect([...total.sessions()]).toEqual([one]);
  total.move(one, meter);
  expect([...total.sessions()]).toEqual([]);
  expect([total.counts[OPENED], meter.counts[OPENED]]).toEqual([1, 1]);
  meter.ended(one, 1000, NO_BYTES, true);
  expect([total.counts[CONNECTIONS_ENDED], meter.counts[CONNECTIONS_ENDED]]).toEqual([1, 1]);
});
