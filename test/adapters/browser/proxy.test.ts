import { expect, test } from 'vitest';
import { createProxy, proxyFromEnvironment } from '../../../adapters/browser/proxy.ts';

test('a browser has no proxies of its own', () => {
  const message = 'A native WebSocket takes no proxy: set it in the browser or in the operating system';
  expect(() => createProxy('http://proxy.example')).toThrow(new TypeError(message));
  expect(() => proxyFromEnvironment()).toThrow(new TypeError(message));
});
