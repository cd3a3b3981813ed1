// Keeps the order of messages while a Blob, whose bytes come only by promise, is among them.

import type { SendCallback } from '../../platform.ts';
import { nextTick } from '../../clock.ts';
import type { BlobLike } from '../../base/realms.ts';

/** Sends the bytes once they are read. */
export type SendTask = (bytes: Uint8Array) => void;

export interface SendQueueOwner {
  /** Whether the connection is gone. */
  isClosed(): boolean;
  /** A Blob could not be read. */
  onFailure(error: Error): void;
  /** Nothing waits any more; the queue is done. */
  onEmpty(): void;
}

export class SendQueue {
  readonly #owner: SendQueueOwner;
  #tail: Promise<void> = Promise.resolve();
  #length = 0;
  /** Bytes waiting here. */
  bytes: number = 0;

  constructor(owner: SendQueueOwner) {
    this.#owner = owner;
  }

  /** Sends `data` after everything before it. */
  add(data: BlobLike | Uint8Array, send: SendTask, callback: SendCallback | undefined): void {
    // The caller may change its memory as soon as this has returned.
    const content = data instanceof Uint8Array ? new Uint8Array(data) : data;
    const size = content instanceof Uint8Array ? content.length : content.size;
    this.bytes += size;
    this.run(async () => {
      let bytes: Uint8Array;
      try {
        bytes = content instanceof Uint8Array ? content : new Uint8Array(await content.arrayBuffer());
      } catch (error) {
        // In a separate turn, where an exception of a listener is uncaught and not a rejected promise.
        nextTick(() => {
          callback?.(error as Error);
          this.#owner.onFailure(error as Error);
        });
        return;
      } finally {
        this.bytes -= size;
      }
      if (!this.#owner.isClosed()) send(bytes);
      else if (callback !== undefined) nextTick(callback, new Error('The socket was closed while the blob was being read'));
    });
  }

  /** Runs `task` after everything before it. */
  run(task: () => void | Promise<void>): void {
    this.#length++;
    const leave = (): void => {
      if (--this.#length === 0) this.#owner.onEmpty();
    };
    this.#tail = this.#tail.then(task).then(leave, (error: unknown) => {
      leave();
      nextTick(() => {
        throw error;
      });
    });
  }
}
