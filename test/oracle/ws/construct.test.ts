// The classes as such: constructor errors, constants, statics, property descriptors.

import { describe, expect, test } from 'vitest';
import { ours, outcome, sameWithBoth, theirs, type Library } from './oracle.ts';

type Arguments = readonly unknown[];

/** Constructs, and drops what was constructed. */
function construct(library: Library, values: Arguments): unknown {
  const result = outcome(() => {
    const ws = new (library.WebSocket as unknown as new (...values: Arguments) => InstanceType<Library['WebSocket']>)(
      ...values,
    );
    ws.on('error', () => {});
    ws.terminate();
    return [ws.url, ws.readyState, ws.protocol, ws.extensions, ws.binaryType, ws.bufferedAmount, ws.isPaused];
  });
  return result;
}

/** The class of a thrown error; its words are the engine's and name our classes. */
function nameOf(result: unknown): unknown {
  return (result as { throws?: { name: string } }).throws?.name;
}

const HERE = 'ws://127.0.0.1:9';

describe('new WebSocket()', () => {
  test.each<[string, Arguments]>([
    ['no URL', ['']],
    ['a relative URL', ['/path']],
    ['a host alone', ['example.com']],
    ['an unknown scheme', ['ftp://127.0.0.1']],
    ['no scheme', ['//127.0.0.1']],
    ['a fragment', ['ws://127.0.0.1/#part']],
    ['an http fragment', ['http://127.0.0.1/#part']],
    ['an empty fragment', ['ws://127.0.0.1:9/#']],
    ['an impossible port', ['ws://127.0.0.1:99999']],
    ['ws+unix without a path', ['ws+unix:']],
    ['ws+unix with a fragment', ['ws+unix:/tmp/none#x']],
    ['undefined', [undefined]],
    ['a number', [7]],
    ['an object', [{}]],
    ['a URL object', [new URL('ws://127.0.0.1:9/x?y')]],
    ['a URL object of a wrong scheme', [new URL('mailto:a@b')]],
    ['http', ['http://127.0.0.1:9/a']],
    ['https', ['https://127.0.0.1:9/a']],
    ['an https URL object', [new URL('https://127.0.0.1:9/a')]],
    ['wss', ['wss://127.0.0.1:9']],
    ['default ports', ['ws://127.0.0.1:80/']],
    ['upper case', ['WS://127.0.0.1:9/A']],
    ['IPv6', ['ws://[::1]:9/']],
    ['user and password', ['ws://user:pass@127.0.0.1:9/']],
    ['ws+unix', ['ws+unix:///tmp/none:/path?q']],
    ['an empty subprotocol', [HERE, '']],
    ['a subprotocol with a space', [HERE, 'a b']],
    ['a subprotocol with a comma', [HERE, 'a,b']],
    ['a duplicate subprotocol', [HERE, ['a', 'a']]],
    ['subprotocols that differ in case', [HERE, ['a', 'A']]],
    ['a subprotocol that is no string', [HERE, [7]]],
    ['a number as subprotocol', [HERE, 7]],
    ['null as subprotocol', [HERE, null]],
    ['undefined as subprotocol', [HERE, undefined]],
    ['undefined in the list', [HERE, [undefined]]],
    ['an empty list', [HERE, []]],
    ['a good subprotocol', [HERE, 'chat']],
    ['good subprotocols', [HERE, ['a', 'b']]],
    ['options second', [HERE, { perMessageDeflate: false }]],
    ['options third', [HERE, [], { perMessageDeflate: false }]],
    ['null options', [HERE, [], null]],
    ['protocols in the options', [HERE, { protocols: 'a' }]],
    ['bad protocols in the options', [HERE, { protocols: ['a', 'a'] }]],
    ['protocols in the third argument', [HERE, undefined, { protocols: ['a', ''] }]],
    ['null protocols in the options', [HERE, { protocols: null }]],
    ['protocol version 8', [HERE, { protocolVersion: 8 }]],
    ['protocol version 12', [HERE, { protocolVersion: 12 }]],
    ["protocol version '13'", [HERE, { protocolVersion: '13' }]],
    ['a bad version before a bad URL', ['nonsense', { protocolVersion: 1 }]],
    ['a bad URL before a bad subprotocol', ['nonsense', 'a b']],
    ['a fragment before a bad subprotocol', ['ws://127.0.0.1/#x', 'a b']],
    ['a header value with a line break', [HERE, { headers: { A: 'x\r\ny' } }]],
    ['a header name with a space', [HERE, { headers: { 'a b': 'x' } }]],
    ['an undefined header', [HERE, { headers: { a: undefined } }]],
    ['an origin with a line break', [HERE, { origin: 'x\r\ny' }]],
    ['a path with a space', ['ws://127.0.0.1:9/a b']],
  ])('with %s', (_, values) => sameWithBoth((library) => construct(library, values)));

  test.each([8, 13, 0, 7, '8', null, undefined, NaN])('with protocolVersion %s', (protocolVersion) =>
    sameWithBoth((library) => (protocolVersion === undefined ? 0 : construct(library, [HERE, { protocolVersion }]))),
  );

  test('without new', () => sameWithBoth((library) => nameOf(outcome(() => (library.WebSocket as unknown as () => void)()))));
});

describe('the WebSocket class', () => {
  test.each(['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])('has %s', (name) =>
    sameWithBoth(({ WebSocket }) => [
      Object.getOwnPropertyDescriptor(WebSocket, name),
      Object.getOwnPropertyDescriptor(WebSocket.prototype, name),
    ]),
  );

  const MEMBERS = [
    'addEventListener',
    'binaryType',
    'bufferedAmount',
    'close',
    'extensions',
    'isPaused',
    'onclose',
    'onerror',
    'onmessage',

    'onopen',
    'pause',
    'ping',
    'pong',
    'protocol',
    'readyState',
    'removeEventListener',
    'resume',
    'send',
    'terminate',
    'url',
  ];
  test.each(MEMBERS)('has the member %s', (name) =>
    sameWithBoth(({ WebSocket }) => {
      const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)!;
      const { configurable, enumerable, writable = null, get, set } = descriptor;
      const value: unknown = descriptor.value;
      return [
        configurable,
        enumerable,
        writable,
        typeof get,
        typeof set,
        typeof value,
        (value as { length?: number } | undefined)?.length,
      ];
    }),
  );

  test('lists the same members in a loop over an instance', () =>
    sameWithBoth(({ WebSocket }) => {
      const ws = new WebSocket(HERE);
      ws.on('error', () => {}).terminate();
      const names: string[] = [];
      for (const name in ws) if (!name.startsWith('_')) names.push(name);
      return names.sort();
    }));

  test('has the statics that require() gives', () => {
    const { createRequire } = process.getBuiltinModule('node:module');
    const required = createRequire(import.meta.url)('ws') as Record<string, unknown>;
    const later = ['PerMessageDeflate', 'Receiver', 'Sender'];
    const describe_ = (constructor: object) =>
      Object.entries(Object.getOwnPropertyDescriptors(constructor))
        .filter(([name]) => !['length', 'name', 'prototype', ...later].includes(name))
        .map(([name, { configurable, enumerable, writable }]) => JSON.stringify([name, configurable, enumerable, writable]))
        .sort();
    expect(describe_(ours.WebSocket)).toEqual(describe_(required));
  });

  test('is each of its own names', () => {
    expect(ours.WebSocket.WebSocket).toBe(ours.WebSocket);
    expect(ours.default).toBe(ours.WebSocket);
    expect(ours.WebSocket.Server).toBe(ours.WebSocketServer);
    expect(ours.WebSocket.WebSocketServer).toBe(ours.WebSocketServer);
    expect(ours.WebSocket.createWebSocketStream).toBe(ours.createWebSocketStream);
  });

  test.each([
    ['WebSocket', (library: Library) => library.WebSocket],
    ['WebSocketServer', (library: Library) => library.WebSocketServer],
    ['createWebSocketStream', (library: Library) => library.createWebSocketStream],
  ])('%s has a name and a number of parameters', (_, get) =>
    sameWithBoth((library) => [get(library).name, get(library).length]),
  );

  test('has no own properties but what EventEmitter and privacy give', () => {
    const ws = new ours.WebSocket(null);
    expect(Object.keys(ws).filter((name) => !name.startsWith('_'))).toEqual([]);
    expect(ws).toBeInstanceOf(process.getBuiltinModule('node:events').EventEmitter);
  });

  test.each(['readyState', 'url', 'protocol', 'extensions', 'bufferedAmount', 'isPaused', 'OPEN'])(
    'refuses to set %s',
    (name) =>
      sameWithBoth((library) => {
        const ws = new library.WebSocket(HERE);
        ws.on('error', () => {}).terminate();
        return nameOf(outcome(() => ((ws as unknown as Record<string, unknown>)[name] = 1)));
      }),
  );
});

describe('binaryType', () => {
  test.each(['nodebuffer', 'arraybuffer', 'fragments', 'blob', 'nonsense', '', undefined, null, 7])(
    'takes or ignores %s',
    (type) =>
      sameWithBoth((library) => {
        const ws = new library.WebSocket(HERE);
        ws.on('error', () => {}).terminate();
        ws.binaryType = 'arraybuffer';
        ws.binaryType = type as 'nodebuffer';
        return ws.binaryType;
      }),
  );
});

describe('new WebSocketServer()', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['port and noServer', { port: 0, noServer: true }],
    ['port and server', { port: 0, server: {} }],
    ['server and noServer', { server: {}, noServer: true }],
    ['all three', { port: 0, server: {}, noServer: true }],
    ['noServer false', { noServer: false }],
    ['a null port', { port: null }],
    ['a null server', { server: null }],
    ['a port out of range', { port: 70000 }],
    ['a negative port', { port: -1 }],
    ['a fractional port', { port: 1.5 }],
  ])('refuses %s', (_, options) => sameWithBoth(({ WebSocketServer }) => outcome(() => new WebSocketServer(options as never))));

  test('has its options with their defaults', () =>
    sameWithBoth(({ WebSocketServer, WebSocket }) => {
      const { options } = new WebSocketServer({ noServer: true, path: '/x' });
      const { maxFragments, maxBufferedChunks, maxPendingAutoPongs, ...others } = options as Record<string, unknown>;
      void [maxFragments, maxBufferedChunks, maxPendingAutoPongs];
      return { ...others, WebSocket: others['WebSocket'] === WebSocket };
    }));

  test('exists in both', () =>
    expect(Object.keys(theirs.WebSocketServer.prototype)).toEqual(Object.keys(ours.WebSocketServer.prototype)));
});
