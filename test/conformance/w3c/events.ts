// Tests of the event handlers, of messages, and of the end of a connection.
// No runtime's modules: workerd and browsers run this as well.

import { expect, test } from 'vitest';
import type { FailureEvent } from '../../../src/api/w3c/index.ts';
import {
  address,
  end,
  logOf,
  next,
  nextClose,
  nextMessage,
  open,
  passMicrotasks,
  textFrame,
  type EventType,
  type Place,
  type Query,
} from './place.ts';

const ATTRIBUTES: readonly [EventType, 'onopen' | 'onmessage' | 'onerror' | 'onclose'][] = [
  ['open', 'onopen'],
  ['message', 'onmessage'],
  ['error', 'onerror'],
  ['close', 'onclose'],
];

export function describeHandlers(place: Place): void {
  const { WebSocket, url } = place;

  test('handler-open handler-message handler-close client calls each handler once an event, with itself as this', async () => {
    const ws = new WebSocket(address(url, { head: textFrame('a') + textFrame('b') + '880203e8' }));
    const calls: unknown[] = [];
    for (const [, name] of ATTRIBUTES) {
      ws[name] = function handler(this: unknown, event: Event): void {
        calls.push([name, event.type, this === ws, event.target === ws]);
      };
    }
    await nextClose(ws);
    expect(calls).toEqual([
      ['onopen', 'open', true, true],
      ['onmessage', 'message', true, true],
      ['onmessage', 'message', true, true],
      ['onclose', 'close', true, true],
    ]);
  });

  test('handler-error handler-close client calls the handlers of a failure once', async () => {
    const ws = new WebSocket(address(url, { status: '404' }));
    const calls: string[] = [];
    for (const [, name] of ATTRIBUTES) ws[name] = () => calls.push(name);
    await nextClose(ws);
    expect(calls).toEqual(['onerror', 'onclose']);
  });

  test.each(ATTRIBUTES)(
    'handler-open handler-message handler-error handler-close a program that dispatches %s calls %s once',
    async (type, name) => {
      const ws = await open(place);
      const calls: string[] = [];
      ws[name] = () => calls.push('handler');
      const isDispatched = ws.dispatchEvent(new Event(type, { cancelable: true }));
      expect([isDispatched, calls]).toEqual([true, ['handler']]);
      ws[name] = null;
      ws.dispatchEvent(new Event(type));
      expect(calls).toEqual(['handler']);
      await end(ws);
    },
  );

  test('handler-order client calls a handler where it was first set', async () => {
    const ws = new WebSocket(address(url, { head: textFrame('x') }));
    const calls: string[] = [];
    ws.addEventListener('message', () => calls.push('before'));
    ws.onmessage = () => calls.push('first');
    ws.addEventListener('message', () => calls.push(`after ${typeof ws.onmessage}`));
    ws.onmessage = () => calls.push(`second ${typeof ws.onmessage}`);
    await nextMessage(ws);
    expect(calls).toEqual(['before', 'second function', 'after function']);
    await end(ws);
  });

  test.each(ATTRIBUTES)('handler-object client keeps what %s is given by %s', async (type, name) => {
    const ws = await open(place);
    const handlers = ws as unknown as Record<string, unknown>;
    expect(handlers[name]).toBeNull();
    for (const value of [() => {}, {}, [], { handleEvent: () => expect.unreachable() }]) {
      handlers[name] = value;
      expect(handlers[name]).toBe(value);
      ws.dispatchEvent(new Event(type));
    }
    for (const value of [undefined, null, 5, 'text', true, Symbol('x'), 1n]) {
      handlers[name] = {};
      handlers[name] = value;
      expect(handlers[name]).toBeNull();
    }
    await end(ws);
  });
}

export function describeMessages(place: Place): void {
  const { WebSocket, url, secure, isNative, dropsOnFailedWrite = false } = place;

  test('message-2a message-3 client fires a MessageEvent with the origin of its URL', async () => {
    const ws = new WebSocket(address(url, { head: textFrame('hé') }));
    const event = await nextMessage(ws);
    const { data, origin, lastEventId, ports, bubbles, cancelable } = event;
    expect(event).toBeInstanceOf(MessageEvent);
    expect({ data, origin, lastEventId, ports: [...ports], bubbles, cancelable }).toEqual({
      data: 'hé',
      origin: url,
      lastEventId: '',
      ports: [],
      bubbles: false,
      cancelable: false,
    });
    await end(ws);
  });

  test('message-1 client drops what comes after it began to close', async () => {
    const ws = new WebSocket(address(url, { head: textFrame('a') + textFrame('b') }));
    const log = logOf(ws);
    ws.addEventListener('message', () => ws.close(3000));
    await nextClose(ws);
    expect(log).toEqual(['open', 'a', 'close 3000 ']);
  });

  const schemes = secure === undefined ? ['ws'] : ['ws', 'wss'];
  const three = textFrame('a') + textFrame('b') + textFrame('c');
  const ends: [string, Query, string][] = [
    ['FIN', { end: 'fin' }, 'close 1006 '],
    ['RST', { end: 'rst' }, 'close 1006 '],
    ['a Close frame', { end: '' }, 'close 3000 bye'],
    ['a Close frame and FIN', { end: 'fin' }, 'close 3000 bye'],
    ['a Close frame and RST', { end: 'rst' }, 'close 3000 bye'],
  ];
  const cases = schemes.flatMap((scheme) =>
    ends.flatMap(([name, query, close]) => {
      const bytes = name.startsWith('a Close') ? `${three}88050bb8627965` : three;
      return [
        { scheme, name: `with the 101, then ${name}`, query: { ...query, head: bytes }, close },
        { scheme, name: `behind the 101, then ${name}`, query: { ...query, later: bytes }, close },
        { scheme, name: `in both, then ${name}`, query: { ...query, head: textFrame('0'), later: bytes }, close },
      ];
    }),
  );

  test.each(cases)('message-all message-task client loses nothing over $scheme: $name', async ({ scheme, query, close }) => {
    for (const sends of [false, true]) {
      const ws =
        scheme === 'ws' ? new WebSocket(address(url, query)) : new WebSocket(address(secure!.url, query), [], secure!.options);
      await next(ws, 'open');
      // Bytes that nobody expects make some systems reset the connection.
      if (sends) ws.send('x');
      await passMicrotasks();
      const log = logOf(ws);
      await nextClose(ws);
      const messages = 'head' in query && 'later' in query ? ['0', 'a', 'b', 'c'] : ['a', 'b', 'c'];
      const received = log.filter((entry) => entry !== 'error');
      if (sends && dropsOnFailedWrite && 'end' in query && query.end === 'rst' && 'later' in query) {
        // Only the end may be missing.
        expect(messages.slice(0, received.length - 1)).toEqual(received.slice(0, -1));
        expect(['close 1006 ', close]).toContain(received.at(-1));
        continue;
      }
      // What a reset does to an end that both sides had agreed on is for a native class to say.
      if (isNative && 'end' in query && query.end === 'rst') received[received.length - 1] = close;
      expect(received).toEqual([...messages, close]);
    }
  });
}

export function describeEnd(place: Place): void {
  const { WebSocket, url, isNative } = place;

  test('closing-1 closed-3 client hears the peer close', async () => {
    const ws = new WebSocket(address(url, { head: '88070bb862c3a96500' }));
    const log = logOf(ws);
    const event = await nextClose(ws);
    const { code, reason, wasClean, bubbles, cancelable } = event;
    expect({ code, reason, wasClean, bubbles, cancelable }).toEqual({
      code: 3000,
      reason: 'bée\u0000',
      wasClean: true,
      bubbles: false,
      cancelable: false,
    });
    expect(event.constructor.name).toBe('CloseEvent');
    expect(log).toEqual(['open', 'close 3000 bée\u0000']);
  });

  test('closed-3 client hears the peer close without a code', async () => {
    const ws = new WebSocket(address(url, { head: '8800' }));
    const { code, reason, wasClean } = await nextClose(ws);
    expect([code, reason, wasClean]).toEqual([1005, '', true]);
  });

  test('closed-2 client that lost its connection, or whose peer broke the protocol, fires error and close', async () => {
    for (const query of [{ end: 'fin' }, { head: '8300' }, { head: '81028080' }, { head: 'c100' }]) {
      const ws = new WebSocket(address(url, query));
      const failed = next<FailureEvent>(ws, 'error');
      const states: number[] = [];
      ws.addEventListener('error', () => states.push(ws.readyState));
      const { code, wasClean } = await nextClose(ws);
      expect([code, wasClean]).toEqual([1006, false]);
      // Browsers do not take a lost connection for one that failed.
      if (isNative && 'end' in query) continue;
      const event = await failed;
      expect(states).toEqual([3]);
      expect([event.constructor === Event, event.bubbles, event.cancelable]).toEqual([true, false, false]);
      expect(event.error instanceof Error).toBe(!isNative);
    }
  });
}
