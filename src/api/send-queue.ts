// Keeps the order of messages while a Blob, whose bytes come only by promise, is among them. For both APIs.

import { toError, type BlobLike } from '../base/realms.ts';
import { nextTick } from '../clock.ts';

type Sendable = string | Uint8Array;

/** A message, or a task without content, that waits for a Blob before it, or for its own. */
interface Waiting {
  /** Bytes must be the queue's own. */
  readonly content: Sendable | BlobLike;
  /** Payload bytes. */
  readonly size: number;
  /** An exception becomes an uncaught one; the next message is sent even so. */
  send(content: Sendable): void;
  /** Called if the Blob could not be read. */
  fail?(error: Error): void;
}

export class SendQueue {
  readonly #onEmpty: () => void;
  #waiting: Waiting[] = [];
  /** Payload bytes that wait. */
  bytes: number = 0;

  /** @param onEmpty Called when nothing waits any more: the queue is done. */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Sends a message after everything before it. */
  add(message: Waiting): void {
    this.bytes += message.size;
    this.#waiting.push(message);
    if (this.#waiting.length === 1) void this.#run();
  }

  /** Drops all that waits. `onEmpty` is not called. */
  stop(): void {
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      let { content }: { content: Sendable | BlobLike | undefined } = next;
      if (typeof content === 'object' && !(content instanceof Uint8Array)) content = await this.#read(content, next);
      // Dropped meanwhile.
      if (this.#waiting[0] !== next) return;
      this.#waiting.shift();
      this.bytes -= next.size;
      try {
        if (content !== undefined) next.send(content);
      } catch (error) {
        nextTick(() => {
          throw error;
        });
      }
    }
    this.#onEmpty();
  }

  /** @returns undefined if that fails. */
  async #read(blob: BlobLike, message: Waiting): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await blob.arrayBuffer());
    } catch (error) {
      if (this.#waiting[0] === message) message.fail?.(toError(error));
      return undefined;
    }
  }
}
