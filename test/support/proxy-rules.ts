// Values that the functions of `wasock/proxy` refuse, on each runtime.

import { expect, test } from 'vitest';
import type { Proxies } from '../../src/proxy/connector.ts';

export function describeProxyRules({ createProxy, proxyFromEnvironment }: Proxies): void {
  test.each([
    ['nothing', undefined, 'The URL of a proxy is not valid: write http://user:password@host:port'],
    ['a WebSocket URL', 'ws://proxy.example', 'The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not ws:'],
  ])('createProxy() takes no %s', (_what, url, message) => {
    expect(() => createProxy(url as string)).toThrow(new TypeError(message));
  });

  test('proxyFromEnvironment() names the variable that it cannot use', () => {
    expect(() => proxyFromEnvironment({ variables: { HTTPS_PROXY: 'ftp://ann:secret@h' } })).toThrow(
      new TypeError('HTTPS_PROXY: The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not ftp:'),
    );
  });

  test('proxyFromEnvironment() gives headers and tls to those proxies that can use them', () => {
    const variables = { HTTP_PROXY: 'socks5://h', HTTPS_PROXY: 'https://h' };
    expect(() => proxyFromEnvironment({ variables, headers: { 'X-A': 'b' }, tls: { ca: 'x' } })).not.toThrow();
  });

  test('a connector shows no password', () => {
    expect(JSON.stringify(createProxy('http://ann:secret@h'))).not.toContain('secret');
  });
}
