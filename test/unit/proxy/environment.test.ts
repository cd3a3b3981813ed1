import { describe, expect, test } from 'vitest';
import { Exceptions, proxyOf, type Variables } from '../../../src/proxy/environment.ts';

const of =
  (variables: Record<string, string>): Variables =>
  (name) =>
    variables[name];

describe('proxyOf', () => {
  test.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{}, undefined, undefined],
    [{ HTTP_PROXY: 'http://a' }, 'http://a', undefined],
    [{ HTTPS_PROXY: 'http://a' }, undefined, 'http://a'],
    [{ HTTP_PROXY: 'http://a', http_proxy: 'http://b' }, 'http://b', undefined],
    [{ HTTPS_PROXY: 'http://a', https_proxy: 'http://b' }, undefined, 'http://b'],
    [{ HTTP_PROXY: 'http://a', http_proxy: '' }, 'http://a', undefined],
    [{ HTTP_PROXY: '', HTTPS_PROXY: '' }, undefined, undefined],
    [{ HTTP_PROXY: 'a:3128', HTTPS_PROXY: 'ann:b@c' }, 'http://a:3128', 'http://ann:b@c'],
    [{ HTTPS_PROXY: 'socks5://a' }, undefined, 'socks5://a'],
    // What CGI makes of a request with a field `Proxy: http://evil`.
    [{ HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET' }, undefined, undefined],
    [{ http_proxy: 'http://a', HTTPS_PROXY: 'http://b', REQUEST_METHOD: 'GET' }, 'http://a', 'http://b'],
  ])('of %j', (variables, plain, secure) => {
    expect([proxyOf(of(variables), false), proxyOf(of(variables), true)]).toEqual([plain, secure]);
  });
});

test('proxyOf reads no more variables than it needs', () => {
  const names: string[] = [];
  const none: Variables = (name) => void names.push(name);
  proxyOf(none, false);
  proxyOf(none, true);
  expect(names).toEqual(['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY']);
});

describe('NO_PROXY', () => {
  test.each<[string, string, boolean]>([
    ['', 'a.example', false],
    ['*', 'a.example', true],
    ['b, *', '2001:db8::1', true],
    ['*:80', 'a.example', true],
    ['*:81', 'a.example', false],
    ['a.example', 'a.example', true],
    ['A.EXAMPLE', 'a.example', true],
    ['a.example.', 'a.example', true],
    ['a.example', 'a.example.', true],
    ['example', 'a.example', true],
    ['.example', 'a.example', true],
    ['.a.example', 'a.example', true],
    ['*.example', 'a.example', true],
    ['*.a.example', 'a.example', true],
    ['*.b.example', 'a.example', false],
    ['xample', 'a.example', false],
    ['*xample', 'a.example', false],
    ['a.example.com', 'a.example', false],
    ['a.example:80', 'a.example', true],
    ['a.example:8080', 'a.example', false],
    ['a.example:', 'a.example', false],
    ['x,a.example', 'a.example', true],
    ['x a.example\ty', 'a.example', true],
    [' , ,a.example,,', 'a.example', true],
    ['.', 'a.example', false],
    ['*.', 'a.example', false],
    ['*.*', 'a.example', false],
    ['[]', 'a.example', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.11', false],
    ['0.0.1', '10.0.0.1', false],
    ['10.0.0.1:80', '10.0.0.1', true],
    ['10.0.0.1:81', '10.0.0.1', false],
    ['10.0.0.0/8', '10.9.8.7', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', 'a10.example', false],
    ['10.0.0.0/33', '10.0.0.0', false],
    ['10.0.0.5-10.0.1.2', '10.0.0.255', true],
    ['10.0.0.5-10.0.1.2', '10.0.1.2', true],
    ['10.0.0.5-10.0.1.2', '10.0.0.4', false],
    ['10.0.0.5-10.0.1.2', '10.0.1.3', false],
    ['::1', '::1', true],
    ['0:0:0:0:0:0:0:1', '::1', true],
    ['[::1]', '::1', true],
    ['[::1]:80', '::1', true],
    ['[::1]:81', '::1', false],
    ['2001:db8::/32', '2001:db8:1::2', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '10.0.0.1', false],
    ['::1-ffff::', '10.0.0.1', false],
    ['0.0.0.0/0', '10.0.0.1', true],
    ['0.0.0.0/0', '::1', false],
    ['::ffff:10.0.0.1', '10.0.0.1', true],
    ['127.0.0.1', 'localhost', false],
    ['localhost', '127.0.0.1', false],
    ['my-host', 'my-host', true],
  ])('%j and %s: %s', (list, host, isExcepted) => {
    expect(new Exceptions(of({ NO_PROXY: list })).has({ host, port: 80 })).toBe(isExcepted);
  });

  test('in lower case goes first', () => {
    const exceptions = new Exceptions(of({ NO_PROXY: 'a', no_proxy: 'b' }));
    expect([exceptions.has({ host: 'a', port: 80 }), exceptions.has({ host: 'b', port: 80 })]).toEqual([false, true]);
  });
});
