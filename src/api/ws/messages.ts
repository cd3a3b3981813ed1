// Messages as an async iterator, with backpressure: `for await (const message of ws)`.

import { findCore } from './core.ts';
import { CLOSED } from '../../base/states.ts';
import type { Data, RawData } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

type Result = IteratorResult<Data, undefined>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** Reading stops when so many messages, or so many bytes, wait for the program. Messages that were already read are still delivered. */
const MOST_MESSAGES = 16;
const MOST_BYTES = 65_536;
/** How many messages that were handed out stay in front of the queue. */
const MOST_TAKEN = 1024;

/** Messages that remained when an iteration was left early. The next iteration begins with them. */
const leftovers = new WeakMap<object, Data[]>();

function sizeOf(data: Data | Blob): number {
  if (typeof data === 'string') return data.length;
  if (Array.isArray(data)) return data.reduce((sum, { length }) => sum + length, 0);
  return 'size' in data ? data.size : data.byteLength;
}

/** The messages of one WebSocket from now on. Ends when it closes; a client's throws what its 'error' event says. */
export class MessageIterator implements AsyncIterableIterator<Data, undefined> {
  readonly #ws: WebSocketBase;
  #messages: Data[];
  /** Where the first message is that was not handed out. */
  #first = 0;
  #bytes = 0;
  readonly #waiters: Waiter[] = [];
  #error: Error | undefined;
  #isDone: boolean;
  /** Whether it was us who paused. */
  #hasPaused = false;

  constructor(ws: WebSocketBase) {
    this.#ws = ws;
    // By the core: a Proxy of a WebSocket is the same WebSocket.
    const key = findCore(ws) ?? ws;
    this.#messages = leftovers.get(key) ?? [];
    leftovers.delete(key);
    for (const message of this.#messages) this.#bytes += sizeOf(message);
    this.#isDone = ws.readyState === CLOSED;
    if (this.#isDone) return;
    ws.on('message', this.#onMessage);
    ws.on('error', this.#onError);
    ws.on('close', this.#onClose);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next message. May be called again before it has come. @throws {Error} what 'error' said, after all messages before it. */
  next(): Promise<Result> {
    if (this.#first < this.#messages.length) return Promise.resolve({ done: false, value: this.#take() });
    const error = this.#error;
    if (error !== undefined) {
      this.#error = undefined;
      this.#isDone = true;
      return Promise.reject(error);
    }
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends the iteration, not the connection. Remaining messages are kept for the next iteration, and reading goes on. */
  return(): Promise<Result> {
    const left = this.#messages.slice(this.#first);
    if (left.length > 0) leftovers.set(findCore(this.#ws) ?? this.#ws, left);
    this.#messages = [];
    this.#first = 0;
    this.#error = undefined;
    this.#stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): Data {
    const message = this.#messages[this.#first++];
    this.#bytes -= sizeOf(message);
    // Not shifted one by one: a chunk of tiny messages makes a long queue.
    if (this.#first === this.#messages.length) {
      this.#messages = [];
      this.#first = 0;
      this.#resume();
    } else if (this.#first === MOST_TAKEN) {
      this.#messages = this.#messages.slice(MOST_TAKEN);
      this.#first = 0;
    }
    return message;
  }

  readonly #onMessage = (data: RawData, isBinary: boolean): void => {
    if (this.#isDone) return;
    const message = isBinary ? data : (data as Buffer).toString();
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.resolve({ done: false, value: message });
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    if ((this.#messages.length - this.#first < MOST_MESSAGES && this.#bytes < MOST_BYTES) || this.#ws.isPaused) return;
    this.#hasPaused = true;
    this.#ws.pause();
  };

  // Listens until 'close' even so: a second 'error' without a listener would end the process.
  readonly #onError = (error: Error): void => {
    // On a server any peer can cause one, and few loops there stand in a `try`: the loop ends by 'close'.
    if (findCore(this.#ws)?.isServer || this.#isDone || this.#error !== undefined) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#error = error;
      return;
    }
    this.#isDone = true;
    waiter.reject(error);
    this.#finishWaiters();
  };

  readonly #onClose = (): void => this.#stop();

  #stop(): void {
    this.#isDone = true;
    const ws = this.#ws;
    ws.removeListener('message', this.#onMessage);
    ws.removeListener('error', this.#onError);
    ws.removeListener('close', this.#onClose);
    this.#resume();
    this.#finishWaiters();
  }

  #finishWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  #resume(): void {
    if (!this.#hasPaused) return;
    this.#hasPaused = false;
    this.#ws.resume();
  }
}
