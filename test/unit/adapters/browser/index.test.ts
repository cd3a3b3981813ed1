import { expect, test } from 'vitest';
import * as browser from '../../../../adapters/browser/index.ts';
import * as w3c from '../../../../adapters/browser/w3c.ts';
import * as node from '../../../../adapters/node/index.ts';

test('main entry point has every name that the one of Node.js has', () => {
  const names = Object.keys(node);
  expect(Object.keys(browser)).toEqual(expect.arrayContaining(names));
});

test('both entry points have the same class', () => {
  expect(browser.WebSocket).toBe(w3c.WebSocket);
  expect(browser.default).toBe(w3c.WebSocket);
});

test.each([
  ['WebSocketServer', () => new browser.WebSocketServer({ port: 80 }), /cannot listen/],
  ['Server', () => new browser.Server(), /upgrade\(\)/],
  ['createWebSocketStream', () => browser.createWebSocketStream(null), /no Node.js streams/],
  ['upgrade', () => browser.upgrade(null), /"workerd"/],
  ['broadcast', () => browser.broadcast([], 'text'), /use WebSocket/],
])('%s throws, and says what to do instead', (_, call, message) => {
  expect(call).toThrow(TypeError);
  expect(call).toThrow(message);
});

test('header parsers work', () => {
  expect([...browser.subprotocol.parse('one, two')]).toEqual(['one', 'two']);
  expect(browser.extension.parse('permessage-deflate')).toMatchObject({ 'permessage-deflate': [{}] });
});
