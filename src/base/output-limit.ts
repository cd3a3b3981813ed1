// Refuses messages while more than `maxBufferedAmount` bytes wait for a slow peer.

import { CLOSE_POLICY_VIOLATION } from './close-codes.ts';
import { CapacityError } from './errors.ts';
import type { Deferring } from './guard.ts';
import type { BufferPolicy } from './options.ts';

/**
 * Refuses a message while `waiting` bytes wait for the peer, more than `maximum`.
 *
 * @param callback The message's, which gets the error.
 * @returns The error with which the caller must drop the connection; undefined if the policy keeps it.
 * @throws {CapacityError} if the policy is `'throw'`.
 */
export function refuseOutput(
  platform: Deferring,
  policy: BufferPolicy,
  waiting: number,
  maximum: number,
  callback: ((error: Error) => void) | undefined,
): CapacityError | undefined {
  const error = new CapacityError({
    code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT',
    message: `${waiting} bytes wait for the peer, more than maxBufferedAmount (${maximum})`,
    closeCode: CLOSE_POLICY_VIOLATION,
  });
  if (policy === 'throw') throw error;
  if (callback !== undefined) platform.defer(() => callback(error));
  return policy === 'close' ? error : undefined;
}
