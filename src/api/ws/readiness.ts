// The promise `ready` of the ws-style WebSocket, for the end of the opening handshake.

import type { WebSocketBase } from './websocket.ts';

const ignore = (): void => {};

/** A promise for the end of the opening handshake, made when a program asks for one. */
export class Readiness {
  readonly promise: Promise<WebSocketBase>;
  readonly #ws: WebSocketBase;
  readonly #isServer: boolean;
  #resolve: (ws: WebSocketBase) => void = ignore;
  #reject: (error: Error) => void = ignore;

  constructor(ws: WebSocketBase, isServer: boolean) {
    this.#ws = ws;
    this.#isServer = isServer;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /**
   * The handshake is over. On a server a peer that has left by then must not become a rejection, which few programs handle there and which
   * would end the process: the WebSocket is closed, as it may be at any time.
   */
  settle(error?: Error): void {
    if (error === undefined || this.#isServer) this.#resolve(this.#ws);
    else this.#reject(error);
  }
}
