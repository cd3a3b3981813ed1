// What users of today's platform expect: signals of listeners, `using`.

import { describe, expect, test } from 'vitest';
import { Redirects, type RedirectTarget } from '../../../../src/api/ws/redirect.ts';
import { open, receive, TestSocket } from './idle-socket.ts';

describe('addEventListener with a signal', () => {
  test('removes the listener when it is aborted', () => {
    const ws = new TestSocket();
    const session = open(ws);
    const controller = new AbortController();
    const heard: unknown[] = [];
    ws.addEventListener('message', ({ data }) => heard.push(data), { signal: controller.signal });
    ws.addEventListener('message', { handleEvent: ({ data }) => heard.push(data) }, { signal: controller.signal, once: true });
    receive(session, 'a');
    receive(session, 'b');
    controller.abort();
    receive(session, 'c');
    expect([heard, ws.listenerCount('message')]).toEqual([['a', 'a', 'b'], 0]);
  });

  test('adds nothing when it is aborted already', () => {
    const ws = new TestSocket();
    ws.addEventListener('message', () => {}, { signal: AbortSignal.abort() });
    expect(ws.listenerCount('message')).toBe(0);
  });

  test('refuses what is no signal', () => {
    const ws = new TestSocket();
    expect(() => ws.addEventListener('message', () => {}, { signal: {} as AbortSignal })).toThrow(TypeError);
  });
});

describe('using', () => {
  test('closes', () => {
    const ws = new TestSocket();
    const session = open(ws);
    ws[Symbol.dispose]();
    expect(session.calls.at(-1)?.[0]).toBe('close');
  });

  test('waits for the end with await', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    let isOver = false;
    const disposed = ws[Symbol.asyncDispose]().then(() => (isOver = true));
    await Promise.resolve();
    expect(isOver).toBe(false);
    session.receiveEnd(1000);
    expect(await disposed).toBe(true);
    await ws[Symbol.asyncDispose]();
  });

  test('ends an opening handshake without an unheard error', async () => {
    const ws = new TestSocket();
    await ws[Symbol.asyncDispose]();
    expect([ws.readyState, ws.aborts]).toEqual([ws.CLOSED, 1]);
  });
});

test.each([
  ['Headers', new Headers({ authorization: 'Bearer x' })],
  ['a Map', new Map([['authorization', 'Bearer x']])],
  ['an object', { authorization: 'Bearer x' }],
])('header fields may be %s', (_name, headers) => {
  const target: RedirectTarget = { href: 'ws://a/', isSecure: false, authority: 'a', socketPath: undefined, auth: undefined };
  const redirects = new Redirects(target, { headers }, () => target);
  expect(redirects.fieldsFor(target, false).headers).toEqual({ authorization: 'Bearer x' });
});
