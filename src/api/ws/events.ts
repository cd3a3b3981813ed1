// The EventTarget side of the ws-style classes: `addEventListener`, `onmessage` and the event objects they hand out.

import type { WebSocketBase } from './websocket.ts';

/** What every event object has. Read-only; `target` is the WebSocket it happened on. */
export class Event {
  readonly type: string;
  readonly target: WebSocketBase;

  constructor(type: string, target: WebSocketBase) {
    this.type = type;
    this.target = target;
  }
}

export class CloseEvent extends Event {
  /** Status code, RFC 6455 section 7.1.5. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(target: WebSocketBase, init: { code: number; reason: string; wasClean: boolean }) {
    super('close', target);
    this.code = init.code;
    this.reason = init.reason;
    this.wasClean = init.wasClean;
  }
}

export class ErrorEvent extends Event {
  readonly error: unknown;
  readonly message: string;

  constructor(target: WebSocketBase, error: unknown) {
    super('error', target);
    this.error = error;
    this.message = error instanceof Error ? error.message : '';
  }
}

export class MessageEvent extends Event {
  /** A string for text, else in the form that `binaryType` says. */
  readonly data: unknown;

  constructor(target: WebSocketBase, data: unknown) {
    super('message', target);
    this.data = data;
  }
}

/** An event listener, or an object that has one. */
export type Listener = ((event: never) => void) | { handleEvent(event: never): void };

/** What `onmessage` and its like hold. */
export type Handler<Kind extends Event> = ((event: Kind) => void) | null;

/** What `addEventListener` may be told. */
export interface ListenerOptions {
  /** Remove the listener after its first event. Default false. */
  readonly once?: boolean | undefined;
}

interface Registration {
  readonly type: string;
  readonly listener: unknown;
  /** Set by `onmessage = …` rather than by `addEventListener`. */
  readonly isAttribute: boolean;
  readonly wrapped: (...values: unknown[]) => void;
}

type Arguments = readonly unknown[];
type Wrap = (target: WebSocketBase, values: Arguments) => Event;

/** From the arguments of the emitter's listener to the event object. */
const WRAPS: Readonly<Record<string, Wrap | undefined>> = {
  open: (target) => new Event('open', target),
  message: (target, [data, isBinary]) => new MessageEvent(target, isBinary === true ? data : String(data)),
  close: (target, [code, reason]) =>
    new CloseEvent(target, { code: code as number, reason: String(reason), wasClean: target.wasClean }),
  error: (target, [error]) => new ErrorEvent(target, error),
};

/** The listeners of one emitter that were registered the W3C way. */
export class EventListeners {
  readonly #target: WebSocketBase;
  #registrations: Registration[] = [];

  constructor(target: WebSocketBase) {
    this.#target = target;
  }

  /** Adds a listener; a second time, or for an event there is none of, does nothing. */
  add(type: string, listener: Listener | null, options: ListenerOptions = {}, isAttribute: boolean = false): void {
    const wrap = Object.hasOwn(WRAPS, type) ? WRAPS[type] : undefined;
    if (wrap === undefined || listener === null) return;
    if (!isAttribute && this.#find(type, listener) !== undefined) return;
    const target = this.#target;
    const wrapped = (...values: unknown[]): void => {
      if (options.once === true) this.#drop(registration);
      const event = wrap(target, values) as never;
      if (typeof listener === 'function') (listener as (this: WebSocketBase, event: never) => void).call(target, event);
      else listener.handleEvent(event);
    };
    const registration: Registration = { type, listener, isAttribute, wrapped };
    this.#registrations.push(registration);
    target.on(type, wrapped);
  }

  remove(type: string, listener: Listener): void {
    const registration = this.#find(type, listener);
    if (registration !== undefined) this.#drop(registration);
  }

  /** The value of `on<type>`. */
  attribute<Kind extends Event>(type: string): Handler<Kind> {
    const registration = this.#registrations.find((one) => one.isAttribute && one.type === type);
    return (registration?.listener as Handler<Kind> | undefined) ?? null;
  }

  setAttribute(type: string, listener: unknown): void {
    const registration = this.#registrations.find((one) => one.isAttribute && one.type === type);
    if (registration !== undefined) this.#drop(registration);
    if (typeof listener === 'function') this.add(type, listener as (event: never) => void, {}, true);
  }

  #find(type: string, listener: unknown): Registration | undefined {
    return this.#registrations.find((one) => !one.isAttribute && one.type === type && one.listener === listener);
  }

  #drop(registration: Registration): void {
    this.#registrations = this.#registrations.filter((one) => one !== registration);
    this.#target.removeListener(registration.type, registration.wrapped);
  }
}
