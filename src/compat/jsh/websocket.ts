// JSH's WebSocket over a Session, client and server.

import { DEFAULT_HANDSHAKE_TIMEOUT } from '../../base/options.ts';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { isAnyArrayBuffer } from 'node:util/types';
import { parseAddress } from '../../api/address.ts';
import { toBytes } from '../../api/ws/data.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../base/states.ts';
import { CLOSE_NORMAL } from '../../base/close-codes.ts';
import type { OpeningResult, Target } from '../../handshake/opening.ts';
import { startOpening } from '../../nodejs/opening.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import { MESSAGE_TEXT, UNATTACHED, type Role, type Session } from '../../platform.ts';
import { Accepted, contentOf, startLater } from '../shared/sessions.ts';
import { QuietEmitter } from './emitter.ts';
import { closeError, dialError, NOT_AN_ADDRESS, NOT_OPEN, readError, typeName } from './texts.ts';

/** Milliseconds that the closing handshake may take. `close()` does not wait for it. */
const CLOSE_TIMEOUT = 5_000;

const TEXT_MESSAGE = 1;
const BINARY_MESSAGE = 2;

/** The argument of 'message' listeners. */
export interface MessageEvent {
  /** `WebSocket.TextMessage` or `WebSocket.BinaryMessage`. */
  readonly type: typeof TEXT_MESSAGE | typeof BINARY_MESSAGE;
  /** A string for text, else a Buffer. The listener may keep it. */
  readonly data: string | Buffer;
}

/** The reason of the end, if this side did not close the connection. */
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

/** The subprotocols in an argument of the constructor. @throws {TypeError} for a value that is neither a string nor an array. */
function namesIn(protocols: unknown): string[] {
  if (protocols === undefined) return [];
  if (typeof protocols !== 'string' && !Array.isArray(protocols)) {
    throw new TypeError('Protocols must be a string or an array of strings');
  }
  return [protocols].flat().filter((name): name is string => typeof name === 'string' && name !== '');
}

/** The bytes of `data`, which share its memory; undefined if it has none. */
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
   * @param url `ws:` or `wss:` address. 'error' reports an invalid one.
   * @param protocols Subprotocols to offer, the most wanted first. Members that are not strings are left out.
   * @throws {TypeError} when `url` is not a string, or `protocols` is neither a string nor an array.
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

  /** The address as the program passed it; on a server path and query of the request. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol in use; empty without one, and before the connection is open. */
  get protocol(): string {
    return this.#protocol;
  }

  /** `WebSocket.CONNECTING`, also after a failed attempt, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /**
   * Sends a text message. Never throws: 'error' reports data that cannot be sent.
   *
   * @param data Text, or its UTF-8, which may be changed once this has returned.
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
   * Closes the connection with close code 1000, or stops connecting. Emits 'close' before it returns. Messages that were sent before are
   * still written. Does nothing if the connection is closed.
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
      const opening = startOpening(
        { target, protocols, headers: {}, handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT },
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
      this.#opening = opening;
      opening.send();
    } catch (error) {
      this.emit('error', error);
    }
  }

  #opened(socket: Duplex, { protocol, head }: OpeningResult): void {
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
    session.websocket = this;
    session.attach({
      ...UNATTACHED,
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

  /** The session of a connection that a server has accepted. @internal */
  get _session(): Session {
    return this.#session!;
  }

  /** Starts to read, after the listeners of 'open' have run. @internal */
  _start(head: Uint8Array): void {
    startLater(platform, this.#session!, head);
  }

  #lose(error: Error): void {
    this.#end({ error }, error);
  }

  /** @param failure Emitted before 'close'. */
  #end(event?: CloseEvent, failure?: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#onClosed?.(this);
    if (failure !== undefined) this.emit('error', failure);
    this.emit('close', ...(event === undefined ? [] : [event]));
  }
}
