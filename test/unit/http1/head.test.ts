import { describe, expect, test } from 'vitest';
import { requestHeadParser, type RequestHead } from '../../../src/handshake/http-head.ts';
import { HeadReader } from '../../../src/http1/head.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { FakeTransport, latin1 } from './fake-network.ts';

const HEAD = 'GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n';
const FRAME = '\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58';

function setUp(timeout?: number) {
  const transport = new FakeTransport();
  const platform = new ManualPlatform();
  const events: unknown[] = [];
  let found: { head: RequestHead; rest: Uint8Array } | undefined;
  const reader = new HeadReader<RequestHead>(transport, platform, {
    parser: requestHeadParser(),
    events: {
      onHead: (head, rest) => {
        found = { head, rest };
        events.push('head');
      },
      onRefusal: ({ status }) => events.push(status),
      onEnd: (hasBegun) => events.push(hasBegun ? 'end within' : 'end'),
      onClosed: (error) => events.push(error?.message ?? 'closed'),
    },
  });
  reader.start(timeout);
  return { transport, platform, events, reader, found: () => found! };
}

describe('HeadReader', () => {
  test('server reads a head that comes byte by byte, with the frame behind it', () => {
    const { transport, events, found } = setUp();
    const all = HEAD + FRAME.slice(0, 1);
    for (const byte of all.slice(0, HEAD.length - 1)) transport.receive(byte);
    expect(events).toEqual([]);
    transport.receive(all.slice(HEAD.length - 1));
    expect(events).toEqual(['head']);
    expect(found().head.target).toBe('/chat?room=1');
    expect(found().head.headers.get('cookie')).toBe('a=1; b=2');
    expect(found().rest).toEqual(latin1('\x81'));
  });

  test('server loses nothing wherever two pieces are cut', () => {
    const all = HEAD + FRAME;
    for (let at = 1; at < all.length; at++) {
      const { transport, events, found } = setUp();
      const later: Uint8Array[] = [];
      transport.receive(all.slice(0, at));
      if (events.length === 0) transport.receive(all.slice(at));
      else later.push(latin1(all.slice(at)));
      expect(events).toEqual(['head']);
      expect([...found().rest, ...later.flatMap((bytes) => [...bytes])]).toEqual([...latin1(FRAME)]);
    }
  });

  test('server pauses the transport behind the head, before it hands it over', () => {
    const { transport } = setUp();
    transport.receive(HEAD);
    expect(transport.calls).toEqual(['start', 'pause']);
  });

  test("server reads from the codec's input arena, and keeps the rest", () => {
    const { transport, platform, found } = setUp();
    const { input } = platform.codec;
    input.set(latin1(HEAD + FRAME));
    transport.events!.receiveInput(HEAD.length + FRAME.length);
    input.fill(0);
    expect(found().rest).toEqual(latin1(FRAME));
  });

  test.each([
    ['GET / HTTP/1.1\n', 400],
    ['GET / HTTP/2.0\r\n', 505],
    [`GET /${'a'.repeat(20_000)}`, 414],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}`, 431],
    [`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(101)}`, 431],
  ])('server refuses %j', (bytes, status) => {
    const { transport, events } = setUp();
    transport.receive(bytes);
    expect(events).toEqual([status]);
    expect(transport.isReading).toBe(false);
  });

  test('server refuses a head that is too slow, however steadily it comes', () => {
    const { transport, platform, events } = setUp(60_000);
    for (let seconds = 0; seconds < 59; seconds++) {
      platform.advance(1000);
      transport.receive(HEAD[seconds]);
    }
    expect(events).toEqual([]);
    platform.advance(1000);
    expect(events).toEqual([408]);
    transport.receive(HEAD.slice(59));
    expect(events).toEqual([408]);
  });

  test('server stops the clock at the end of the head', () => {
    const { transport, platform, events } = setUp(60_000);
    transport.receive(HEAD);
    expect(platform.timers).toEqual([]);
    expect(events).toEqual(['head']);
  });

  test('server tells an end before the head from one within it', () => {
    const before = setUp();
    before.transport.events!.receiveEnd();
    expect(before.events).toEqual(['end']);
    const within = setUp();
    within.transport.receive('GET');
    within.transport.events!.receiveEnd();
    expect(within.events).toEqual(['end within']);
  });

  test('server hears that the transport is gone, and why, once', () => {
    const { transport, platform, events } = setUp(1000);
    transport.events!.closed(new Error('read ECONNRESET'));
    transport.events!.closed();
    transport.events!.receiveEnd();
    expect(events).toEqual(['read ECONNRESET']);
    expect(platform.timers).toEqual([]);
  });

  test('server reports nothing after it was stopped', () => {
    const { transport, reader, platform, events } = setUp(1000);
    reader.stop();
    transport.receive(HEAD);
    transport.events!.receiveEnd();
    transport.events!.closed();
    platform.advance(2000);
    expect(events).toEqual([]);
  });

  test('server leaves the transport alone when a listener throws', () => {
    const platform = new ManualPlatform();
    const transport = new FakeTransport();
    const fail = (): never => {
      throw new Error('of the program');
    };
    const events = { onHead: fail, onRefusal: fail, onEnd: fail, onClosed: fail };
    new HeadReader(transport, platform, { parser: requestHeadParser(), events }).start();
    transport.receive('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    platform.runDeferred();
    expect(platform.uncaught).toHaveLength(1);
  });
});
