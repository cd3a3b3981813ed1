// The state of a WebSocket object, and the steps of https://websockets.spec.whatwg.org. Numbered comments are the steps of that text.

import { ownOptions } from '../../base/options.ts';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../../base/close-codes.ts';
import type { Platform, Session, SessionSink } from '../../platform.ts';
import { checkClose, checkProtocols, toHeaderRecord } from './arguments.ts';
import type { MakeBorrowedEvent } from './borrowed.ts';
import { SendQueue } from '../send-queue.ts';
import { bodyLength, toMessageData, type BinaryType, type Body } from './body.ts';
import type { Connect, ConnectCallbacks, PendingConnection, W3CWebSocketOptions } from './connect.ts';
import { failureEvent, pickCloseEvent } from './events.ts';
import { parseWebSocketUrl } from './url.ts';
import { isError } from '../../base/realms.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../base/states.ts';

const CloseEvent = pickCloseEvent(globalThis);

/** Functions that a {@link Life} gets from its surroundings. */
export interface Surroundings {
  readonly connect: Connect;
  readonly platform: Platform;
  /** Dispatches an event at the object. */
  readonly fire: (event: Event) => void;
  /** The object itself, for observers. */
  readonly websocket: object;
  /** Where messages can be borrowed. */
  readonly makeBorrowedEvent?: MakeBorrowedEvent | undefined;
}

export class Life {
  readonly #platform: Platform;
  readonly #fire: (event: Event) => void;
  readonly #websocket: object;
  readonly url: string;
  readonly #origin: string;
  /** While a Blob is being read. */
  #queue: SendQueue | null = null;
  /** Payload bytes that will never leave: `bufferedAmount` counts them. */
  #lostBytes = 0;
  readyState: ReadyState = CONNECTING;
  binaryType: BinaryType = 'blob';
  protocol: string = '';
  extensions: string = '';
  #pending: PendingConnection | null = null;
  #session: Session | null = null;
  /** Stops listening to the signal that aborts the opening handshake. */
  #ignoreSignal: () => void = ignore;
  /** With `borrowMessages`. */
  readonly #makeBorrowed: MakeBorrowedEvent | undefined;
  /** Why the connection failed. */
  #error: Error | null = null;
  /** Whether a method of the object is on the stack, so that no event may be fired. */
  #isInCall = false;

  /**
   * The steps of the constructor, https://websockets.spec.whatwg.org/#dom-websocket-websocket.
   *
   * @throws {DOMException} SyntaxError for a URL or subprotocol of no use.
   * @throws {TypeError} for a header field or an option of no use.
   */
  constructor(
    { connect, platform, websocket, fire, makeBorrowedEvent }: Surroundings,
    url: string,
    protocols: readonly string[],
    options: W3CWebSocketOptions,
  ) {
    this.#platform = platform;
    this.#fire = fire;
    this.#websocket = websocket;
    // 2–7. Parse url.
    const urlRecord = parseWebSocketUrl(url);
    // 8, 9. Check protocols.
    checkProtocols(protocols);
    // 10. Set this's url to urlRecord.
    this.url = urlRecord.href;
    this.#origin = urlRecord.origin;
    // 12. Run this step in parallel: establish a WebSocket connection given urlRecord, protocols, and client.
    const { protocols: _, headers, signal, ...connectOptions } = options;
    if (options.borrowMessages) this.#makeBorrowed = makeBorrowedEvent;
    const request = {
      url: urlRecord,
      protocols,
      headers: toHeaderRecord(headers),
      options: ownOptions(connectOptions),
      websocket,
    };
    this.#isInCall = true;
    if (!signal?.aborted) this.#pending = connect(request, this.#callbacks());
    this.#isInCall = false;
    if (signal !== undefined) this.#heed(signal);
  }

  get bufferedAmount(): number {
    return (this.#session?.bufferedAmount ?? 0) + (this.#queue?.bytes ?? 0) + this.#lostBytes;
  }

  /** https://websockets.spec.whatwg.org/#dom-websocket-send */
  send(body: Body): void {
    // 1. If this's ready state is CONNECTING, then throw an "InvalidStateError" DOMException.
    if (this.readyState === CONNECTING) throw new DOMException('The WebSocket is not open yet', 'InvalidStateError');
    // 2. Increase bufferedAmount; send where the connection is established and the closing handshake has not started.
    if (this.readyState !== OPEN) return void (this.#lostBytes += bodyLength(body, this.#platform));
    this.#isInCall = true;
    try {
      if (this.#queue === null && (typeof body === 'string' || body instanceof Uint8Array)) this.#pass(body);
      else this.#sendBehind(body);
    } finally {
      this.#isInCall = false;
    }
  }

  readonly #pass = (body: string | Uint8Array): void => {
    if (typeof body === 'string') this.#session!.sendText(body);
    else this.#session!.sendBytes(body, false);
  };

  /** Sends after everything before it. */
  #sendBehind(body: Body): void {
    const size = bodyLength(body, this.#platform);
    this.#queue ??= new SendQueue(() => (this.#queue = null));
    this.#queue.add({
      content: body instanceof Uint8Array ? this.#platform.copy(body, 0, size) : body,
      size,
      send: this.#pass,
      fail: (error) => {
        this.#stopQueue();
        this.#error ??= error;
        this.#session?.terminate();
      },
    });
  }

  /** Drops messages that wait for a Blob. */
  #stopQueue(): void {
    this.#lostBytes += this.#queue?.bytes ?? 0;
    this.#queue?.stop();
    this.#queue = null;
  }

  /** https://websockets.spec.whatwg.org/#dom-websocket-close */
  close(code: number | undefined, reason: string = ''): void {
    const length = this.#platform.byteLength(reason);
    checkClose(code, length);
    // Close the WebSocket, 3. CLOSING or CLOSED: do nothing.
    if (this.readyState >= CLOSING) return;
    // 3. Not yet established: fail the WebSocket connection and set the ready state to CLOSING.
    if (this.readyState === CONNECTING) return this.#giveUp(new Error('The WebSocket was closed before it was open'));
    // 3. Otherwise start the closing handshake. If reason is neither empty nor without a code, the code is 1000.
    const reasonBytes = new Uint8Array(length);
    this.#platform.writeText(reason, reasonBytes, 0);
    this.readyState = CLOSING;
    this.#isInCall = true;
    try {
      const session = this.#session!;
      const sent = code ?? (length > 0 ? CLOSE_NORMAL : undefined);
      if (this.#queue === null) session.close(sent, reasonBytes);
      else this.#queue.add({ content: reasonBytes, size: 0, send: () => session.close(sent, reasonBytes) });
    } finally {
      this.#isInCall = false;
    }
  }

  /** Runs `task` now, or, inside of one of our methods, as a separate task: the program's microtasks, which add listeners, run before it. */
  #queueTask(task: () => void): void {
    if (this.#isInCall) this.#platform.nextTurn(task);
    else task();
  }

  #callbacks(): ConnectCallbacks {
    return {
      onOpen: (session, protocol, extensions, head) => {
        this.#queueTask(() => this.#establish(session, protocol, extensions, head));
      },
      onFail: (error) => {
        this.#queueTask(() => {
          if (this.readyState === CONNECTING) this.#finish(CLOSE_ABNORMAL, '', false, error);
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
    if (this.readyState !== CONNECTING) return;
    this.readyState = CLOSING;
    this.#ignoreSignal();
    this.#pending?.abort();
    this.#platform.nextTurn(() => this.#finish(CLOSE_ABNORMAL, '', false, error));
  }

  /** "When the WebSocket connection is established": https://websockets.spec.whatwg.org/#feedback-from-the-protocol. */
  #establish(session: Session, protocol: string, extensions: string, head: Uint8Array | undefined): void {
    if (this.readyState !== CONNECTING) {
      session.attach(this.#sink());
      return session.terminate();
    }
    this.#pending = null;
    this.#ignoreSignal();
    this.#session = session;
    // 1. Change the ready state to OPEN. 2. Set extensions. 3. Set protocol. 4. Fire an event named open.
    this.readyState = OPEN;
    this.extensions = extensions;
    this.protocol = protocol;
    session.websocket = this.#websocket;
    session.attach(this.#sink());
    this.#fire(new Event('open'));
    // A message is a separate task, so a program that awaits "open" adds its listener before. The session keeps messages until then.
    this.#platform.nextTurn(() => this.#session?.start(head));
  }

  #sink(): SessionSink {
    return {
      onMessage: (source, start, end, kind) => {
        // "When a WebSocket message has been received", 1. If the ready state is not OPEN, return.
        if (this.readyState !== OPEN) return;
        // 2. Convert data. 3. Fire an event named message, with the url's origin.
        if (this.#makeBorrowed !== undefined) return this.#fire(this.#makeBorrowed(source, start, end, kind, this.#origin));
        const data = toMessageData(this.#platform, this.binaryType, source, start, end, kind);
        this.#fire(new MessageEvent('message', { data, origin: this.#origin }));
      },
      onPing: ignore,
      onPong: ignore,
      onDrain: ignore,
      onClosing: () => {
        // "When the WebSocket closing handshake is started", change the ready state to CLOSING.
        if (this.readyState === OPEN) this.readyState = CLOSING;
        this.#stopQueue();
      },
      onError: (error) => {
        this.#error ??= error;
        if (this.readyState === OPEN) this.readyState = CLOSING;
      },
      onEnd: (code, reason, wasClean) => {
        if (this.#session === null) return;
        this.#lostBytes = this.bufferedAmount;
        this.#queue?.stop();
        this.#queue = this.#session = null;
        if (this.readyState === OPEN) this.readyState = CLOSING;
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
    this.readyState = CLOSED;
    this.#pending = null;
    this.#ignoreSignal();
    // 2. If the connection was failed, fire an event named error.
    if (error !== null) this.#fire(failureEvent(error));
    // 3. Fire an event named close.
    this.#fire(new CloseEvent('close', { wasClean, code, reason }));
  }
}

function ignore(): void {
  // Control frames and the transport's state are not visible in this interface.
}

function toError(reason: unknown): Error {
  return isError(reason) ? reason : new DOMException('The opening handshake was aborted', 'AbortError');
}
