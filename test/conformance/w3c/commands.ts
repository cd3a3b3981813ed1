// Tests of close() and send().
// No runtime's modules: workerd and browsers run this as well.

import { expect, test } from 'vitest';
import {
  address,
  end,
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

export function describeClose(place: Place): void {
  const { WebSocket, url, isNative } = place;
  /** What Chromium does otherwise: it takes undefined for 0, and cuts halves off. */
  const others: [string, [code?: unknown, reason?: unknown], string][] = [
    ['a reason alone', [undefined, 'x'], '03e878'],
    ['a half below an even number', [2999.5], '0bb8'],
    ['a half below 1000', [999.5], '03e8'],
  ];

  test.each([0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 65536, 66536, -1, NaN, Infinity, null, 'text', {}])(
    'close-1 idl-code client refuses the code %s in every state',
    async (code) => {
      const ws = new WebSocket(address(url));
      const refuse = (): void => expect(thrownBy(() => ws.close(code as number))).toBe('InvalidAccessError');
      refuse();
      await next(ws, 'open');
      refuse();
      await end(ws);
      refuse();
    },
  );

  test('close-2 idl-reason client refuses a reason of more than 123 bytes', async () => {
    const ws = new WebSocket(address(url));
    for (const reason of ['x'.repeat(124), '€'.repeat(41) + 'x', '\ud800'.repeat(42)]) {
      expect(thrownBy(() => ws.close(1000, reason))).toBe('SyntaxError');
      // Chromium takes undefined for 0.
      if (!isNative) expect(thrownBy(() => ws.close(undefined, reason))).toBe('SyntaxError');
    }
    expect(thrownBy(() => ws.close(1001, 'x'.repeat(124)))).toBe('InvalidAccessError');
    expect(ws.readyState).toBe(0);
    await next(ws, 'open');
    await end(ws);
  });

  test('close-3a client closes once', async () => {
    const id = newId();
    const ws = await open(place, { id });
    ws.close(3000, 'first');
    ws.close(3001, 'second');
    const { code, reason, wasClean } = await nextClose(ws);
    ws.close(3002);
    expect([code, reason, wasClean, ws.readyState]).toEqual([3000, 'first', true, 3]);
    expect((await seen(place, id)).frames).toEqual([[8, '0bb8' + toHex(new TextEncoder().encode('first'))]]);
  });

  test('close-3b closed-task client that is closed while it connects fails', async () => {
    const ws = new WebSocket(address(url));
    ws.close();
    expect(ws.readyState).toBe(2);
    await passMicrotasks();
    const log = logOf(ws);
    expect(ws.readyState).toBe(2);
    const { code, wasClean } = await nextClose(ws);
    expect([code, wasClean, ws.readyState]).toEqual([1006, false, 3]);
    expect(log).toEqual(['error', 'close 1006 ']);
  });

  test.each<[string, [code?: unknown, reason?: unknown], string]>([
    ['nothing', [], ''],
    ['undefined', [undefined, undefined], ''],
    ['a code', [3001], '0bb9'],
    ['a code and a reason', [1000, 'é'], '03e8c3a9'],
    ['a code to convert', ['4999.4'], '1387'],
    ['a half above an even number', [3000.5], '0bb8'],
    ...(isNative ? [] : others),
    ['a reason to convert', [3000, null], '0bb86e756c6c'],
    ['a lone surrogate', [3000, '\ud800'], '0bb8efbfbd'],
    ['a reason of 123 bytes', [3000, '€'.repeat(41)], '0bb8' + 'e282ac'.repeat(41)],
  ])('close-3d idl-code idl-reason client closes with %s', async (_name, given, expected) => {
    const id = newId();
    const ws = await open(place, { id });
    ws.close(...(given as [number, string]));
    await nextClose(ws);
    expect((await seen(place, id)).frames).toEqual([[8, expected]]);
  });

  test('close-3e send-2b client sends what it was given before it closes', async () => {
    const id = newId();
    const ws = await open(place, { id });
    ws.send(new Blob(['a']));
    ws.send('b');
    ws.close(3000);
    ws.send('c');
    await nextClose(ws);
    expect((await seen(place, id)).frames).toEqual([
      [2, '61'],
      [1, '62'],
      [8, '0bb8'],
    ]);
  });
}

export function describeSend(place: Place): void {
  const { WebSocket, url } = place;

  test('send-1 client refuses to send while it connects', async () => {
    const ws = new WebSocket(address(url));
    for (const data of ['', 'a', new Uint8Array(1), new Blob([])])
      expect(thrownBy(() => ws.send(data))).toBe('InvalidStateError');
    // Conversions come first.
    expect(thrownBy(() => ws.send(Symbol('x') as never))).toBe('TypeError');
    await next(ws, 'open');
    await end(ws);
  });

  test.each<[string, () => unknown, [number, string]]>([
    ['text', () => 'hé', [1, '68c3a9']],
    ['no text', () => '', [1, '']],
    ['a lone surrogate', () => 'a\ud800b', [1, '61efbfbd62']],
    ['a Blob', () => new Blob(['ab'], { type: 'text/plain' }), [2, '6162']],
    ['an ArrayBuffer', () => Uint8Array.of(1, 2).buffer, [2, '0102']],
    ['a view', () => new Uint8Array(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2), [2, '0203']],
    ['a DataView', () => new DataView(Uint8Array.of(1, 2, 3, 4).buffer, 1), [2, '020304']],
    ['a view of words', () => new Uint16Array(Uint8Array.of(1, 0, 2, 0).buffer), [2, '01000200']],
    ['null', () => null, [1, '6e756c6c']],
    ['undefined', () => undefined, [1, '756e646566696e6564']],
    ['a number', () => 5, [1, '35']],
    ['an array', () => [1, 2], [1, '312c32']],
    ['an object', () => ({ toString: () => 'x', valueOf: () => 'y' }), [1, '78']],
    ['a String', () => new String('ab'), [1, '6162']],
  ])('send-2a send-2b send-2c send-2d idl-data client sends %s', async (_name, make, expected) => {
    const ws = await open(place, { tell: '' });
    ws.send(make() as string);
    expect(JSON.parse((await nextMessage(ws)).data as string)).toEqual(expected);
    await end(ws);
  });

  test('send-2c send-2d client sends bytes as they were at the call', async () => {
    const ws = await open(place, { tell: '' });
    const bytes = Uint8Array.of(1, 2);
    ws.send(bytes);
    bytes.fill(9);
    expect(JSON.parse((await nextMessage(ws)).data as string)).toEqual([2, '0102']);
    await end(ws);
  });

  test('idl-data client refuses what it cannot convert', async () => {
    const ws = await open(place);
    for (const data of [Symbol('x'), Object.create(null), { toString: () => ({}), valueOf: () => ({}) }]) {
      expect(thrownBy(() => ws.send(data as string))).toBe('TypeError');
    }
    expect(thrownBy(() => (ws.send as () => void)())).toBe('TypeError');
    if (typeof SharedArrayBuffer === 'function') {
      expect(thrownBy(() => ws.send(new Uint8Array(new SharedArrayBuffer(1))))).toBe('TypeError');
    }
    await end(ws);
  });
}
