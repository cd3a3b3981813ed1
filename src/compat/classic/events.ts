// `addEventListener` and `onmessage` of the facade: the browser's WebSocket as ws 0.4 emulated it.
// Registrations are listeners of the emitter, so `removeAllListeners` and the like see them.

import type { LooseListener } from '../../api/ws/emitter.ts';
import type { MessageFlags } from './types.ts';
import type { WebSocket } from './websocket.ts';
import { copyToOwn } from '../../nodejs/views.ts';

/** What all event objects have. */
export interface Event {
  readonly type: string;
  readonly target: WebSocket;
}

export interface MessageEvent extends Event {
  /** A string for text, else a Buffer. */
  readonly data: string | Buffer;
}

export interface CloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  /** Whether the closing handshake went both ways. */
  readonly wasClean: boolean;
}

/** The error itself, as in ws 0.4, with what all event objects have. */
export type ErrorEvent = Error & Event;

/** Event objects by type. */
export interface EventMap {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}

/** A listener that takes an event object. */
export type EventListener<Type extends keyof EventMap> = (this: WebSocket, event: EventMap[Type]) => void;

/** What a function that the emitter calls was made for. */
interface Registration {
  readonly listener: unknown;
  /** Set by `onmessage = …` rather than by `addEventListener`. */
  readonly isAttribute: boolean;
}

const registrations = new WeakMap<object, Registration>();

/** From the arguments of the emitter's listener to the event object. */
const MAKERS: { readonly [Type in keyof EventMap]: (target: WebSocket, values: readonly unknown[]) => EventMap[Type] } = {
  open: (target) => ({ type: 'open', target }),
  message: (target, [data]: readonly unknown[]) => ({ type: 'message', target, data: data as string | Buffer }),
  close: (target, [code, reason]) => ({
    type: 'close',
    target,
    code: code as number,
    reason: reason as string,
    wasClean: target.wasClean,
  }),
  error(target, [error]) {
    // Not enumerable: an error that is printed must not print the connection.
    for (const [name, value] of Object.entries({ type: 'error', target })) {
      Reflect.defineProperty(error as Error, name, { value, configurable: true, writable: true });
    }
    return error as ErrorEvent;
  },
};

function isType(type: string): type is keyof EventMap {
  return Object.hasOwn(MAKERS, type);
}

function find(
  target: WebSocket,
  type: string,
  matches: (registration: Registration) => boolean,
): LooseListener<WebSocket> | undefined {
  return (target.listeners(type) as LooseListener<WebSocket>[]).find((wrapper) => {
    const registration = registrations.get(wrapper);
    return registration !== undefined && matches(registration);
  });
}

/** Adds a listener; a second time does nothing. For a type without event objects it is a listener like any other, as in ws 0.4. */
export function addListener(target: WebSocket, type: string, listener: unknown, isAttribute: boolean = false): void {
  if (typeof listener !== 'function') return;
  if (!isType(type)) return void target.on(type, listener as LooseListener<WebSocket>);
  if (!isAttribute && find(target, type, (other) => other.listener === listener && !other.isAttribute)) return;
  const wrapper: LooseListener<WebSocket> = (...values: unknown[]) => {
    (listener as (this: WebSocket, event: Event) => void).call(target, MAKERS[type](target, values));
  };
  registrations.set(wrapper, { listener, isAttribute });
  target.on(type, wrapper);
}

/** Takes away what {@link addListener} added. */
export function removeListener(target: WebSocket, type: string, listener: unknown): void {
  const wrapper = find(target, type, (other) => other.listener === listener && !other.isAttribute);
  target.removeListener(type, wrapper ?? (listener as LooseListener<WebSocket>));
}

/** What `onmessage` and the like were set to; null for nothing. */
export function getAttribute<Type extends keyof EventMap>(target: WebSocket, type: Type): EventListener<Type> | null {
  const wrapper = find(target, type, ({ isAttribute }) => isAttribute);
  return wrapper === undefined ? null : (registrations.get(wrapper)!.listener as EventListener<Type>);
}

/** Sets `onmessage` and the like; anything but a function takes the listener away. */
export function setAttribute(target: WebSocket, type: keyof EventMap, listener: unknown): void {
  const wrapper = find(target, type, ({ isAttribute }) => isAttribute);
  if (wrapper) target.removeListener(type, wrapper);
  addListener(target, type, listener, true);
}

/** The flags of a message. */
export function flagsOf(data: string | Buffer, binary: boolean, masked: boolean): MessageFlags {
  let bytes = typeof data === 'string' ? undefined : data;
  return {
    binary,
    masked,
    // Few listeners look at it, and a text's bytes are gone by then: UTF-8 has one form only, so encoding gives the same ones.
    get buffer(): Buffer {
      return (bytes ??= copyToOwn(Buffer.from(data as string)));
    },
  };
}
