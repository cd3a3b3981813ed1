// Joins the fragments of a message, for a WebSocket of the runtime that sends whole messages only.

import { guard } from '../base/guard.ts';
import type { Platform, SendCallback, SendOptions } from '../platform.ts';

/** A message whose last fragment has come. */
export interface JoinedMessage {
  readonly payload: Uint8Array;
  readonly isText: boolean;
  /** Calls the callbacks of all fragments. */
  readonly callback: SendCallback;
}

export class FragmentJoiner {
  readonly #platform: Platform;
  #pieces: Uint8Array[] = [];
  #callbacks: SendCallback[] = [];
  #isText = false;
  #isOpen = false;
  /** Payload bytes that wait here. */
  bytes: number = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Whether a frame is a fragment, given its options and the frames before it. */
  takes(options: SendOptions | undefined): boolean {
    return this.#isOpen || options?.fin === false;
  }

  /**
   * Adds a fragment.
   *
   * @param payload Kept.
   * @param isText Whether the message is text; only the first fragment's counts.
   * @returns The message, if this was its last fragment.
   */
  add(
    payload: Uint8Array,
    isText: boolean,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
  ): JoinedMessage | undefined {
    if (!this.#isOpen) this.#isText = isText;
    this.#isOpen = options?.fin === false;
    this.#pieces.push(payload);
    this.bytes += payload.length;
    if (callback !== undefined) this.#callbacks.push(this.#platform.bind(callback));
    return this.#isOpen ? undefined : this.#join();
  }

  /** Drops the unfinished message. @returns The callbacks of its fragments. */
  drop(): SendCallback[] {
    const callbacks = this.#callbacks;
    this.#pieces = [];
    this.#callbacks = [];
    this.#isOpen = false;
    this.bytes = 0;
    return callbacks;
  }

  #join(): JoinedMessage {
    const payload = this.#platform.allocate(this.bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      payload.set(piece, at);
      at += piece.length;
    }
    const callbacks = this.drop();
    return {
      payload,
      isText: this.#isText,
      callback: (error) => {
        for (const callback of callbacks) guard(this.#platform, () => callback(error));
      },
    };
  }
}
