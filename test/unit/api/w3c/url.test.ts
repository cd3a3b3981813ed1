import { expect, test } from 'vitest';
import { WebSocket as UndiciWebSocket } from 'undici';
import { parseWebSocketUrl } from '../../../../src/api/w3c/url.ts';
import { thrownBy } from './bound-class.ts';

test.each([
  ['ws://example.test', 'ws://example.test/'],
  ['WSS://Example.TEST:443/a?b', 'wss://example.test/a?b'],
  ['http://example.test:80/', 'ws://example.test/'],
  ['https://example.test:8443/', 'wss://example.test:8443/'],
  [' ws://example.test/a b\n', 'ws://example.test/a%20b'],
  ['ws://user:secret@example.test/', 'ws://user:secret@example.test/'],
  ['ws://[::1]:9000/', 'ws://[::1]:9000/'],
  ['ws://example.test/%23', 'ws://example.test/%23'],
])('client parses %j', (given, expected) => {
  expect(parseWebSocketUrl(given).href).toBe(expected);
});

test.each([
  '',
  '/chat',
  'example.test',
  'ws://',
  'ws://a b/',
  'ws://example.test:65536/',
  'ftp://example.test/',
  'mailto:someone@example.test',
  'file:///etc/hosts',
  'javascript:alert(1)',
  'ws://example.test/#',
  'ws://example.test/#part',
  'http://example.test/#part',
])('client refuses %j as undici does', (given) => {
  expect(thrownBy(() => parseWebSocketUrl(given))).toBe('SyntaxError');
  expect(thrownBy(() => new UndiciWebSocket(given))).toBe('SyntaxError');
});

test('client refuses a URL with a DOMException', () => {
  expect(() => parseWebSocketUrl('nowhere')).toThrow(DOMException);
});
