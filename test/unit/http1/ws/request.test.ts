import { expect, test } from 'vitest';
import { parseAddress } from '../../../../src/api/address.ts';
import type { HeaderValues } from '../../../../src/handshake/headers.ts';
import { HttpRequest } from '../../../../src/http1/ws/request.ts';

/** Lets what was put off happen. */
const ticks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const calls: unknown[] = [];
  const opening = {
    headers: { 'X-One': '1' },
    fields: { Host: 'example.org', Upgrade: 'websocket' },
    send: (headers?: HeaderValues) => void calls.push(headers),
    abort: () => void calls.push('abort'),
    fail: (error: Error) => void calls.push(error.message),
  };
  const request = new HttpRequest(parseAddress('wss://example.org/a?b'), opening);
  return { calls, request };
}

test('client shows its request', () => {
  const { request } = setUp();
  expect(request).toMatchObject({ method: 'GET', protocol: 'https:', host: 'example.org', path: '/a?b', destroyed: false });
  expect(request.getHeaders()).toEqual({ host: 'example.org', upgrade: 'websocket', 'x-one': '1' });
  expect(request.getHeaderNames()).toEqual(['host', 'upgrade', 'x-one']);
  expect(request.getHeader('UPGRADE')).toBe('websocket');
  expect(request.hasHeader('x-two')).toBe(false);
});

test('client changes header fields until it sends them', () => {
  const { calls, request } = setUp();
  request.setHeader('x-ONE', '2').setHeader('Host', 'other').setHeader('X-Two', ['a', 'b']);
  expect(request.getHeader('host')).toBe('other');
  request.setHeader('gone', 1);
  request.removeHeader('GONE');
  request.end();
  request.end();
  expect(calls).toEqual([{ 'x-ONE': '2', Host: 'other', 'X-Two': ['a', 'b'] }]);
  expect(request.writableEnded).toBe(true);
  expect(() => request.setHeader('a', 'b')).toThrow('sent');
  expect(() => request.removeHeader('a')).toThrow('sent');
});

test('client refuses header fields of the handshake, and such that forge others', () => {
  const { request } = setUp();
  expect(() => request.setHeader('upgrade', 'h2c')).toThrow('reserved for the handshake');
  expect(() => request.setHeader('a', 'b\r\nc: d')).toThrow('Invalid character');
});

test('client gives up, and is told later', async () => {
  const early = setUp();
  early.request.abort();
  early.request.destroy();
  early.request.end();
  expect(early.calls).toEqual([]);
  await ticks();
  expect(early.calls).toEqual(['socket hang up']);
  expect(early.request.aborted).toBe(true);
  const late = setUp();
  late.request.markResponse();
  late.request.destroy();
  await ticks();
  expect(late.calls).toEqual(['abort']);
  const own = setUp();
  own.request.markResponse();
  own.request.destroy(new Error('seen enough'));
  own.request.settle();
  expect(own.calls).toEqual(['seen enough']);
});
