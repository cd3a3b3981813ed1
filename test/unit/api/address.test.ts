import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/api/address.ts';

describe('parseAddress', () => {
  test.each([
    ['ws://example.com', 'ws://example.com/', false, 'example.com', 80, '/'],
    ['wss://example.com', 'wss://example.com/', true, 'example.com', 443, '/'],
    ['http://example.com/a', 'ws://example.com/a', false, 'example.com', 80, '/a'],
    ['https://example.com:8443/a?b=c&d', 'wss://example.com:8443/a?b=c&d', true, 'example.com', 8443, '/a?b=c&d'],
    ['WS://EXAMPLE.com:80/', 'ws://example.com/', false, 'example.com', 80, '/'],
    ['wss://example.com:443', 'wss://example.com/', true, 'example.com', 443, '/'],
    ['ws://[::1]:9000/x', 'ws://[::1]:9000/x', false, '::1', 9000, '/x'],
    ['ws://127.0.0.1:1?q', 'ws://127.0.0.1:1/?q', false, '127.0.0.1', 1, '/?q'],
    ['ws://bücher.example/ü', 'ws://xn--bcher-kva.example/%C3%BC', false, 'xn--bcher-kva.example', 80, '/%C3%BC'],
  ])('client connects to %s', (address, href, isSecure, host, port, path) => {
    const target = parseAddress(address);
    expect(target).toMatchObject({
      href,
      isSecure,
      host,
      port,
      path,
      defaultPort: isSecure ? 443 : 80,
      socketPath: undefined,
      auth: undefined,
    });
    expect(parseAddress(new URL(address))).toEqual(target);
  });

  test.each([
    ['ws+unix:/tmp/a.sock', '/tmp/a.sock', '/'],
    ['ws+unix:///tmp/a.sock', '/tmp/a.sock', '/'],
    ['ws+unix:/tmp/a.sock:/path?q=1', '/tmp/a.sock', '/path?q=1'],
    ['ws+unix:/tmp/a.sock:/a:b', '/tmp/a.sock', '/a:b'],
    ['ws+unix:/tmp/a.sock:', '/tmp/a.sock', '/'],
    ['ws+unix:./relative.sock:/x', './relative.sock', '/x'],
  ])('client finds socket and path in %s', (address, socketPath, path) => {
    expect(parseAddress(address)).toMatchObject({ socketPath, path, isSecure: false });
  });

  test.each([
    ['ws://user:pass@h/', 'user:pass'],
    ['ws://user@h/', 'user:'],
    ['ws://:pass@h/', ':pass'],
    ['ws://a%40b:c%3Ad@h/', 'a@b:c:d'],
    ['ws://a%:b%zz@h/', 'a%:b%zz'],
  ])('client decodes the credentials of %s', (address, auth) => {
    expect(parseAddress(address).auth).toBe(auth);
  });

  test.each([
    ['', 'Invalid URL: '],
    ['example.com', 'Invalid URL: example.com'],
    ['/path', 'Invalid URL: /path'],
    ['ws://', 'Invalid URL: ws://'],
    ['ws://h:99999', 'Invalid URL'],
    ['ftp://h/', 'protocol must be one of'],
    ['file:///etc/passwd', 'protocol must be one of'],
    ['javascript:alert(1)', 'protocol must be one of'],
    ['ws://h/#f', 'fragment'],
    ['http://h/#f', 'fragment'],
    ['ws+unix:', 'pathname is empty'],
    ['wss+unix:/a', 'protocol must be one of'],
  ])('client refuses %j', (address, message) => {
    expect(() => parseAddress(address)).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
    expect(() => parseAddress(address)).toThrow(message);
  });

  test('client is not led elsewhere by what looks like an address inside one', () => {
    expect(parseAddress('http://evil.example\\@good.example/')).toMatchObject({ host: 'evil.example', auth: undefined });
    expect(parseAddress('http://good.example/?http://evil.example')).toMatchObject({ host: 'good.example' });
    expect(parseAddress('https:wss://h/').host).toBe('wss');
  });
});
