// Event objects of `addEventListener` and `onmessage`, in the form in which ws 0.4 had them, and the flags of messages.

import type { MakeEvent } from '../shared/event-target.ts';
import type { MessageFlags } from './types.ts';
import type { WebSocket } from './websocket.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';

/** Members of all event objects. */
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

/** The error itself, as in ws 0.4, with the members of all event objects. */
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

/** Makers of the event objects, by type. */
export const EVENTS: Readonly<Record<keyof EventMap, MakeEvent<WebSocket>>> = {
  open: (target) => ({ type: 'open', target }),
  message: (target, [data]) => ({ type: 'message', target, data }),
  close: (target, [code, reason]) => ({ type: 'close', target, code, reason, wasClean: target.wasClean }),
  error(target, [error]) {
    // Not enumerable: a program that prints the error must not print the connection.
    for (const [name, value] of Object.entries({ type: 'error', target })) {
      Reflect.defineProperty(error as Error, name, { value, configurable: true, writable: true });
    }
    return error;
  },
};

/** The flags of a message. */
export function flagsOf(data: string | Buffer, binary: boolean, masked: boolean): MessageFlags {
  let bytes = typeof data === 'string' ? undefined : data;
  return {
    binary,
    masked,
    // Made on demand, because few listeners read it. UTF-8 has one form only, so encoding gives the bytes that arrived.
    get buffer(): Buffer {
      return (bytes ??= copyToOwn(Buffer.from(data as string)));
    },
  };
}
