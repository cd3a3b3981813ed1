import { describe, expect, test } from 'vitest';
import { WebSocket as UndiciWebSocket } from 'undici';
import type { HeaderFields } from '../../../../src/api/w3c/index.ts';
import { bind, connecting, opened, settle, thrownBy } from './bound-class.ts';

describe('class', () => {
  const { WebSocket } = bind();

  test('it has the constants, on itself and on objects, and they cannot be changed', () => {
    const constants = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
    for (const holder of [WebSocket, WebSocket.prototype, new WebSocket('ws://example.test')]) {
      const { CONNECTING, OPEN, CLOSING, CLOSED } = holder;
      expect({ CONNECTING, OPEN, CLOSING, CLOSED }).toEqual(constants);
    }
    expect(() => Object.assign(WebSocket.prototype, { OPEN: 5 })).toThrow(TypeError);
    expect(() => Object.assign(WebSocket, { OPEN: 5 })).toThrow(TypeError);
  });

  test('it is named and tagged as in browsers', () => {
    expect(WebSocket.name).toBe('WebSocket');
    expect(WebSocket).toHaveLength(UndiciWebSocket.length);
    expect(WebSocket.prototype.send).toHaveLength(1);
    expect(Object.prototype.toString.call(new WebSocket('ws://example.test'))).toBe('[object WebSocket]');
    expect(new WebSocket('ws://example.test')).toBeInstanceOf(EventTarget);
  });

  test('its members can be enumerated, as those of undici can', () => {
    const members = (object: object): string[] => {
      const names: string[] = [];
      for (const name in object) names.push(name);
      return names.toSorted();
    };
    const ofUndici = members(UndiciWebSocket.prototype);
    expect(members(WebSocket.prototype)).toEqual(expect.arrayContaining(ofUndici));
    expect(ofUndici).toContain('bufferedAmount');
  });

  test('it wants `new` and a URL', () => {
    expect(() => (WebSocket as unknown as (url: string) => void)('ws://example.test')).toThrow(TypeError);
    expect(() => new (WebSocket as unknown as new () => object)()).toThrow(TypeError);
    expect(thrownBy(() => new WebSocket(undefined as never))).toBe('SyntaxError');
    expect(() => new WebSocket(Symbol('url') as never)).toThrow(TypeError);
  });

  test('its members refuse other objects', () => {
    const { send, close } = WebSocket.prototype;
    expect(() => send.call({} as never, 'text')).toThrow(TypeError);
    expect(() => close.call({} as never)).toThrow(TypeError);
    expect(() => WebSocket.prototype.readyState).toThrow(TypeError);
    expect(() => WebSocket.prototype.onopen).toThrow(TypeError);
  });

  test('it can be extended', () => {
    class ChatSocket extends WebSocket {
      readonly isChat = true;
    }
    const socket = new ChatSocket('ws://example.test');
    expect(socket).toBeInstanceOf(WebSocket);
    expect(socket).toMatchObject({ isChat: true, readyState: 0 });
  });

  test('each binding has its own connections', () => {
    const [one, two] = [bind(), bind()];
    const socket = new one.WebSocket('ws://example.test');
    expect(one.connector.attempts).toHaveLength(1);
    expect(two.connector.attempts).toHaveLength(0);
    expect(socket).not.toBeInstanceOf(two.WebSocket);
  });
});

describe('disposal', () => {
  test('Symbol.dispose closes', () => {
    const { session, socket } = opened();
    socket[Symbol.dispose]();
    expect(socket.readyState).toBe(2);
    expect(session.calls.at(-1)).toEqual(['close', undefined, '']);
  });

  test('Symbol.asyncDispose closes, and waits for the event', async () => {
    const { session, socket, log } = opened();
    let isDisposed = false;
    const disposal = socket[Symbol.asyncDispose]().then(() => (isDisposed = true));
    await settle();
    expect([socket.readyState, isDisposed]).toEqual([2, false]);
    session.receiveEnd(1005);
    await disposal;
    expect(log).toEqual(['close in 3: 1005 "" clean']);
    await socket[Symbol.asyncDispose]();
  });

  test('both give up a connection that is being made', async () => {
    const [one, other] = [connecting(), connecting()];
    one.socket[Symbol.dispose]();
    await other.socket[Symbol.asyncDispose]();
    expect([one.connector.attempt.isAborted, other.connector.attempt.isAborted]).toEqual([true, true]);
    expect(other.log).toEqual(['error in 3', 'close in 3: 1006 "" not clean']);
  });
});

describe('request', () => {
  test('client asks for the parsed URL', () => {
    const { connector, WebSocket } = bind();
    const socket = new WebSocket(new URL('https://Example.test:443/a/../chat?room=1'));
    expect(socket.url).toBe('wss://example.test/chat?room=1');
    expect(connector.attempt.request.url.href).toBe('wss://example.test/chat?room=1');
  });

  test('client asks for protocols, headers and the rest of the options', () => {
    const { connector, WebSocket } = bind();
    const tls = { servername: 'example.test' };
    const signal = new AbortController().signal;
    const options = {
      headers: { 'X-One': '1' },
      tls,
      maxPayload: 9,
      handshakeTimeout: 8,
      signal,
    };
    const socket = new WebSocket('ws://example.test', ['a', 'b'], options);
    expect(socket.readyState).toBe(WebSocket.CONNECTING);
    const { request } = connector.attempt;
    expect(request.protocols).toEqual(['a', 'b']);
    expect({ ...request.headers }).toEqual({ 'X-One': '1' });
    expect(request.options).toEqual({ tls, maxPayload: 9, handshakeTimeout: 8 });
    expect(request.options.tls).toBe(tls);
  });

  test('client takes options as the second argument', () => {
    const { connector, WebSocket } = bind();
    const socket = new WebSocket('ws://example.test', { protocols: 'chat', headers: [['X-One', '1']], maxPayload: 5 });
    expect(socket.protocol).toBe('');
    expect(connector.attempt.request).toMatchObject({ protocols: ['chat'], options: { maxPayload: 5 } });
    expect({ ...connector.attempt.request.headers }).toEqual({ 'X-One': '1' });
  });

  test.each<[string, HeaderFields]>([
    ['an object', { 'X-One': '1', Cookie: 'a=b' }],
    ['a Headers', new Headers({ 'X-One': '1', Cookie: 'a=b' })],
    [
      'a Map',
      new Map([
        ['X-One', '1'],
        ['Cookie', 'a=b'],
      ]),
    ],
    [
      'pairs',
      [
        ['X-One', '1'],
        ['Cookie', 'a=b'],
      ],
    ],
  ])('client takes header fields as %s', (_name, headers) => {
    const { connector, WebSocket } = bind();
    expect(new WebSocket('ws://example.test', { headers }).readyState).toBe(0);
    const entries = Object.entries(connector.attempt.request.headers).map(([name, value]) => [name.toLowerCase(), value]);
    expect(Object.fromEntries(entries)).toEqual({ 'x-one': '1', cookie: 'a=b' });
  });

  test('client asks for nothing when an argument is of no use', () => {
    const { connector, WebSocket } = bind();
    expect(thrownBy(() => new WebSocket('nowhere'))).toBe('SyntaxError');
    expect(thrownBy(() => new WebSocket('ws://example.test', ['a', 'a']))).toBe('SyntaxError');
    expect(thrownBy(() => new WebSocket('ws://example.test', { protocols: 'a b' }))).toBe('SyntaxError');
    expect(() => new WebSocket('ws://example.test', [], { headers: { 'a b': '1' } })).toThrow(TypeError);
    expect(() => new WebSocket('ws://example.test', [], { maxPayload: -1 })).toThrow(RangeError);
    expect(connector.attempts).toEqual([]);
  });

  test('client throws what the adapter throws', () => {
    const { connector, WebSocket } = bind();
    connector.onConnect = () => {
      throw new TypeError('Not TLS options');
    };
    expect(() => new WebSocket('ws://example.test', { tls: {} })).toThrow('Not TLS options');
  });
});
