// Tests of the opening handshake, the constructor and the attributes.
// No runtime's modules: workerd and browsers run this as well.

import { expect, test } from 'vitest';
import type { FailureEvent } from '../../../src/api/w3c/index.ts';
import {
  address,
  end,
  failureOf,
  logOf,
  newId,
  next,
  nextClose,
  nextMessage,
  open,
  passMicrotasks,
  seen,
  thrownBy,
  toHex,
  type Place,
} from './place.ts';

export function describeOpening(place: Place): void {
  const { WebSocket, url, isNative } = place;

  test('establish-1 establish-3 establish-4 establish-5 establish-6 establish-7 establish-9 establish-10 client asks by a GET with the fields of a handshake', async () => {
    const id = newId();
    await end(await open(place, { id }));
    const { head } = await seen(place, id);
    const [line, ...fields] = head.split('\r\n');
    expect(line).toBe(`GET /chat?id=${id} HTTP/1.1`);
    const field = (name: string): string | undefined => {
      return fields
        .find((one) => one.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    };
    expect(field('host')).toBe(new URL(url).host);
    expect(field('upgrade')?.toLowerCase()).toBe('websocket');
    expect(field('connection')?.toLowerCase()).toBe('upgrade');
    expect(field('sec-websocket-version')).toBe('13');
    expect(field('sec-websocket-key')).toMatch(/^[A-Za-z0-9+/]{22}==$/);
    expect(field('sec-websocket-protocol')).toBeUndefined();
    expect(field('sec-websocket-extensions')).toEqual(
      place.deflates ? expect.stringMatching(/^permessage-deflate/) : undefined,
    );
    expect(field('referer')).toBeUndefined();
    expect(field('content-length')).toBeUndefined();
  });

  test('establish-2 client follows no redirect', async () => {
    await failureOf(place, address(url, { status: '302', location: address(url) }));
  });

  test('establish-8 constructor-8 idl-protocols client offers its subprotocols', async () => {
    const offered = async (given: unknown, third?: unknown): Promise<string | undefined> => {
      const id = newId();
      const ws = new WebSocket(address(url, { id, protocol: 'b' }), given as string[], third as object);
      await nextClose(Object.assign(ws, { onopen: () => ws.close() }));
      const field = /^sec-websocket-protocol: *(.*)$/im.exec((await seen(place, id)).head);
      return field?.[1].replace(/, */g, ', ');
    };
    expect(await offered(['a', 'b'])).toBe('a, b');
    expect(await offered('b')).toBe('b');
    expect(await offered(new Set(['a', 'b']))).toBe('a, b');
    expect(await offered(['b', null, 7, { toString: () => 'text' }])).toBe('b, null, 7, text');
    expect(await offered(null)).toBe('null');
    expect(await offered(7)).toBe('7');
    expect(await offered(new String('ab'))).toBe('a, b');
    expect(await offered('b', 'ignored')).toBe('b');
    expect(await offered('b', 5)).toBe('b');
    // oxlint-disable-next-line no-sparse-arrays -- A hole is undefined, which becomes a string.
    expect(await offered(['b', ,])).toBe('b, undefined');
  });

  test.each(['200', '404', '426', '500'])('establish-11a closed-2 client fails at status %s', async (status) => {
    await failureOf(place, address(url, { status }));
  });

  test('establish-11a client fails when there is no server', async () => {
    await failureOf(place, 'ws://127.0.0.1:1/');
  });

  test.each([1, 25, 587, 6000, 6667, 10080])('establish-11a client does not connect to port %s', async (port) => {
    await failureOf(place, `ws://127.0.0.1:${port}/`);
    if (isNative) return;
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    expect((await next<FailureEvent>(ws, 'error')).error?.message).toContain(`Port ${port} is blocked`);
  });

  test.runIf(!isNative)('establish-11a client connects to such a port where an option allows it', async () => {
    const ws = new WebSocket('ws://127.0.0.1:1/', { allowBlockedPorts: true });
    expect((await next<FailureEvent>(ws, 'error')).error?.message).not.toContain('is blocked');
  });

  test('establish-11b client fails when the server selects no subprotocol', async () => {
    await failureOf(place, address(url), ['chat']);
  });

  test.each([
    ['a subprotocol that was not offered', { protocol: 'other' }],
    ['an extension that was not offered', { extensions: 'x-webkit-deflate' }],
  ])('establish-11c client fails at %s', async (_name, query) => {
    await failureOf(place, address(url, query), 'protocol' in query ? ['chat'] : []);
  });
}

export function describeConstructor({ WebSocket, url, isNative }: Place): void {
  test.each(['', 'nowhere', 'ws://', 'ws://[', 'ws://x:65536/', '//'])(
    'constructor-2 constructor-3 client refuses "%s"',
    (given) => {
      // In a page these may have a base URL.
      if (!isNative || !['', 'nowhere', '//'].includes(given)) expect(thrownBy(() => new WebSocket(given))).toBe('SyntaxError');
    },
  );

  test.each([
    ['http', 'ws'],
    ['https', 'wss'],
    ['HTTP', 'ws'],
    ['WSS', 'wss'],
  ])('constructor-4 constructor-5 client takes %s for %s', async (given, used) => {
    const ws = new WebSocket(`${given}://127.0.0.1:1/`);
    expect(ws.url).toBe(`${used}://127.0.0.1:1/`);
    ws.close();
    await nextClose(ws);
  });

  test.each(['ftp://localhost/', 'file:///tmp', 'mailto:me@localhost', 'about:blank', 'javascript:1', 'blob:x'])(
    'constructor-6 client refuses the scheme of %s',
    (given) => expect(thrownBy(() => new WebSocket(given))).toBe('SyntaxError'),
  );

  test.each(['ws://localhost/#part', 'ws://localhost/#', 'ws://localhost#', 'http://localhost/?a#b'])(
    'constructor-7 client refuses the fragment of %s',
    (given) => expect(thrownBy(() => new WebSocket(given))).toBe('SyntaxError'),
  );

  test.each([
    [['a', 'a']],
    ['a b'],
    [''],
    [['a', '']],
    ['a,b'],
    ['ä'],
    ['a\r\nb'],
    [[['a', 'b']]],
    [{ [Symbol.iterator]: () => ['a', 'a'][Symbol.iterator]() }],
  ])('constructor-9 client refuses the subprotocols %j', (given) =>
    expect(thrownBy(() => new WebSocket(address(url), given as string[]))).toBe('SyntaxError'),
  );

  test('constructor-12 open-task client fires nothing before the microtasks of the constructor', async () => {
    const ws = new WebSocket(address(url));
    expect(ws.readyState).toBe(0);
    await passMicrotasks();
    expect(ws.readyState).toBe(0);
    await next(ws, 'open');
    await end(ws);
    const blocked = new WebSocket('ws://127.0.0.1:6000/');
    await passMicrotasks();
    const log = logOf(blocked);
    await nextClose(blocked);
    expect(log).toEqual(['error', 'close 1006 ']);
  });
}

export function describeAttributes(place: Place): void {
  const { WebSocket, url } = place;

  test('attribute-url constructor-10 idl-url client has the URL as it is serialized', async () => {
    const { host } = new URL(url);
    const ws = new WebSocket(`WS://${host}/a/../b c?q=ä\ud800`);
    expect(ws.url).toBe(`ws://${host}/b%20c?q=%C3%A4%EF%BF%BD`);
    await end(ws);
    const other = new WebSocket({ toString: () => url } as URL);
    expect(other.url).toBe(`${url}/`);
    await end(other);
  });

  test('attribute-readystate open-1 closing-1 closed-1 close-3c client goes through its states', async () => {
    const ws = new WebSocket(address(url));
    const states = [ws.readyState];
    ws.addEventListener('open', () => states.push(ws.readyState));
    ws.addEventListener('close', () => states.push(ws.readyState));
    await next(ws, 'open');
    ws.close();
    states.push(ws.readyState);
    await nextClose(ws);
    expect(states).toEqual([0, 1, 2, 3]);
  });

  test('attribute-extensions attribute-protocol open-2 open-3 open-4 client knows what was agreed on when it opens', async () => {
    const extensions = place.deflates ? 'permessage-deflate' : '';
    const ws = new WebSocket(address(url, { protocol: 'b', ...(extensions && { extensions }) }), ['a', 'b']);
    expect([ws.protocol, ws.extensions]).toEqual(['', '']);
    const event = await next(ws, 'open');
    expect([ws.protocol, ws.extensions]).toEqual(['b', extensions]);
    expect(event.constructor).toBe(Event);
    expect([event.bubbles, event.cancelable, event.target === ws]).toEqual([false, false, true]);
    await end(ws);
    expect([ws.protocol, ws.extensions]).toEqual(['b', extensions]);
  });

  test('attribute-bufferedamount send-2a send-2b send-2c send-2d send-3 client counts payload bytes', async () => {
    const ws = await open(place);
    const counts: number[] = [];
    const send = (data: string | ArrayBuffer | ArrayBufferView | Blob): void => {
      ws.send(data);
      counts.push(ws.bufferedAmount);
    };
    for (const data of [
      'äö',
      '',
      '\ud800',
      new Blob(['12345']),
      new ArrayBuffer(6),
      new Uint16Array(new ArrayBuffer(20), 2, 3),
    ])
      send(data);
    expect(counts).toEqual([4, 4, 7, 12, 18, 24]);
    while (ws.bufferedAmount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    ws.close();
    send('abc');
    const late = ws.bufferedAmount;
    await nextClose(ws);
    expect(late).toBe(3);
    send(new Blob(['12345']));
    expect(ws.bufferedAmount).toBe(8);
  });

  test('attribute-binarytype idl-binarytype message-2b message-2c client hands over bytes as it is asked to', async () => {
    const ws = await open(place, { tell: '' });
    expect(ws.binaryType).toBe('blob');
    ws.binaryType = 'arraybuffer';
    for (const value of ['text', 'ArrayBuffer', '', null, 5, {}]) ws.binaryType = value as 'blob';
    expect(ws.binaryType).toBe('arraybuffer');
    ws.binaryType = { toString: () => 'blob' } as never;
    expect(ws.binaryType).toBe('blob');
    expect(() => (ws.binaryType = Symbol('blob') as never)).toThrow(TypeError);
    await end(ws);
    const binary = { head: '8203010203' };
    const asBlob = new WebSocket(address(url, binary));
    const { data: blob } = (await nextMessage(asBlob)) as MessageEvent<Blob>;
    expect(blob).toBeInstanceOf(Blob);
    expect([blob.size, blob.type, toHex(new Uint8Array(await blob.arrayBuffer()))]).toEqual([3, '', '010203']);
    await end(asBlob);
    const asBuffer = new WebSocket(address(url, binary));
    // It counts when the message is handed over.
    asBuffer.onopen = () => (asBuffer.binaryType = 'arraybuffer');
    const { data: buffer } = (await nextMessage(asBuffer)) as MessageEvent<ArrayBuffer>;
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect([buffer.byteLength, toHex(new Uint8Array(buffer))]).toEqual([3, '010203']);
    await end(asBuffer);
  });
}
