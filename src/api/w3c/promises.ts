// Promises and iterators over any object with the W3C interface, also a WebSocket of the runtime: https://websockets.spec.whatwg.org/.
// Few imports, so that a page that uses nothing else loads little.

import { MessageIterator } from '../message-iterator.ts';
import { immediate } from '../../clock.ts';
import { CLOSE_ABNORMAL } from '../../base/close-codes.ts';
import { DEFAULT_MAX_WAITING_BYTES } from '../../base/options.ts';
import { isError } from '../../base/realms.ts';
import { CLOSED, CONNECTING, OPEN } from '../../base/states.ts';
import type { BorrowedMessageEvent } from './borrowed.ts';

/** The members of a WebSocket that are used. */
export interface WebSocketLike {
  /** 0 to 3: CONNECTING, OPEN, CLOSING, CLOSED. */
  readonly readyState: number;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
}

/** How a connection ended, as the event `close` tells it. */
export interface CloseDetails {
  /** RFC 6455 section 7.1.5: the peer's; 1005 when its Close frame had none, 1006 without one. */
  readonly code: number;
  readonly reason: string;
  /** Whether Close frames went both ways. */
  readonly wasClean: boolean;
}

/** How to collect messages. */
export interface MessagesOptions {
  /**
   * How much may wait for the program before {@link messages} gives up: bytes, where text counts by its UTF-16 units, and 64 more for
   * each message. A message that waits alone may be longer. 0 for no limit. Default 64 MiB.
   */
  readonly maximum?: number | undefined;
}

/** The data of a message. `binaryType` decides between the two kinds of bytes. */
export type MessageData = string | ArrayBuffer | Blob;

interface Ending {
  readonly details: CloseDetails;
  /** Why the connection failed, if it did. */
  readonly error: Error | undefined;
}

/** The cost of a message in addition to its bytes, so that the number of empty messages is limited too. */
const MESSAGE_COST = 64;

/** The interface tells of an end once, and keeps nothing. */
const endings = new WeakMap<WebSocketLike, Promise<Ending>>();

function endingOf(ws: WebSocketLike): Promise<Ending> {
  const known = endings.get(ws);
  if (known !== undefined) return known;
  const ending = new Promise<Ending>((resolve, reject) => {
    let error: Error | undefined;
    ws.addEventListener('error', (event) => (error ??= errorOf(event)));
    ws.addEventListener('close', (event) => {
      const { code: given, reason, wasClean } = event as Event & CloseDetails;
      // Deno says 0 for a connection that is lost.
      const code = given || CLOSE_ABNORMAL;
      if (!wasClean) error ??= new Error(`The WebSocket connection was lost (${code}${reason && `, ${reason}`})`);
      resolve({ details: { code, reason, wasClean }, error });
    });
    // It is CLOSED between the events error and close, too: a later turn knows.
    if (ws.readyState === CLOSED) immediate(() => reject(new Error('The WebSocket is already closed')));
  });
  endings.set(ws, ending);
  return ending;
}

/** Our events, and those of some runtimes, have the error; a browser's says nothing. */
function errorOf(event: Event): Error {
  const { error, message } = event as { readonly error?: unknown; readonly message?: string };
  if (isError(error)) return error;
  return new Error(message || 'The WebSocket connection failed');
}

/**
 * Resolves with `ws` once it is open, at once if it is.
 *
 * Rejects if it never opens, and when it is closed already. The error is that of the event `error`, if the runtime reports one.
 */
export function opened<Socket extends WebSocketLike>(ws: Socket): Promise<Socket> {
  const ending = endingOf(ws);
  return new Promise((resolve, reject) => {
    if (ws.readyState === OPEN) resolve(ws);
    if (ws.readyState === CONNECTING) ws.addEventListener('open', () => resolve(ws));
    ending.then(({ error }) => reject(error ?? new Error('The WebSocket was closed')), reject);
  });
}

/**
 * Resolves once the connection has ended, for any reason; also for one that never opened.
 *
 * Rejects when it had ended before any of the helpers was called with `ws`: the W3C API does not keep how.
 */
export function closed(ws: WebSocketLike): Promise<CloseDetails> {
  return endingOf(ws).then(({ details }) => details);
}

/**
 * The messages from now on, in order: `for await (const message of messages(ws))`.
 *
 * Ends when the connection is closed, and throws when it has failed or was lost, after all messages before that. Leaving the loop stops
 * listening and leaves the connection open; messages that have arrived by then are kept for the next call; messages that arrive between the two calls are lost. To
 * take some messages one by one and then the rest, call `next()` of one iterator and loop over the same.
 *
 * The W3C API has no backpressure: every message of a peer arrives, and waits here while the program is busy. So there is a limit: a message
 * beyond it is dropped, and a RangeError comes behind the messages that wait. The connection stays open even then, for the program to
 * close: this API may not send status code 1008.
 *
 * @throws {RangeError} if `maximum` is not a limit.
 * @throws {TypeError} for options that are no object.
 */
export function messages(ws: WebSocketLike, options: MessagesOptions = {}): AsyncIterableIterator<MessageData, undefined> {
  return new EventMessages(ws, options, endingOf(ws));
}

/** The messages of anything that has events named `message`. */
export class EventMessages extends MessageIterator<MessageData> {
  readonly #ws: WebSocketLike;
  readonly #maximum: number;

  /** @param ending Settled when no message follows; it may have the error that ends the messages. */
  constructor(ws: WebSocketLike, options: MessagesOptions | null | undefined, ending: Promise<Pick<Ending, 'error'>>) {
    // Without the functions of base/options.ts, which are a tenth of the code for browsers.
    if (typeof (options ?? {}) !== 'object') throw new TypeError('Options must be an object');
    const maximum = options?.maximum ?? DEFAULT_MAX_WAITING_BYTES;
    if (!(maximum >= 0)) throw new RangeError('maximum must be a number of bytes, or 0');
    super(ws);
    this.#ws = ws;
    this.#maximum = maximum || Infinity;
    ws.addEventListener('message', this.#onMessage);
    ending.then(
      ({ error }) => this.end(error),
      () => this.end(undefined),
    );
  }

  protected override sizeOf(data: MessageData): number {
    if (typeof data === 'string') return data.length + MESSAGE_COST;
    return ('size' in data ? data.size : data.byteLength) + MESSAGE_COST;
  }

  protected override stop(): void {
    this.#ws.removeEventListener('message', this.#onMessage);
  }

  readonly #onMessage = (event: Event): void => {
    const data = (event as Partial<BorrowedMessageEvent>).keep?.() ?? (event as MessageEvent<MessageData>).data;
    if (this.waiting === 0 || this.size + this.sizeOf(data) <= this.#maximum) this.add(data);
    else this.end(new RangeError(`More messages wait than the maximum allows (${this.#maximum} bytes)`));
  };
}
