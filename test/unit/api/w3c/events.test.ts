import { describe, expect, test } from 'vitest';
import { pickEventClasses } from '../../../../src/api/w3c/events.ts';

describe.each([
  ['our classes', pickEventClasses({})],
  ['the classes in use', pickEventClasses(globalThis)],
])('%s', (_name, classes) => {
  test('message event carries data and origin', () => {
    const data = new ArrayBuffer(2);
    const event = new classes.MessageEvent('message', { data, origin: 'ws://example.test' });
    expect(event).toBeInstanceOf(Event);
    expect(event).toMatchObject({
      type: 'message',
      data,
      origin: 'ws://example.test',
      lastEventId: '',
      source: null,
      ports: [],
    });
    expect(event).toMatchObject({ bubbles: false, cancelable: false });
    expect(classes.MessageEvent.name).toBe('MessageEvent');
  });

  test('close event carries code, reason and wasClean', () => {
    const event = new classes.CloseEvent('close', { code: 3000, reason: 'bye', wasClean: true });
    expect(event).toBeInstanceOf(Event);
    expect(event).toMatchObject({
      type: 'close',
      code: 3000,
      reason: 'bye',
      wasClean: true,
      bubbles: false,
      cancelable: false,
    });
    expect(classes.CloseEvent.name).toBe('CloseEvent');
  });

  test('error event carries the error', () => {
    const error = new Error('no route');
    const event = new classes.ErrorEvent('error', { message: error.message, error });
    expect(event).toBeInstanceOf(Event);
    expect(event).toMatchObject({ type: 'error', message: 'no route', filename: '', lineno: 0, colno: 0, error });
    expect(classes.ErrorEvent.name).toBe('ErrorEvent');
  });

  test('attributes that were not given have their defaults', () => {
    expect(new classes.MessageEvent('message')).toMatchObject({ data: null, origin: '' });
    expect(new classes.CloseEvent('close')).toMatchObject({ code: 0, reason: '', wasClean: false });
    expect(new classes.ErrorEvent('error')).toMatchObject({ message: '' });
  });
});

test('attributes of our classes cannot be set', () => {
  const event = new (pickEventClasses({}).CloseEvent)('close', { code: 1000 });
  expect(() => {
    (event as { code: number }).code = 1001;
  }).toThrow(TypeError);
});

test('runtime gives the classes that it has, and those only', () => {
  class MessageEvent extends Event {}
  const classes = pickEventClasses({ MessageEvent, CloseEvent: null });
  expect(classes.MessageEvent).toBe(MessageEvent);
  expect(classes.CloseEvent).toBe(pickEventClasses({}).CloseEvent);
});
