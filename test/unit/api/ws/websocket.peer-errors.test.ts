// Errors that a peer causes: on a server's side nobody needs to listen for them, on a client's side they are what they are in ws.

import { errorMonitor, once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { coreOf } from '../../../../src/api/ws/core.ts';
import { createWebSocketStream } from '../../../../src/api/ws/stream.ts';
import { FakeSession } from '../../../support/fake-session.ts';
import { open, receive, TestServerSocket, TestSocket } from './idle-socket.ts';

const broken = new Error('broken');

function accepted(): { ws: TestServerSocket; session: FakeSession; reports: unknown[] } {
  const ws = new TestServerSocket();
  const session = new FakeSession();
  const reports: unknown[] = [];
  const onError = (error: Error, socket: unknown): void => void reports.push([error, socket === ws]);
  coreOf(ws).open(ws, session, { socket: new Duplex(), protocol: '', extensions: '', onError });
  return { ws, session, reports };
}

describe('an accepted socket', () => {
  test('throws no error that nobody listens for, and reports it', () => {
    const { ws, session, reports } = accepted();
    const closes: unknown[] = [];
    ws.on('close', (code) => closes.push(code));
    session.sink.onError(broken);
    session.receiveEnd(1006);
    expect([reports, closes, ws.listenerCount('error')]).toEqual([[[broken, true]], [1006], 0]);
  });

  test('emits an error to its listeners first, and reports it as well', () => {
    const { ws, session, reports } = accepted();
    const log: unknown[] = [];
    ws.on('error', (error) => log.push(error, reports.length));
    session.sink.onError(broken);
    expect([log, reports]).toEqual([[broken, 0], [[broken, true]]]);
  });

  test('tells a monitor, and a program that has replaced emit', () => {
    const { ws, session } = accepted();
    const log: unknown[] = [];
    ws.on(errorMonitor, (error) => log.push(error));
    const { emit } = ws;
    ws.emit = function (this: TestServerSocket, ...values: [string, ...unknown[]]) {
      log.push(values[0]);
      return emit.apply(this, values);
    } as typeof emit;
    session.sink.onError(broken);
    expect(log).toContain('error');
    expect(log).toContain(broken);
  });

  test('reports an error although a listener throws', () => {
    const { ws, session, reports } = accepted();
    ws.on('error', () => {
      throw new Error('of the program');
    });
    expect(() => session.sink.onError(broken)).toThrow('of the program');
    expect(reports).toHaveLength(1);
  });

  test('ends a loop over its messages by the end of the connection, not by an error', async () => {
    const { ws, session } = accepted();
    const messages = ws[Symbol.asyncIterator]();
    receive(session, 'a');
    const [first, second] = [messages.next(), messages.next()];
    session.sink.onError(broken);
    session.receiveEnd(1006);
    expect([await first, await second]).toEqual([
      { done: false, value: 'a' },
      { done: true, value: undefined },
    ]);
  });

  test('destroys its stream without an unheard error', async () => {
    const { ws, session } = accepted();
    const stream = createWebSocketStream(ws);
    // Not by once(), which listens for errors too.
    const closed = new Promise((resolve) => stream.on('close', resolve));
    session.sink.onError(broken);
    session.receiveEnd(1006);
    await closed;
    expect([stream.destroyed, stream.errored]).toEqual([true, broken]);
  });

  test('emits the error of its stream to who listens', async () => {
    const { ws, session } = accepted();
    const stream = createWebSocketStream(ws);
    const error = once(stream, 'error');
    session.sink.onError(broken);
    session.receiveEnd(1006);
    expect(await error).toEqual([broken]);
  });

  test('resolves ready with the closed WebSocket if it never opens', async () => {
    const ws = new TestServerSocket();
    const { ready } = ws;
    coreOf(ws).fail(broken);
    expect(await ready).toBe(ws);
    expect(ws.readyState).toBe(ws.CLOSED);
    expect(await ws.ready).toBe(ws);
  });

  test('rejects sendAsync, which nobody needs to look at', async () => {
    const { ws, session } = accepted();
    session.receiveEnd(1006);
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    void ws.sendAsync('unheard');
    await expect(ws.sendAsync('heard')).rejects.toThrow('not open');
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.removeListener('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe('a client', () => {
  test('throws an error that nobody listens for', () => {
    const session = open(new TestSocket());
    expect(() => session.sink.onError(broken)).toThrow('broken');
  });

  test('gives an error to its stream', async () => {
    const ws = new TestSocket();
    const session = open(ws);
    const error = once(createWebSocketStream(ws), 'error');
    session.sink.onError(broken);
    session.receiveEnd(1006);
    expect(await error).toEqual([broken]);
  });
});
