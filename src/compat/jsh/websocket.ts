// JSH's WebSocket over a Session, client and server.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../base/options.ts';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { isAnyArrayBuffer } from 'node:util/types';
import { parseAddress, type Target } from '../../api/address.ts';
import { toBytes } from '../../api/ws/data.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../api/ws/states.ts';
import { CLOSE_NORMAL } from '../../base/close-codes.ts';
import { startHandshake, type OpenedHandshake } from '../../nodejs/client.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import { MESSAGE_TEXT, type Role, type Session } from '../../platform.ts';
import { Accepted, contentOf, IGNORING, startLater } from '../shared/sessions.ts';
import { QuietEmitter } from './emitter.ts';
import { closeError, dialError, NOT_AN_ADDRESS, NOT_OPEN, readError, typeName } from './texts.ts';

/** Milliseconds that the socket may stay after `close()`, which does not wait for it. */
const CLOSE_TIMEOUT = 5_000;

const TEXT_MESSAGE = 1;
const BINARY_MESSAGE = 2;

/** A message as listeners get it. */
export interface MessageEvent {
  /** `WebSocket.TextMessage` or `WebSocket.BinaryMessage`. */
  readonly type: typeof TEXT_MESSAGE | typeof BINARY_MESSAGE;
  /** A string for text, else a Buffer; it is the listener's to keep. */
  readonly data: string | Buffer;
}

/** Why a connection closed that this side did not close. */
export interface CloseEvent {
  /** For example `websocket: close 1000 (normal)`. */
  readonly error: Error;
}

/** Arguments of listeners, by event. */
export interface WebSocketEvents {
  open: [];
  message: [event: MessageEvent];
  /** Without an argument after `close()`. */
  close: [event?: CloseEvent];
  error: [error: Error];
}

/** A server's connection. */
export interface Connection {
  readonly url: string;
  readonly protocol: string;
  readonly socket: Duplex;
  /** Called before 'close' is emitted. */
  onClosed(ws: WebSocket): void;
}

/** The subprotocols in an argument of the constructor. @throws {TypeError} when it is neither a string nor an array. */
function namesIn(protocols: unknown): string[] {
  if (protocols === undefined) return [];
  if (typeof protocols !== 'string' && !Array.isArray(protocols)) {
    throw new TypeError('Protocols must be a string or an array of strings');
  }
  return [protocols].flat().filter((name): name is string => typeof name === 'string' && name !== '');
}

/** Bytes over the memory of `data`; undefined when it has none. */
function bytesOf(data: unknown): Buffer | undefined {
  return ArrayBuffer.isView(data) || isAnyArrayBuffer(data) ? toBytes(data) : undefined;
}

export class WebSocket extends QuietEmitter<WebSocketEvents> {
  static readonly CONNECTING: typeof CONNECTING = CONNECTING;
  static readonly OPEN: typeof OPEN = OPEN;
  static readonly CLOSING: typeof CLOSING = CLOSING;
  static readonly CLOSED: typeof CLOSED = CLOSED;
  /** `type` of a text message. */
  static readonly TextMessage: typeof TEXT_MESSAGE = TEXT_MESSAGE;
  /** `type` of a binary message. */
  static readonly BinaryMessage: typeof BINARY_MESSAGE = BINARY_MESSAGE;

  readonly #url: string;
  #protocol = '';
  #readyState: ReadyState = CONNECTING;
  #session: Session | null = null;
  #opening: { abort(): void } | null = null;
  readonly #onClosed: ((ws: WebSocket) => void) | undefined;

  /**
   * Starts to connect. Returns at once; 'open' or 'error' follows.
   *
   * @param url `ws:` or `wss:` address. One that cannot be used is told by 'error'.
   * @param protocols Subprotocols to ask for, the preferred one first. Members that are no strings are left out.
   * @throws {TypeError} when `url` is no string, or `protocols` neither a string nor an array.
   */
  constructor(url: string, protocols?: string | readonly string[]) {
    super();
    const address = url as string | Accepted<Connection>;
    if (address instanceof Accepted) {
      const { connection } = address;
      this.#url = connection.url;
      this.#protocol = connection.protocol;
      this.#onClosed = connection.onClosed;
      this.#open(connection.socket, 'server');
      return;
    }
    if (typeof address !== 'string') throw new TypeError(`URL must be a string, got ${typeof address}`);
    const names = namesIn(protocols);
    this.#url = address;
    platform.defer(() => this.#connect(names));
  }

  /** As it was given; on a server's side that of the request: path and query. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol in use; before the connection is open, and without one, empty. */
  get protocol(): string {
    return this.#protocol;
  }

  /** `WebSocket.CONNECTING`, also after a failed attempt, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /**
   * Sends a text message. Never throws: what cannot be sent is told by 'error'.
   *
   * @param data Text; or its UTF-8, which is the caller's again once this has returned.
   */
  send(data: string | ArrayBufferView | ArrayBuffer): void {
    if (this.#readyState !== OPEN) return void this.emit('error', new Error(NOT_OPEN));
    if (typeof data === 'string') return this.#session!.sendText(data);
    const bytes = bytesOf(data);
    if (bytes === undefined) this.emit('error', new TypeError(`unsupported message type: ${typeName(data)}`));
    else if (!platform.codec.isUtf8(bytes))
      this.emit('error', new TypeError('websocket: the bytes of a text message must be UTF-8'));
    else this.#session!.sendBytes(bytes, true);
  }

  /**
   * Closes the connection with status code 1000, or gives up connecting. 'close' is emitted before this returns; what was sent still
   * goes out. Does nothing when the connection is closed.
   */
  close(): void {
    if (this.#readyState === CLOSED) return;
    this.#opening?.abort();
    this.#session?.close(CLOSE_NORMAL);
    this.#end();
  }

  #connect(protocols: readonly string[]): void {
    if (this.#readyState !== CONNECTING) return;
    let target: Target;
    try {
      target = parseAddress(this.#url);
    } catch (error) {
      return void this.emit('error', new Error(NOT_AN_ADDRESS, { cause: error }));
    }
    try {
      const handshake = startHandshake(
        { target, protocols, version: 13, headers: {}, handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT, request: {} },
        {
          onUpgrade: () => true,
          onResponse: () => false,
          onOpen: (socket, opened) => this.#opened(socket, opened),
          onFail: (error) => {
            this.#opening = null;
            this.emit('error', dialError(error, target));
          },
        },
      );
      this.#opening = handshake;
      handshake.request.end();
    } catch (error) {
      this.emit('error', error);
    }
  }

  #opened(socket: Duplex, { protocol, head }: OpenedHandshake): void {
    this.#opening = null;
    this.#protocol = protocol;
    this.#open(socket, 'client');
    this.emit('open');
    this._start(head);
  }

  #open(socket: Duplex, role: Role): void {
    const session = createSession(socket, { role, closeTimeout: CLOSE_TIMEOUT });
    this.#session = session;
    this.#readyState = OPEN;
    session.attach({
      ...IGNORING,
      onMessage: (source, start, end, kind) => {
        if (this.#readyState !== OPEN) return;
        const type = (kind & MESSAGE_TEXT) === 0 ? BINARY_MESSAGE : TEXT_MESSAGE;
        this.emit('message', { type, data: contentOf(platform, session, source, start, end, kind) });
      },
      onClosing: () => {
        if (this.#readyState === OPEN) this.#readyState = CLOSING;
      },
      onCloseFrame: (code, reason) => this.#end({ error: closeError(code, Buffer.from(reason).toString()) }),
      onError: (error) => this.#lose(readError(error)),
      onEnd: (code) => this.#lose(closeError(code, '')),
    });
  }

  /** Lets bytes flow, behind the listeners of 'open'. @internal */
  _start(head: Uint8Array): void {
    startLater(platform, this.#session!, head);
  }

  #lose(error: Error): void {
    this.#end({ error }, error);
  }

  /** @param failure Told before 'close'. */
  #end(event?: CloseEvent, failure?: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#onClosed?.(this);
    if (failure !== undefined) this.emit('error', failure);
    this.emit('close', ...(event === undefined ? [] : [event]));
  }
}
