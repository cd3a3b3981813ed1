// Tests of the shape of the interface.
// No runtime's modules: workerd and browsers run this as well.

import { expect, test } from 'vitest';
import { end, nextClose, open, thrownBy, type Place } from './place.ts';

export function describeInterface(place: Place): void {
  const { WebSocket, url } = place;
  const prototype = WebSocket.prototype as unknown as Record<string, unknown>;
  const CONSTANTS = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
  const READONLY = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol'];
  const WRITABLE = ['onopen', 'onerror', 'onclose', 'onmessage', 'binaryType'];
  const METHODS = { close: 0, send: 1 };

  test('idl-class client has its place among the classes', () => {
    expect(Object.getPrototypeOf(WebSocket)).toBe(EventTarget);
    expect(Object.getPrototypeOf(WebSocket.prototype)).toBe(EventTarget.prototype);
    expect([(WebSocket as unknown as { name: string }).name, (WebSocket as unknown as { length: number }).length]).toEqual([
      'WebSocket',
      1,
    ]);
    expect(Object.getOwnPropertyDescriptor(WebSocket, 'prototype')).toMatchObject({
      writable: false,
      enumerable: false,
      configurable: false,
    });
    expect(Object.getOwnPropertyDescriptor(WebSocket.prototype, 'constructor')).toMatchObject({
      writable: true,
      enumerable: false,
      configurable: true,
    });
    expect(() => (WebSocket as unknown as (url: string) => void)(url)).toThrow(TypeError);
    expect(() => new (WebSocket as unknown as new () => object)()).toThrow(TypeError);
    expect(() => new WebSocket(Symbol('url') as never)).toThrow(TypeError);
  });

  test('idl-members client has its members on its prototype', async () => {
    const expected = ['constructor', ...Object.keys(CONSTANTS), ...READONLY, ...WRITABLE, ...Object.keys(METHODS)];
    expect(Object.getOwnPropertyNames(prototype).toSorted()).toEqual(expected.toSorted());
    for (const name of [...READONLY, ...WRITABLE]) {
      const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(prototype, name)!;
      expect({ name, enumerable, configurable, isWritable: set !== undefined }).toEqual({
        name,
        enumerable: true,
        configurable: true,
        isWritable: WRITABLE.includes(name),
      });
      expect([get!.name, get!.length]).toEqual([`get ${name}`, 0]);
      if (set) expect([set.name, set.length]).toEqual([`set ${name}`, 1]);
    }
    for (const [name, length] of Object.entries(METHODS)) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(prototype, name)!;
      const value = prototype[name];
      expect([writable, enumerable, configurable]).toEqual([true, true, true]);
      expect([(value as () => void).name, (value as () => void).length]).toEqual([name, length]);
      expect(() => new (value as new () => object)()).toThrow(TypeError);
    }
    const ws = await open(place);
    expect(Reflect.ownKeys(ws).filter((key) => typeof key === 'string')).toEqual([]);
    await end(ws);
  });

  test('idl-constants client has its constants on both', () => {
    for (const holder of [WebSocket, WebSocket.prototype]) {
      for (const [name, value] of Object.entries(CONSTANTS)) {
        expect(Object.getOwnPropertyDescriptor(holder, name)).toEqual({
          value,
          writable: false,
          enumerable: true,
          configurable: false,
        });
      }
    }
  });

  test('idl-tag client is tagged', async () => {
    const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
    expect(tag).toEqual({ value: 'WebSocket', writable: false, enumerable: false, configurable: true });
    const ws = await open(place);
    expect(Object.prototype.toString.call(ws)).toBe('[object WebSocket]');
    await end(ws);
  });

  test('idl-brand client refuses other objects', () => {
    const others = [{}, new EventTarget(), prototype, Object.create(prototype) as object];
    for (const other of others) {
      for (const name of [...READONLY, ...WRITABLE]) {
        const { get, set } = Object.getOwnPropertyDescriptor(prototype, name)!;
        expect(() => void get!.call(other)).toThrow(TypeError);
        if (set) for (const value of ['blob', 'nonsense', null]) expect(() => set.call(other, value)).toThrow(TypeError);
      }
      expect(() => (prototype['send'] as (data: string) => void).call(other, 'text')).toThrow(TypeError);
      expect(() => (prototype['close'] as () => void).call(other)).toThrow(TypeError);
    }
  });

  test('idl-order client converts its arguments from left to right, before anything else', () => {
    const log: string[] = [];
    const convertible = (name: string, text: string): never =>
      ({
        toString: () => {
          log.push(name);
          return text;
        },
      }) as never;
    const list = {
      *[Symbol.iterator]() {
        yield convertible('first', 'a');
        yield convertible('second', 'a');
      },
    };
    expect(thrownBy(() => new WebSocket(convertible('url', 'nowhere:'), list as never))).toBe('SyntaxError');
    expect(log).toEqual(['url', 'first', 'second']);
    const throwing = {
      toString() {
        throw new RangeError('of the program');
      },
    };
    expect(thrownBy(() => new WebSocket('nowhere:', [throwing] as never))).toBe('RangeError');
  });

  test('idl-order client converts code and reason before it checks them', async () => {
    const ws = await open(place);
    const throwing = {
      valueOf() {
        throw new RangeError('of the program');
      },
      toString() {
        throw new RangeError('of the program');
      },
    };
    expect(thrownBy(() => ws.close(1, throwing as never))).toBe('RangeError');
    expect(thrownBy(() => ws.close(throwing as never))).toBe('RangeError');
    expect(thrownBy(() => ws.close(1000n as never))).toBe('TypeError');
    expect(thrownBy(() => ws.close(Symbol('code') as never))).toBe('TypeError');
    expect(thrownBy(() => ws.close(1000, Symbol('reason') as never))).toBe('TypeError');
    await end(ws);
  });

  test('idl-closeevent client fires a CloseEvent whose class is as it should be', async () => {
    const ws = await open(place);
    ws.close(3000);
    const event = await nextClose(ws);
    const CloseEventClass = event.constructor as typeof CloseEvent;
    expect(event).toBeInstanceOf(Event);
    const { code, reason, wasClean } = new CloseEventClass('close', { code: 7, reason: 'x', wasClean: true });
    expect([code, reason, wasClean]).toEqual([7, 'x', true]);
    for (const name of ['code', 'reason', 'wasClean']) expect(name in event).toBe(true);
    expect(new CloseEventClass('close', { bubbles: true, cancelable: true })).toMatchObject({
      bubbles: true,
      cancelable: true,
    });
  });

  test('idl-signal client takes listeners with once and signal', async () => {
    const controller = new AbortController();
    const ws = await open(place);
    const calls: string[] = [];
    ws.addEventListener('open', () => calls.push('once'), { once: true });
    ws.addEventListener('open', () => calls.push('signal'), { signal: controller.signal });
    ws.addEventListener('open', { handleEvent: () => calls.push('object') });
    ws.dispatchEvent(new Event('open'));
    controller.abort();
    ws.dispatchEvent(new Event('open'));
    expect(calls).toEqual(['once', 'signal', 'object', 'object']);
    await end(ws);
  });
}
