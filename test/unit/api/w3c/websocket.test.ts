import { describe, expect, test } from 'vitest';
import { MESSAGE_OWNED } from '../../../../src/platform.ts';
import { FakeSession, passTurns, utf8, type SessionCall } from '../../../support/fake-session.ts';
import { bind, connecting, logOf, opened, settle } from './bound-class.ts';

describe('opening', () => {
  test('client is connecting, with nothing agreed on', () => {
    const { socket } = connecting();
    expect(socket).toMatchObject({ readyState: 0, protocol: '', extensions: '', bufferedAmount: 0, binaryType: 'blob' });
    expect(socket).toMatchObject({ onopen: null, onmessage: null, onerror: null, onclose: null });
  });

  test('client opens with what the server chose, and lets bytes flow behind the open event', () => {
    const { connector, socket, log } = connecting();
    const session = new FakeSession();
    const seen: unknown[] = [];
    socket.onopen = () => seen.push(socket.protocol, socket.extensions, [...session.calls]);
    connector.open(session, 'chat', 'permessage-deflate');
    expect(log).toEqual(['open in 1']);
    expect(seen).toEqual(['chat', 'permessage-deflate', [['attach']]]);
    expect(session.calls).toEqual<SessionCall[]>([['attach']]);
    passTurns();
    expect(session.calls).toEqual<SessionCall[]>([['attach'], ['start', undefined]]);
  });

  test.each(['head', undefined])('client reads, with %j from the handshake, after a program could await open', async (head) => {
    const { connector, socket } = connecting();
    const session = new FakeSession();
    const whenOpen = new Promise((resolve) => {
      socket.onopen = resolve;
    });
    connector.open(session, '', '', head === undefined ? undefined : utf8(head));
    await whenOpen;
    for (let count = 0; count < 10; count++) await Promise.resolve();
    expect(session.calls).toEqual<SessionCall[]>([['attach']]);
    await expect.poll(() => session.calls).toEqual([['attach'], ['start', head]]);
  });

  test('client does not start a session that ended before', async () => {
    const { connector } = connecting();
    const session = new FakeSession();
    connector.open(session, '', '', utf8('head'));
    session.receiveEnd(1006, '', false);
    await settle();
    expect(session.calls).toEqual<SessionCall[]>([['attach']]);
  });

  test('client fires nothing inside of the constructor', async () => {
    const { connector, WebSocket } = bind();
    connector.onConnect = ({ callbacks }) => callbacks.onOpen(new FakeSession(), '', '');
    const socket = new WebSocket('ws://example.test');
    expect(socket.readyState).toBe(0);
    const log = logOf(socket);
    await settle();
    expect(log).toEqual(['open in 1']);
  });
});

describe('receiving', () => {
  test('client fires a message event with data and origin', () => {
    const { session, socket } = opened();
    const messages: unknown[] = [];
    socket.addEventListener('message', (event) => messages.push(event.data, event.origin, event.constructor));
    session.receiveText('h\u00e9llo');
    expect(messages).toEqual(['h\u00e9llo', 'ws://example.test:8080', MessageEvent]);
  });

  test('client hands binary over as binaryType says at that moment', async () => {
    const { session, socket } = opened();
    const messages: unknown[] = [];
    socket.onmessage = ({ data }) => messages.push(data);
    session.sink.onMessage(Uint8Array.of(1, 2), 0, 2, 0);
    socket.binaryType = 'arraybuffer';
    const owned = Uint8Array.of(3, 4);
    session.sink.onMessage(owned, 0, 2, MESSAGE_OWNED);
    expect(messages).toEqual([expect.any(Blob), owned.buffer]);
    expect(messages[1]).toBe(owned.buffer);
    expect(await (messages[0] as Blob).arrayBuffer()).toEqual(Uint8Array.of(1, 2).buffer);
  });

  test('client ignores an unknown binaryType', () => {
    const { socket } = opened();
    for (const value of ['nodebuffer', '', 'Blob', null, undefined, {}]) socket.binaryType = value as never;
    expect(socket.binaryType).toBe('blob');
    socket.binaryType = { toString: () => 'arraybuffer' } as never;
    expect(socket.binaryType).toBe('arraybuffer');
  });

  test('client drops messages once it has closed', () => {
    const { session, socket, log } = opened();
    socket.close();
    session.receiveText('late');
    expect(log).toEqual([]);
  });

  test('client says nothing of control frames and of the transport', () => {
    const { session, log } = opened();
    session.sink.onPing(utf8('ping'));
    session.sink.onPong(utf8('pong'));
    session.sink.onDrain();
    expect(log).toEqual([]);
  });

  test('listener that throws stops neither the others nor the connection', async () => {
    const { session, socket, log } = opened();
    const first = socket.onmessage;
    socket.onmessage = () => {
      throw new Error('of the listener');
    };
    const after: unknown[] = [];
    socket.addEventListener('message', ({ data }) => after.push(data));
    const reported = await uncaughtDuring(() => session.receiveText('one'));
    expect(reported).toEqual(['of the listener']);
    socket.onmessage = first;
    session.receiveText('two');
    expect(after).toEqual(['one', 'two']);
    expect(log).toEqual(['message one', 'message two']);
    expect(socket.readyState).toBe(1);
  });
});

describe('sending', () => {
  test('client refuses to send while it is connecting', () => {
    const { socket } = connecting();
    expect(() => socket.send('early')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    expect(socket.bufferedAmount).toBe(0);
  });

  test('client sends text, bytes, and anything else as text', () => {
    const { session, socket } = opened();
    session.calls.length = 0;
    socket.send('text');
    socket.send(Uint8Array.of(1, 2).buffer);
    socket.send(new DataView(Uint8Array.of(1, 2, 3).buffer, 1));
    socket.send(null as never);
    socket.send(5 as never);
    expect(session.calls).toEqual<SessionCall[]>([
      ['text', 'text'],
      ['bytes', [1, 2]],
      ['bytes', [2, 3]],
      ['text', 'null'],
      ['text', '5'],
    ]);
  });

  test('client refuses nothing, symbols and shared memory', () => {
    const { session, socket } = opened();
    session.calls.length = 0;
    expect(() => (socket.send as () => void)()).toThrow(TypeError);
    expect(() => socket.send(Symbol('x') as never)).toThrow(TypeError);
    expect(() => socket.send(new Uint8Array(new SharedArrayBuffer(1)))).toThrow(TypeError);
    expect(session.calls).toEqual([]);
  });

  test('client counts what the session has not written, and what waits for a Blob', async () => {
    const { session, socket } = opened();
    socket.send('\u20ac');
    socket.send(new Blob(['1234']));
    socket.send('5');
    expect(socket.bufferedAmount).toBe(8);
    await settle();
    expect(session.calls.slice(2)).toEqual<SessionCall[]>([
      ['text', '\u20ac'],
      ['bytes', [0x31, 0x32, 0x33, 0x34]],
      ['text', '5'],
    ]);
    session.bufferedAmount = 1;
    expect(socket.bufferedAmount).toBe(1);
  });

  test('client counts what is sent too late, for ever', () => {
    const { session, socket } = opened();
    socket.send('abc');
    socket.close();
    socket.send('\u20ac');
    expect(socket.bufferedAmount).toBe(6);
    session.receiveEnd(1000);
    session.bufferedAmount = 0;
    expect(socket.bufferedAmount).toBe(6);
    socket.send(new Blob(['12']));
    socket.send(new Uint8Array(3));
    expect(socket.bufferedAmount).toBe(11);
    expect(session.calls.slice(2)).toEqual<SessionCall[]>([
      ['text', 'abc'],
      ['close', undefined, ''],
    ]);
  });

  test('client fires nothing inside of send()', async () => {
    const { session, socket, log } = opened();
    session.onCall = () => {
      session.sink.onError(new Error('The transport failed'));
      session.receiveEnd(1006, '', false);
    };
    socket.send('text');
    expect(log).toEqual([]);
    expect(socket.readyState).toBe(2);
    socket.send('more');
    await settle();
    expect(log).toEqual(['error in 3', 'close in 3: 1006 "" not clean']);
    expect(socket.bufferedAmount).toBe(8);
  });

  test('client fails when a Blob cannot be read', async () => {
    const { session, socket, log } = opened();
    session.onCall = (name) => {
      if (name === 'terminate') session.receiveEnd(1006, '', false);
    };
    const blob = new Blob(['12']);
    blob.arrayBuffer = () => Promise.reject(new Error('The file is gone'));
    const errors: unknown[] = [];
    socket.onerror = (event) => errors.push(event.error?.message);
    socket.send(blob);
    await settle();
    expect(log).toEqual(['error in 3', 'close in 3: 1006 "" not clean']);
    expect(errors).toEqual(['The file is gone']);
  });
});

/** Messages of the exceptions that reach the process while `action` runs and just after; the test runner does not see them. */
async function uncaughtDuring(action: () => void): Promise<string[]> {
  const others = process.listeners('uncaughtException');
  const messages: string[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => messages.push(error.message));
  try {
    action();
    await settle();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
  return messages;
}
