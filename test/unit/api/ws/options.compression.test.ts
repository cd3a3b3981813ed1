// What connections hold for the way they compress: one object for all that agreed on the same.

import { expect, it } from 'vitest';
import { compressionSettings } from '../../../../src/api/ws/options.ts';
import type { DeflateEngine } from '../../../../src/deflate/engine.ts';

const engineOf = () => ({ createDeflator: () => engineOf() }) as unknown as DeflateEngine;
const engine = engineOf();
const agreement = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 12,
  clientMaxWindowBits: 12,
};

it('connections with equal settings share one object', () => {
  const make = () => compressionSettings({ zlibDeflateOptions: { level: 3 } }, { ...agreement }, engine, 'server');
  expect(make()).toBe(make());
  expect(make()).toEqual({
    engine,
    agreement,
    windowBits: 12,
    threshold: undefined,
    zlibDeflateOptions: { level: 3 },
    zlibInflateOptions: {},
  });
});

it.each([
  ['engine', {}, {}, engineOf()],
  ['window', { serverMaxWindowBits: 10 }, {}, engine],
  ['threshold', { threshold: 1 }, {}, engine],
  ['level', { zlibDeflateOptions: { level: 4 } }, {}, engine],
  ['dictionary', { zlibInflateOptions: { dictionary: new Uint8Array(1) } }, {}, engine],
  ['agreement', {}, { clientNoContextTakeover: false }, engine],
])('connections that differ in their %s have each their own', (_name, settings, agreed, other) => {
  const first = compressionSettings({}, agreement, engine, 'server');
  const second = compressionSettings(settings, { ...agreement, ...agreed }, other, 'server');
  expect(second).not.toBe(first);
  expect(second.engine).toBe(other);
});
