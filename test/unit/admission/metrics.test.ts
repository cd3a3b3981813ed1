import { expect, test } from 'vitest';
import { metrics, serverMetrics } from '../../../src/admission/metrics.ts';
import { serverMeter } from '../../../src/admission/meters.ts';
import { Meter, Watch } from '../../../src/base/meter.ts';

test('bounds are powers of 4 for bytes, and of 2 for milliseconds', () => {
  const { payloadIn, payloadOut, handshakeTime, deliveryTime } = serverMetrics(new Meter(new Watch()));
  for (const { bounds, counts } of [payloadIn, payloadOut, handshakeTime, deliveryTime]) {
    expect([bounds.length, counts.length]).toEqual([16, 17]);
  }
  expect(payloadIn.bounds.slice(-2)).toEqual([268_435_456, 1_073_741_824]);
  expect([deliveryTime.bounds[0], deliveryTime.bounds[15]]).toEqual([0.0625, 2048]);
});

test('buffered bytes are those of the open sessions, also of servers, in the numbers of the process', () => {
  const sessions = [{ bufferedAmount: 10, bufferedInput: 20 }];
  const meter = new Meter(serverMeter.watch, serverMeter, () => sessions);
  const before = metrics().server;
  meter.opened(sessions[0]);
  const during = metrics().server;
  expect([during.bufferedOut - before.bufferedOut, during.bufferedIn - before.bufferedIn]).toEqual([10, 20]);
  expect(serverMetrics(meter)).toMatchObject({ bufferedOut: 10, bufferedIn: 20, open: 1 });
  meter.ended(sessions[0], 1000, new Uint8Array(0), true);
  expect(metrics().server.bufferedOut).toBe(before.bufferedOut);
});

test('asking for metrics starts to measure times', () => {
  const watch = new Watch();
  expect(watch.clock).toBeNull();
  serverMetrics(new Meter(watch));
  expect(watch.clock).not.toBeNull();
});
