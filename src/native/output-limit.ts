// The limit for bytes that wait for a slow peer, over a WebSocket of the runtime that counts them but has no limit for one connection.

import { DEFAULT_MAX_BUFFERED_AMOUNT, type BufferPolicy } from '../base/options.ts';
import { refuseOutput } from '../base/output-limit.ts';
import type { CapacityError } from '../base/errors.ts';
import type { Platform, SendCallback } from '../platform.ts';

export interface OutputLimitOptions {
  /** Most bytes that may wait for the peer when another message is sent; 0 for no limit. Default 1 GiB. */
  readonly maxBufferedAmount?: number | undefined;
  /** Reaction to a message beyond `maxBufferedAmount`: `'close'`, the default, drops the connection. */
  readonly bufferPolicy?: BufferPolicy | undefined;
}

export class OutputLimit {
  readonly #platform: Platform;
  readonly #maximum: number;
  readonly #policy: BufferPolicy;

  constructor(
    platform: Platform,
    { maxBufferedAmount = DEFAULT_MAX_BUFFERED_AMOUNT, bufferPolicy = 'close' }: OutputLimitOptions,
  ) {
    this.#platform = platform;
    this.#maximum = maxBufferedAmount === 0 ? Infinity : maxBufferedAmount;
    this.#policy = bufferPolicy;
  }

  /**
   * Whether another message may join `waiting` bytes.
   *
   * @param onFailure Called where the policy is to drop the connection.
   * @throws {CapacityError} where the policy is to throw.
   */
  admits(waiting: number, callback: SendCallback | undefined, onFailure: (error: CapacityError) => void): boolean {
    if (waiting <= this.#maximum) return true;
    const error = refuseOutput(this.#platform, this.#policy, waiting, this.#maximum, callback);
    if (error !== undefined) onFailure(error);
    return false;
  }
}
