import { describe, expect, test } from 'vitest';
import { failureEvent, pickCloseEvent } from '../../../../src/api/w3c/events.ts';

/** Ours, which Node.js before 23 needs. */
const CloseEvent = pickCloseEvent({});

describe('close event', () => {
  test('carries code, reason and wasClean', () => {
    const event = new CloseEvent('close', { code: 3000, reason: 'bye', wasClean: true });
    expect(event).toBeInstanceOf(Event);
    expect(event).toMatchObject({ type: 'close', code: 3000, reason: 'bye', wasClean: true });
    expect(event).toMatchObject({ bubbles: false, cancelable: false });
    expect([CloseEvent.name, CloseEvent.length, Object.prototype.toString.call(event)]).toEqual([
      'CloseEvent',
      1,
      '[object CloseEvent]',
    ]);
  });

  test('has defaults', () => {
    for (const event of [new CloseEvent('close'), new CloseEvent('close', undefined), new CloseEvent('close', null as never)]) {
      expect(event).toMatchObject({ code: 0, reason: '', wasClean: false, bubbles: false, cancelable: false });
    }
  });

  test('takes what every event takes', () => {
    const event = new CloseEvent('close', { bubbles: true, cancelable: true, composed: true });
    expect(event).toMatchObject({ bubbles: true, cancelable: true, composed: true });
    event.preventDefault();
    expect(event.defaultPrevented).toBe(true);
  });

  test('converts what it is given', () => {
    const event = new CloseEvent(null as never, { code: '70000' as never, reason: 5 as never, wasClean: 'yes' as never });
    expect(event).toMatchObject({ type: 'null', code: 4464, reason: '5', wasClean: true });
    expect(new CloseEvent('close', { reason: 'a\ud800b', code: -1 })).toMatchObject({ reason: 'a\ufffdb', code: 65535 });
    expect(new CloseEvent('close', (() => {}) as never)).toMatchObject({ code: 0 });
  });

  test('refuses what it cannot convert', () => {
    const create = CloseEvent as unknown as (new (...values: unknown[]) => object) & (() => object);
    expect(() => new create()).toThrow(TypeError);
    expect(() => new create(Symbol('type'))).toThrow(TypeError);
    expect(() => new create('close', 5)).toThrow(TypeError);
    expect(() => new create('close', 'text')).toThrow(TypeError);
    expect(() => new create('close', { code: 1n })).toThrow(TypeError);
    expect(() => new create('close', { reason: Symbol('reason') })).toThrow(TypeError);
    expect(() => create()).toThrow(TypeError);
  });

  test('has attributes on its prototype that can be enumerated and not be set', () => {
    expect(Object.keys(CloseEvent.prototype as object).toSorted()).toEqual(['code', 'reason', 'wasClean']);
    const event = new CloseEvent('close', { code: 1000 });
    expect(Object.keys(event)).not.toContain('code');
    for (const name of ['code', 'reason', 'wasClean']) {
      const descriptor = Object.getOwnPropertyDescriptor(CloseEvent.prototype, name);
      expect(descriptor).toMatchObject({ set: undefined, configurable: true, enumerable: true });
      expect(() => void descriptor?.get?.call({})).toThrow(TypeError);
    }
    expect(() => Object.assign(event, { code: 1001 })).toThrow(TypeError);
  });
});

test('runtime gives its class, if it has one', () => {
  class OfRuntime extends Event {}
  expect(pickCloseEvent({ CloseEvent: OfRuntime })).toBe(OfRuntime);
  expect(pickCloseEvent({ CloseEvent: null })).toBe(CloseEvent);
});

test('failure is a plain event that names its cause', () => {
  const error = new Error('No route to host');
  const event = failureEvent(error);
  expect(event.constructor).toBe(Event);
  expect(event).toMatchObject({ type: 'error', bubbles: false, cancelable: false });
  expect(event.error).toBe(error);
  expect(Object.keys(event)).not.toContain('error');
});
