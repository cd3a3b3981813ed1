// Reads and checks the `heartbeat` option. src/protocol/heartbeat.ts sends the Pings.

import type { HeartbeatSettings } from '../../protocol/heartbeat.ts';
import { ownOptions } from '../../base/options.ts';

/** How to find out that a peer is gone without having said so. */
export interface HeartbeatOptions {
  /** Milliseconds without a sign of life after which a Ping is sent; it goes out within twice that time. Default 30,000. */
  interval?: number | undefined;
  /** Milliseconds without a sign of life after that Ping until the connection is dropped. Default 10,000. */
  timeout?: number | undefined;
}

const DEFAULT_INTERVAL = 30_000;
const DEFAULT_TIMEOUT = 10_000;
/** Longest time of a JavaScript timer, in milliseconds. */
const LONGEST = 2_147_483_647;

/**
 * The times of a `heartbeat` option; undefined if it is off.
 *
 * @throws {RangeError} for a time that is not above 0, or too long for a timer.
 * @throws {TypeError} for what is neither a boolean nor an object.
 */
export function heartbeatSettings(option: boolean | HeartbeatOptions | null | undefined): HeartbeatSettings | undefined {
  if (option === undefined || option === null || option === false) return undefined;
  if (option !== true && typeof option !== 'object')
    throw new TypeError('The "heartbeat" option must be a boolean or an object');
  const { interval = DEFAULT_INTERVAL, timeout = DEFAULT_TIMEOUT } = ownOptions(option === true ? null : option);
  for (const [name, value] of Object.entries({ interval, timeout })) {
    if (typeof value !== 'number' || !(value > 0 && value <= LONGEST)) {
      throw new RangeError(`The "heartbeat.${name}" option must be a number of milliseconds above 0 and up to ${LONGEST}`);
    }
  }
  return { interval, timeout };
}
