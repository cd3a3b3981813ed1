// Reads and checks the `heartbeat` option. src/protocol/heartbeat.ts sends the Pings.

import type { HeartbeatSettings } from '../../protocol/heartbeat.ts';
import { DEFAULT_HEARTBEAT_INTERVAL, DEFAULT_HEARTBEAT_TIMEOUT, ownOptions } from '../../base/options.ts';

/** Times of a heartbeat, which detects a peer that vanished. */
export interface HeartbeatOptions {
  /** Idle time in milliseconds before a Ping is sent. The Ping is sent after one to two intervals. Default 30,000. */
  interval?: number | undefined;
  /** Idle time in milliseconds after that Ping before the connection is dropped. Default 10,000. */
  timeout?: number | undefined;
}

/**
 * The times of a `heartbeat` option; undefined if it is off.
 *
 * @throws {RangeError} for a time that is not above 0. Infinity is no limit, as for every time: no Pings, or no end of the wait.
 * @throws {TypeError} for what is neither a boolean nor an object.
 */
export function heartbeatSettings(option: boolean | HeartbeatOptions | null | undefined): HeartbeatSettings | undefined {
  if (option === undefined || option === null || option === false) return undefined;
  if (option !== true && typeof option !== 'object')
    throw new TypeError('The "heartbeat" option must be a boolean or an object');
  const { interval = DEFAULT_HEARTBEAT_INTERVAL, timeout = DEFAULT_HEARTBEAT_TIMEOUT } = ownOptions(
    option === true ? null : option,
  );
  for (const [name, value] of Object.entries({ interval, timeout })) {
    if (typeof value !== 'number' || !(value > 0)) {
      throw new RangeError(`The "heartbeat.${name}" option must be a number of milliseconds above 0`);
    }
  }
  return interval === Infinity ? undefined : { interval, timeout };
}
