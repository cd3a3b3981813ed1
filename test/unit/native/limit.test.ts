// A limit for the messages of a session, over one that does nothing by itself.

import { describe, expect, test } from 'vitest';
import { CapacityError } from '../../../src/base/errors.ts';
import { limitMessages } from '../../../src/native/limit.ts';
import { FakeSession, utf8 } from '../../support/fake-session.ts';
import { RecordingSink } from './fake-socket.ts';

/** A session with a limit, and what its sink hears. */
function limited(maximum: number): { session: FakeSession; sink: RecordingSink; receive(text: string): void } {
  const session = new FakeSession('server');
  const sink = new RecordingSink();
  expect(limitMessages(session, maximum)).toBe(session);
  session.attach(sink);
  // The text in the middle of more bytes: what counts is what is between start and end.
  const receive = (text: string): void => {
    const bytes = utf8(`<<${text}>>`);
    session.sink.onMessage(bytes, 2, bytes.length - 2, 0);
  };
  return { session, sink, receive };
}

describe('session with a limit', () => {
  test('passes on what is not longer', () => {
    const { session, sink, receive } = limited(5);
    for (const text of ['', 'four', 'fives']) receive(text);
    expect(sink.events).toEqual([
      ['message', '', 0],
      ['message', 'four', 0],
      ['message', 'fives', 0],
    ]);
    expect(session.calls).toEqual([['attach']]);
  });

  test('closes with 1009 at one that is, reports it once, and passes on none behind it', () => {
    const { session, sink, receive } = limited(5);
    for (const text of ['sixsix', 'sixsix', 'four']) receive(text);
    expect(session.calls).toEqual([['attach'], ['close', 1009, '']]);
    expect(sink.events).toEqual([['closing'], ['error', 'Max payload size exceeded']]);
  });

  test('reports an error of its kind', () => {
    const { session, sink, receive } = limited(1);
    const errors: Error[] = [];
    sink.onError = (error) => void errors.push(error);
    receive('xx');
    expect(errors[0]).toBeInstanceOf(CapacityError);
    expect(errors[0]).toMatchObject({ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', closeCode: 1009 });
    expect(session.calls).toHaveLength(2);
  });

  test('passes on everything else', () => {
    const { session, sink } = limited(5);
    const { sink: inner } = session;
    inner.onPing(utf8(''));
    inner.onPong(utf8(''));
    inner.onDrain();
    inner.onClosing();
    inner.onError(new Error('broken'));
    inner.onEnd(1006, utf8('why'), false);
    expect(sink.events).toEqual([['ping'], ['pong'], ['drain'], ['closing'], ['error', 'broken'], ['end', 1006, 'why', false]]);
  });

  test('has none with 0', () => {
    const { session, sink, receive } = limited(0);
    expect(session.sink).toBe(sink);
    receive('x'.repeat(100_000));
    expect(sink.events).toHaveLength(1);
  });
});
