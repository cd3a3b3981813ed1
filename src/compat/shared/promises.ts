// Promises of programs, whatever class they are of.

/** Whether a value is a promise, or can be waited for like one. */
export function isThenable<Value = unknown>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
