import { expect, test } from 'vitest';
import { requestHeadParser } from '../../../src/handshake/http-head.ts';
import { guard } from '../../../src/raw/guard.ts';
import { HeadReader } from '../../../src/raw/head.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { FakeTransport } from './support.ts';

test("program's exception is uncaught, and does not reach the transport", () => {
  const platform = new ManualPlatform();
  const fault = new Error('of the program');
  guard(platform, () => {
    throw fault;
  });
  expect(platform.uncaught).toEqual([]);
  platform.runDeferred();
  expect(platform.uncaught).toEqual([fault]);
});

test('what throws nothing runs once, at once', () => {
  const platform = new ManualPlatform();
  let runs = 0;
  guard(platform, () => runs++);
  expect(runs).toBe(1);
  expect(platform.deferrals).toBe(0);
});

test('listener that throws at a head leaves the transport alone', () => {
  const platform = new ManualPlatform();
  const transport = new FakeTransport();
  const fail = (): never => {
    throw new Error('of the program');
  };
  const events = { onHead: fail, onRefusal: fail, onEnd: fail, onClosed: fail };
  new HeadReader(transport, platform, { parser: requestHeadParser(), events }).start();
  transport.receive('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  platform.runDeferred();
  expect(platform.uncaught).toHaveLength(1);
});
