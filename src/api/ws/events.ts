// The EventTarget side of the ws-style classes: `addEventListener`, `onmessage` and the event objects they hand out.
// Registrations live in the emitter's own listeners, so `removeAllListeners` and the like see them.

import type { EventEmitter } from 'node:events';
import { internals } from './internals.ts';
import type { Event as EventMembers, Handler, MessageData } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

/** What every event object has. Members are read-only; `target` is the WebSocket it happened on. */
class Event {
  readonly #type: string;
  readonly #target: WebSocketBase;

  constructor(type: string, target: WebSocketBase) {
    this.#type = type;
    this.#target = target;
  }

  get type(): string {
    return this.#type;
  }

  get target(): WebSocketBase {
    return this.#target;
  }
}

class CloseEvent extends Event {
  readonly #init: { readonly code: number; readonly reason: string; readonly wasClean: boolean };

  constructor(target: WebSocketBase, init: { code: number; reason: string; wasClean: boolean }) {
    super('close', target);
    this.#init = init;
  }

  /** Status code, RFC 6455 section 7.1.5. */
  get code(): number {
    return this.#init.code;
  }

  get reason(): string {
    return this.#init.reason;
  }

  /** Whether Close frames went both ways. */
  get wasClean(): boolean {
    return this.#init.wasClean;
  }
}

class ErrorEvent extends Event {
  readonly #error: Error;

  constructor(target: WebSocketBase, error: Error) {
    super('error', target);
    this.#error = error;
  }

  get error(): Error {
    return this.#error;
  }

  get message(): string {
    return this.#error.message;
  }
}

class MessageEvent extends Event {
  readonly #data: MessageData;

  constructor(target: WebSocketBase, data: MessageData) {
    super('message', target);
    this.#data = data;
  }

  /** A string for text, else in the form that `binaryType` says. */
  get data(): MessageData {
    return this.#data;
  }
}

// `for (const key in event)` finds them, as in ws.
for (const { prototype } of [Event, CloseEvent, ErrorEvent, MessageEvent]) {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== 'constructor') Object.defineProperty(prototype, name, { enumerable: true });
  }
}

/** What was registered, on the function that the emitter calls for it. */
const registered: unique symbol = Symbol('registered');

interface Registration {
  readonly listener: unknown;
  /** Set by `onmessage = …` rather than by `addEventListener`. */
  readonly isAttribute: boolean;
}

type Wrapper = ((...values: unknown[]) => void) & { [registered]?: Registration };

/** From the arguments of the emitter's listener to the event object. */
const WRAPS: Readonly<Record<string, ((target: WebSocketBase, values: readonly unknown[]) => Event) | undefined>> = {
  open: (target) => new Event('open', target),
  message: (target, [data, isBinary]) => new MessageEvent(target, isBinary ? (data as Buffer) : String(data)),
  close: (target, [code, reason]) =>
    new CloseEvent(target, { code: code as number, reason: String(reason), wasClean: internals.wasClean(target) }),
  error: (target, [error]) => new ErrorEvent(target, error as Error),
};

function find(target: EventEmitter, type: string, matches: (registration: Registration) => boolean): Wrapper | undefined {
  return (target.listeners(type) as Wrapper[]).find(
    (wrapper) => wrapper[registered] !== undefined && matches(wrapper[registered]),
  );
}

/** Adds a listener; a second time, or for an event there is none of, does nothing. */
export function addListener(
  target: WebSocketBase,
  type: string,
  registration: Registration & { readonly once?: boolean | undefined },
): void {
  const { listener, isAttribute, once } = registration;
  const wrap = Object.hasOwn(WRAPS, type) ? WRAPS[type] : undefined;
  if (wrap === undefined || listener === null || listener === undefined) return;
  if (!isAttribute && find(target, type, (other) => !other.isAttribute && other.listener === listener) !== undefined) return;
  const wrapper: Wrapper = (...values) => {
    const event = wrap(target, values) as never;
    const { handleEvent } = listener as { handleEvent?: (event: never) => void };
    if (typeof listener === 'object' && handleEvent !== undefined) handleEvent.call(listener, event);
    else (listener as (event: never) => void).call(target, event);
  };
  wrapper[registered] = { listener, isAttribute };
  if (once) target.once(type, wrapper);
  else target.on(type, wrapper);
}

export function removeListener(target: WebSocketBase, type: string, listener: unknown): void {
  const wrapper = find(target, type, (other) => !other.isAttribute && other.listener === listener);
  if (wrapper !== undefined) target.removeListener(type, wrapper);
}

/** The value of `on<type>`. */
export function getAttribute<Kind extends EventMembers>(target: WebSocketBase, type: string): Handler<Kind> {
  return (find(target, type, (other) => other.isAttribute)?.[registered]?.listener as Handler<Kind> | undefined) ?? null;
}

export function setAttribute(target: WebSocketBase, type: string, listener: unknown): void {
  const old = find(target, type, (other) => other.isAttribute);
  if (old !== undefined) target.removeListener(type, old);
  if (typeof listener === 'function') addListener(target, type, { listener, isAttribute: true });
}
