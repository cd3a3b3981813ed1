// fibjs's ws.Socket over a Session, client and server: the W3C interface as an EventEmitter.

import { Buffer } from 'node:buffer';
import { parseAddress } from '../../api/address.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import { viewOf } from '../../api/ws/data.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../../base/close-codes.ts';
import { UsageError } from '../../base/errors.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { MESSAGE_ASCII, MESSAGE_OWNED, MESSAGE_TEXT, type Platform, type Session } from '../../platform.ts';
import type { FibjsBinding, Holder, OpenedConnection } from './binding.ts';
import { bytesOf } from './body.ts';
import { BINARY, CLOSED, CLOSING, CONNECTING, DEFAULT_MAXIMUM_PAYLOAD, OPEN, TEXT, type ReadyState } from './constants.ts';
import { HttpClient, withCookies } from './cookies.ts';
import type { Handler, SocketEvents } from './events.ts';
import { InflateWatch } from './inflate-watch.ts';
import { nextTick } from '../../clock.ts';

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
   * Where cookies come from and go to: an object with `getCookieString(url)` and perhaps `setCookie(cookie, url)`, such as
   * tough-cookie's jar, or one that has such a jar as `cookieJar`, `jar` or `cookies`. Or an undici Dispatcher, through which the
   * request is sent.
   */
  readonly httpClient?: object | undefined;
}

/** A server's connection, for the constructor in place of a URL. */
export class Accepted {
  readonly url: string;
  readonly origin: string;
  readonly protocol: string;
  readonly session: Session;
  readonly watch: InflateWatch | null;
  readonly holder: Holder;

  constructor(init: {
    readonly url: string;
    readonly origin: string;
    readonly protocol: string;
    readonly session: Session;
    readonly watch: InflateWatch | null;
    readonly holder: Holder;
  }) {
    this.url = init.url;
    this.origin = init.origin;
    this.protocol = init.protocol;
    this.session = init.session;
    this.watch = init.watch;
    this.holder = init.holder;
  }
}

type EventName = keyof SocketEvents;
interface HandlerSlot {
  callback: (...values: unknown[]) => unknown;
  readonly listener: (...values: unknown[]) => void;
}

/** A WebSocket in the manner of fibjs. Listeners by `on`, `once` and `off`, or by `onopen` and the like. */
export class SocketBase extends TypedEmitter<SocketEvents> {
  readonly #binding: FibjsBinding;
  readonly #url: string;
  readonly #origin: string;
  #protocol = '';
  #readyState: ReadyState = CONNECTING;
  #session: Session | null = null;
  #watch: InflateWatch | null = null;
  #opening: { abort(): void } | null = null;
  #holder: Holder | null = null;
  #isReferenced = true;
  readonly #handlers: Map<EventName, HandlerSlot> = new Map();

  /** Programs construct `Socket`; see {@link SocketConstructor}. */
  constructor(binding: FibjsBinding, address: string | URL | Accepted, options: SocketOptions) {
    super();
    this.#binding = binding;
    this.#url = address instanceof Accepted ? address.url : String(address);
    if (address instanceof Accepted) {
      this.#origin = address.origin;
      this.#protocol = address.protocol;
      this.#watch = address.watch;
      this.#holder = address.holder;
      this.#readyState = OPEN;
      this.#attach(address.session);
    } else {
      this.#origin = options.origin ?? '';
      this.#connect(options);
    }
  }

  /** As it was given; on a server's side the URL of the request. */
  get url(): string {
    return this.#url;
  }

  /** The subprotocol in use; before the connection is open, and without one, empty. */
  get protocol(): string {
    return this.#protocol;
  }

  /** As it was given; on a server's side the Origin field of the request. Empty for none. */
  get origin(): string {
    return this.#origin;
  }

  /** CONNECTING, OPEN, CLOSING or CLOSED. */
  get readyState(): ReadyState {
    return this.#readyState;
  }

  /**
   * Sends a message: text for a string, else binary.
   *
   * @param data Bytes must not be changed in this turn of the event loop, nor while the system does not take them.
   * @throws {UsageError} unless the connection is open.
   * @throws {TypeError} when it is neither text nor bytes.
   */
  send(data: string | ArrayBufferView | ArrayBuffer): void {
    if (this.#readyState !== OPEN) throw new UsageError('The WebSocket is not open');
    if (typeof data === 'string') this.#session!.sendText(data);
    else this.#session!.sendBytes(bytesOf(data), false);
  }

  /**
   * Starts the closing handshake, or gives up connecting. Does nothing when that has happened.
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

  /** Lets the connection keep the process alive, as it does by itself. */
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

  get onopen(): Handler<'open'> {
    return this.#handler('open') as Handler<'open'>;
  }

  set onopen(handler: Handler<'open'>) {
    this.#setHandler('open', handler);
  }

  get onmessage(): Handler<'message'> {
    return this.#handler('message') as Handler<'message'>;
  }

  set onmessage(handler: Handler<'message'>) {
    this.#setHandler('message', handler);
  }

  get onclose(): Handler<'close'> {
    return this.#handler('close') as Handler<'close'>;
  }

  set onclose(handler: Handler<'close'>) {
    this.#setHandler('close', handler);
  }

  get onerror(): Handler<'error'> {
    return this.#handler('error') as Handler<'error'>;
  }

  set onerror(handler: Handler<'error'>) {
    this.#setHandler('error', handler);
  }

  #handler(name: EventName): unknown {
    return this.#handlers.get(name)?.callback ?? null;
  }

  /** A handler takes its turn among the listeners where it was first set. */
  #setHandler(name: EventName, value: unknown): void {
    const slot = this.#handlers.get(name);
    if (typeof value !== 'function') {
      if (slot) this.off(name, slot.listener);
      this.#handlers.delete(name);
    } else if (slot) {
      slot.callback = value as HandlerSlot['callback'];
    } else {
      const created: HandlerSlot = {
        callback: value as HandlerSlot['callback'],
        listener: (...values) => void created.callback.apply(this, values),
      };
      this.#handlers.set(name, created);
      this.on(name, created.listener);
    }
  }

  #connect(options: SocketOptions): void {
    const target = parseAddress(this.#url);
    const { protocol = '', perMessageDeflate = false, maxPayload, headers = {} } = options;
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
      onFail: (error: Error) => this.#fail(error),
    };
    const start = (cookies: string): void => {
      this.#opening = this.#binding.connect({ ...plan, headers: withCookies(headers, cookies) }, events);
    };
    const cookies = client.cookieString();
    if (typeof cookies === 'string') return start(cookies);
    cookies.then((text) => this.#readyState === CONNECTING && start(text)).catch((error: Error) => this.#fail(error));
  }

  #setHolder(holder: Holder): void {
    this.#holder = holder;
    if (!this.#isReferenced) holder.unref?.();
  }

  #open(opened: OpenedConnection, maxPayload: number = DEFAULT_MAXIMUM_PAYLOAD): void {
    const { agreement, protocol, head } = opened;
    const engine = this.#binding.deflateEngine?.();
    this.#watch = agreement && engine ? new InflateWatch(engine) : null;
    const compression = agreement && this.#watch ? { agreement, engine: this.#watch.engine } : undefined;
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
    session.attach({
      onMessage: (source, start, end, kind) => this.#receive(source, start, end, kind),
      onPing() {},
      onPong() {},
      onClosing: () => {
        this.#readyState = CLOSING;
      },
      onError: (error) => this.#emitError(error),
      onDrain() {},
      onEnd: (code, reason) => this.#end(code, this.#binding.platform.decodeText(reason, 0, reason.length, false)),
    });
  }

  #receive(source: Uint8Array, start: number, end: number, kind: number): void {
    const session = this.#session!;
    const isText = (kind & MESSAGE_TEXT) !== 0;
    const bytes = (): Buffer =>
      kind & MESSAGE_OWNED ? viewOf(source, start, end) : (session.copyMessage(source, start, end) as Buffer);
    this.emit('message', {
      data: isText ? this.#binding.platform.decodeText(source, start, end, (kind & MESSAGE_ASCII) !== 0) : bytes(),
      type: isText ? TEXT : BINARY,
      masked: session.role === 'server',
      compress: this.#watch?.take() ?? false,
    });
  }

  #giveUp(): void {
    this.#readyState = CLOSING;
    this.#opening?.abort();
    this.#opening = null;
    this.#binding.platform.defer(() => this.#fail(new Error('The WebSocket was closed before it was open')));
  }

  #fail(error: Error): void {
    this.#opening = null;
    try {
      this.#emitError(error);
    } finally {
      this.#end(CLOSE_ABNORMAL, '');
    }
  }

  /** Unlike other emitters, a fibjs socket does not throw an error that nobody listens for: `close` tells of it as well. */
  #emitError(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', { type: 'error', target: this, reason: error.message, error });
  }

  #end(code: number, reason: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.emit('close', { type: 'close', target: this, code, reason });
  }
}

/** Lets bytes flow once all promises that waited for the connection have had their turn, and may have added listeners. */
export function startLater(platform: Platform, session: Session, head: Uint8Array | undefined): void {
  platform.defer(() => nextTick(() => session.start(head)));
}

/** The type of `Socket`. */
export interface SocketConstructor {
  readonly prototype: SocketBase;
  /**
   * Starts to connect. Returns at once; `open`, or `error` and `close`, follow.
   *
   * @param url `ws:`, `wss:`, `http:` or `https:` URL.
   * @param protocol Subprotocol to offer. Default none.
   * @param origin Value of the Origin field. Default none.
   * @throws {SyntaxError} when it is no such URL.
   * @throws {Error} when a subprotocol or a header field cannot be sent, or an option is of no use.
   */
  new (url: string | URL, protocol?: string, origin?: string): SocketBase;
  new (url: string | URL, options: SocketOptions): SocketBase;
}

/** The class itself, which servers construct as well. */
export type SocketClass = SocketConstructor & (new (accepted: Accepted) => SocketBase);

/** Makes the class that programs construct. */
export function createSocketClass(binding: FibjsBinding): SocketClass {
  class Socket extends SocketBase {
    constructor(address: string | URL | Accepted, protocol: string | SocketOptions = '', origin: string = '') {
      super(binding, address, typeof protocol === 'object' && protocol !== null ? protocol : { protocol, origin });
    }
  }
  return Socket;
}
