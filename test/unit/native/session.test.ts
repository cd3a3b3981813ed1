import { describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../../src/base/errors.ts';
import { NativeSession } from '../../../src/native/session.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT, type Platform, type SendCallback } from '../../../src/platform.ts';
import { fakePlatform, utf8 } from '../../support/fake-session.ts';
import { ManualPlatform } from '../../support/platform.ts';
import { FakeNativeSocket, RecordingSink } from './fake-socket.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function open(
  isStarted = true,
  closeTimeout?: number,
): { socket: FakeNativeSocket; session: NativeSession; sink: RecordingSink } {
  const socket = new FakeNativeSocket();
  const session = new NativeSession(socket, { role: 'server', platform: fakePlatform, closeTimeout });
  const sink = new RecordingSink();
  session.attach(sink);
  if (isStarted) session.start();
  return { socket, session, sink };
}

describe('NativeSession opens', () => {
  const options = { role: 'client', platform: fakePlatform } as const;

  test('once the socket does', () => {
    const socket = new FakeNativeSocket(0);
    const [onOpen, onFail] = [vi.fn<() => void>(), vi.fn<(error: Error) => void>()];
    NativeSession.open(socket, options, onOpen, onFail);
    expect(onOpen).not.toHaveBeenCalled();
    socket.fire('open');
    socket.fire('close', { code: 1000, reason: '', wasClean: true });
    expect(onOpen).toHaveBeenCalledOnce();
    expect(onFail).not.toHaveBeenCalled();
    expect(socket.binaryType).toBe('arraybuffer');
  });

  test('at once over an open socket', () => {
    const onOpen = vi.fn<() => void>();
    NativeSession.open(new FakeNativeSocket(1), options, onOpen, () => {});
    expect(onOpen).toHaveBeenCalledOnce();
  });

  test.each([
    [{ error: new Error('refused') }, 'refused'],
    [{ message: 'no way' }, 'no way'],
    [{}, 'The WebSocket failed'],
  ])('not, and says why: %o', (event, message) => {
    const socket = new FakeNativeSocket(0);
    const [onOpen, onFail] = [vi.fn<() => void>(), vi.fn<(error: Error) => void>()];
    NativeSession.open(socket, options, onOpen, onFail);
    socket.fire('error', event);
    expect(onFail).not.toHaveBeenCalled();
    socket.fire('close', { code: 1006, reason: '', wasClean: false });
    expect(onFail.mock.calls.map(([error]) => error.message)).toEqual([message]);
    expect(onOpen).not.toHaveBeenCalled();
  });
});

describe('NativeSession and text that no string of its bytes can hold', () => {
  test('closes with 1009 and reports it, also while it is paused', () => {
    for (const isPaused of [false, true]) {
      const socket = new FakeNativeSocket();
      const platform = Object.create(fakePlatform, { longestText: { value: 6 } }) as Platform;
      const session = new NativeSession(socket, { role: 'server', platform });
      const sink = new RecordingSink();
      session.attach(sink);
      session.start();
      socket.fire('message', { data: 'abcdef' });
      socket.fire('message', { data: '\u20ac\u20ac' });
      if (isPaused) session.pause();
      socket.fire('message', { data: '\u20ac\u20aca' });
      socket.fire('message', { data: 'b' });
      expect(sink.events.map(([name]) => name)).toEqual(['message', 'message', 'closing', 'error', 'end']);
      expect(sink.events[3]).toEqual(['error', 'Max payload size exceeded']);
      expect(socket.calls).toEqual([{ code: 1009, reason: '' }]);
    }
  });
});

describe('NativeSession that does not open in time', () => {
  test('says so once, and closes the native socket', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket(0);
    const [onOpen, onFail] = [vi.fn<() => void>(), vi.fn<(error: Error) => void>()];
    NativeSession.open(socket, { role: 'server', platform, openTimeout: 500 }, onOpen, onFail);
    platform.advance(499);
    expect(onFail).not.toHaveBeenCalled();
    platform.advance(1);
    expect(onFail.mock.calls.map(([error]) => error.message)).toEqual(['The WebSocket was not open after 500 ms']);
    expect(socket.calls).toEqual([{ code: undefined, reason: undefined }]);
    socket.fire('close', { code: 1006, reason: '', wasClean: false });
    expect(onOpen).not.toHaveBeenCalled();
    expect(onFail).toHaveBeenCalledOnce();
  });

  test('keeps no time once it is open', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket(0);
    NativeSession.open(
      socket,
      { role: 'server', platform, openTimeout: 500 },
      () => {},
      () => {},
    );
    socket.fire('open');
    expect(platform.timers).toEqual([]);
  });
});

describe('NativeSession whose listener throws', () => {
  const fault = new Error('of the program');

  test('leaves the native socket alone, and delivers the rest', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket();
    const session = new NativeSession(socket, { role: 'server', platform });
    const sink = new RecordingSink();
    sink.onEvent = () => {
      throw fault;
    };
    session.attach(sink);
    session.start();
    expect(() => socket.fire('message', { data: 'a' })).not.toThrow();
    socket.fire('message', { data: 'b' });
    expect(sink.events.map(([, data]) => data)).toEqual(['a', 'b']);
    platform.runDeferred();
    expect(platform.uncaught).toEqual([fault, fault]);
  });

  test('ends after an error that nobody heard', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket();
    const session = new NativeSession(socket, { role: 'server', platform });
    const sink = new RecordingSink();
    sink.onEvent = (name) => {
      if (name === 'error') throw fault;
    };
    session.attach(sink);
    session.start();
    socket.fire('error', { message: 'bad frame' });
    socket.fire('close', { code: 1002, reason: '', wasClean: true });
    expect(sink.events.map(([name]) => name)).toEqual(['closing', 'error', 'end']);
    platform.runDeferred();
    expect(platform.uncaught).toEqual([fault]);
  });

  test('at its end, in the middle of an event of the native socket, goes on to drop the connection', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket();
    const session = new NativeSession(socket, { role: 'server', platform });
    const sink = new RecordingSink();
    sink.onEvent = (name) => {
      if (name === 'error' || name === 'end') throw new Error(name);
    };
    session.attach(sink);
    session.start();
    session.pause();
    const data = new ArrayBuffer(60_000_000);
    socket.fire('message', { data });
    expect(() => socket.fire('message', { data })).not.toThrow();
    platform.runDeferred();
    expect(platform.uncaught.map((error) => (error as Error).message)).toEqual(['error', 'end']);
    platform.advance(30_000);
    expect(socket.calls).toEqual([
      { code: 1008, reason: '' },
      { code: undefined, reason: undefined },
    ]);
  });

  test('of drain leaves that uncaught', () => {
    const platform = new ManualPlatform();
    const socket = new FakeNativeSocket();
    const session = new NativeSession(socket, { role: 'server', platform });
    const sink = new RecordingSink();
    sink.onEvent = () => {
      throw fault;
    };
    session.attach(sink);
    socket.bufferedAmount = 3;
    session.sendText('abc');
    platform.runDeferred();
    socket.bufferedAmount = 0;
    expect(() => platform.advance(64)).not.toThrow();
    platform.runDeferred();
    expect(platform.uncaught).toEqual([fault]);
  });

  test('when it opens, or fails to, leaves that uncaught', () => {
    for (const event of ['open', 'close'] as const) {
      const platform = new ManualPlatform();
      const socket = new FakeNativeSocket(0);
      const report = (): void => {
        throw fault;
      };
      NativeSession.open(socket, { role: 'server', platform }, report, report);
      expect(() => socket.fire(event)).not.toThrow();
      platform.runDeferred();
      expect(platform.uncaught).toEqual([fault]);
    }
  });
});

describe('NativeSession receives', () => {
  test('text and bytes that are the sink’s to keep', () => {
    const { socket, sink } = open();
    socket.fire('message', { data: 'abc' });
    socket.fire('message', { data: 'é' });
    socket.fire('message', { data: Uint8Array.of(1, 255).buffer });
    expect(sink.events).toEqual([
      ['message', 'abc', MESSAGE_TEXT | MESSAGE_ASCII | MESSAGE_OWNED],
      ['message', 'Ã©', MESSAGE_TEXT | MESSAGE_OWNED],
      ['message', '\u0001ÿ', MESSAGE_OWNED],
    ]);
  });

  test('nothing before it is started, and then in order', () => {
    const { socket, session, sink } = open(false);
    socket.fire('message', { data: 'a' });
    socket.fire('close', { code: 1000, reason: 'done', wasClean: true });
    expect(sink.events).toEqual([]);
    session.start();
    expect(sink.events.map(([name]) => name)).toEqual(['message', 'closing', 'end']);
  });

  test('nothing while it is paused', async () => {
    const { socket, session, sink } = open();
    session.pause();
    socket.fire('message', { data: 'a' });
    await turn();
    expect(sink.events).toEqual([]);
    session.resume();
    await turn();
    expect(sink.events.map(([name]) => name)).toEqual(['message']);
  });

  test.each([
    ['bytes', new ArrayBuffer(40_000_000)],
    ['text', 'a'.repeat(40_000_000)],
  ])('no more %s than can be kept while it is paused: then the connection is given up', (_kind, data) => {
    const { socket, session, sink } = open();
    session.pause();
    for (let count = 0; count < 2; count++) socket.fire('message', { data });
    expect(sink.events).toEqual([]);
    for (let count = 0; count < 3; count++) socket.fire('message', { data });
    socket.fire('close', { code: 1000, reason: '', wasClean: true });
    expect(sink.events).toEqual([
      ['closing'],
      ['error', 'More than 104857600 bytes arrived while the WebSocket was paused, and this runtime cannot make the peer wait'],
      ['end', 1006, '', false],
    ]);
    expect(socket.calls).toEqual([{ code: 1008, reason: '' }]);
  });

  test('more than can be kept, in empty messages', () => {
    const { socket, session, sink } = open();
    session.pause();
    for (let count = 0; count < 819_200; count++) socket.fire('message', { data: '' });
    expect(sink.events).toEqual([]);
    socket.fire('message', { data: '' });
    expect(sink.events.map(([name]) => name)).toEqual(['closing', 'error', 'end']);
  });

  test('one long message during a pause, and as much again after each', async () => {
    const { socket, session, sink } = open();
    const data = new ArrayBuffer(104_857_600);
    const lengths: number[] = [];
    sink.onMessage = (_source, start, end) => lengths.push(end - start);
    for (let count = 0; count < 2; count++) {
      session.pause();
      socket.fire('message', { data });
      session.resume();
      await turn();
    }
    expect(lengths).toEqual([104_857_600, 104_857_600]);
    expect(socket.calls).toEqual([]);
  });

  test('what follows a message whose listener pauses only after resume', async () => {
    const { socket, session, sink } = open(false);
    socket.fire('message', { data: 'a' });
    socket.fire('message', { data: 'b' });
    sink.onEvent = () => session.pause();
    session.start();
    expect(sink.events).toHaveLength(1);
    session.resume();
    await turn();
    expect(sink.events).toHaveLength(2);
  });
});

describe('NativeSession sends', () => {
  test('nothing more once too much waits, also from the listener of that error', async () => {
    const socket = new FakeNativeSocket();
    const session = new NativeSession(socket, { role: 'server', platform: fakePlatform, maxBufferedAmount: 10 });
    const sink = new RecordingSink();
    sink.onEvent = (name) => name === 'error' && session.sendText('sorry');
    session.attach(sink);
    session.start();
    socket.bufferedAmount = 11;
    session.sendText('more');
    await turn();
    expect(sink.events.map(([name]) => name)).toEqual(['closing', 'error', 'end']);
    expect(socket.calls).toEqual([{ code: undefined, reason: undefined }]);
  });

  test('no fragment after the end, and says so to its callback', async () => {
    const { socket, session } = open();
    socket.fire('close', { code: 1000, reason: '', wasClean: true });
    const errors: unknown[] = [];
    session.sendBytes(utf8('a'), false, { fin: false }, (error) => errors.push(error?.message));
    session.sendText('b', { fin: false }, (error) => errors.push(error?.message));
    await turn();
    expect(errors).toEqual(['The WebSocket is not open', 'The WebSocket is not open']);
    expect([session.bufferedAmount, socket.calls]).toEqual([0, []]);
  });

  test('fragments once they are a message; until then they are buffered', () => {
    const { socket, session } = open();
    session.sendText('é', { fin: false });
    session.sendBytes(Uint8Array.of(0x61), true, { fin: false });
    expect(session.bufferedAmount).toBe(3);
    session.sendText('b');
    expect(session.bufferedAmount).toBe(0);
    expect(socket.calls).toEqual(['éab']);
  });

  test('text, and bytes as what they are', () => {
    const { socket, session } = open();
    session.sendText('é');
    session.sendBytes(Uint8Array.of(1, 2), false);
    session.sendBytes(utf8('text'), true);
    expect(socket.calls).toEqual(['é', [1, 2], 'text']);
  });

  test('fragments as one message, once it is complete', async () => {
    const { socket, session } = open();
    const callback = vi.fn<SendCallback>();
    const bytes = utf8('lo');
    session.sendText('hal', { fin: false }, callback);
    session.sendBytes(bytes, false, { fin: false });
    bytes.fill(0);
    expect(socket.calls).toEqual([]);
    session.sendText(' é', { fin: true }, callback);
    session.sendText('next');
    expect(socket.calls).toEqual(['hallo é', 'next']);
    await turn();
    expect(callback.mock.calls).toEqual([[undefined], [undefined]]);
  });

  test('and calls back when the socket has handed the bytes over, in order', async () => {
    const { socket, session, sink } = open();
    const done: string[] = [];
    session.sendText('abc', undefined, () => done.push('abc'));
    session.sendText('de', undefined, () => done.push('de'));
    socket.bufferedAmount = 5;
    expect(session.bufferedAmount).toBe(5);
    await turn();
    expect(done).toEqual([]);
    socket.bufferedAmount = 2;
    await expect.poll(() => done).toEqual(['abc']);
    expect(sink.events).toEqual([]);
    socket.bufferedAmount = 0;
    await expect.poll(() => done).toEqual(['abc', 'de']);
    expect(sink.events).toEqual([['drain']]);
  });

  test('a drain after the program has seen that bytes wait, though the socket takes them in the same turn', async () => {
    const { socket, session, sink } = open();
    session.sendText('abc');
    socket.bufferedAmount = 3;
    session.mustDrain = true;
    socket.bufferedAmount = 0;
    await turn();
    expect(sink.events).toEqual([['drain']]);
  });

  test('no drain when nothing was kept waiting', async () => {
    const { session, sink } = open();
    session.sendText('abc');
    await turn();
    expect(sink.events).toEqual([]);
  });

  test('nothing once it is closing, and says so', async () => {
    const { socket, session } = open();
    session.close();
    const callback = vi.fn<SendCallback>();
    session.sendText('late', undefined, callback);
    await turn();
    expect(socket.calls).toEqual([{ code: undefined, reason: undefined }]);
    expect((callback.mock.calls[0][0] as Error).message).toBe('The WebSocket is not open');
  });

  test.each(['ping', 'pong'] as const)('no %s, and says what can', async (name) => {
    const { session } = open();
    expect(() => session[name](new Uint8Array(0))).toThrow(UsageError);
    expect(() => session[name](new Uint8Array(0))).toThrow(/WebSocketServer that listens by itself/);
    const callback = vi.fn<SendCallback>();
    session[name](new Uint8Array(0), callback);
    await turn();
    expect(callback.mock.calls[0][0]).toBeInstanceOf(UsageError);
  });
});

describe('NativeSession closes', () => {
  test('with an answer, where the runtime leaves it to us, behind what came before', async () => {
    const { socket, session, sink } = open();
    const log: string[] = [];
    sink.onEvent = (name) => log.push(name);
    session.pause();
    socket.fire('message', { data: 'last' });
    socket.fire('close', { code: 1000, reason: '', wasClean: true, answer: () => log.push('answer') });
    expect(log).toEqual([]);
    session.resume();
    await turn();
    expect(log).toEqual(['message', 'answer', 'closing', 'end']);
  });

  test('with code and reason, and reports what the socket does', () => {
    const { socket, session, sink } = open();
    session.close(4000, utf8('bye é'));
    session.close(1000);
    expect(socket.calls).toEqual([{ code: 4000, reason: 'bye é' }]);
    expect(sink.events).toEqual([['closing']]);
    socket.fire('message', { data: 'late' });
    socket.fire('close', { code: 4000, reason: 'bye', wasClean: true });
    expect(sink.events.slice(1)).toEqual([
      ['message', 'late', MESSAGE_TEXT | MESSAGE_ASCII | MESSAGE_OWNED],
      ['end', 4000, 'bye', true],
    ]);
  });

  test('after a violation, in that order', () => {
    const { socket, sink } = open();
    socket.fire('error', { message: 'bad frame' });
    socket.fire('close', { code: 1002, reason: '', wasClean: false });
    expect(sink.events).toEqual([['closing'], ['error', 'bad frame'], ['end', 1002, '', false]]);
  });

  test.each([1006, 0])('without an error when the connection is lost (%i), and once', (code) => {
    const { socket, sink } = open();
    socket.fire('error', { message: 'reset' });
    socket.fire('close', { code, reason: '', wasClean: false });
    socket.fire('close', { code: 1006, reason: '', wasClean: false });
    expect(sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
  });

  test('and fails callbacks when the connection was lost', () => {
    const { socket, session } = open();
    const callbacks = [vi.fn<SendCallback>(), vi.fn<SendCallback>()];
    session.sendText('a', undefined, callbacks[0]);
    session.sendText('b', { fin: false }, callbacks[1]);
    socket.fire('close', { code: 1006, reason: '', wasClean: false });
    for (const callback of callbacks) expect(callback.mock.calls[0][0]).toBeInstanceOf(Error);
  });

  test('by terminate without waiting for the peer', async () => {
    const { socket, session, sink } = open();
    session.terminate();
    expect(sink.events).toEqual([['closing']]);
    await turn();
    socket.fire('close', { code: 1000, reason: '', wasClean: true });
    expect(sink.events).toEqual([['closing'], ['end', 1006, '', false]]);
    expect(socket.calls).toHaveLength(1);
  });

  describe('by cutting it, where the socket can', () => {
    const cuttable = (closeTimeout?: number): ReturnType<typeof open> & { cut: ReturnType<typeof vi.fn> } => {
      const opened = open(true, closeTimeout);
      const cut = vi.fn<() => void>();
      Object.assign(opened.socket, { terminate: cut });
      return { ...opened, cut };
    };

    test('at terminate(), during the closing handshake as well', async () => {
      const { socket, session, sink, cut } = cuttable();
      session.close(1000);
      session.terminate();
      expect(cut).toHaveBeenCalledTimes(1);
      expect(socket.calls).toHaveLength(1);
      await turn();
      expect(sink.events.at(-1)).toEqual(['end', 1006, '', false]);
    });

    test('when the peer does not answer in time', async () => {
      const { session, sink, cut } = cuttable(20);
      session.close(1000);
      expect(cut).not.toHaveBeenCalled();
      await expect.poll(() => sink.events.at(-1)).toEqual(['end', 1006, '', false]);
      expect(cut).toHaveBeenCalledTimes(1);
    });

    test('when a peer that sent too much during a pause does not answer in time', async () => {
      const { socket, session, sink, cut } = cuttable(20);
      session.pause();
      for (let count = 0; count < 2; count++) socket.fire('message', { data: new ArrayBuffer(60_000_000) });
      expect(sink.events.at(-1)).toEqual(['end', 1006, '', false]);
      expect(cut).not.toHaveBeenCalled();
      await expect.poll(() => cut).toHaveBeenCalledTimes(1);
    });
  });

  test('by itself when the peer does not answer in time', async () => {
    const { session, sink } = open(true, 20);
    session.close(1000);
    await expect.poll(() => sink.events.at(-1)).toEqual(['end', 1006, '', false]);
  });

  test('while paused: the end is heard', async () => {
    const { socket, session, sink } = open();
    session.pause();
    session.close();
    socket.fire('close', { code: 1005, reason: '', wasClean: true });
    await turn();
    expect(sink.events.at(-1)).toEqual(['end', 1005, '', true]);
  });
});
