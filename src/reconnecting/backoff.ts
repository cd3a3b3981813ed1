// Waiting times between attempts: exponential backoff with jitter, and the server's Retry-After (RFC 9110 section 10.2.3).

import { now } from '../clock.ts';

/** The longest Retry-After that a client follows: one hour, so that a server cannot send it away for good. */
const LONGEST_RETRY_AFTER = 3_600_000;

/** Times in milliseconds, all above. */
export interface BackoffSettings {
  readonly initial: number;
  readonly maximum: number;
  readonly factor: number;
  readonly jitter: number;
  readonly resetAfter: number;
}

/**
 * Milliseconds before the next attempt.
 *
 * @param retries Attempts before, as in `Ending`.
 * @param random From 0 to 1, exclusive.
 */
export function backoffDelay({ initial, maximum, factor, jitter }: BackoffSettings, retries: number, random: number): number {
  // The power may be Infinity, and Infinity * 0 is no number.
  const full = initial === 0 ? 0 : Math.min(maximum, initial * factor ** retries);
  return full * (1 - jitter) + full * jitter * random;
}

/** Milliseconds that a Retry-After field asks for, at most an hour; 0 if there is none, or if it is neither a number nor a date. */
export function retryAfterDelay(value: string | undefined): number {
  if (value === undefined) return 0;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now();
  return milliseconds > 0 ? Math.min(milliseconds, LONGEST_RETRY_AFTER) : 0;
}
