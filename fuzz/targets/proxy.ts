// A client's dialogue with a proxy: whatever the proxy sends ends in a tunnel or a ProxyError, and the error holds no control character. RFC 9110 section
// 9.3.6; RFC 1928 and 1929.

import { ProxyError } from '../../src/proxy/error.ts';
import { negotiate } from '../../src/proxy/negotiation.ts';
import { readProxy } from '../../src/proxy/server.ts';
import { utf8 } from '../../test/support/frames.ts';
import { Input, must, mustEqual } from '../input.ts';

const CUTS = 6;
const PROXIES = ['http://p', 'https://a:b@p', 'socks5://p', 'socks5://a:b@p'].map((url) => readProxy(url, {}));
/** Longest of our messages: a request of SOCKS has 6 bytes and a name of 255, one with credentials 513. */
const MOST_REPLY_BYTES = 513;
/** Answers of a SOCKS proxy that we reply to. */
const MOST_REPLIES = 2;

/** Runs one dialogue. */
export function fuzz(data: Uint8Array): void {
  const input = new Input(data);
  const proxy = input.of(PROXIES);
  const negotiation = negotiate(proxy, { host: input.of(['a.example', '10.0.0.1', '2001:db8::1']), port: 443 });
  const cuts = Array.from({ length: CUTS }, () => input.length());
  const bytes = input.rest();
  let replies = 0;
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const chunk = bytes.slice(at, at + (cuts[piece] || bytes.length));
    const before = chunk.slice();
    at += chunk.length;
    const progress = negotiation.receive(chunk);
    mustEqual(chunk, before, 'The chunk');
    if (progress === undefined) continue;
    if ('reply' in progress) {
      must(proxy.isSocks && ++replies <= MOST_REPLIES, 'A reply too many');
      must(progress.reply.length <= MOST_REPLY_BYTES, 'A long reply');
    } else if ('rest' in progress) {
      mustEqual(progress.rest, bytes.slice(at - progress.rest.length, at), 'The bytes behind the answer');
      return;
    } else {
      const { error } = progress;
      must(error instanceof ProxyError, 'Another error');
      // oxlint-disable-next-line eslint/no-control-regex -- what must not be there
      must(!/[\0-\x1f\x7f-\xff]/.test(error.message) && error.message.length < 300, () => `Message: ${error.message}`);
      return;
    }
  }
  // HTTP heads are bounded by 16 KiB, SOCKS answers by 262 bytes.
  must(bytes.length <= (proxy.isSocks ? 2 + 2 + 262 : 16_384), 'Endless');
}

const seed = (kind: number, ...answers: (string | readonly number[])[]): Uint8Array =>
  Uint8Array.from([
    kind,
    0,
    ...answers.map(({ length }) => length),
    ...Array<number>(CUTS - answers.length).fill(0),
    ...answers.flatMap((answer) => (typeof answer === 'string' ? [...utf8(answer)] : answer)),
  ]);

export const seeds: readonly Uint8Array[] = [
  seed(0, 'HTTP/1.1 200 Connection established\r\n\r\n'),
  seed(1, 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\n\r\nrest'),
  seed(0, 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="a, b"\r\n\r\n'),
  seed(1, 'HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate, Digest qop="auth"\r\n\r\n'),
  seed(0, 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno!'),
  seed(2, [5, 0], [5, 0, 0, 1, 10, 0, 0, 1, 1, 187, 7]),
  seed(3, [5, 2], [1, 0], [5, 0, 0, 3, 1, 97, 1, 187]),
  seed(3, [5, 2], [1, 1]),
  seed(2, [5, 0], [5, 5, 0, 4]),
];

/** Fragments of such answers, for a fuzzer's dictionary. */
export const dictionary: readonly string[] = [
  '\r\n\r\n',
  'HTTP/1.1 200 ',
  'HTTP/1.1 407 ',
  'HTTP/1.1 101 ',
  'Proxy-Authenticate: ',
  '\x05\x00',
  '\x05\x02',
  '\x01\x00',
  '\x05\x00\x00\x03\xff',
];
