// What listeners of a fibjs Socket get.

import type { Buffer } from 'node:buffer';
import type { BINARY, TEXT } from './constants.ts';
import type { SocketBase } from './socket.ts';

/** The connection is open. */
export interface OpenEvent {
  readonly type: 'open';
  readonly target: SocketBase;
}

/** A message has arrived. */
export interface MessageEvent {
  /** A string for TEXT, else a Buffer; it is the listener's to keep. */
  readonly data: string | Buffer;
  readonly type: typeof TEXT | typeof BINARY;
  /** Whether it came masked: whatever clients send does (RFC 6455 section 5.1). */
  readonly masked: boolean;
  /** Whether it came compressed (RFC 7692). False where the runtime implements the protocol and does not tell. */
  readonly compress: boolean;
}

/** The connection is over. */
export interface CloseEvent {
  readonly type: 'close';
  readonly target: SocketBase;
  /** The peer's status code; 1005 when it gave none, 1006 without a Close frame (RFC 6455 section 7.1.5). */
  readonly code: number;
  readonly reason: string;
}

/** Why the connection could not be opened, or was given up. `close` follows. */
export interface ErrorEvent {
  readonly type: 'error';
  readonly target: SocketBase;
  /** The error's message. */
  readonly reason: string;
  readonly error: Error;
}

/** Arguments of listeners, by event. */
export interface SocketEvents {
  open: [event: OpenEvent];
  message: [event: MessageEvent];
  close: [event: CloseEvent];
  error: [event: ErrorEvent];
}

/** A value of `onopen` and the like. */
export type Handler<Name extends keyof SocketEvents> = ((this: SocketBase, ...values: SocketEvents[Name]) => unknown) | null;
