import { describe, expect, test, vi } from 'vitest';
import { WebSocket as UndiciWebSocket } from 'undici';
import { ProtocolError } from '../../../../src/base/errors.ts';
import type { W3CWebSocket as WebSocket } from '../../../../src/api/w3c/index.ts';
import { FakeConnector, FakeSession, passTurns, type SessionCall } from '../../../support/fake-session.ts';
import { bind, connecting, logOf, opened, settle, thrownBy } from './bound-class.ts';

const ABNORMAL = ['error in 3', 'close in 3: 1006 "" not clean'];

describe('failing to connect', () => {
  test('client fires error and close', () => {
    const { connector, socket, log } = connecting();
    const cause = new Error('No route to host');
    const seen: unknown[] = [];
    socket.onerror = (event) => seen.push(event.constructor, event.error);
    connector.attempt.callbacks.onFail(cause);
    expect(log).toEqual(ABNORMAL);
    expect(seen).toEqual([Event, cause]);
    socket.close();
    expect(socket.readyState).toBe(3);
  });

  test('client fires nothing inside of the constructor', async () => {
    const { connector, WebSocket } = bind();
    connector.onConnect = ({ callbacks }) => callbacks.onFail(new Error('No route to host'));
    const socket = new WebSocket('ws://example.test');
    const log = logOf(socket);
    expect(socket.readyState).toBe(0);
    await settle();
    expect(log).toEqual(ABNORMAL);
  });

  test('client fires the same events as undici', async () => {
    const refused = new UndiciWebSocket('ws://127.0.0.1:1');
    const ofUndici = logOf(refused as unknown as WebSocket);
    await new Promise((resolve) => {
      refused.addEventListener('close', resolve);
    });
    const { connector, log } = connecting();
    connector.attempt.callbacks.onFail(new Error('refused'));
    expect(log).toEqual(ofUndici);
  });
});

describe('close() while connecting', () => {
  test('client gives the connection up and fires its events later', async () => {
    const { connector, socket, log } = connecting();
    socket.close(3000, 'changed my mind');
    expect(socket.readyState).toBe(2);
    expect(connector.attempt.isAborted).toBe(true);
    expect(log).toEqual([]);
    socket.close();
    socket.send('counted');
    await settle();
    expect(log).toEqual(ABNORMAL);
    expect(socket.bufferedAmount).toBe(7);
  });

  test('client ignores what the adapter reports afterwards', async () => {
    const { connector, socket, log } = connecting();
    socket.close();
    connector.attempt.callbacks.onFail(new Error('aborted'));
    await settle();
    connector.attempt.callbacks.onFail(new Error('aborted'));
    expect(log).toEqual(ABNORMAL);
  });

  test('client drops a session that comes too late', async () => {
    const { connector, WebSocket } = bind();
    const session = new FakeSession();
    connector.onConnect = ({ callbacks }) => callbacks.onOpen(session, 'chat', '');
    const socket = new WebSocket('ws://example.test');
    const log = logOf(socket);
    socket.close();
    await settle();
    session.receiveEnd(1006, '', false);
    expect(session.calls).toEqual<SessionCall[]>([['attach'], ['terminate']]);
    expect(log).toEqual(ABNORMAL);
    expect(socket.protocol).toBe('');
  });
});

describe('signal', () => {
  function withSignal(signal: AbortSignal): { connector: FakeConnector; socket: WebSocket; log: string[]; errors: unknown[] } {
    const { connector, WebSocket } = bind();
    const socket = new WebSocket('ws://example.test', { signal });
    const errors: unknown[] = [];
    socket.onerror = (event) => errors.push(event.error);
    return { connector, socket, log: logOf(socket), errors };
  }

  test('client gives up when the signal is aborted', async () => {
    const controller = new AbortController();
    const { connector, log, errors } = withSignal(controller.signal);
    const reason = new Error('Too slow');
    controller.abort(reason);
    expect(connector.attempt.isAborted).toBe(true);
    expect(log).toEqual([]);
    await settle();
    expect(log).toEqual(ABNORMAL);
    expect(errors).toEqual([reason]);
  });

  test('client does not connect when the signal was aborted before', async () => {
    const { connector, log, errors } = withSignal(AbortSignal.abort('no error'));
    expect(connector.attempts).toEqual([]);
    await settle();
    expect(log).toEqual(ABNORMAL);
    expect(errors).toEqual([expect.objectContaining({ name: 'AbortError' })]);
  });

  test('client does not listen to the signal once it is open, failed or closed', () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const [open, failed, closed] = [withSignal(signal), withSignal(signal), withSignal(signal)];
    open.connector.open();
    failed.connector.attempt.callbacks.onFail(new Error('refused'));
    closed.socket.close();
    expect(added).toHaveBeenCalledTimes(3);
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test('client keeps an open connection when the signal is aborted', async () => {
    const controller = new AbortController();
    const { connector, socket, log } = withSignal(controller.signal);
    connector.open();
    controller.abort();
    await settle();
    expect(log).toEqual(['open in 1']);
    expect(socket.readyState).toBe(1);
  });
});

describe('close() while open', () => {
  test.each<[string, [code?: number | undefined, reason?: string], SessionCall]>([
    ['nothing', [], ['close', undefined, '']],
    ['a code', [3001], ['close', 3001, '']],
    ['a code and a reason', [1000, 'b\u00e9ye'], ['close', 1000, 'b\u00e9ye']],
    ['a reason alone, which makes it 1000', [undefined, 'bye'], ['close', 1000, 'bye']],
    ['an empty reason alone', [undefined, ''], ['close', undefined, '']],
    ['a code that has to be converted', ['4999.4' as never], ['close', 4999, '']],
    ['a reason that has to be converted', [4000, null as never], ['close', 4000, 'null']],
    ['a lone surrogate', [4000, '\ud800'], ['close', 4000, '\ufffd']],
    ['a reason of 123 bytes', [4000, '\u20ac'.repeat(41)], ['close', 4000, '\u20ac'.repeat(41)]],
  ])('client sends %s', (_name, given, expected) => {
    const { session, socket, log } = opened();
    socket.close(...given);
    expect(session.calls.at(-1)).toEqual(expected);
    expect(socket.readyState).toBe(2);
    expect(log).toEqual([]);
  });

  test.each([
    [0, ''],
    [null, ''],
    [NaN, ''],
    ['text', ''],
    [999, ''],
    [1001, ''],
    [1005, ''],
    [1006, ''],
    [2999, ''],
    [5000, ''],
    [65536 + 1000, ''],
    [-1, ''],
    [1001, 'x'.repeat(124)],
    [1000, 'x'.repeat(124)],
    [1000, `${'\u20ac'.repeat(41)}x`],
    [undefined, 'x'.repeat(124)],
  ])('client refuses code %s and reason "%s" as undici does, and stays open', async (code, reason) => {
    const { session, socket } = opened();
    const error = thrownBy(() => socket.close(code as never, reason));
    expect(error).toBe(reason.length > 0 && code !== 1001 ? 'SyntaxError' : 'InvalidAccessError');
    expect(socket.readyState).toBe(1);
    expect(session.calls).toEqual<SessionCall[]>([['attach'], ['start', undefined]]);
    const undici = new UndiciWebSocket('ws://127.0.0.1:1');
    const closed = new Promise((resolve) => {
      undici.addEventListener('close', resolve);
    });
    expect(thrownBy(() => undici.close(code as never, reason))).toBe(error);
    await closed;
  });

  test('client refuses such a code or reason in every state', () => {
    const { session, socket } = opened();
    session.receiveEnd(1000);
    expect(thrownBy(() => socket.close(1001))).toBe('InvalidAccessError');
    expect(thrownBy(() => connecting().socket.close(1000, 'x'.repeat(124)))).toBe('SyntaxError');
  });

  test('client closes once', () => {
    const { session, socket } = opened();
    socket.close();
    socket.close(3000);
    expect(session.calls.filter(([name]) => name === 'close')).toEqual([['close', undefined, '']]);
  });

  test('client closes behind a Blob that it has still to read', async () => {
    const { session, socket } = opened();
    socket.send(new Blob(['a']));
    socket.close(3000);
    expect(socket.readyState).toBe(2);
    await settle();
    expect(session.calls.slice(2)).toEqual<SessionCall[]>([
      ['bytes', [0x61]],
      ['close', 3000, ''],
    ]);
  });

  test('client fires nothing inside of close()', async () => {
    const { session, socket, log } = opened();
    session.onCall = () => session.receiveEnd(1000, 'bye');
    socket.close(1000);
    expect(log).toEqual([]);
    expect(socket.readyState).toBe(2);
    await settle();
    expect(log).toEqual(['close in 3: 1000 "bye" clean']);
  });

  test('client fires nothing inside of close() even in a listener', async () => {
    const { session, socket, log } = opened();
    session.onCall = () => session.receiveEnd(1000);
    socket.addEventListener('message', () => {
      socket.close();
      log.push('listener goes on');
    });
    session.receiveText('x');
    expect(log).toEqual(['message x', 'listener goes on']);
    await settle();
    expect(log.at(-1)).toBe('close in 3: 1000 "" clean');
  });

  test('client that closes in its open listener still lets bytes flow, so that the answer arrives', () => {
    const { connector, socket } = connecting();
    socket.onopen = () => socket.close();
    const session = connector.open();
    passTurns();
    expect(session.calls).toEqual<SessionCall[]>([['attach'], ['close', undefined, ''], ['start', undefined]]);
  });
});

describe('end of the connection', () => {
  test.each<[string, [code: number, reason: string, wasClean: boolean], string]>([
    ['a code and a reason', [4000, 'b\u00e9ye', true], 'close in 3: 4000 "b\u00e9ye" clean'],
    ['no code', [1005, '', true], 'close in 3: 1005 "" clean'],
  ])('server closes with %s', (_name, end, expected) => {
    const { session, socket, log } = opened();
    session.receiveEnd(...end);
    expect(log).toEqual([expected]);
    expect(socket.readyState).toBe(3);
  });

  test('client fires error, too, when the connection is lost without a Close frame', () => {
    const { session, socket, log } = opened();
    const seen: unknown[] = [];
    socket.onerror = (event) => seen.push(event.error);
    session.receiveEnd(1006, '', false);
    expect(log).toEqual(ABNORMAL);
    expect(seen).toEqual([expect.objectContaining({ message: 'The connection ended without a Close frame' })]);
  });

  test('client fires error, too, when its Close frame is never answered', () => {
    const { session, socket, log } = opened();
    socket.close();
    session.receiveEnd(1006, '', false);
    expect(log).toEqual(ABNORMAL);
  });

  test('client is closing as soon as the server has begun to close', async () => {
    const { session, socket, log } = opened();
    socket.send(new Blob(['never sent']));
    session.sink.onClosing();
    expect(socket.readyState).toBe(2);
    socket.close(3000);
    socket.send('late');
    await settle();
    expect(session.calls).toEqual<SessionCall[]>([['attach'], ['start', undefined]]);
    expect(socket.bufferedAmount).toBe(14);
    session.receiveEnd(1001);
    expect(log).toEqual(['close in 3: 1001 "" clean']);
  });

  test('client fires error right before close when the server broke the protocol', () => {
    const { session, socket, log } = opened();
    const error = new ProtocolError({ code: 'WS_ERR_INVALID_OPCODE', message: 'Invalid opcode' });
    const seen: unknown[] = [];
    socket.onerror = (event) => seen.push(event.error);
    session.sink.onError(error);
    session.sink.onError(new Error('The transport failed, too'));
    expect(log).toEqual([]);
    expect(socket.readyState).toBe(2);
    session.receiveText('late');
    session.receiveEnd(1006, '', false);
    expect(log).toEqual(ABNORMAL);
    expect(seen).toEqual([error]);
  });

  test('client fires close once', () => {
    const { session, log } = opened();
    session.receiveEnd(1000);
    session.receiveEnd(1000);
    expect(log).toHaveLength(1);
  });

  test('close event is of the class that the program can see, where there is one', () => {
    const { session, socket } = opened();
    const names: string[] = [];
    socket.onclose = (event) => names.push(event.constructor.name, String(event instanceof Event));
    session.receiveEnd(1000);
    expect(names).toEqual(['CloseEvent', 'true']);
  });
});
