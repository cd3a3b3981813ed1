// What the ws-style WebSocket offers as promises: `ready` and `sendAsync`.

import type { Sendable } from './data.ts';
import type { MessageOptions } from './types.ts';
import type { WebSocketBase } from './websocket.ts';
import { nextTick } from '../../clock.ts';

const ignore = (): void => {};

/** A promise for the end of the opening handshake, made when a program asks for one. */
export class Readiness {
  readonly promise: Promise<WebSocketBase>;
  readonly #ws: WebSocketBase;
  #resolve: (ws: WebSocketBase) => void = ignore;
  #reject: (error: Error) => void = ignore;

  constructor(ws: WebSocketBase) {
    this.#ws = ws;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who waits for the promise hears of the error: an 'error' event without a listener would end the process.
    ws.on('error', ignore);
  }

  /** The handshake is over. */
  settle(error?: Error): void {
    const ws = this.#ws;
    if (error === undefined) {
      ws.removeListener('error', ignore);
      this.#resolve(ws);
    } else {
      // The event is about to be emitted.
      nextTick(() => ws.removeListener('error', ignore));
      this.#reject(error);
    }
  }
}

/** `send` with a promise in the place of the callback. */
export function sendAsync(ws: WebSocketBase, data: Sendable, options: MessageOptions | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    ws.send(data, options, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
