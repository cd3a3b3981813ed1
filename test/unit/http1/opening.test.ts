import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../src/api/address.ts';
import type { OpeningPlan, OpeningResult } from '../../../src/handshake/opening.ts';
import { HttpOpening, withCredentials } from '../../../src/http1/opening.ts';
import { createResponseBody, type ResponseBody } from '../../../src/http1/response-body.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { acceptanceHead } from '../../support/sockets.ts';
import { FakeNetwork, latin1, type FakeTransport } from './fake-network.ts';

function setUp(address: string = 'ws://example.org/chat?room=1', changes: Partial<OpeningPlan> = {}, doesCare = false) {
  const network = new FakeNetwork();
  const events: string[] = [];
  let opened: OpeningResult | undefined;
  let body: ResponseBody | undefined;
  const plan: OpeningPlan = { target: parseAddress(address), protocols: [], headers: {}, ...changes };
  const opening = new HttpOpening(network, network.platform, plan, {
    createBody: createResponseBody,
    onUpgrade: ({ head }) => events.push(`upgrade ${head.status}`) > 0,
    onResponse(_request, { head, body: content }) {
      events.push(`response ${head.status}`);
      body = content!;
      return doesCare;
    },
    onOpen(_transport, result) {
      opened = result;
      events.push('open');
    },
    onFail: ({ message }) => events.push(`fail: ${message}`),
  });
  return { network, events, opening, opened: () => opened!, body: () => body! };
}

/** The answer to what was written. */
function answerTo({ written }: FakeTransport, fields: string[] = []): string {
  const key = /Sec-WebSocket-Key: (\S+)/.exec(written)![1];
  return acceptanceHead(key, fields);
}

describe('client request', () => {
  test('client connects to host and port, and writes its request', () => {
    const { network, opening } = setUp('ws://example.org:8080/chat?room=1', {
      protocols: ['a', 'b'],
      origin: 'http://o',
      headers: { 'X-Latin': 'é', Cookie: ['a=1', 'b=2'] },
    });
    expect(network.plans).toEqual([{ host: 'example.org', port: 8080, path: undefined, tls: undefined }]);
    opening.send();
    const { written } = network.open();
    expect(written.split('\r\n')).toEqual([
      'GET /chat?room=1 HTTP/1.1',
      'Host: example.org:8080',
      'Sec-WebSocket-Version: 13',
      expect.stringMatching(/^Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==$/),
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: a,b',
      'Origin: http://o',
      'X-Latin: é',
      'Cookie: a=1',
      'Cookie: b=2',
      '',
      '',
    ]);
  });

  test.each([
    ['ws://example.org/', 'example.org'],
    ['ws://[::1]:8080/', '[::1]:8080'],
    ['wss://example.org/', 'example.org'],
    ['wss://example.org:80/', 'example.org:80'],
    ['ws+unix:///run/a.socket:/path', 'localhost'],
  ])('client names the host of %s', (address, host) => {
    expect(setUp(address).opening.fields['Host']).toBe(host);
  });

  test('client connects to an IPv6 address without brackets, over TLS with its options, and to a path', () => {
    expect(setUp('ws://[::1]/').network.plans[0]).toMatchObject({ host: '::1', port: 80 });
    const tls = { ca: 'PEM' };
    expect(setUp('wss://example.org/', { options: tls }).network.plans[0]).toMatchObject({ port: 443, tls });
    expect(setUp('ws+unix:///run/a.socket:/path').network.plans[0]).toMatchObject({ path: '/run/a.socket', tls: undefined });
  });

  test('client waits with the request until it may go, and may change it till then', () => {
    const { network, opening } = setUp();
    const transport = network.open();
    expect(transport.written).toBe('');
    opening.send({ 'X-Late': 'yes' });
    expect(transport.written).toContain('\r\nX-Late: yes\r\n');
    opening.send();
    expect(transport.written.match(/GET/g)).toHaveLength(1);
  });

  test('client refuses a field that would forge another, before it connects', () => {
    expect(() => setUp('ws://example.org/', { headers: { a: 'b\r\nc: d' } })).toThrow('Invalid character');
  });

  test('client takes another key each time', () => {
    const { network } = setUp();
    const other = new HttpOpening(
      network,
      network.platform,
      { target: parseAddress('ws://a/'), protocols: [], headers: {} },
      { onUpgrade: () => true, onResponse: () => true, onOpen() {}, onFail() {} },
    );
    expect(other.fields['Sec-WebSocket-Key']).not.toBe(setUp().opening.fields['Sec-WebSocket-Version']);
    expect(network.platform.keys).toHaveLength(8);
    expect(new Set(network.platform.keys).size).toBe(8);
  });

  test('client sends credentials, unless the program has some', () => {
    const platform = new ManualPlatform();
    expect(withCredentials(platform, {}, 'Aladdin:open sesame')).toEqual({
      Authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    });
    expect(withCredentials(platform, { authorization: 'x' }, 'a:b')).toEqual({ authorization: 'x' });
    expect(withCredentials(platform, { a: 'b' }, undefined)).toEqual({ a: 'b' });
  });
});

describe('client answer', () => {
  test('client opens, wherever the answer is cut, and keeps the frame behind it', () => {
    const frame = '\x81\x05Hello';
    const length = answerTo(run('').transport).length + frame.length;
    for (let at = 1; at < length; at++) {
      const { transport, events, opened } = run('');
      const all = answerTo(transport) + frame;
      let rest = all.slice(at);
      transport.receive(all.slice(0, at));
      if (events.length === 0) {
        transport.receive(rest);
        rest = '';
      }
      expect(events).toEqual(['upgrade 101', 'open']);
      expect([...opened().head, ...latin1(rest)]).toEqual([...latin1(frame)]);
      expect(transport.calls).toEqual(['start', 'pause']);
    }
  });

  /** A client whose request was sent, and `answer`. */
  function run(answer: string, changes: Partial<OpeningPlan> = {}, doesCare = false) {
    const all = setUp(undefined, changes, doesCare);
    all.opening.send();
    const transport = all.network.open();
    if (answer !== '') transport.receive(answer);
    return { ...all, transport };
  }

  test('client agrees on a subprotocol and on permessage-deflate', () => {
    const { transport, opened } = run('', { protocols: ['a', 'b'], deflate: {} });
    transport.receive(
      answerTo(transport, [
        'Sec-WebSocket-Protocol: b',
        'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover',
      ]),
    );
    expect(opened().protocol).toBe('b');
    expect(opened().extensions).toBe('permessage-deflate; server_no_context_takeover');
    expect(opened().agreement).toMatchObject({ serverNoContextTakeover: true, clientNoContextTakeover: false });
  });

  test.each([
    [['Sec-WebSocket-Protocol: c'], 'Server sent an invalid subprotocol'],
    [[], 'Server sent no subprotocol'],
    [
      ['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=7'],
      'Invalid Sec-WebSocket-Extensions header',
    ],
  ])('client fails at %j', (fields, message) => {
    const { transport, events } = run('', { protocols: ['a'], deflate: {} });
    transport.receive(answerTo(transport, fields));
    expect(events).toEqual(['upgrade 101', `fail: ${message}`]);
    expect(transport.isDestroyed).toBe(true);
  });

  test.each([
    ['HTTP/1.1 101 X\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n', ['upgrade 101', 'fail: Invalid Upgrade header']],
    [
      'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n',
      ['upgrade 101', 'fail: Invalid Sec-WebSocket-Accept header'],
    ],
    ['HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n', ['response 101', 'fail: Unexpected server response: 101']],
    ['HTTP/1.1 404 Not Found\r\n\r\n', ['response 404', 'fail: Unexpected server response: 404']],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', ['response 200', 'fail: Unexpected server response: 200']],
    ['SSH-2.0-OpenSSH_9.9\r\n', ['fail: Parse Error: The start line has no valid HTTP version']],
    [`HTTP/1.1 101 X\r\n${'A: b\r\n'.repeat(101)}`, ['fail: Parse Error: Too many header fields']],
    [`HTTP/1.1 101 X\r\nA: ${'b'.repeat(20_000)}`, ['fail: Parse Error: The header fields are too large']],
  ])('client fails at the answer %j', (answer, expected) => {
    const { transport, events } = run(answer);
    expect(events).toEqual(expected);
    expect(transport.isDestroyed).toBe(true);
  });

  test('client hands out a refusal with its body', () => {
    const { transport, events, body } = run('HTTP/1.1 401 X\r\nContent-Length: 5\r\n\r\nhe', {}, true);
    let content = '';
    body()
      .attach({
        onData: (piece) => (content += String.fromCharCode(...piece)),
        onEnd: () => (content += '.'),
        onAbort: () => (content += '!'),
      })
      .resume();
    transport.receive('llo');
    expect(content).toBe('hello.');
    expect(events).toEqual(['response 401']);
  });
});

describe('client failure', () => {
  test('client reports a connection that cannot be made', () => {
    const { network, events } = setUp();
    network.events!.onError(new Error('connect ECONNREFUSED 127.0.0.1:80'));
    expect(events).toEqual(['fail: connect ECONNREFUSED 127.0.0.1:80']);
  });

  test('client reports a server that hangs up, and one that resets', () => {
    const ended = setUp();
    ended.network.open().events!.receiveEnd();
    expect(ended.events).toEqual(['fail: socket hang up']);
    const closed = setUp();
    closed.network.open().events!.closed();
    expect(closed.events).toEqual(['fail: socket hang up']);
    const reset = setUp();
    reset.network.open().events!.closed(new Error('read ECONNRESET'));
    expect(reset.events).toEqual(['fail: read ECONNRESET']);
  });

  test('client runs out of time while it connects', () => {
    const { network, events } = setUp(undefined, { handshakeTimeout: 1000 });
    network.platform.advance(999);
    expect(events).toEqual([]);
    network.platform.advance(1);
    expect(events).toEqual(['fail: Opening handshake has timed out']);
    expect(network.aborted).toBe(1);
  });

  test('client runs out of time while it waits for an answer, or for the body of one', () => {
    const waiting = setUp(undefined, { handshakeTimeout: 1000 });
    const transport = waiting.network.open();
    transport.receive('HTTP/1.1 101 ');
    waiting.network.platform.advance(1000);
    expect(waiting.events).toEqual(['fail: Opening handshake has timed out']);
    expect(transport.isDestroyed).toBe(true);
    const reading = setUp(undefined, { handshakeTimeout: 1000 }, true);
    reading.network.open().receive('HTTP/1.1 404 X\r\n\r\n');
    reading.network.platform.advance(1000);
    expect(reading.events).toEqual(['response 404', 'fail: Opening handshake has timed out']);
  });

  test('client stops the clock once it is open', () => {
    const { network, events, opening } = setUp(undefined, { handshakeTimeout: 1000 });
    opening.send();
    const transport = network.open();
    transport.receive(answerTo(transport));
    network.platform.advance(2000);
    expect(events).toEqual(['upgrade 101', 'open']);
  });

  test('client gives up while it connects: what comes then is dropped', () => {
    const { network, events, opening } = setUp();
    opening.abort();
    expect(network.aborted).toBe(1);
    expect(network.open().isDestroyed).toBe(true);
    network.events!.onError(new Error('late'));
    expect(events).toEqual([]);
  });

  test('client gives up after the request', () => {
    const { network, events, opening } = setUp();
    opening.send();
    const transport = network.open();
    opening.abort();
    transport.receive(answerTo(transport));
    transport.events!.closed();
    expect(transport.isDestroyed).toBe(true);
    expect(events).toEqual([]);
  });

  test('client gives up within a body', () => {
    const { network, events, opening, body } = setUp(undefined, {}, true);
    const transport = network.open();
    transport.receive('HTTP/1.1 404 X\r\n\r\n');
    const heard: string[] = [];
    body()
      .attach({ onData() {}, onEnd: () => heard.push('end'), onAbort: (error) => heard.push(error.message) })
      .resume();
    opening.abort();
    expect(heard).toEqual(['aborted']);
    expect(transport.isDestroyed).toBe(true);
    expect(events).toEqual(['response 404']);
  });
});
