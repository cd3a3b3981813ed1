import { expect, test } from 'vitest';
import { negotiate, type Progress } from '../../../src/proxy/negotiation.ts';
import { readProxy } from '../../../src/proxy/server.ts';

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** The outcome of bytes that come in pieces of `length`. */
function outcomeOf(url: string, text: string, length: number = text.length): Progress {
  const negotiation = negotiate(readProxy(url, {}), { host: 'server.example', port: 443 });
  const bytes = latin1(text);
  for (let at = 0; at < bytes.length; at += length) {
    const progress = negotiation.receive(bytes.subarray(at, at + length));
    if (progress === undefined) continue;
    // Where the pieces are cut decides only how much of the rest came with the end of the head.
    return 'rest' in progress ? { rest: new Uint8Array([...progress.rest, ...bytes.subarray(at + length)]) } : progress;
  }
  return undefined;
}

test.each([
  ['http://h', 'server.example', 80, ['CONNECT server.example:80 HTTP/1.1', 'Host: server.example:80']],
  ['http://h', '2001:db8::1', 8080, ['CONNECT [2001:db8::1]:8080 HTTP/1.1', 'Host: [2001:db8::1]:8080']],
  // RFC 7617 section 2: Aladdin, open sesame.
  [
    'http://Aladdin:open%20sesame@h',
    'h',
    1,
    ['CONNECT h:1 HTTP/1.1', 'Host: h:1', 'Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
  ],
])('asks %s for %s', (url, host, port, lines) => {
  const { greeting } = negotiate(readProxy(url, {}), { host, port });
  expect(Buffer.from(greeting).toString('latin1')).toBe(`${lines.join('\r\n')}\r\n\r\n`);
});

test('writes header fields as Latin-1, and none of them twice', () => {
  const proxy = readProxy('http://ann:secret@h', { headers: { 'proxy-authorization': 'Bearer t', 'X-A': 'ö' } });
  const { greeting } = negotiate(proxy, { host: 'a', port: 1 });
  expect(Buffer.from(greeting).toString('latin1')).toBe(
    'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nproxy-authorization: Bearer t\r\nX-A: ö\r\n\r\n',
  );
});

const HEADS = [
  'HTTP/1.1 200 OK\r\n\r\nrest \xff',
  'HTTP/1.0 299\r\nVia: x\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm="basic", qop="a, b"\r\n\r\nbody',
  'HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate, BASIC realm="a"\r\n\r\nbody',
  'HTTP/1.1 503 \x9f\r\n\r\n',
  'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
  'nonsense\r\n',
];

test.each(HEADS)('gives the same outcome for %j, however it is cut', (text) => {
  const whole = outcomeOf('http://h', text);
  expect(whole).toBeDefined();
  for (let length = 1; length < text.length; length++) expect(outcomeOf('http://h', text, length)).toEqual(whole);
});

test.each([
  [HEADS[2], 'it does not take Basic authentication'],
  [HEADS[3], 'its URL needs a user name and a password'],
])('advises after %j', (text, advice) => {
  expect((outcomeOf('http://h', text) as { error: Error }).error.message).toContain(advice);
});

test('names no word of the proxy in its error', () => {
  const { error } = outcomeOf('http://h', 'HTTP/1.1 503 <script>\r\nX: <script>\r\n\r\n') as { error: Error };
  expect(error.message).toBe('The proxy http://h:80 refused to connect to server.example:443: 503 Service Unavailable');
});
