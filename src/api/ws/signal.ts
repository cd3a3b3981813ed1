// The `signal` option: an AbortSignal for the opening handshake.

import { isAbortSignal } from '../../base/realms.ts';

/** The error of node:http's requests, which programs of ws know. */
function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

/** @throws {TypeError} if the value is not an AbortSignal. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null) return;
  if (isAbortSignal(signal)) return;
  const error = new TypeError('The "options.signal" property must be an instance of AbortSignal');
  throw Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/**
 * Calls `abort` when `signal` is aborted, be it already.
 *
 * @returns Stops listening. Call it when the handshake is over, whatever came of it.
 */
export function heedSignal(signal: AbortSignal, abort: (error: Error) => void): () => void {
  const onAbort = (): void => abort(abortError(signal));
  if (signal.aborted) {
    onAbort();
    return () => {};
  }
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}
