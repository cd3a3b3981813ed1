import { expect, test } from 'vitest';
import { EventHandlers } from '../../../../src/api/w3c/handlers.ts';

function target(): { target: EventTarget; handlers: EventHandlers; log: string[]; fire: () => string[] } {
  const eventTarget = new EventTarget();
  const log: string[] = [];
  const fire = (): string[] => {
    log.length = 0;
    eventTarget.dispatchEvent(new Event('open'));
    return [...log];
  };
  return { target: eventTarget, handlers: new EventHandlers(eventTarget), log, fire };
}

test('handler is null, then the function it was set to, then null', () => {
  const { handlers } = target();
  expect(handlers.get('open')).toBeNull();
  const handler = (): void => {};
  handlers.set('open', handler);
  expect(handlers.get('open')).toBe(handler);
  expect(handlers.get('close')).toBeNull();
  handlers.set('open', null);
  expect(handlers.get('open')).toBeNull();
});

test('handler runs where it was first set, whatever replaces it', () => {
  const { target: eventTarget, handlers, log, fire } = target();
  eventTarget.addEventListener('open', () => log.push('before'));
  handlers.set('open', () => log.push('first'));
  eventTarget.addEventListener('open', () => log.push('after'));
  expect(fire()).toEqual(['before', 'first', 'after']);
  handlers.set('open', () => log.push('second'));
  expect(fire()).toEqual(['before', 'second', 'after']);
});

test('handler that was removed runs last when it is set again', () => {
  const { target: eventTarget, handlers, log, fire } = target();
  handlers.set('open', () => log.push('handler'));
  eventTarget.addEventListener('open', () => log.push('listener'));
  handlers.set('open', undefined);
  expect(fire()).toEqual(['listener']);
  handlers.set('open', () => log.push('handler'));
  expect(fire()).toEqual(['listener', 'handler']);
});

test.each([['a string'], [5], [true], [1n], [Symbol('x')], [undefined]])(
  'handler set to %s, which is no object, is null',
  (value) => {
    const { handlers, fire } = target();
    handlers.set('open', value);
    expect(handlers.get('open')).toBeNull();
    handlers.set('open', () => {
      throw new Error('was removed');
    });
    handlers.set('open', value);
    expect(handlers.get('open')).toBeNull();
    expect(fire()).toEqual([]);
  },
);

test.each([[{}], [[]], [{ handleEvent: () => expect.unreachable() }]])(
  'handler keeps an object, %j, and calls nothing',
  (value) => {
    const { handlers, log, fire } = target();
    handlers.set('open', value);
    expect(handlers.get('open')).toBe(value);
    expect(fire()).toEqual([]);
    handlers.set('open', () => log.push('handler'));
    expect(fire()).toEqual(['handler']);
  },
);

test('handler that returns false prevents the default', () => {
  const { target: eventTarget, handlers } = target();
  const dispatch = (value: unknown): boolean => {
    handlers.set('open', () => value);
    return eventTarget.dispatchEvent(new Event('open', { cancelable: true }));
  };
  expect([false, undefined, 0, null, true].map(dispatch)).toEqual([false, true, true, true, true]);
});

test('handler is called with the target and the event', () => {
  const { target: eventTarget, handlers } = target();
  const calls: unknown[] = [];
  handlers.set('open', function handler(this: unknown, event: Event) {
    calls.push(this, event.type);
  });
  eventTarget.dispatchEvent(new Event('open'));
  expect(calls).toEqual([eventTarget, 'open']);
});
