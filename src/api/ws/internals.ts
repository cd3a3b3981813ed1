// What adapters may do to a WebSocket and programs may not. Kept off the class: a program's subclass may use any name.

import type { Duplex } from 'node:stream';
import type { SendOptions, Session } from '../../platform.ts';
import type { MessageOptions } from './types.ts';
import type { WebSocketBase } from './websocket.ts';

/** A client's opening handshake under way. */
export interface Opening {
  /** Gives up; nothing is reported any more. */
  abort(): void;
}

export interface Internals {
  /** Names who conducts the opening handshake; before anything that may end it. */
  setOpening(ws: WebSocketBase, opening: Opening): void;
  /** Sets what `url` says. */
  setUrl(ws: WebSocketBase, url: string): void;
  /** Takes over a connection whose opening handshake is done, and opens. */
  open(ws: WebSocketBase, session: Session, settings: OpenSettings): void;
  /** Lets bytes flow, unless the program has paused. `head` are bytes that came with the handshake. Kept. */
  start(ws: WebSocketBase, head: Uint8Array): void;
  /** Sends a message, as `send` of the class itself does. */
  send(ws: WebSocketBase, data: Uint8Array, settings: SendOptions & MessageOptions): void;
  /** The opening handshake failed. */
  fail(ws: WebSocketBase, error: Error): void;
  /** Whether Close frames went both ways; known once closed. */
  wasClean(ws: WebSocketBase): boolean;
}

/** What came out of an opening handshake. */
export interface OpenSettings {
  readonly protocol: string;
  /** As in a Sec-WebSocket-Extensions header. */
  readonly extensions: string;
  /** What the session runs over; null for a runtime's own WebSocket. */
  readonly socket: Duplex | null;
  /** See `ConnectionSettings`. Default true. */
  readonly allowSynchronousEvents?: boolean | undefined;
}

/** Filled by the class. */
export const internals: Internals = {} as Internals;
