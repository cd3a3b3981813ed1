// The EventTarget side of the ws-style classes: `addEventListener`, `onmessage` and the event objects they hand out.
// Registrations live in the emitter's own listeners, so `removeAllListeners` and the like see them.

import type { EventEmitter } from 'node:events';
import { checkSignal, coreOf } from './core.ts';
import { keepForPromise } from './borrowed.ts';
import { TypedEmitter } from './emitter.ts';
import type * as types from './types.ts';
import type { Handler, MessageData } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

// Fields by symbols, not private ones: programs wrap events in proxies as well, to show them.
const TYPE: unique symbol = Symbol('type');
const TARGET: unique symbol = Symbol('target');
const DETAIL: unique symbol = Symbol('detail');

/** Members of every event object, read-only. `target` is the WebSocket that emitted the event. */
class Event {
  readonly [TYPE]: string;
  readonly [TARGET]: WebSocketBase;

  constructor(type: string, target: WebSocketBase) {
    this[TYPE] = type;
    this[TARGET] = target;
  }

  get type(): string {
    return this[TYPE];
  }

  get target(): WebSocketBase {
    return this[TARGET];
  }
}

class CloseEvent extends Event {
  readonly [DETAIL]: { readonly code: number; readonly reason: string; readonly wasClean: boolean };

  constructor(target: WebSocketBase, init: { code: number; reason: string; wasClean: boolean }) {
    super('close', target);
    this[DETAIL] = init;
  }

  /** Status code, RFC 6455 section 7.1.5. */
  get code(): number {
    return this[DETAIL].code;
  }

  get reason(): string {
    return this[DETAIL].reason;
  }

  /** Whether Close frames went both ways. */
  get wasClean(): boolean {
    return this[DETAIL].wasClean;
  }
}

class ErrorEvent extends Event {
  readonly [DETAIL]: Error;

  constructor(target: WebSocketBase, error: Error) {
    super('error', target);
    this[DETAIL] = error;
  }

  get error(): Error {
    return this[DETAIL];
  }

  get message(): string {
    return this[DETAIL].message;
  }
}

class MessageEvent extends Event {
  readonly [DETAIL]: MessageData;

  constructor(target: WebSocketBase, data: MessageData) {
    super('message', target);
    this[DETAIL] = data;
  }

  /** A string for text, else in the form that `binaryType` says. */
  get data(): MessageData {
    return this[DETAIL];
  }
}

// `for (const key in event)` finds them, as in ws.
for (const { prototype } of [Event, CloseEvent, ErrorEvent, MessageEvent]) {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== 'constructor') Object.defineProperty(prototype, name, { enumerable: true });
  }
}

/** The registered listener, on the function that the emitter calls for it. */
const registered: unique symbol = Symbol('registered');

interface Registration {
  readonly listener: unknown;
  /** Set by `onmessage = …` rather than by `addEventListener`. */
  readonly isAttribute: boolean;
}

type Wrapper = ((this: WebSocketBase, ...values: unknown[]) => void) & { [registered]?: Registration };

/** From the arguments of the emitter's listener to the event object. */
const WRAPS: Readonly<Record<string, ((target: WebSocketBase, values: readonly unknown[]) => Event) | undefined>> = {
  open: (target) => new Event('open', target),
  message: (target, [data, isBinary]) => new MessageEvent(target, isBinary ? (data as Buffer) : String(data)),
  close: (target, [code, reason]) =>
    new CloseEvent(target, { code: code as number, reason: String(reason), wasClean: coreOf(target).wasClean }),
  error: (target, [error]) => new ErrorEvent(target, error as Error),
};

/** @param listener For `addEventListener`'s. `on<type>` has one listener at most. */
function find(target: EventEmitter, type: string, isAttribute: boolean, listener?: unknown): Wrapper | undefined {
  return (target.listeners(type) as Wrapper[]).find(({ [registered]: found }) => {
    return found?.isAttribute === isAttribute && (isAttribute || found.listener === listener);
  });
}

/** Adds a listener. Does nothing for a listener that was already added, and for an unknown event. */
function addListener(
  target: EventEmitter,
  type: string,
  registration: Registration & { readonly once?: boolean | undefined; readonly signal?: AbortSignal | null | undefined },
): void {
  const { listener, isAttribute, once, signal } = registration;
  checkSignal(signal);
  if (signal?.aborted) return;
  const wrap = Object.hasOwn(WRAPS, type) ? WRAPS[type] : undefined;
  if (wrap === undefined || listener === null || listener === undefined) return;
  if (!isAttribute && find(target, type, false, listener) !== undefined) return;
  const wrapper: Wrapper = function (...values) {
    const event = wrap(this, values) as never;
    const { handleEvent } = listener as { handleEvent?: (event: never) => void };
    const isObject = typeof listener === 'object' && handleEvent !== undefined;
    keepForPromise(isObject ? handleEvent.call(listener, event) : (listener as (event: never) => unknown).call(this, event));
  };
  wrapper[registered] = { listener, isAttribute };
  if (once) target.once(type, wrapper);
  else target.on(type, wrapper);
  if (signal) removeOnAbort(signal, new WeakRef(target), type, wrapper);
}

/** The signal may outlive many sockets, so it does not hold this one. */
function removeOnAbort(signal: AbortSignal, target: WeakRef<EventEmitter>, type: string, wrapper: Wrapper): void {
  signal.addEventListener('abort', () => target.deref()?.removeListener(type, wrapper as never), { once: true });
}

function removeListener(target: EventEmitter, type: string, listener: unknown): void {
  const wrapper = find(target, type, false, listener);
  if (wrapper !== undefined) target.removeListener(type, wrapper);
}

/** The value of `on<type>`. */
function getAttribute<Kind extends types.Event>(target: EventEmitter, type: string): Handler<Kind> {
  return (find(target, type, true)?.[registered]?.listener as Handler<Kind> | undefined) ?? null;
}

function setAttribute(target: EventEmitter, type: string, listener: unknown): void {
  const old = find(target, type, true);
  if (old !== undefined) target.removeListener(type, old);
  if (typeof listener === 'function') addListener(target, type, { listener, isAttribute: true });
}

/** The members of an EventTarget. Only {@link WebSocketBase} derives from it. */
export abstract class ListeningBase extends TypedEmitter<types.SocketEvents> {
  /** Adds a listener; a second time, or for an event that there is not, does nothing. */
  addEventListener<Kind extends keyof types.WebSocketEventMap>(
    type: Kind,
    listener: types.Listener<types.WebSocketEventMap[Kind]>,
    options: types.EventListenerOptions = {},
  ): void {
    const { once, signal } = options;
    addListener(this, type, { listener, isAttribute: false, once, signal });
  }

  removeEventListener<Kind extends keyof types.WebSocketEventMap>(
    type: Kind,
    listener: types.Listener<types.WebSocketEventMap[Kind]>,
  ): void {
    removeListener(this, type, listener);
  }

  get onopen(): Handler<types.Event> {
    return getAttribute(this, 'open');
  }

  set onopen(listener: Handler<types.Event>) {
    setAttribute(this, 'open', listener);
  }

  get onmessage(): Handler<types.MessageEvent> {
    return getAttribute(this, 'message');
  }

  set onmessage(listener: Handler<types.MessageEvent>) {
    setAttribute(this, 'message', listener);
  }

  get onclose(): Handler<types.CloseEvent> {
    return getAttribute(this, 'close');
  }

  set onclose(listener: Handler<types.CloseEvent>) {
    setAttribute(this, 'close', listener);
  }

  get onerror(): Handler<types.ErrorEvent> {
    return getAttribute(this, 'error');
  }

  set onerror(listener: Handler<types.ErrorEvent>) {
    setAttribute(this, 'error', listener);
  }
}
