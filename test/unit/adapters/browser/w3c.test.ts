import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type * as Entry from '../../../../adapters/browser/w3c.ts';

/** Stands in for the browser's class. */
class NativeWebSocket extends EventTarget {
  static readonly OPEN = 1;
  readonly values: unknown[];

  constructor(...values: unknown[]) {
    super();
    this.values = values;
  }
}

let WebSocket: typeof Entry.WebSocket;

/** The entry point as it is where `native` is the runtime's class. */
async function load(native: unknown): Promise<void> {
  vi.resetModules();
  vi.stubGlobal('WebSocket', native);
  ({ WebSocket } = await import('../../../../adapters/browser/w3c.ts'));
}

beforeEach(() => load(NativeWebSocket));
afterEach(() => {
  vi.unstubAllGlobals();
});

const valuesOf = (socket: unknown): unknown[] => (socket as NativeWebSocket).values;

test('client is the native one', () => {
  const socket = new WebSocket('wss://example.com/');
  expect(socket).toBeInstanceOf(NativeWebSocket);
  expect(socket).toBeInstanceOf(WebSocket);
  expect(WebSocket.name).toBe('NativeWebSocket');
  expect(WebSocket.OPEN).toBe(1);
  expect(valuesOf(socket)).toEqual(['wss://example.com/']);
  expect(WebSocket.prototype).toBe(NativeWebSocket.prototype);
  expect(Object.getPrototypeOf(WebSocket)).toBe(EventTarget);
});

test('what is kept on the class is not on the native one, which belongs to the page', () => {
  Object.assign(WebSocket, { Server: class {} });
  expect(WebSocket).toHaveProperty('Server');
  expect(NativeWebSocket).not.toHaveProperty('Server');
});

test('class cannot be called without new', () => {
  expect(() => (WebSocket as unknown as () => void)()).toThrow(TypeError);
});

test.each([
  ['one', 'one'],
  [
    ['one', 'two'],
    ['one', 'two'],
  ],
  [{ protocols: 'one' }, 'one'],
  [{ protocols: ['one', 'two'] }, ['one', 'two']],
  [{}, undefined],
  // As in the native class, "null" is a subprotocol.
  [null, null],
  [undefined, undefined],
])('client offers the subprotocols of %j', (second, expected) => {
  expect(valuesOf(new WebSocket('wss://example.com/', second))[1]).toEqual(expected);
});

test('client leaves out options that are undefined, and passes on what the native class would convert', () => {
  expect(valuesOf(new WebSocket('wss://example.com/', { headers: undefined }))).toEqual(['wss://example.com/']);
  const list = new Set(['one']);
  expect(valuesOf(new WebSocket('wss://example.com/', list))[1]).toBe(list);
  expect(valuesOf(new WebSocket('wss://example.com/', 'one', 'ignored' as never))[1]).toBe('one');
});

test('client can be extended', () => {
  class ChatSocket extends (WebSocket as unknown as typeof NativeWebSocket) {
    readonly isChat = true;
  }
  expect(new ChatSocket('wss://example.com/')).toMatchObject({ isChat: true, values: ['wss://example.com/'] });
  expect(new ChatSocket('wss://example.com/')).toBeInstanceOf(ChatSocket);
});

test('client prefers the second argument to the option', () => {
  expect(valuesOf(new WebSocket('wss://example.com/', 'one', { protocols: 'two' }))[1]).toBe('one');
  expect(valuesOf(new WebSocket('wss://example.com/', null, { protocols: 'two' }))[1]).toBe('two');
});

describe.each<[options: object, name: string, alternative: RegExp]>([
  [{ headers: { authorization: 'Bearer token' } }, 'headers', /subprotocol/],
  [{ tls: {} }, 'tls', /certificates/],
  [{ signal: new AbortController().signal }, 'signal', /close\(\)/],
  [{ handshakeTimeout: 1000 }, 'handshakeTimeout', /timer/],
  [{ maxPayload: 1000 }, 'maxPayload', /where they are sent/],
  [{ perMessageDeflate: false }, 'perMessageDeflate', /by itself/],
  // Of the ws-style API, whose programs get this class in a page.
  [{ heartbeat: true }, 'heartbeat', /by itself/],
  [{ protocol: 'x' }, 'protocol', /by itself/],
])('option %j', (options, name, alternative) => {
  test('is a TypeError that says what to do instead', () => {
    for (const create of [
      () => new WebSocket('wss://example.com/', options),
      () => new WebSocket('wss://example.com/', [], options),
    ]) {
      expect(create).toThrow(TypeError);
      expect(create).toThrow(`takes no ${name}: `);
      expect(create).toThrow(alternative);
    }
  });
});

test('without a native class importing works, constructing says what is wrong', async () => {
  await load(undefined);
  expect(() => new WebSocket('wss://example.com/')).toThrow(/has no WebSocket/);
});
