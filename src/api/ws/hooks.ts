// Hooks of a program that decide about an upgrade request. Their answer may be a promise, and they may throw.

import { guard, type Deferring } from '../../base/guard.ts';

/** Taken at load: a program may replace it by a fake. */
const microtasks: Deferring = { defer: queueMicrotask };

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

/** Calls a hook, and goes on with its answer: in this call unless it is a promise. */
export function ask<Value>(hook: () => Answer<Value>, { onAnswer, onFailure }: Sequel<Value>): void {
  let answer: Answer<Value>;
  let isLate: boolean;
  try {
    answer = hook();
    isLate = isPromiseLike(answer);
  } catch (error) {
    return onFailure(error);
  }
  if (!isLate) return onAnswer(answer as Value, false);
  Promise.resolve(answer).then(
    (value) => guard(microtasks, () => onAnswer(value, true)),
    (error: unknown) => guard(microtasks, () => onFailure(error)),
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
