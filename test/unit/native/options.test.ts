import { expect, test } from 'vitest';
import { readUpgradeOptions } from '../../../src/native/options.ts';

const RULES = { names: ['idleTimeout', 'bufferPolicy'], advice: { heartbeat: 'use idleTimeout' } };
const check = (options: object): object => readUpgradeOptions(options, RULES);

test.each([
  [{}],
  [{ protocol: 'chat', handleProtocols: () => false, headers: {}, maxPayload: 0, closeTimeout: 1, handshakeTimeout: Infinity }],
  [{ idleTimeout: 5, bufferPolicy: 'drop' }],
  [{ nonsense: undefined, heartbeat: undefined }],
  [
    {
      autoPong: true,
      borrowMessages: false,
      heartbeat: false,
      maxBufferedChunks: 0,
      maxFragments: 0,
      perMessageDeflate: false,
    },
  ],
])('takes %j', (options) => {
  expect(() => check(options)).not.toThrow();
});

test.each([
  [{ heartbeat: true }, 'heartbeat: use idleTimeout'],
  [{ autoPong: false }, 'autoPong: the runtime answers Pings by itself'],
  [{ constructor: 1 }, 'constructor: upgrade() has no such option'],
])('refuses %j, and says what to do', (options, message) => {
  expect(() => check(options)).toThrow(new TypeError(message));
});

test.each([-1, Number.NaN, '5', -Infinity])('refuses %s as a limit', (value) => {
  for (const name of ['maxPayload', 'closeTimeout', 'handshakeTimeout', 'idleTimeout']) {
    expect(() => check({ [name]: value })).toThrow(RangeError);
  }
});

test('looks at own properties alone', () => {
  expect(() => check(Object.create({ nonsense: 1, maxPayload: -1 }) as object)).not.toThrow();
});

test('what is null is left out, so that defaults count', () => {
  expect({ ...check({ maxPayload: null, nonsense: null, closeTimeout: 5 }) }).toEqual({ closeTimeout: 5 });
});
