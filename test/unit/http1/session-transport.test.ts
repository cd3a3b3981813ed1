import { expect, test } from 'vitest';
import { SessionTransport } from '../../../src/http1/session-transport.ts';
import { FakeTransport } from './fake-network.ts';

function setUp() {
  const raw = new FakeTransport();
  return { raw, transport: new SessionTransport(raw) };
}

test('session pauses before the start: nothing is read until it resumes', () => {
  const { raw, transport } = setUp();
  transport.pause();
  transport.start();
  expect(raw.calls).toEqual([]);
  transport.resume();
  expect(raw.calls).toEqual(['start']);
});

test('session resumes before the start: nothing is read until it starts', () => {
  const { raw, transport } = setUp();
  transport.pause();
  transport.resume();
  expect(raw.calls).toEqual([]);
  transport.start();
  expect(raw.calls).toEqual(['start']);
});

test('session pauses, resumes, ends and destroys what it has started', () => {
  const { raw, transport } = setUp();
  transport.start();
  transport.pause();
  transport.resume();
  transport.end();
  transport.destroy();
  expect(raw.calls).toEqual(['start', 'pause', 'resume', 'end', 'destroy']);
});

test('session writes, and hears when a write that waited is done', () => {
  const { raw, transport } = setUp();
  expect(transport.write([Uint8Array.of(0x89, 0x00)], () => {})).toBe(true);
  raw.isHeld = true;
  let isWritten = false;
  expect(transport.write([Uint8Array.of(0x8a, 0x00)], () => (isWritten = true))).toBe(false);
  raw.release();
  expect(isWritten).toBe(true);
  expect(raw.written).toBe('\x89\0\x8a\0');
});
