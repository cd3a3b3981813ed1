// The WebSocket interface: https://websockets.spec.whatwg.org/#the-websocket-interface. Numbered comments are that text's steps.

import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../../base/close-codes.ts';
import type { Platform, Session, SessionSink } from '../../platform.ts';
import { checkProtocols, readArguments, toHeaderRecord, type ProtocolsOrOptions } from './arguments.ts';
import { toBody, toMessageData, type BinaryType } from './body.ts';
import type { Connect, ConnectCallbacks, PendingConnection, W3CWebSocketOptions } from './connect.ts';
import { pickEventClasses, type CloseEvent, type ErrorEvent, type MessageEvent } from './events.ts';
import { EventHandlers } from './handlers.ts';
import { SendQueue } from './send-queue.ts';
import { parseWebSocketUrl } from './url.ts';
import { clampToUnsignedShort, exposeMembers, toDomString } from './webidl.ts';

/** What an adapter lends to the class. */
export interface Binding {
  readonly connect: Connect;
  readonly platform: Platform;
}

/** The events of a {@link WebSocketBase}. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEvent;
  error: Event | ErrorEvent;
  close: CloseEvent;
}

/** `this` of a handler. Without the class's private members, so that our objects fit where the DOM's type is asked for. */
type Receiver = Pick<
  WebSocketBase,
  'url' | 'readyState' | 'bufferedAmount' | 'extensions' | 'protocol' | 'binaryType' | 'send' | 'close' | 'dispatchEvent'
>;
type Handler<Type extends keyof WebSocketEventMap> = ((this: Receiver, event: WebSocketEventMap[Type]) => unknown) | null;
type Listener<Received> = ((event: Received) => unknown) | { handleEvent(event: Received): unknown };

/** How a listener is registered, as in the DOM standard. */
export interface ListenerOptions {
  readonly once?: boolean;
  readonly passive?: boolean;
  readonly capture?: boolean;
  readonly signal?: AbortSignal;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Most bytes of a close reason (RFC 6455 section 5.5). */
const MAXIMUM_REASON = 123;

const events = pickEventClasses(globalThis);

/** The listener methods of EventTarget, with the types of our events. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- EventTarget implements them; only overloads are added.
export interface WebSocketBase {
  addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  addEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
  removeEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: Listener<WebSocketEventMap[Type]> | null,
    options?: boolean | ListenerOptions,
  ): void;
  removeEventListener(type: string, listener: Listener<Event> | null, options?: boolean | ListenerOptions): void;
}

/** A WebSocket as browsers have it. Adapters make the class that users construct with `createWebSocketClass`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- As above.
export class WebSocketBase extends EventTarget {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  declare readonly [Symbol.toStringTag]: string;

  readonly #platform: Platform;
  readonly #url: string;
  readonly #origin: string;
  readonly #queue: SendQueue;
  readonly #handlers: EventHandlers = new EventHandlers(this);
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #binaryType: BinaryType = 'blob';
  #protocol = '';
  #extensions = '';
  #pending: PendingConnection | null = null;
  #session: Session | null = null;
  /** Stops listening to the signal that aborts the opening handshake. */
  #ignoreSignal: () => void = ignore;
  /** Why the connection failed. */
  #error: Error | null = null;
  /** Whether one of our methods is on the stack, so that no event may be fired. */
  #isInCall = false;

  /** @internal Use the class that an adapter made. */
  constructor(
    binding: Binding,
    url: string | URL,
    second: ProtocolsOrOptions | null | undefined,
    third: W3CWebSocketOptions | null | undefined,
  ) {
    super();
    this.#platform = binding.platform;
    // 2–7. Parse url.
    const text = toDomString(url);
    const { protocols, options } = readArguments(second, third);
    const urlRecord = parseWebSocketUrl(text);
    // 8, 9. Check protocols.
    checkProtocols(protocols);
    // 10. Set this's url to urlRecord.
    this.#url = urlRecord.href;
    this.#origin = urlRecord.origin;
    this.#queue = new SendQueue(binding.platform, (error) => {
      this.#error ??= error;
      this.#session?.terminate();
    });
    // 12. Run this step in parallel: establish a WebSocket connection given urlRecord, protocols, and client.
    const { protocols: _, headers, signal, ...connectOptions } = options;
    const request = { url: urlRecord, protocols, headers: toHeaderRecord(headers), options: connectOptions };
    this.#isInCall = true;
    if (!signal?.aborted) this.#pending = binding.connect(request, this.#callbacks());
    this.#isInCall = false;
    if (signal !== undefined) this.#heed(signal);
  }

  /** The URL as it was parsed. */
  get url(): string {
    return this.#url;
  }

  /** CONNECTING, OPEN, CLOSING or CLOSED. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /**
   * Payload bytes given to `send()` and not yet handed to the operating system. Once the connection is closed it only grows, by
   * what `send()` is still given.
   */
  get bufferedAmount(): number {
    return this.#queue.bufferedAmount;
  }

  /** The extensions that the server chose; empty before the connection is open. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The subprotocol that the server chose; empty before the connection is open. */
  get protocol(): string {
    return this.#protocol;
  }

  /** What binary messages arrive as. Default 'blob'. A value that is neither is ignored. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(value: BinaryType) {
    const text = toDomString(value);
    if (text === 'blob' || text === 'arraybuffer') this.#binaryType = text;
  }

  get onopen(): Handler<'open'> {
    return this.#handlers.get('open');
  }

  set onopen(value: Handler<'open'>) {
    this.#handlers.set('open', value);
  }

  get onmessage(): Handler<'message'> {
    return this.#handlers.get('message');
  }

  set onmessage(value: Handler<'message'>) {
    this.#handlers.set('message', value);
  }

  get onerror(): Handler<'error'> {
    return this.#handlers.get('error');
  }

  set onerror(value: Handler<'error'>) {
    this.#handlers.set('error', value);
  }

  get onclose(): Handler<'close'> {
    return this.#handlers.get('close');
  }

  set onclose(value: Handler<'close'>) {
    this.#handlers.set('close', value);
  }

  /**
   * Sends one message: a string as text, anything else as bytes; what is neither a Blob nor a buffer becomes a string first.
   *
   * @param data Copied before the call returns; a Blob is read later, and what is sent after it waits for it.
   * @throws {DOMException} InvalidStateError while connecting.
   */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    if (arguments.length === 0) throw new TypeError('send() takes what to send');
    const body = toBody(data);
    // 1. If this's ready state is CONNECTING, then throw an "InvalidStateError" DOMException.
    if (this.#readyState === CONNECTING) throw new DOMException('The WebSocket is not open yet', 'InvalidStateError');
    // 2. Increase bufferedAmount; send where the connection is established and the closing handshake has not started.
    if (this.#readyState !== OPEN) return this.#queue.discard(body);
    this.#isInCall = true;
    try {
      this.#queue.send(body);
    } finally {
      this.#isInCall = false;
    }
  }

  /**
   * Starts the closing handshake, after what has been sent before; gives up the connection when it is not open yet.
   *
   * @param code 1000, the default when there is a reason, or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {DOMException} InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const status = code === undefined ? undefined : clampToUnsignedShort(code);
    const text = reason === undefined ? '' : toDomString(reason);
    // Validate close code and reason, 1: neither 1000 nor in the range 3000 to 4999, inclusive.
    if (status !== undefined && status !== CLOSE_NORMAL && !(status >= 3000 && status <= 4999)) {
      throw new DOMException('A close code is 1000 or from 3000 to 4999', 'InvalidAccessError');
    }
    // 2. If reasonBytes is longer than 123 bytes.
    const length = this.#platform.byteLength(text);
    if (length > MAXIMUM_REASON) throw new DOMException('A close reason has at most 123 bytes', 'SyntaxError');
    // Close the WebSocket, 3. CLOSING or CLOSED: do nothing.
    if (this.#readyState >= CLOSING) return;
    // 3. Not yet established: fail the WebSocket connection and set the ready state to CLOSING.
    if (this.#readyState === CONNECTING) return this.#giveUp(new Error('The WebSocket was closed before it was open'));
    // 3. Otherwise start the closing handshake. If reason is neither empty nor without a code, the code is 1000.
    const reasonBytes = new Uint8Array(length);
    this.#platform.writeText(text, reasonBytes, 0);
    this.#readyState = CLOSING;
    this.#isInCall = true;
    try {
      this.#queue.close(status ?? (length > 0 ? CLOSE_NORMAL : undefined), reasonBytes);
    } finally {
      this.#isInCall = false;
    }
  }

  /** Runs `task` now or, inside of a method of ours, when the program's code has finished. */
  #queueTask(task: () => void): void {
    if (this.#isInCall) this.#platform.defer(task);
    else task();
  }

  #callbacks(): ConnectCallbacks {
    return {
      onOpen: (session, protocol, extensions, head) => {
        this.#queueTask(() => this.#establish(session, protocol, extensions, head));
      },
      onFail: (error) => {
        this.#queueTask(() => {
          if (this.#readyState === CONNECTING) this.#finish(CLOSE_ABNORMAL, '', false, error);
        });
      },
    };
  }

  /** Gives up when `signal` is aborted, as long as the connection is being made. */
  #heed(signal: AbortSignal): void {
    const abort = (): void => this.#giveUp(toError(signal.reason));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    this.#ignoreSignal = () => signal.removeEventListener('abort', abort);
  }

  /** Fails a connection that is being made, without firing anything before the caller's code has finished. */
  #giveUp(error: Error): void {
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = CLOSING;
    this.#ignoreSignal();
    this.#pending?.abort();
    this.#platform.defer(() => this.#finish(CLOSE_ABNORMAL, '', false, error));
  }

  /** "When the WebSocket connection is established": https://websockets.spec.whatwg.org/#feedback-from-the-protocol. */
  #establish(session: Session, protocol: string, extensions: string, head: Uint8Array | undefined): void {
    session.attach(this.#sink());
    if (this.#readyState !== CONNECTING) return session.terminate();
    this.#pending = null;
    this.#ignoreSignal();
    this.#session = session;
    this.#queue.open(session);
    // 1. Change the ready state to OPEN. 2. Set extensions. 3. Set protocol. 4. Fire an event named open.
    this.#readyState = OPEN;
    this.#extensions = extensions;
    this.#protocol = protocol;
    super.dispatchEvent(new Event('open'));
    const start = (): void => this.#session?.start(head);
    // Messages that came with the handshake get a turn of their own: a program that awaits "open" adds its listener after it.
    if (head !== undefined && head.length > 0) this.#platform.setTimer(start, 0);
    else start();
  }

  #sink(): SessionSink {
    return {
      onMessage: (source, start, end, kind) => {
        // "When a WebSocket message has been received", 1. If the ready state is not OPEN, return.
        if (this.#readyState !== OPEN) return;
        // 2. Convert data. 3. Fire an event named message, with the url's origin.
        const data = toMessageData(this.#platform, this.#binaryType, source, start, end, kind);
        super.dispatchEvent(new events.MessageEvent('message', { data, origin: this.#origin }));
      },
      onPing: ignore,
      onPong: ignore,
      onDrain: ignore,
      onClosing: () => {
        // "When the WebSocket closing handshake is started", change the ready state to CLOSING.
        if (this.#readyState === OPEN) this.#readyState = CLOSING;
        this.#queue.stop();
      },
      onError: (error) => {
        this.#error ??= error;
        if (this.#readyState === OPEN) this.#readyState = CLOSING;
      },
      onEnd: (code, reason, wasClean) => {
        if (this.#session === null) return;
        this.#session = null;
        this.#queue.end();
        if (this.#readyState === OPEN) this.#readyState = CLOSING;
        const text = this.#platform.decodeText(reason, 0, reason.length, false);
        // RFC 6455 section 7.2.1: a connection that is lost without a Close frame has failed.
        if (code === CLOSE_ABNORMAL) this.#error ??= new Error('The connection ended without a Close frame');
        this.#queueTask(() => this.#finish(code, text, wasClean, this.#error));
      },
    };
  }

  /** "When the WebSocket connection is closed": https://websockets.spec.whatwg.org/#feedback-from-the-protocol. */
  #finish(code: number, reason: string, wasClean: boolean, error: Error | null): void {
    // 1. Change the ready state to CLOSED.
    this.#readyState = CLOSED;
    this.#pending = null;
    this.#ignoreSignal();
    // 2. If the connection was failed, fire an event named error.
    if (error !== null) super.dispatchEvent(new events.ErrorEvent('error', { message: error.message, error }));
    // 3. Fire an event named close.
    super.dispatchEvent(new events.CloseEvent('close', { wasClean, code, reason }));
  }
}

const constants = { CONNECTING, OPEN, CLOSING, CLOSED };
for (const [name, value] of Object.entries(constants)) {
  const descriptor = { value, enumerable: true };
  Object.defineProperty(WebSocketBase, name, descriptor);
  Object.defineProperty(WebSocketBase.prototype, name, descriptor);
}
exposeMembers(WebSocketBase.prototype);
Object.defineProperty(WebSocketBase.prototype, Symbol.toStringTag, { value: 'WebSocket', configurable: true });

function ignore(): void {
  // Control frames and the transport's state are not visible in this interface.
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException('The opening handshake was aborted', 'AbortError');
}
