import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import {
  MAXIMUM_HEAD_BYTES,
  MAXIMUM_HEADERS,
  requestHeadParser,
  responseHeadParser,
  type HeadLimits,
  type HeadResult,
} from '../../../src/handshake/http-head.ts';

const REQUEST = [
  'GET /chat?a=b HTTP/1.1',
  'Host: server.example.com:8080',
  'Upgrade: websocket',
  'Connection: keep-alive',
  'CONNECTION: \t Upgrade \t',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Cookie: a=b',
  'Cookie: c=d',
  'X-Empty:',
];
const RESPONSE = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', 'X-Latin: é'];

function bytesOf(lines: readonly string[], rest = ''): Uint8Array {
  return new Uint8Array(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${rest}`, 'latin1'));
}

interface Feeder {
  feed(chunk: Uint8Array): HeadResult<object> | undefined;
}

/** Feeds `bytes` cut at `cuts`; what comes after the result counts as rest. */
function feedAll(parser: Feeder, bytes: Uint8Array, cuts: readonly number[] = []): HeadResult<object> | undefined {
  const edges = [0, ...[...cuts].sort((left, right) => left - right), bytes.length];
  for (let index = 1; index < edges.length; index++) {
    const result = parser.feed(bytes.subarray(edges[index - 1], edges[index]));
    if (result === undefined) continue;
    if (!result.accepted) return result;
    return { ...result, rest: new Uint8Array(Buffer.concat([result.rest, bytes.subarray(edges[index])])) };
  }
  return undefined;
}

function parseRequest(lines: readonly string[], limits?: HeadLimits): HeadResult<object> | undefined {
  return feedAll(requestHeadParser(limits), bytesOf(lines));
}

function expectRefusal(lines: readonly string[], status: number, reason: string): void {
  expect(parseRequest(lines), JSON.stringify(lines)).toEqual({ accepted: false, status, reason, headers: {} });
}

/** A valid request with `line` put in. */
function withLine(line: string): string[] {
  return ['GET / HTTP/1.1', 'Host: a', line, 'X-Last: z'];
}

describe('request heads', () => {
  test('parser reads a request, and the bytes behind it', () => {
    const result = requestHeadParser().feed(bytesOf(REQUEST, '\x81\x85frame'));
    expect(result).toEqual({
      accepted: true,
      head: {
        method: 'GET',
        target: '/chat?a=b',
        httpVersion: '1.1',
        headers: new Map([
          ['host', 'server.example.com:8080'],
          ['upgrade', 'websocket'],
          ['connection', 'keep-alive, Upgrade'],
          ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
          ['sec-websocket-version', '13'],
          ['cookie', 'a=b; c=d'],
          ['x-empty', ''],
        ]),
        rawHeaders: REQUEST.slice(1).flatMap((line) => {
          const [name, ...value] = line.split(':');
          return [name, value.join(':').trim()];
        }),
      },
      rest: new Uint8Array([0x81, 0x85, 0x66, 0x72, 0x61, 0x6d, 0x65]),
    });
  });

  test('parser gives the same wherever the head is cut once, and byte by byte', () => {
    const bytes = bytesOf(REQUEST, 'rest');
    const whole = feedAll(requestHeadParser(), bytes);
    expect(whole?.accepted).toBe(true);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(feedAll(requestHeadParser(), bytes, [cut]), `cut at ${cut}`).toEqual(whole);
    }
    expect(feedAll(requestHeadParser(), bytes, [...bytes.keys()])).toEqual(whole);
  });

  test('parser copies the rest, also out of a Buffer', () => {
    const chunk = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\nrest');
    const result = requestHeadParser().feed(chunk);
    chunk.fill(0);
    expect(result).toMatchObject({ rest: new Uint8Array([0x72, 0x65, 0x73, 0x74]) });
  });

  test('parser wants no more bytes than the head has', () => {
    const parser = requestHeadParser();
    const bytes = bytesOf(['GET / HTTP/1.1', 'Host: a']);
    expect(parser.feed(bytes.subarray(0, -1))).toBeUndefined();
    expect(parser.feed(bytes.subarray(-1))).toMatchObject({ accepted: true });
    expect(() => parser.feed(bytes)).toThrow(UsageError);
  });

  test('parser ignores empty lines before the request line', () => {
    expect(parseRequest(['', '', 'GET / HTTP/1.1', 'Host: a'])).toMatchObject({ accepted: true });
  });

  test('parser refuses request lines that are not three parts', () => {
    for (const line of [
      'GET',
      'GET /',
      'GET  / HTTP/1.1',
      ' GET / HTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET / a HTTP/1.1',
      'GET\t/\tHTTP/1.1',
    ]) {
      expectRefusal([line, 'Host: a'], 400, 'The request line must be a method, a target and an HTTP version');
    }
  });

  test('parser refuses bad methods, targets and versions', () => {
    for (const method of ['G@T', '', 'GET:'])
      expectRefusal([`${method} / HTTP/1.1`, 'Host: a'], 400, 'The request line has an invalid method');
    for (const target of ['', 'a', '/#a', '/é', '*', 'ftp://a/', 'http://', '://a', 'a:80']) {
      expectRefusal([`GET ${target} HTTP/1.1`, 'Host: a'], 400, 'The request line has an invalid target');
    }
    for (const version of ['HTTP/1', 'HTTP/1.10', 'http/1.1', 'HTTP/x.1', 'HTTP/1.x', 'HTTP/11', '']) {
      expectRefusal([`GET / ${version}`, 'Host: a'], 400, 'The start line has no valid HTTP version');
    }
    for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0']) {
      expectRefusal([`GET / ${version}`, 'Host: a'], 505, 'Only HTTP/1.1 is spoken here');
    }
  });

  test('parser takes every form of target that its method allows', () => {
    for (const start of ['GET http://a/b', 'GET HTTPS://a', 'GET ws://a/', 'OPTIONS *', 'CONNECT a:80', 'POST /a']) {
      expect(parseRequest([`${start} HTTP/1.1`, 'Host: a']), start).toMatchObject({ accepted: true });
    }
    expectRefusal(['CONNECT /a HTTP/1.1', 'Host: a'], 400, 'The request line has an invalid target');
  });

  test('parser wants exactly one valid Host', () => {
    expectRefusal(['GET / HTTP/1.1', 'A: b'], 400, 'Missing or invalid Host header');
    expectRefusal(['GET / HTTP/1.1', 'Host: a b'], 400, 'Missing or invalid Host header');
    expectRefusal(['GET / HTTP/1.1', 'Host: user@a'], 400, 'Missing or invalid Host header');
    expectRefusal(['GET / HTTP/1.1', 'Host: a', 'HOST: a'], 400, 'The host header field is duplicated');
    expect(parseRequest(['GET / HTTP/1.0', 'A: b'])).toMatchObject({ accepted: true, head: { httpVersion: '1.0' } });
  });

  test('parser refuses duplicates of the fields that the handshake trusts', () => {
    for (const name of ['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Sec-WebSocket-Accept']) {
      const reason = `The ${name.toLowerCase()} header field is duplicated`;
      expectRefusal(['GET / HTTP/1.1', 'Host: a', `${name}: 13`, `${name.toUpperCase()}: 13`], 400, reason);
    }
  });

  test('parser refuses malformed field lines', () => {
    for (const line of [' folded', '\tfolded'])
      expectRefusal(withLine(line), 400, 'A header field is folded over several lines');
    for (const line of ['X-A', 'a b']) expectRefusal(withLine(line), 400, 'A header field has no colon');
    for (const line of ['X-A : b', 'X-A\t: b', ': b', 'X A: b', 'X-É: b', '"a": b']) {
      expectRefusal(withLine(line), 400, 'A header field has an invalid name');
    }
  });

  test('parser refuses bare CR, bare LF and control characters at once', () => {
    const controls = [...Array(32).keys(), 127].filter((code) => code !== 9 && code !== 10 && code !== 13);
    for (const code of controls)
      expectRefusal(withLine(`X: a${String.fromCharCode(code)}b`), 400, 'The head has a control character');
    expectRefusal(withLine('X: a\rb'), 400, 'A carriage return is not followed by a line feed');
    expectRefusal(withLine('X: a\r\rb'), 400, 'A carriage return is not followed by a line feed');
    expectRefusal(withLine('X: a\nY: b'), 400, 'A line feed is not preceded by a carriage return');
    expect(requestHeadParser().feed(new Uint8Array([0x16, 0x03, 0x01]))).toMatchObject({ accepted: false, status: 400 });
  });

  test('parser refuses a GET with a body, which would be read as frames', () => {
    for (const line of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'Content-Length: 0x', 'Content-Length:']) {
      expectRefusal(withLine(line), 400, 'A request with a body cannot open a WebSocket');
    }
    expect(parseRequest(withLine('Content-Length: 0'))).toMatchObject({ accepted: true });
    expect(parseRequest(['POST / HTTP/1.1', 'Host: a', 'Content-Length: 5'])).toMatchObject({ accepted: true });
  });
});

describe('limits', () => {
  test('parser takes a head of exactly the limit and refuses one byte more', () => {
    const lines = (length: number): string[] => ['GET / HTTP/1.1', 'Host: a', `X: ${'a'.repeat(length)}`];
    const overhead = bytesOf(lines(0)).length;
    expect(parseRequest(lines(MAXIMUM_HEAD_BYTES - overhead))).toMatchObject({ accepted: true });
    expectRefusal(lines(MAXIMUM_HEAD_BYTES - overhead + 1), 431, 'The header fields are too large');
    expect(parseRequest(lines(0), { maximumBytes: overhead })).toMatchObject({ accepted: true });
    expect(parseRequest(lines(0), { maximumBytes: overhead - 1 })).toMatchObject({ accepted: false, status: 431 });
  });

  test('parser refuses an endless request line and endless empty lines', () => {
    expectRefusal([`GET /${'a'.repeat(MAXIMUM_HEAD_BYTES)} HTTP/1.1`], 414, 'The request line is too long');
    expectRefusal([...Array<string>(MAXIMUM_HEAD_BYTES).fill(''), 'GET / HTTP/1.1'], 414, 'The request line is too long');
  });

  test('parser takes as many fields as the limit and refuses one more', () => {
    const lines = (count: number): string[] => ['GET / HTTP/1.1', 'Host: a', ...Array<string>(count - 1).fill('X: a')];
    expect(parseRequest(lines(MAXIMUM_HEADERS))).toMatchObject({ accepted: true });
    expectRefusal(lines(MAXIMUM_HEADERS + 1), 431, 'Too many header fields');
    expect(parseRequest(lines(3), { maximumHeaders: 2 })).toMatchObject({ accepted: false, status: 431 });
  });
});

describe('response heads', () => {
  test('parser reads a response, and the bytes behind it', () => {
    expect(feedAll(responseHeadParser(), bytesOf(RESPONSE, 'rest'))).toEqual({
      accepted: true,
      head: {
        status: 101,
        statusText: 'Switching Protocols',
        httpVersion: '1.1',
        headers: new Map([
          ['upgrade', 'websocket'],
          ['connection', 'Upgrade'],
          ['x-latin', 'é'],
        ]),
        rawHeaders: ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'X-Latin', 'é'],
      },
      rest: new Uint8Array([0x72, 0x65, 0x73, 0x74]),
    });
  });

  test('parser passes over interim responses, within the limit', () => {
    const bytes = bytesOf(['HTTP/1.1 103 Early Hints', 'Link: </a>', '', 'HTTP/1.1 100 Continue', '', ...RESPONSE]);
    const result = feedAll(responseHeadParser(), bytes);
    expect(result).toMatchObject({
      accepted: true,
      head: {
        status: 101,
        headers: new Map([
          ['upgrade', 'websocket'],
          ['connection', 'Upgrade'],
          ['x-latin', 'é'],
        ]),
      },
    });
    const endless = bytesOf(Array<string>(2000).fill('HTTP/1.1 100 Continue\r\n'));
    expect(feedAll(responseHeadParser(), endless)).toMatchObject({ accepted: false });
  });

  test('parser takes an empty reason and refuses malformed status lines', () => {
    for (const line of ['HTTP/1.1 404 ', 'HTTP/1.1 404', 'HTTP/1.0 404 Not  Found']) {
      expect(feedAll(responseHeadParser(), bytesOf([line])), line).toMatchObject({ accepted: true, head: { status: 404 } });
    }
    for (const line of [
      'HTTP/1.1',
      'HTTP/1.1 ',
      'HTTP/1.1 20',
      'HTTP/1.1 2000',
      'HTTP/1.1 0xa OK',
      'HTTP/1.1  200 OK',
      'HTTP/1.1 099 OK',
      'ICY 200 OK',
      'HTTP/2.0 200 OK',
    ]) {
      expect(feedAll(responseHeadParser(), bytesOf([line])), line).toMatchObject({ accepted: false });
    }
  });

  test('parser refuses a duplicated Sec-WebSocket-Accept', () => {
    const lines = [...RESPONSE, 'Sec-WebSocket-Accept: a', 'Sec-WebSocket-Accept: a'];
    expect(feedAll(responseHeadParser(), bytesOf(lines))).toMatchObject({ accepted: false });
  });
});

describe('properties', () => {
  const piece = fc.oneof(
    fc.constantFrom(...REQUEST.map((line) => `${line}\r\n`), ...RESPONSE.map((line) => `${line}\r\n`)),
    fc.constantFrom('\r\n', '\r', '\n', ' ', ':', 'Host: b\r\n', 'A: b\r\n', 'a'.repeat(300), '\0'),
    fc.string({ unit: 'binary-ascii', maxLength: 8 }),
  );
  const stream = fc
    .tuple(fc.constantFrom('', 'GET / HTTP/1.1\r\nHost: a\r\n', 'HTTP/1.1 101 OK\r\n'), fc.array(piece, { maxLength: 10 }))
    .map(([start, pieces]) => new Uint8Array(Buffer.from(start + pieces.join(''), 'latin1')));
  const cuts = fc.array(fc.nat(2000), { maxLength: 6 });
  const limits = { maximumBytes: 400, maximumHeaders: 6 };

  test('parser gives the same result for any chunking of anything', () => {
    fc.assert(
      fc.property(fc.oneof(stream, fc.uint8Array({ maxLength: 600 })), cuts, (bytes, positions) => {
        const inside = positions.map((position) => position % (bytes.length + 1));
        for (const make of [requestHeadParser, responseHeadParser]) {
          expect(feedAll(make(limits), bytes, inside)).toEqual(feedAll(make(limits), bytes));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('parser answers random bytes with a refusal or waits, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1000 }), (bytes) => {
        const result = requestHeadParser().feed(bytes);
        if (result !== undefined) expect([400, 414, 431, 505]).toContain((result as { status?: number }).status);
      }),
      { numRuns: 1000 },
    );
  });
});
