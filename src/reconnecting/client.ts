// The state of a ReconnectingWebSocket: one attempt or connection after the other, the waits between them, and the queue.

import { checkClose } from '../api/w3c/arguments.ts';
import type { BinaryType } from '../api/w3c/body.ts';
import { failureEvent, pickCloseEvent } from '../api/w3c/events.ts';
import type { W3CWebSocket, WebSocketConstructor } from '../api/w3c/types.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../base/close-codes.ts';
import { toError } from '../base/realms.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../base/states.ts';
import { clearTimer, defer, elapsed, holdProcess, immediate, setTimer, type Timer } from '../clock.ts';
import { Attempt, type AttemptEvents } from './attempt.ts';
import { backoffDelay, retryAfterDelay } from './backoff.ts';
import type { Ending, ReconnectingSettings, Source } from './options.ts';
import { copyMessage, MessageQueue, type DropReason, type Message } from './queue.ts';
import { isOffline, watchSurroundings } from './surroundings.ts';

const CloseEvent = pickCloseEvent(globalThis);

/** An object that dispatches the events. */
export interface Face {
  readonly WebSocket: WebSocketConstructor;
  fire(event: Event): void;
}

export class Client {
  readonly #face: Face;
  readonly #url: Source<string | URL>;
  readonly #settings: ReconnectingSettings;
  readonly #queue: MessageQueue;
  #state: ReadyState = CONNECTING;
  /** See `Ending`. */
  retries: number = 0;
  #lastUrl: string = '';
  #binaryType: BinaryType = 'blob';
  /** Null while it waits, and at the end. */
  #attempt: Attempt | null = null;
  /** The connection that is open. */
  #socket: W3CWebSocket | null = null;
  #openSince = 0;
  /** Until the next attempt. */
  #timer: Timer | undefined;
  /** By `elapsed()`: the server wants no attempt before. */
  #notBefore = 0;
  readonly #release: () => void;
  /** Settled at the end, with the error if it gave up. */
  readonly ending: Promise<{ readonly error: Error | undefined }>;
  #settle!: (ending: { readonly error: Error | undefined }) => void;

  constructor(face: Face, url: Source<string | URL>, settings: ReconnectingSettings) {
    this.#face = face;
    this.#url = url;
    this.#settings = settings;
    this.#queue = new MessageQueue(settings.queue, (data, reason) => this.#fireMessage('dropped', data, reason));
    this.ending = new Promise((resolve) => (this.#settle = resolve));
    const { signal } = settings;
    const abort = (): void => this.close(undefined, '');
    if (signal?.aborted) {
      this.#release = () => {};
      abort();
    } else {
      this.#begin();
      const stopWatching = watchSurroundings(() => this.#hurry());
      signal?.addEventListener('abort', abort);
      this.#release = () => {
        stopWatching();
        signal?.removeEventListener('abort', abort);
      };
    }
  }

  /** CONNECTING while there is no connection that takes messages, but another one follows. */
  get readyState(): ReadyState {
    return this.#state === OPEN && this.#socket?.readyState !== OPEN ? CONNECTING : this.#state;
  }

  get url(): string {
    return this.#attempt?.socket?.url ?? this.#lastUrl;
  }

  get socket(): W3CWebSocket | null {
    return this.#socket;
  }

  get bufferedAmount(): number {
    return (this.#attempt?.socket?.bufferedAmount ?? 0) + this.#queue.bytes;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    this.#binaryType = type;
    const socket = this.#attempt?.socket;
    if (socket) socket.binaryType = type;
  }

  send(data: unknown): void {
    // The server may have begun to close the connection: then its WebSocket would lose the message.
    if (this.#socket?.readyState === OPEN) return this.#socket.send(data as string);
    const message = copyMessage(data);
    if (this.readyState >= CLOSING) this.#fireMessage('dropped', message, 'closed');
    else if (this.#queue.add(message)) this.#fireMessage('queued', message);
  }

  close(code: number | undefined, reason: string): void {
    checkClose(code, new TextEncoder().encode(reason).length);
    if (this.readyState >= CLOSING) return;
    this.#state = CLOSING;
    this.#stopWaiting();
    const socket = this.#socket;
    if (socket !== null) {
      // Chromium takes an undefined code in front of a reason for 0.
      if (code === undefined && reason === '') return socket.close();
      return socket.close(code ?? CLOSE_NORMAL, reason);
    }
    this.#attempt?.abandon();
    // As with a WebSocket, no event is fired within the call.
    immediate(() => this.#finish({ code: CLOSE_ABNORMAL, reason: '', wasClean: false }, undefined));
  }

  reconnect(): void {
    if (this.readyState >= CLOSING) throw new DOMException('The ReconnectingWebSocket was closed', 'InvalidStateError');
    const isOpen = this.#socket !== null;
    this.#stopWaiting();
    this.#attempt?.abandon();
    this.#leave();
    this.retries = 0;
    this.#wait(0);
    if (isOpen) this.#fireClose({ code: CLOSE_NORMAL, reason: '', wasClean: false }, true, 0);
  }

  /** Starts an attempt. @throws {unknown} The error of the WebSocket class for invalid arguments, the first time. */
  #begin(): void {
    const { WebSocket } = this.#face;
    const plan = { WebSocket, url: this.#url, settings: this.#settings, binaryType: this.#binaryType };
    const attempt = new Attempt(plan, this.#events());
    this.#attempt = attempt;
    attempt.start();
  }

  #events(): AttemptEvents {
    return {
      onOpen: (socket) => this.#opened(socket),
      onMessage: (event) => {
        const { data, origin } = event as MessageEvent<unknown>;
        this.#face.fire(new MessageEvent('message', { data, origin }));
      },
      onEnd: (ending, hasFailed) => this.#ended({ ...ending, retries: this.retries }, hasFailed),
    };
  }

  #opened(socket: W3CWebSocket): void {
    this.#socket = socket;
    this.#openSince = elapsed();
    this.#state = OPEN;
    this.#face.fire(new Event('open'));
    // After the listeners, whose first message may authenticate the program.
    while (this.#socket?.readyState === OPEN) {
      const message = this.#queue.take();
      if (message === undefined) return;
      this.#socket.send(message);
      this.#fireMessage('sent', message);
    }
  }

  #ended(given: Ending, hasFailed: boolean): void {
    const { backoff } = this.#settings;
    if (this.#socket !== null && elapsed() - this.#openSince >= backoff.resetAfter) this.retries = 0;
    const isClosing = this.readyState === CLOSING;
    this.#leave();
    const ending = { ...given, retries: this.retries };
    const mayRetry = !isClosing && this.#mayRetry(ending);
    // The program may have called close() or reconnect() to decide: the one ends it by itself, and the other has planned the next attempt.
    if (!isClosing && this.readyState >= CLOSING) return;
    if (this.#timer !== undefined) {
      if (hasFailed) this.#fireError(ending.error);
      if (this.readyState < CLOSING) this.#fireClose(ending, true, 0);
      return;
    }
    if (!mayRetry) {
      const error = ending.error ?? new Error(`The WebSocket connection was lost (${ending.code})`);
      if (hasFailed) this.#fireError(ending.error);
      return this.#finish(ending, isClosing ? undefined : error);
    }
    const asked = retryAfterDelay(ending.error?.retryAfter);
    const delay = asked + backoffDelay(backoff, this.retries, Math.random());
    this.retries++;
    this.#notBefore = elapsed() + asked;
    this.#wait(delay);
    if (hasFailed) this.#fireError(ending.error);
    // A listener may have called close(): then the last event follows.
    if (this.readyState < CLOSING) this.#fireClose(ending, true, delay);
  }

  #mayRetry(ending: Ending): boolean {
    const { isFinal, maxRetries, retry } = this.#settings;
    if (isFinal(ending.code) || this.retries >= maxRetries) return false;
    try {
      const answer: unknown = retry(ending);
      if (typeof answer === 'boolean') return answer;
      throw new TypeError('The function "retry" must return true or false: it decides at once');
    } catch (error) {
      // A client whose program cannot decide does not come back.
      defer(() => {
        throw error;
      });
      return false;
    }
  }

  /** Between two connections, or at the end. */
  #leave(): void {
    this.#lastUrl = this.url;
    this.#attempt = this.#socket = null;
    if (this.#state === OPEN) this.#state = CONNECTING;
  }

  /** @param isLonger Whether it has waited for the network already: a browser may be wrong about it. */
  #wait(milliseconds: number, isLonger: boolean = false): void {
    this.#timer = setTimer(() => {
      this.#timer = undefined;
      if (isOffline() && !isLonger) this.#wait(this.#settings.backoff.maximum, true);
      else this.#retry();
    }, milliseconds);
    holdProcess(this.#timer);
  }

  #stopWaiting(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #retry(): void {
    this.#stopWaiting();
    try {
      this.#begin();
    } catch (error) {
      this.#ended({ code: CLOSE_ABNORMAL, reason: '', wasClean: false, error: toError(error), retries: this.retries }, true);
    }
  }

  /** The network may be another one, or may be back. */
  #hurry(): void {
    if (this.#timer === undefined) this.#attempt?.probe();
    else if (!isOffline() && elapsed() >= this.#notBefore) this.#retry();
  }

  #finish(close: Pick<Ending, 'code' | 'reason' | 'wasClean'>, error: Error | undefined): void {
    this.#state = CLOSED;
    this.#leave();
    this.#release();
    this.#queue.clear();
    this.#fireClose(close, false, 0);
    this.#settle({ error });
  }

  #fireError(error: Error | undefined): void {
    this.#face.fire(error === undefined ? new Event('error') : failureEvent(error));
  }

  #fireClose(
    { code, reason, wasClean }: Pick<Ending, 'code' | 'reason' | 'wasClean'>,
    willReconnect: boolean,
    delay: number,
  ): void {
    const event = new CloseEvent('close', { code, reason, wasClean });
    this.#face.fire(Object.defineProperties(event, { willReconnect: { value: willReconnect }, delay: { value: delay } }));
  }

  #fireMessage(type: 'queued' | 'sent' | 'dropped', data: Message, reason?: DropReason): void {
    const event = Object.defineProperty(new Event(type), 'data', { value: data });
    this.#face.fire(reason === undefined ? event : Object.defineProperty(event, 'reason', { value: reason }));
  }
}
