// Hooks of a program that decide about an upgrade request. Their answer may be a promise, and they may throw.

import { guard, type Deferring } from '../../base/guard.ts';

/** Taken at load: a program may replace it by a fake. */
export const microtasks: Deferring = { defer: queueMicrotask };

/** An answer, at once or later. */
export type Answer<Value> = Value | PromiseLike<Value>;

/** Continuations after the answer of a hook. */
export interface Sequel<Value> {
  /** An exception of it is thrown to the caller of {@link ask}, or is uncaught if the answer came later. */
  onAnswer(value: Value, isLate: boolean): void;
  /** The hook has thrown, or its promise was rejected. */
  onFailure(error: unknown): void;
}

export function isPromiseLike<Value>(answer: Answer<Value>): answer is PromiseLike<Value> {
  return (
    ((typeof answer === 'object' && answer !== null) || typeof answer === 'function') &&
    typeof (answer as { then?: unknown }).then === 'function'
  );
}

/** The socket of a client, as far as it tells that the client has left. */
export interface Leaving {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
}

/** Keeps `value` until the client has left. A program may hold a hook's promise or callback for ever: it holds this and nothing behind it. */
class Held<Value> {
  #value: Value | null;
  #socket: Leaving | null;
  readonly #drop = (): void => void this.take();

  constructor(value: Value, socket: Leaving) {
    this.#value = value;
    this.#socket = socket;
    if (socket.destroyed) this.#drop();
    else socket.once('close', this.#drop);
  }

  get value(): Value | null {
    return this.#value;
  }

  /** Hands the value over, once. */
  take(): Value | null {
    const value = this.#value;
    this.#socket?.removeListener('close', this.#drop);
    this.#value = this.#socket = null;
    return value;
  }
}

/** `callback` for a hook. It does nothing once the client has left. */
export function untilLeft<Values extends unknown[]>(
  callback: (...values: Values) => void,
  socket: Leaving,
): (...values: Values) => void {
  return callHeld(new Held(callback, socket));
}

// A function of its own: the closure would keep the callback otherwise.
function callHeld<Values extends unknown[]>(held: Held<(...values: Values) => void>): (...values: Values) => void {
  return (...values) => held.value?.(...values);
}

/** Calls a hook, and goes on with its answer: in this call unless it is a promise. Nothing follows once the client has left. */
export function ask<Value>(hook: () => Answer<Value>, sequel: Sequel<Value>, socket: Leaving): void {
  let answer: Answer<Value>;
  let isLate: boolean;
  try {
    answer = hook();
    isLate = isPromiseLike(answer);
  } catch (error) {
    return sequel.onFailure(error);
  }
  if (isLate) follow(answer, new Held(sequel, socket));
  else sequel.onAnswer(answer as Value, false);
}

function follow<Value>(answer: Answer<Value>, held: Held<Sequel<Value>>): void {
  Promise.resolve(answer).then(
    (value) => guard(microtasks, () => held.take()?.onAnswer(value, true)),
    (error: unknown) => {
      const sequel = held.take();
      if (sequel === null) warnOfHook('a WebSocketServer', error);
      else guard(microtasks, () => sequel.onFailure(error));
    },
  );
}

/** Tells the program of a hook that has failed: an error with a request of any peer, so it must not be an uncaught exception. */
export function warnOfHook(place: string, thrown: unknown): void {
  process.emitWarning(`A hook of ${place} failed`, { type: 'WebSocketServerWarning', detail: textOf(thrown) });
}

/** A thrown value may be anything: an object without a prototype has no text. */
function textOf(thrown: unknown): string {
  try {
    return String((thrown as { stack?: unknown } | null | undefined)?.stack ?? thrown);
  } catch {
    return 'It threw a value that has no text';
  }
}
