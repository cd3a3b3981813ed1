import { expect, test } from 'vitest';
import { readProxy } from '../../../src/proxy/server.ts';

test.each([
  ['http://proxy.example', 'http://proxy.example:80', { host: 'proxy.example', port: 80, isSecure: false, isSocks: false }],
  ['http://proxy.example:3128/', 'http://proxy.example:3128', { port: 3128 }],
  ['https://proxy.example', 'https://proxy.example:443', { port: 443, isSecure: true, isSocks: false }],
  ['HTTPS://PROXY.example:8443', 'https://proxy.example:8443', { host: 'proxy.example', port: 8443 }],
  ['http://[::1]:3128', 'http://[::1]:3128', { host: '::1', port: 3128 }],
  ['socks5://127.0.0.1', 'socks5://127.0.0.1:1080', { host: '127.0.0.1', port: 1080, isSocks: true, isSecure: false }],
  ['socks5://münchen.example:80', 'socks5://xn--mnchen-3ya.example:80', { host: 'xn--mnchen-3ya.example', port: 80 }],
  ['socks5://PROXY.example', 'socks5://proxy.example:1080', { host: 'proxy.example', port: 1080 }],
  ['socks5h://[::1]:9050', 'socks5h://[::1]:9050', { host: '::1', port: 9050, isSocks: true }],
])('reads %s', (url, name, parts) => {
  expect(readProxy(url, {})).toMatchObject({ name, credentials: undefined, fields: [], ...parts });
  expect(readProxy(new URL(url), {})).toMatchObject({ name, ...parts });
});

test.each([
  ['http://ann:secret@h', 'ann', 'secret'],
  ['http://ann@h', 'ann', ''],
  ['http://:secret@h', '', 'secret'],
  ['https://a%40b:c%3Ad%2F%C3%A4@h', 'a@b', 'c:d/ä'],
  ['socks5://ann:p%25@h', 'ann', 'p%'],
])('finds the credentials in %s, and keeps them out of the name', (url, username, password) => {
  const proxy = readProxy(url, {});
  expect(proxy.credentials).toEqual({ username, password });
  expect(proxy.name).not.toContain('@');
});

test.each<[string, string, Parameters<typeof readProxy>[1], string]>([
  ['no URL', 'ann:secret', {}, 'The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not ann:'],
  ['half a URL', '//ann:secret@h', {}, 'The URL of a proxy is not valid: write http://user:password@host:port'],
  ['an empty text', '', {}, 'The URL of a proxy is not valid: write http://user:password@host:port'],
  [
    'a WebSocket URL',
    'ws://ann:secret@h',
    {},
    'The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not ws:',
  ],
  ['SOCKS 4', 'socks4://h', {}, 'The URL of a proxy must begin with http:, https:, socks5: or socks5h:, not socks4:'],
  [
    'a host that is none',
    'socks5://ann:secret@a%2Fb',
    {},
    'The URL of a proxy is not valid: write http://user:password@host:port',
  ],
  ['no host', 'socks5:///', {}, 'The URL of a proxy must have a host'],
  ['a path', 'http://ann:secret@h/path', {}, 'The URL of a proxy must end after its host and port'],
  ['a query', 'http://ann:secret@h?a', {}, 'The URL of a proxy must end after its host and port'],
  ['a fragment', 'http://ann:secret@h#a', {}, 'The URL of a proxy must end after its host and port'],
  ['a colon in a user name', 'http://a%3Ab:secret@h', {}, 'The user name for an HTTP proxy has a colon'],
  ['half of credentials for SOCKS', 'socks5://ann@h', {}, 'User name and password for a SOCKS proxy have 1 to 255 bytes each'],
  [
    'a long password for SOCKS',
    `socks5://ann:${'ä'.repeat(128)}@h`,
    {},
    'User name and password for a SOCKS proxy have 1 to 255 bytes each',
  ],
  ['tls without TLS', 'http://h', { tls: {} }, 'The "tls" option is for an https: proxy'],
  ['tls that is no object', 'https://h', { tls: 'x' as never }, 'The "tls" option must be an object'],
  [
    'a name of the certificate that is no text',
    'https://h',
    { tls: { servername: 5 as never } },
    'The "tls.servername" option must be a string, not 5',
  ],
  [
    'headers for SOCKS',
    'socks5://h',
    { headers: { a: 'b' } },
    'The "headers" option is for an HTTP proxy, and this is a SOCKS proxy',
  ],
  ['headers that are no object', 'http://h', { headers: 'x' as never }, 'The "headers" option must be an object, not "x"'],
  ['a name with a space', 'http://h', { headers: { 'a b': 'c' } }, 'Invalid name of a header field: "a b"'],
  ['a value with a line feed', 'http://h', { headers: { a: 'b\r\nX: y' } }, 'Invalid value of the header field a'],
  ['a value that is no text', 'http://h', { headers: { a: 1 as never } }, 'Invalid value of the header field a'],
  ['a Host', 'http://h', { headers: { Host: 'x' } }, "The header field Host is not for a proxy's CONNECT"],
  [
    'a length',
    'http://h',
    { headers: [['CONTENT-LENGTH', '5']] },
    "The header field CONTENT-LENGTH is not for a proxy's CONNECT",
  ],
])('throws for %s', (_what, url, options, message) => {
  expect(() => readProxy(url, options)).toThrow(new TypeError(message));
  expect(message).not.toContain('secret');
});

test('takes header fields as an object and as pairs', () => {
  const fields = [
    ['X-A', '1'],
    ['X-B', '2'],
  ];
  expect(readProxy('http://h', { headers: { 'X-A': '1', 'X-B': '2' } }).fields).toEqual(fields);
  expect(
    readProxy('http://h', {
      headers: new Map([
        ['X-A', '1'],
        ['X-B', '2'],
      ]),
    }).fields,
  ).toEqual(fields);
});
