// Messages of a ws-style WebSocket as an async iterator, with backpressure: `for await (const message of ws)`.

import type { Buffer } from 'node:buffer';
import { CLOSED } from '../../base/states.ts';
import { MessageIterator } from '../message-iterator.ts';
import { findCore } from './core.ts';
import { ownData } from './borrowed.ts';
import type { Data, RawData } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

/** Reading stops when so many messages, or so many bytes, wait for the program. Messages that were already read are still delivered. */
const MOST_MESSAGES = 16;
const MOST_BYTES = 65_536;

/** Ends when the WebSocket closes. A client's throws the error of its 'error' event. */
export class WebSocketMessages extends MessageIterator<Data> {
  readonly #ws: WebSocketBase;
  /** Whether the iterator has paused the connection. */
  #hasPaused = false;

  constructor(ws: WebSocketBase) {
    // By the core: a Proxy of a WebSocket is the same WebSocket.
    super(findCore(ws) ?? ws);
    this.#ws = ws;
    if (ws.readyState === CLOSED) {
      this.end(undefined);
    } else {
      ws.on('message', this.#onMessage);
      ws.on('error', this.#onError);
      ws.on('close', this.#onClose);
    }
  }

  override return(): ReturnType<MessageIterator<Data>['return']> {
    const result = super.return();
    this.#leave();
    return result;
  }

  protected override sizeOf(data: Data | Blob): number {
    if (typeof data === 'string') return data.length;
    if (Array.isArray(data)) return data.reduce((sum, { length }) => sum + length, 0);
    return 'size' in data ? data.size : data.byteLength;
  }

  protected override stop(): void {
    this.#ws.removeListener('message', this.#onMessage);
    this.onEmpty();
  }

  protected override onEmpty(): void {
    if (!this.#hasPaused) return;
    this.#hasPaused = false;
    this.#ws.resume();
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    this.add(isBinary ? ownData(data) : (data as Buffer).toString());
    if ((this.waiting < MOST_MESSAGES && this.size < MOST_BYTES) || this.#ws.isPaused) return;
    this.#hasPaused = true;
    this.#ws.pause();
  };

  // Listens until 'close' even so: a second 'error' without a listener would end the process.
  readonly #onError = (error: Error): void => {
    // On a server any peer can cause one, and few loops there stand in a `try`: the loop ends by 'close'.
    if (!findCore(this.#ws)?.isServer) this.end(error);
  };

  readonly #onClose = (): void => {
    this.end(undefined);
    this.#leave();
  };

  #leave(): void {
    this.#ws.removeListener('error', this.#onError);
    this.#ws.removeListener('close', this.#onClose);
  }
}
