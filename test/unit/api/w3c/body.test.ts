import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { bodyLength, toBody, toMessageData } from '../../../../src/api/w3c/body.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT } from '../../../../src/platform.ts';
import { fakePlatform, utf8 } from '../../../support/fake-session.ts';

describe('toBody', () => {
  test('client sends what is no buffer and no Blob as text', () => {
    const values = ['text', '', null, undefined, 5, true, [1, 2], {}, new Date(0).getTime(), { toString: () => 'custom' }];
    expect(values.map(toBody)).toEqual(['text', '', 'null', 'undefined', '5', 'true', '1,2', '[object Object]', '0', 'custom']);
  });

  test('client refuses a symbol', () => {
    expect(() => toBody(Symbol('x'))).toThrow(TypeError);
  });

  test('client sends the bytes of a buffer, and of exactly the part that a view shows', () => {
    const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    expect(toBody(buffer)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(toBody(new Uint8Array(buffer, 2, 3))).toEqual(Uint8Array.of(3, 4, 5));
    expect(toBody(new DataView(buffer, 6))).toEqual(Uint8Array.of(7, 8));
    expect(toBody(new Uint16Array(buffer, 2, 2))).toEqual(Uint8Array.of(3, 4, 5, 6));
    expect(toBody(new Float64Array(0))).toEqual(new Uint8Array(0));
  });

  test('client takes a buffer of another realm', () => {
    const foreign = runInNewContext('({ buffer: Uint8Array.of(1, 2).buffer, view: Uint16Array.of(0x0403) })') as {
      buffer: ArrayBuffer;
      view: Uint16Array;
    };
    expect(toBody(foreign.buffer)).toEqual(Uint8Array.of(1, 2));
    expect(toBody(foreign.view)).toEqual(Uint8Array.of(3, 4));
  });

  test('client sends a detached buffer as an empty message', () => {
    const buffer = new ArrayBuffer(8);
    const view = new Uint16Array(buffer);
    structuredClone(buffer, { transfer: [buffer] });
    expect(toBody(buffer)).toEqual(new Uint8Array(0));
    expect(toBody(view)).toEqual(new Uint8Array(0));
  });

  test('client refuses a view of shared memory', () => {
    expect(() => toBody(new Uint8Array(new SharedArrayBuffer(2)))).toThrow(TypeError);
  });

  test('client keeps a Blob', () => {
    const blob = new Blob(['abc']);
    expect(toBody(blob)).toBe(blob);
  });
});

test('length of a body is in bytes', () => {
  expect(bodyLength('a\u00e9\u20ac\ud800', fakePlatform)).toBe(1 + 2 + 3 + 3);
  expect(bodyLength(new Uint8Array(7), fakePlatform)).toBe(7);
  expect(bodyLength(new Blob(['abcd']), fakePlatform)).toBe(4);
});

describe('toMessageData', () => {
  const source = utf8('--text--');

  test('client hands text over as a string', () => {
    expect(toMessageData(fakePlatform, 'blob', source, 2, 6, MESSAGE_TEXT)).toBe('text');
    const flags: boolean[] = [];
    const platform = Object.create(fakePlatform, {
      decodeText: {
        value: (_source: Uint8Array, _start: number, _end: number, isAscii: boolean) => {
          flags.push(isAscii);
          return '';
        },
      },
    }) as typeof fakePlatform;
    toMessageData(platform, 'blob', source, 0, 1, MESSAGE_TEXT | MESSAGE_ASCII);
    toMessageData(platform, 'arraybuffer', source, 0, 1, MESSAGE_TEXT);
    expect(flags).toEqual([true, false]);
  });

  test('client hands a Blob over that does not change with the source', async () => {
    const borrowed = Uint8Array.of(0, 1, 2, 3);
    const blob = toMessageData(fakePlatform, 'blob', borrowed, 1, 3, 0) as Blob;
    borrowed.fill(9);
    expect(blob).toBeInstanceOf(Blob);
    expect(blob.type).toBe('');
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(Uint8Array.of(1, 2));
  });

  test('client hands an ArrayBuffer over that is exactly the message', () => {
    const borrowed = Uint8Array.of(0, 1, 2, 3);
    const buffer = toMessageData(fakePlatform, 'arraybuffer', borrowed.subarray(1), 0, 2, 0) as ArrayBuffer;
    borrowed.fill(9);
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(new Uint8Array(buffer)).toEqual(Uint8Array.of(1, 2));
  });

  test('client hands the buffer itself over when it was made for the message and holds nothing else', () => {
    const owned = Uint8Array.of(1, 2, 3);
    const data = (start: number, end: number, kind: number, bytes: Uint8Array = owned): unknown =>
      toMessageData(fakePlatform, 'arraybuffer', bytes, start, end, kind);
    expect(data(0, 3, MESSAGE_OWNED)).toBe(owned.buffer);
    expect(data(0, 3, 0)).not.toBe(owned.buffer);
    expect(data(0, 2, MESSAGE_OWNED)).toEqual(Uint8Array.of(1, 2).buffer);
    expect(data(1, 3, MESSAGE_OWNED)).toEqual(Uint8Array.of(2, 3).buffer);
    expect(data(0, 2, MESSAGE_OWNED, owned.subarray(1))).toEqual(Uint8Array.of(2, 3).buffer);
  });
});
