import { expect, test } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../../src/topics/bus.ts';

const SENDER = 'abcdefghijklmnop';

test('an envelope has version, flags, sender and payload', () => {
  expect([...encodeEnvelope(SENDER, 'ä')]).toEqual([1, 1, ...Array.from(SENDER, (c) => c.charCodeAt(0)), 0xc3, 0xa4]);
  expect([...encodeEnvelope(SENDER, Uint8Array.of(0, 255))].slice(-2)).toEqual([0, 255]);
});

test.each(['', 'text', '\ufeffmark', Uint8Array.of(), Uint8Array.of(1, 2)])('brings %j', (data) => {
  expect(decodeEnvelope(encodeEnvelope(SENDER, data))).toEqual({ sender: SENDER, data });
});

test.each([Uint8Array.of(), new Uint8Array(17), new Uint8Array(20).fill(2)])('anything else is an error', (bytes) => {
  expect(() => decodeEnvelope(bytes)).toThrow('unknown kind');
});

test('a payload is a copy, also of a Buffer, whose slice() makes a view', () => {
  const envelope = Buffer.from(encodeEnvelope(SENDER, Uint8Array.of(1, 2)));
  const { data } = decodeEnvelope(envelope);
  envelope.fill(9);
  expect(data).toEqual(Uint8Array.of(1, 2));
});
