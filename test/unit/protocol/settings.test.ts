import { expect, test } from 'vitest';
import { connectionSettings, type ConnectionOptions } from '../../../src/protocol/settings.ts';

const DEFAULTS = {
  role: 'server',
  autoPong: true,
  closeTimeout: 30_000,
  maxBufferedAmount: 1_073_741_824,
  bufferPolicy: 'close',
  borrowMessages: false,
  maxPayload: 104_857_600,
  maxFramePayload: 0,
  deliverFrames: false,
  maxFragments: 0,
  maxBufferedChunks: 0,
  skipUtf8Validation: false,
};

test('null, undefined and inherited properties count as left out, and unknown ones are dropped', () => {
  expect({ ...connectionSettings({ role: 'server' }) }).toEqual(DEFAULTS);
  const inherited = Object.create({ maxPayload: 5, deliverFrames: true, acceptsPing: () => false }) as ConnectionOptions;
  const given = Object.assign(inherited, { role: 'server', autoPong: null, closeTimeout: undefined, port: 80 });
  expect({ ...connectionSettings(given) }).toEqual(DEFAULTS);
});

test('every option is taken', () => {
  const given = {
    role: 'client',
    autoPong: false,
    acceptsPing: () => true,
    describeViolation: () => new Uint8Array(0),
    compression: {} as NonNullable<ConnectionOptions['compression']>,
    closeTimeout: 1,
    maxBufferedAmount: 2,
    bufferPolicy: 'drop',
    borrowMessages: 'checked',
    heartbeat: { interval: 3, timeout: 4 },
    maxPayload: 5,
    maxFramePayload: 6,
    deliverFrames: true,
    maxFragments: 7,
    maxBufferedChunks: 8,
    skipUtf8Validation: true,
  } as const;
  expect({ ...connectionSettings(given) }).toEqual(given);
  expect(Object.keys(connectionSettings({ role: 'server' })).toSorted()).toEqual(Object.keys(given).toSorted());
});

test('a maxBufferedAmount of 0 is no limit, other zeros stay', () => {
  const settings = connectionSettings({ role: 'server', maxBufferedAmount: 0, maxPayload: 0, closeTimeout: 0 });
  expect(settings).toMatchObject({ maxBufferedAmount: Infinity, maxPayload: 0, closeTimeout: 0 });
});

test('connections with the same options share their settings, others do not', () => {
  const first = connectionSettings({ role: 'server', maxPayload: 10 });
  expect(connectionSettings({ maxPayload: 10, role: 'server' })).toBe(first);
  expect(connectionSettings({ role: 'client', maxPayload: 10 })).not.toBe(first);
  expect(connectionSettings({ role: 'client', maxPayload: 11 }).maxPayload).toBe(11);
  expect(first).toMatchObject({ role: 'server', maxPayload: 10 });
});
