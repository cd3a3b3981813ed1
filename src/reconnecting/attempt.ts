// One attempt to connect, and the connection that it brings: a WebSocket from before its URL is known until its end.

import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../base/close-codes.ts';
import { isError, toError } from '../base/realms.ts';
import { OPEN } from '../base/states.ts';
import { clearTimer, holdProcess, setTimer, type Timer } from '../clock.ts';
import type { BinaryType } from '../api/w3c/body.ts';
import type { HeaderFields } from '../api/w3c/connect.ts';
import type { CloseEvent, MessageEvent } from '../api/w3c/events.ts';
import type { W3CWebSocket, WebSocketConstructor } from '../api/w3c/types.ts';
import type { Ending, ReconnectingSettings, Source } from './options.ts';

/** The parts of an attempt that its client decides. */
export interface AttemptPlan {
  readonly WebSocket: WebSocketConstructor;
  readonly url: Source<string | URL>;
  readonly settings: ReconnectingSettings;
  readonly binaryType: BinaryType;
}

/** The events of an attempt. None follows `onEnd`, or a call of `abandon()`. */
export interface AttemptEvents {
  onOpen(socket: W3CWebSocket): void;
  onMessage(event: MessageEvent): void;
  /** @param hasFailed Whether the WebSocket had an `error` event. */
  onEnd(ending: Omit<Ending, 'retries'>, hasFailed: boolean): void;
}

export class Attempt {
  /** Null until the URL is known. */
  socket: W3CWebSocket | null = null;
  readonly #plan: AttemptPlan;
  /** Null once it is over. */
  #events: AttemptEvents | null;
  #error: Ending['error'];
  #hasFailed = false;
  /** Of the time limit until it is open, then of the heartbeat. */
  #timer: Timer | undefined;
  /** Whether a message came since the timer was started. */
  #hasSign = false;

  constructor(plan: AttemptPlan, events: AttemptEvents) {
    this.#plan = plan;
    this.#events = events;
  }

  /** Starts to connect: within the call, unless a source is a function or a promise. @throws {unknown} the exceptions of the WebSocket class. */
  start(): void {
    const { url, settings } = this.#plan;
    const { protocols, headers, connectTimeout } = settings;
    if (connectTimeout < Infinity) {
      const expire = (): void => this.fail(new Error(`The WebSocket did not open within ${connectTimeout} ms`));
      this.#timer = setTimer(expire, connectTimeout);
      holdProcess(this.#timer);
    }
    if (![url, protocols, headers].some(isLater)) {
      try {
        return this.#connect(
          url as string | URL,
          protocols as Iterable<string> | undefined,
          headers as HeaderFields | undefined,
        );
      } catch (error) {
        this.abandon();
        throw error;
      }
    }
    Promise.all([resolve(url), resolve(protocols), resolve(headers)])
      .then(([address, names, fields]) => this.#connect(address, names, fields))
      .catch((error: unknown) => this.fail(toError(error)));
  }

  /** Ends it as a failure. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#hasFailed = true;
    this.#end({ code: CLOSE_ABNORMAL, reason: '', wasClean: false });
  }

  /** Gives it up without an event. */
  abandon(code: number = CLOSE_NORMAL): void {
    if (this.#over() !== null) this.socket?.close(code);
  }

  /** Asks the server for a sign of life now, if there is a heartbeat by messages. */
  probe(): void {
    const { heartbeat } = this.#plan.settings;
    if (heartbeat === null || this.socket?.readyState !== OPEN) return;
    const { message, timeout } = heartbeat;
    this.#arm(timeout, () => {
      if (this.#hasSign) this.#watch();
      else this.fail(new Error(`The server gave no sign of life within ${timeout} ms after a heartbeat`));
    });
    try {
      this.socket.send(typeof message === 'function' ? message() : message);
    } catch (error) {
      this.fail(toError(error));
    }
  }

  #connect(url: string | URL, protocols: string | Iterable<string> | undefined, headers: HeaderFields | undefined): void {
    if (this.#events === null) return;
    const { WebSocket, settings, binaryType } = this.#plan;
    const socket = new WebSocket(url, {
      ...settings.socket,
      ...(headers === undefined ? {} : { headers }),
      ...(protocols === undefined ? {} : { protocols }),
    });
    this.socket = socket;
    socket.binaryType = binaryType;
    socket.addEventListener('open', () => this.#opened(socket));
    socket.addEventListener('message', (event) => {
      this.#hasSign = true;
      this.#events?.onMessage(event);
    });
    socket.addEventListener('error', ({ error }) => {
      this.#hasFailed = true;
      if (isError(error)) this.#error ??= error;
    });
    socket.addEventListener('close', ({ code, reason, wasClean }: CloseEvent) => {
      // Deno says 0 for a connection that is lost.
      this.#end({ code: code || CLOSE_ABNORMAL, reason, wasClean });
    });
  }

  #opened(socket: W3CWebSocket): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
    if (this.#events === null) return socket.close();
    this.#watch();
    this.#events.onOpen(socket);
  }

  /** Waits for a silent interval. */
  #watch(): void {
    const { heartbeat } = this.#plan.settings;
    if (heartbeat === null) return;
    this.#arm(heartbeat.interval, () => {
      if (this.#hasSign) this.#watch();
      else this.probe();
    });
  }

  #arm(milliseconds: number, task: () => void): void {
    clearTimer(this.#timer);
    this.#hasSign = false;
    this.#timer = setTimer(task, milliseconds);
  }

  #end(close: { readonly code: number; readonly reason: string; readonly wasClean: boolean }): void {
    const events = this.#over();
    if (events === null) return;
    this.socket?.close();
    events.onEnd({ ...close, error: this.#error }, this.#hasFailed);
  }

  /** @returns The receiver of the events, null if it was over before. */
  #over(): AttemptEvents | null {
    const events = this.#events;
    this.#events = null;
    clearTimer(this.#timer);
    this.#timer = undefined;
    return events;
  }
}

/** Whether the value comes later. */
function isLater(source: unknown): boolean {
  return (
    typeof source === 'function' || typeof (source as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function'
  );
}

async function resolve<Value>(source: Source<Value>): Promise<Value> {
  return typeof source === 'function' ? (source as () => Value | PromiseLike<Value>)() : source;
}
