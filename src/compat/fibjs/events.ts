// Events of a fibjs Socket.

import type { Buffer } from 'node:buffer';
import { bytesOf, MessageBody } from './body.ts';
import type { BINARY, TEXT } from './constants.ts';
import type { SocketBase } from './socket.ts';

/** The connection is open. */
export interface OpenEvent {
  readonly type: 'open';
  readonly target: SocketBase;
}

/** The connection of a message. */
export interface ConnectionStream {
  /** Drops the connection at once, without a Close frame. */
  close(): void;
}

/** A message has arrived. */
export class MessageEvent {
  /** A string for TEXT, else a Buffer. The listener may keep it. */
  readonly data: string | Buffer;
  readonly type: typeof TEXT | typeof BINARY;
  /** Whether it came masked, as all messages of clients do (RFC 6455 section 5.1). */
  readonly masked: boolean;
  /** Whether it came compressed (RFC 7692). False if the runtime implements the protocol, since it does not report that. */
  readonly compress: boolean;
  readonly #socket: SocketBase;
  // Made on demand, because most listeners read `data` only.
  #body: MessageBody | undefined;

  /** @param data Kept. */
  constructor(
    data: string | Buffer,
    type: typeof TEXT | typeof BINARY,
    masked: boolean,
    compress: boolean,
    socket: SocketBase,
  ) {
    this.data = data;
    this.type = type;
    this.masked = masked;
    this.compress = compress;
    this.#socket = socket;
  }

  /** The payload; text as UTF-8. Shares the memory of a Buffer in `data`. */
  get body(): MessageBody {
    return (this.#body ??= new MessageBody(bytesOf(this.data)));
  }

  /** The connection on which it came. */
  get stream(): ConnectionStream {
    return this.#socket._stream;
  }
}

/** The connection is over. */
export interface CloseEvent {
  readonly type: 'close';
  readonly target: SocketBase;
  /** The peer's close code; 1005 if it sent none (RFC 6455 section 7.1.5); 1006 after an error. */
  readonly code: number;
  readonly reason: string;
}

/** The connection could not be opened, or was lost. `readyState` is CLOSED; 'close' with 1006 follows. */
export interface ErrorEvent {
  readonly type: 'error';
  readonly target: SocketBase;
  /** 1002 if it could not be opened, 1001 if the peer went away, else the close code of the violation: 1002, 1007, 1008 or 1009. */
  readonly code: number;
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

/** The type of `onopen` and the like. */
export type Handler<Name extends keyof SocketEvents> = ((this: SocketBase, ...values: SocketEvents[Name]) => unknown) | null;
