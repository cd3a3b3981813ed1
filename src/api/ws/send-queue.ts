// Keeps the order of messages while a Blob, whose bytes come only by promise, is among them.

import type { SendCallback, Session } from '../../platform.ts';
import { isBlob, toBytes } from './data.ts';
import type { MessageOptions } from './websocket.ts';

export class SendQueue {
  readonly #session: Session;
  readonly #onEmpty: () => void;
  #tail: Promise<void> = Promise.resolve();
  #length = 0;
  /** Bytes waiting here. */
  bytes: number = 0;

  /** @param onEmpty Called when nothing waits any more; the queue is done then. */
  constructor(session: Session, onEmpty: () => void) {
    this.#session = session;
    this.#onEmpty = onEmpty;
  }

  add(data: unknown, isText: boolean, options: MessageOptions | undefined, callback: SendCallback | undefined): void {
    const payload = isBlob(data) ? data : toBytes(typeof data === 'number' ? String(data) : data);
    const size = isBlob(payload) ? payload.size : payload.length;
    this.bytes += size;
    this.run(
      async () => {
        const bytes = isBlob(payload) ? new Uint8Array(await payload.arrayBuffer()) : payload;
        this.bytes -= size;
        this.#session.sendBytes(bytes, isText, options, callback);
      },
      (error) => {
        this.bytes -= size;
        callback?.(error);
      },
    );
  }

  /** Runs `task` after everything before it. */
  run(task: () => void | Promise<void>, onError?: (error: Error) => void): void {
    this.#length++;
    this.#tail = this.#tail.then(task).then(undefined, (error: unknown) => {
      onError?.(error instanceof Error ? error : new Error(String(error)));
    });
    this.#tail = this.#tail.then(() => {
      if (--this.#length === 0) this.#onEmpty();
    });
  }
}
