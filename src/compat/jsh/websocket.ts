// JSH's WebSocket over a Session, client and server.

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { parseAddress } from '../../api/address.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { viewOf } from '../../api/ws/data.ts';
import { CLOSE_NORMAL } from '../../base/close-codes.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT, type Session } from '../../platform.ts';
import { startHandshake, type OpenedHandshake } from '../../nodejs/client.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import { nextTick } from '../../clock.ts';

/** Milliseconds that the opening handshake may take. */
const HANDSHAKE_TIMEOUT = 30_000;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
type ReadyState = typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED;

const TEXT_MESSAGE = 1;
const BINARY_MESSAGE = 2;

/** A message as listeners get it. */
export interface MessageEvent {
  /** `WebSocket.TextMessage` or `WebSocket.BinaryMessage`. */
  readonly type: typeof TEXT_MESSAGE | typeof BINARY_MESSAGE;
  /** A string for text, else a Buffer; it is the listener's to keep. */
  readonly data: string | Buffer;
}

/** Arguments of listeners, by event. */
export interface WebSocketEvents {
  open: [];
  message: [event: MessageEvent];
  close: [];
  error: [error: Error];
}

/** A server's connection, for the constructor in place of a URL. Not exported to programs. */
export class Accepted {
  readonly url: string;
  readonly protocol: string;
  readonly session: Session;

  constructor(url: string, protocol: string, session: Session) {
    this.url = url;
    this.protocol = protocol;
    this.session = session;
  }
}

/** Lets bytes flow once all promises that waited for the connection have had their turn, and may have added listeners. */
export function startLater(session: Session, head: Uint8Array): void {
  platform.defer(() => nextTick(() => session.start(head)));
}

/** The subprotocols in an argument of the constructor. @throws {TypeError} when it is neither a string nor an array. */
function namesIn(protocols: unknown): string[] {
  if (protocols === undefined) return [];
  if (typeof protocols !== 'string' && !Array.isArray(protocols)) {
    throw new TypeError('The protocols of a WebSocket must be a string or an array of strings');
  }
  return [protocols].flat().filter((name): name is string => typeof name === 'string' && name !== '');
}

export class WebSocket extends TypedEmitter<WebSocketEvents> {
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

  /**
   * Starts to connect. Returns at once; `open`, or `error` and `close`, follow.
   *
   * @param url `ws:` or `wss:` address. One that cannot be used is told by `error`.
   * @param protocols Subprotocols to ask for, the preferred one first. Members that are no strings are left out.
   * @throws {TypeError} when `url` is no string, or `protocols` neither a string nor an array.
   */
  constructor(url: string, protocols?: string | readonly string[]) {
    super();
    const address = url as string | Accepted;
    if (address instanceof Accepted) {
      this.#url = address.url;
      this.#protocol = address.protocol;
      this.#readyState = OPEN;
      this.#attach(address.session);
      return;
    }
    if (typeof address !== 'string') throw new TypeError('The url of a WebSocket must be a string');
    const names = namesIn(protocols);
    this.#url = address;
    platform.defer(() => this.#connect(names));
  }

  /** As it was given; on a server's side the URL of the request. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol in use; before the connection is open, and without one, empty. */
  get protocol(): string {
    return this.#protocol;
  }

  /** `WebSocket.CONNECTING`, `OPEN`, `CLOSING` or `CLOSED`. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /**
   * Sends a message: text for a string, binary for bytes. Never throws: what cannot be sent is told by `error`.
   *
   * @param data Bytes must not be changed in this turn of the event loop, nor while the system does not take them.
   */
  send(data: string | ArrayBufferView | ArrayBuffer): void {
    if (this.#readyState !== OPEN) return this.#emitError(new Error('The WebSocket is not open'));
    if (typeof data === 'string') this.#session!.sendText(data);
    else if (ArrayBuffer.isView(data)) {
      this.#session!.sendBytes(viewOf(new Uint8Array(data.buffer), data.byteOffset, data.byteOffset + data.byteLength), false);
    } else if ((data as unknown) instanceof ArrayBuffer) this.#session!.sendBytes(Buffer.from(data), false);
    else this.#emitError(new TypeError('A message is a string or bytes'));
  }

  /** Closes the connection with status code 1000, or gives up connecting; `close` follows. Does nothing when that has happened. */
  close(): void {
    if (this.#readyState === OPEN) this.#session!.close(CLOSE_NORMAL);
    else if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING;
      this.#opening?.abort();
      platform.defer(() => this.#end());
    }
  }

  #connect(protocols: readonly string[]): void {
    if (this.#readyState !== CONNECTING) return;
    try {
      const plan = {
        target: parseAddress(this.#url),
        protocols,
        version: 13,
        headers: {},
        handshakeTimeout: HANDSHAKE_TIMEOUT,
        request: {},
      } as const;
      const handshake = startHandshake(plan, {
        onUpgrade: () => true,
        onResponse: () => false,
        onOpen: (socket, opened) => this.#open(socket, opened),
        onFail: (error) => this.#fail(error),
      });
      this.#opening = handshake;
      handshake.request.end();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #open(socket: Duplex, { protocol, head }: OpenedHandshake): void {
    const session = createSession(socket, { role: 'client' });
    this.#opening = null;
    this.#protocol = protocol;
    this.#readyState = OPEN;
    this.#attach(session);
    try {
      this.emit('open');
    } finally {
      startLater(session, head);
    }
  }

  #attach(session: Session): void {
    this.#session = session;
    session.attach({
      onMessage: (source, start, end, kind) => this.#receive(source, start, end, kind),
      onPing() {},
      onPong() {},
      onClosing: () => {
        this.#readyState = CLOSING;
      },
      onError: (error) => this.#emitError(error),
      onDrain() {},
      onEnd: () => this.#end(),
    });
  }

  #receive(source: Uint8Array, start: number, end: number, kind: number): void {
    if (kind & MESSAGE_TEXT) {
      const data = platform.decodeText(source, start, end, (kind & MESSAGE_ASCII) !== 0);
      this.emit('message', { type: TEXT_MESSAGE, data });
      return;
    }
    const isOwned = (kind & MESSAGE_OWNED) !== 0;
    const data = isOwned ? viewOf(source, start, end) : (this.#session!.copyMessage(source, start, end) as Buffer);
    this.emit('message', { type: BINARY_MESSAGE, data });
  }

  #fail(error: Error): void {
    if (this.#readyState !== CONNECTING) return;
    this.#opening = null;
    this.#readyState = CLOSING;
    try {
      this.#emitError(error);
    } finally {
      this.#end();
    }
  }

  /** An emitter throws an error that nobody listens for; here `close` tells of it as well, and `send` must not throw. */
  #emitError(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  #end(): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.emit('close');
  }
}
