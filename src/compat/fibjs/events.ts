// What listeners of a fibjs Socket get.

import type { Buffer } from 'node:buffer';
import { bytesOf, MessageBody } from './body.ts';
import type { BINARY, TEXT } from './constants.ts';
import type { SocketBase } from './socket.ts';

/** The connection is open. */
export interface OpenEvent {
  readonly type: 'open';
  readonly target: SocketBase;
}

/** What messages come from. */
export interface ConnectionStream {
  /** Drops the connection at once, without a Close frame. */
  close(): void;
}

/** A message has arrived. */
export class MessageEvent {
  /** A string for TEXT, else a Buffer; it is the listener's to keep. */
  readonly data: string | Buffer;
  readonly type: typeof TEXT | typeof BINARY;
  /** Whether it came masked: whatever clients send does (RFC 6455 section 5.1). */
  readonly masked: boolean;
  /** Whether it came compressed (RFC 7692). False where the runtime implements the protocol and does not tell. */
  readonly compress: boolean;
  readonly #socket: SocketBase;
  // Most listeners read `data` alone.
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

  /** The payload, for text as UTF-8; of bytes it shares the memory of `data`. */
  get body(): MessageBody {
    return (this.#body ??= new MessageBody(bytesOf(this.data)));
  }

  /** The connection that it came from. */
  get stream(): ConnectionStream {
    return this.#socket._stream;
  }
}

/** The connection is over. */
export interface CloseEvent {
  readonly type: 'close';
  readonly target: SocketBase;
  /** The peer's status code; 1005 when it gave none (RFC 6455 section 7.1.5). 1006 behind an error. */
  readonly code: number;
  readonly reason: string;
}

/** Why the connection could not be opened, or was lost. `readyState` is CLOSED; 'close' with 1006 follows. */
export interface ErrorEvent {
  readonly type: 'error';
  readonly target: SocketBase;
  /** 1002 when it could not be opened, 1001 when the peer went away, else what the peer did wrong: 1002, 1007, 1008 or 1009. */
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

/** A value of `onopen` and the like. */
export type Handler<Name extends keyof SocketEvents> = ((this: SocketBase, ...values: SocketEvents[Name]) => unknown) | null;
