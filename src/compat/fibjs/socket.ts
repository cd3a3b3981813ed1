// fibjs's ws.Socket over a Session, client and server: the W3C interface as an EventEmitter.

import { checkFlag, readOptions } from '../../base/options.ts';
import { Buffer } from 'node:buffer';
import { parseAddress } from '../../api/address.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { CLOSE_ABNORMAL, CLOSE_GOING_AWAY, CLOSE_NORMAL, CLOSE_PROTOCOL_ERROR } from '../../base/close-codes.ts';
import { UsageError, type PeerError } from '../../base/errors.ts';
import { inTurn } from '../../base/guard.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { MESSAGE_COMPRESSED, MESSAGE_TEXT, UNATTACHED, type Session } from '../../platform.ts';
import { defineHandlers } from '../shared/event-target.ts';
import { Accepted, contentOf, startLater } from '../shared/sessions.ts';
import { refuseForeign } from '../shared/upgrades.ts';
import type { FibjsBinding, Holder, OpenedConnection } from './binding.ts';
import { bytesOf } from './body.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../base/states.ts';
import { BINARY, TEXT } from './constants.ts';
import { HttpClient, withCookies } from './http-client.ts';
import { DEFAULT_MAXIMUM_PAYLOAD } from './message.ts';
import { MessageEvent, type ConnectionStream, type ErrorEvent, type Handler, type SocketEvents } from './events.ts';

/** Options of `new Socket(url, options)`. */
export interface SocketOptions {
  /** Subprotocols to offer. Default none. */
  readonly protocol?: string | readonly string[] | undefined;
  /** Value of the Origin field. Default none. */
  readonly origin?: string | undefined;
  /** Whether to offer permessage-deflate (RFC 7692). Default false. */
  readonly perMessageDeflate?: boolean | undefined;
  /** Largest message that is accepted, in bytes; 0 for no limit. Default 64 MiB. */
  readonly maxPayload?: number | undefined;
  /** More header fields for the request. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * A cookie jar with `getCookieString(url)` and, optionally, `setCookie(cookie, url)`, such as that of tough-cookie; or an object that has
   * such a jar as `cookieJar`, `jar` or `cookies`. Or an undici Dispatcher, which sends the request.
   */
  readonly httpClient?: object | undefined;
}

/** A server's connection. */
export interface Connection {
  readonly url: string;
  readonly origin: string;
  readonly protocol: string;
  readonly session: Session;
  readonly holder: Holder;
}

/** Types of the values that are sent as text. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);
/** Names of the ready states, by number. */
const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;

/** A WebSocket with the API of fibjs. Takes listeners by `on`, `once` and `off`, and by `onopen` and the like. */
export class SocketBase extends TypedEmitter<SocketEvents> {
  readonly #binding: FibjsBinding;
  readonly #url: string;
  readonly #origin: string;
  #protocol = '';
  #readyState: ReadyState = CONNECTING;
  declare onopen: Handler<'open'>;
  declare onmessage: Handler<'message'>;
  declare onclose: Handler<'close'>;
  declare onerror: Handler<'error'>;
  #session: Session | null = null;
  #opening: { abort(): void } | null = null;
  /** An error without a close code. The end of the session has the code. */
  #error: Error | null = null;
  #stream: ConnectionStream | null = null;
  #holder: Holder | null = null;
  #isReferenced = true;

  /** Programs construct `Socket`; see {@link SocketConstructor}. */
  constructor(binding: FibjsBinding, address: string | URL | Accepted<Connection>, given: SocketOptions) {
    super();
    const options = readOptions(given);
    refuseForeign(options);
    this.#binding = binding;
    if (address instanceof Accepted) {
      const { url, origin, protocol, holder, session } = address.connection;
      this.#url = url;
      this.#origin = origin;
      this.#protocol = protocol;
      this.#holder = holder;
      this.#readyState = OPEN;
      this.#attach(session);
    } else {
      this.#url = String(address);
      this.#origin = options.origin ?? '';
      this.#protocol = [options.protocol ?? ''].flat().join(', ');
      this.#connect(options);
    }
  }

  /** The address as the program passed it; on a server the URL of the request. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol in use, empty without one. Before the connection is open: the subprotocols that are offered. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The origin as the program passed it; on a server the Origin field of the request. Empty for none. */
  get origin(): string {
    return this.#origin;
  }

  /** CONNECTING, OPEN, CLOSING or CLOSED. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /**
   * Sends a message: bytes as a binary message, all other values as text.
   *
   * @param data Bytes may be changed once this has returned.
   * @throws {UsageError} unless the connection is open. The message names the state.
   * @throws {TypeError} when it is neither text nor bytes.
   */
  send(data: string | number | bigint | boolean | ArrayBufferView | ArrayBuffer): void {
    if (this.#readyState !== OPEN) throw new UsageError(`The WebSocket is ${STATES[this.#readyState]}, not OPEN`);
    if (typeof data === 'object') return this.#session!.sendBytes(bytesOf(data), false);
    if (!TEXT_TYPES.has(typeof data)) throw new TypeError(`A message is text or bytes, not ${typeof data}`);
    this.#session!.sendText(String(data));
  }

  /**
   * Starts the closing handshake, or stops connecting. Does nothing if the connection is closing or closed.
   *
   * @param code 1000, the default, or 3000 to 4999.
   * @param reason At most 123 bytes as UTF-8.
   * @throws {UsageError} for another code or a longer reason.
   */
  close(code: number = CLOSE_NORMAL, reason: string = ''): void {
    if (code !== CLOSE_NORMAL && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      throw new UsageError(`A close code must be 1000 or 3000 to 4999, not ${code}`);
    }
    const bytes = Buffer.from(reason);
    if (bytes.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
      throw new UsageError(`A close reason has at most 123 bytes; this one has ${bytes.length}`);
    }
    if (this.#readyState === OPEN) this.#session!.close(code, bytes);
    else if (this.#readyState === CONNECTING) this.#giveUp();
  }

  /** Lets the connection keep the process alive, which is the default. */
  ref(): this {
    this.#isReferenced = true;
    this.#holder?.ref?.();
    return this;
  }

  /** Lets the process end although the connection is open. */
  unref(): this {
    this.#isReferenced = false;
    this.#holder?.unref?.();
    return this;
  }

  #connect(options: SocketOptions): void {
    const target = parseAddress(this.#url);
    const { protocol = '', perMessageDeflate = false, maxPayload, headers = {} } = options;
    checkFlag('perMessageDeflate', perMessageDeflate);
    const client = new HttpClient(options.httpClient, target.href);
    const plan = {
      target,
      protocols: [protocol].flat().filter((name) => name !== ''),
      origin: this.#origin,
      deflate: perMessageDeflate ? {} : undefined,
      dispatcher: client.dispatcher,
    };
    const events = {
      onHolder: (holder: Holder) => this.#setHolder(holder),
      onCookies: (cookies: readonly string[]) => client.store(cookies),
      onOpen: (opened: OpenedConnection) => this.#open(opened, maxPayload),
      onFail: (error: Error) => this.#lose(CLOSE_PROTOCOL_ERROR, error),
    };
    const start = (cookies: string): void => {
      this.#opening = this.#binding.connect({ ...plan, headers: withCookies(headers, cookies) }, events);
    };
    const cookies = client.cookieString();
    if (typeof cookies === 'string') return start(cookies);
    cookies
      .then((text) => this.#readyState === CONNECTING && start(text))
      .catch((error: Error) => this.#lose(CLOSE_PROTOCOL_ERROR, error));
  }

  #setHolder(holder: Holder): void {
    this.#holder = holder;
    if (!this.#isReferenced) holder.unref?.();
  }

  #open(opened: OpenedConnection, maxPayload: number = DEFAULT_MAXIMUM_PAYLOAD): void {
    const { agreement, protocol, head } = opened;
    const engine = this.#binding.deflateEngine?.();
    const compression = agreement && engine ? { agreement, engine } : undefined;
    const session = opened.createSession({ role: 'client', maxPayload, compression });
    this.#opening = null;
    this.#protocol = protocol;
    this.#readyState = OPEN;
    this.#attach(session);
    try {
      this.emit('open', { type: 'open', target: this });
    } finally {
      startLater(this.#binding.platform, session, head);
    }
  }

  #attach(session: Session): void {
    this.#session = session;
    session.websocket = this;
    session.attach({
      ...UNATTACHED,
      onMessage: (source, start, end, kind) => this.#receive(source, start, end, kind),
      onClosing: () => {
        if (this.#readyState === OPEN) this.#readyState = CLOSING;
      },
      onError: (error) => {
        const { closeCode } = error as Partial<PeerError>;
        if (closeCode === undefined) this.#error = error;
        else this.#lose(closeCode, error);
      },
      onEnd: (code, reason) => this.#endSession(code, this.#binding.platform.decodeText(reason, 0, reason.length, false)),
    });
  }

  #receive(source: Uint8Array, start: number, end: number, kind: number): void {
    // After `close()`, a listener that answers would throw. A peer that goes on sending must not cause that.
    if (this.#readyState !== OPEN) return;
    const session = this.#session!;
    const data = contentOf(this.#binding.platform, session, source, start, end, kind);
    const type = (kind & MESSAGE_TEXT) === 0 ? BINARY : TEXT;
    const isCompressed = (kind & MESSAGE_COMPRESSED) !== 0;
    this.emit('message', new MessageEvent(data, type, session.role === 'server', isCompressed, this));
  }

  /** `stream` of messages. @internal */
  get _stream(): ConnectionStream {
    return (this.#stream ??= { close: () => this.#session?.terminate() });
  }

  #giveUp(): void {
    this.#readyState = CLOSING;
    this.#opening?.abort();
    this.#opening = null;
    const error = new Error('The WebSocket was closed before it was open');
    this.#binding.platform.defer(() => this.#lose(CLOSE_PROTOCOL_ERROR, error));
  }

  /** The session is over, after a Close frame or without one. */
  #endSession(code: number, reason: string): void {
    if (this.#error === null && code !== CLOSE_ABNORMAL) return this.#end(code, reason);
    const cause = code === CLOSE_ABNORMAL ? CLOSE_GOING_AWAY : code;
    this.#lose(cause, this.#error ?? new Error('The peer went away without a Close frame'));
  }

  /** Reports a connection that did not open, or that ended without a Close frame. */
  #lose(code: number, error: Error): void {
    this.#end(CLOSE_ABNORMAL, '', { type: 'error', target: this, code, reason: error.message, error });
  }

  /** @param failure Not thrown if there is no 'error' listener, unlike with other emitters: 'close' reports the end as well. */
  #end(code: number, reason: string, failure?: ErrorEvent): void {
    if (this.#readyState === CLOSED) return;
    this.#opening = null;
    this.#readyState = CLOSED;
    const isHeard = failure !== undefined && this.listenerCount('error') > 0;
    const report = (): unknown => isHeard && this.emit('error', failure);
    inTurn(this.#binding.platform, report, () => this.emit('close', { type: 'close', target: this, code, reason }));
  }
}

const eventOf = (_target: SocketBase, [event]: readonly unknown[]): unknown => event;
defineHandlers(SocketBase.prototype, { open: eventOf, message: eventOf, close: eventOf, error: eventOf });

/** The type of `Socket`. */
export interface SocketConstructor {
  readonly prototype: SocketBase;
  /**
   * Starts to connect. Returns at once; `open`, or `error` and `close`, follow.
   *
   * @param url `ws:`, `wss:`, `http:` or `https:` URL.
   * @param protocol Subprotocol to offer. Default none.
   * @param origin Value of the Origin field. Default none.
   * @throws {SyntaxError} for an invalid URL.
   * @throws {Error} for a subprotocol, header field or option that cannot be used.
   */
  new (url: string | URL, protocol?: string, origin?: string): SocketBase;
  new (url: string | URL, options: SocketOptions): SocketBase;
}

/** The class as servers construct it. */
export type SocketClass = SocketConstructor & (new (accepted: Accepted<Connection>) => SocketBase);

/** Makes the class that programs construct. */
export function createSocketClass(binding: FibjsBinding): SocketClass {
  class Socket extends SocketBase {
    constructor(address: string | URL | Accepted<Connection>, protocol: string | SocketOptions = '', origin: string = '') {
      super(binding, address, typeof protocol === 'object' && protocol !== null ? protocol : { protocol, origin });
    }
  }
  return Socket;
}
