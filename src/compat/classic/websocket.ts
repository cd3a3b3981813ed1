// The WebSocket of ws 0.4: an EventEmitter over a session, for both sides of a connection.

import { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { EMPTY, normalize, toBytes, toReason, ownBuffer } from '../../api/ws/data.ts';
import { parseAddress } from '../../api/address.ts';
import type { OpeningPlan } from '../../handshake/opening.ts';
import { TypedEmitter, type LooseListener } from '../../api/ws/emitter.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type ReadyState } from '../../base/states.ts';
import {
  CLOSE_ABNORMAL,
  CLOSE_INTERNAL_ERROR,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  isValidCloseCode,
} from '../../base/close-codes.ts';
import { MAXIMUM_CONTROL_PAYLOAD } from '../../base/opcodes.ts';
import { areValidSubprotocols } from '../../handshake/subprotocols.ts';
import { startOpening, type NodeOpening } from '../../nodejs/opening.ts';
import { inTurn } from '../../base/guard.ts';
import { platform } from '../../nodejs/platform.ts';
import { UNATTACHED, type Session, type Timer } from '../../platform.ts';
import { addListener, defineConstants, defineHandlers, removeListener } from '../shared/event-target.ts';
import { contentOf } from '../shared/sessions.ts';
import { refuseForeign } from '../shared/upgrades.ts';
import { EVENTS, flagsOf, type EventListener, type EventMap } from './events.ts';
import type * as events from './events.ts';
import { ignoreFragment, notOpened, Sender } from './sender.ts';
import type { Server as Server_ } from './server.ts';
import { ClassicTransport, createSession } from './transport.ts';
import type {
  ClientOptions,
  ProtocolVersion,
  SendCallback,
  SendOptions,
  ServerClient,
  SocketEvents,
  StreamCallback,
} from './types.ts';
import type * as types from './types.ts';
import { nextTick } from '../../clock.ts';
import { DEFAULT_CLOSE_TIMEOUT, DEFAULT_HANDSHAKE_TIMEOUT, ownOptions, readOptions } from '../../base/options.ts';

/** Milliseconds that the peer has to answer our Close frame, after the operating system has taken it. */
const ANSWER_TIMEOUT = 2_000;
const NO_OPTIONS = ownOptions<SendOptions>(null);
/** Options of the HTTP request and its TLS connection. */
const REQUEST_OPTIONS = ['agent', 'pfx', 'key', 'passphrase', 'cert', 'ca', 'ciphers', 'rejectUnauthorized'] as const;

type Handler<Type extends keyof EventMap> = EventListener<Type> | null;

function isServerClient(address: unknown): address is ServerClient {
  return Array.isArray(address);
}

/** The subprotocols of a list with commas, or of an array. */
function namesIn(protocols: string | readonly string[] | undefined): readonly string[] {
  if (typeof protocols !== 'string') return protocols ?? [];
  return protocols === '' ? [] : protocols.split(',').map((name) => name.trim());
}

export class WebSocket extends TypedEmitter<SocketEvents> {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  /** The class itself. */
  declare static WebSocket: typeof WebSocket;
  declare static Server: typeof Server_;
  declare static createServer: (options?: types.ServerOptions | null, onConnection?: (ws: WebSocket) => void) => Server_;
  declare static connect: (address: string | URL, onOpen?: () => void) => WebSocket;
  declare static createConnection: typeof WebSocket.connect;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;
  declare onopen: Handler<'open'>;
  declare onerror: Handler<'error'>;
  declare onclose: Handler<'close'>;
  declare onmessage: Handler<'message'>;

  /** The address as the program passed it; undefined on a server. */
  readonly url: string | undefined;
  /** The upgrade request, on a server. */
  readonly upgradeReq: IncomingMessage | undefined;
  /** 8, 13, or `'hixie-76'` on a server. */
  readonly protocolVersion: ProtocolVersion;
  /** Features of the version: `binary` is false for hixie-76. */
  readonly supports: { readonly binary: boolean };
  /** The subprotocol in use; undefined for none. */
  protocol: string | undefined;
  /** The socket, once open. Undocumented, but programs read its addresses. @internal */
  _socket: Duplex | null = null;
  readonly #isServer: boolean;
  #readyState: ReadyState = CONNECTING;
  #opening: NodeOpening | null = null;
  #transport: ClassicTransport | null = null;
  #session: Session | null = null;
  #sender: Sender | null = null;
  #wasClean = false;
  /** Whether `close` was called and waits for messages that were sent before. */
  #isFinishing = false;
  #timer: Timer | undefined;
  readonly #closeTimeout: number;
  /** Called before 'close' is emitted. @internal */
  _onEnd: (() => void) | undefined;

  /**
   * Starts to connect, or makes the WebSocket of a server.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:` URL; or `[request, socket, upgradeHead]` of an accepted upgrade, with the
   *   agreed `options.protocolVersion` and `options.protocol`.
   * @param protocols Subprotocols to offer, the most wanted first.
   * @throws {SyntaxError} for an invalid URL or subprotocol.
   * @throws {Error} for an unsupported protocol version.
   */
  constructor(
    address: string | URL | ServerClient,
    protocols?: string | readonly string[] | ClientOptions | null,
    options?: ClientOptions,
  ) {
    super();
    const isOptions = typeof protocols === 'object' && protocols !== null && !Array.isArray(protocols);
    const settings = readOptions(isOptions ? (protocols as ClientOptions) : options);
    refuseForeign(settings);
    const version: unknown = settings.protocolVersion ?? 13;
    this.#isServer = isServerClient(address);
    this.#closeTimeout = settings.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.protocolVersion = version === 'hixie-76' ? version : (Number(version) as 8 | 13);
    this.supports = { binary: version !== 'hixie-76' };
    if (version === 'hixie-76' ? !this.#isServer : ![8, 13].includes(Number(version))) {
      throw new Error('unsupported protocol version');
    }
    if (isServerClient(address)) {
      const [request, socket, head] = address;
      this.upgradeReq = request;
      this.protocol = settings.protocol;
      this.#open(socket, settings, head ?? EMPTY);
    } else {
      const named = isOptions || protocols === null ? undefined : (protocols as string | readonly string[] | undefined);
      const names = namesIn(named);
      this.url = String(address);
      this.#connect(address, names.length > 0 ? names : namesIn(settings.protocol), settings);
    }
  }

  get readyState(): ReadyState {
    return this.#readyState;
  }

  /** Bytes received since the opening handshake, frame headers included. */
  get bytesReceived(): number {
    return this.#transport?.bytesReceived ?? 0;
  }

  /** Payload bytes that `send` has accepted and the operating system has not taken yet. */
  get bufferedAmount(): number {
    return this.#sender?.bufferedAmount ?? 0;
  }

  /** Whether the closing handshake was completed; false before the end. @internal */
  get wasClean(): boolean {
    return this.#wasClean;
  }

  /**
   * Sends a message, after the one that is being sent in fragments.
   *
   * @param data Text; bytes, which may be changed once this has returned; or a readable stream, which becomes one message.
   * @throws {Error} without a callback: 'not opened' unless open.
   */
  send(data: unknown, options?: SendOptions | SendCallback | null, callback?: SendCallback): void {
    const [settings, done] = typeof options === 'function' ? [NO_OPTIONS, options] : [ownOptions(options), callback];
    if (this.#sender === null) {
      if (done === undefined) throw notOpened();
      nextTick(done, notOpened());
    } else {
      this.#sender.send(data, settings, done);
    }
  }

  /**
   * Sends one message in fragments.
   *
   * @param callback Called on successive ticks with a function that sends a fragment, until the final one; or with an error.
   */
  stream(options: SendOptions | StreamCallback | null | undefined, callback?: StreamCallback): void {
    const [settings, give] = typeof options === 'function' ? [NO_OPTIONS, options] : [ownOptions(options), callback];
    if (typeof give !== 'function') throw new TypeError('callback must be provided');
    if (this.#sender !== null) return this.#sender.stream(settings, give);
    give(notOpened(), ignoreFragment);
  }

  /**
   * Sends a Ping. Does nothing with hixie-76, which has no Pings.
   *
   * @param data At most 125 bytes, which are copied.
   * @param options Only `mask` is used.
   * @param dontFailWhenClosed Whether to do nothing instead of throwing 'not opened' while the connection is not open.
   */
  ping(data?: unknown, options?: SendOptions | null, dontFailWhenClosed?: boolean): void {
    this.#sendControl('ping', data, options, dontFailWhenClosed);
  }

  /** Sends a Pong. See {@link ping}. */
  pong(data?: unknown, options?: SendOptions | null, dontFailWhenClosed?: boolean): void {
    this.#sendControl('pong', data, options, dontFailWhenClosed);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2), after all messages that were sent; while connecting, stops that. Drops a peer
   * that does not answer within two seconds.
   *
   * @param code 1000–1014 but 1004–1006, or 3000–4999. Default 1000.
   * @param data The reason, at most 123 bytes.
   * @throws {Error} for another code or a longer reason.
   */
  close(code?: number, data?: string | Buffer): void {
    if (this.#readyState === CONNECTING) return this.#abandon();
    if (this.#readyState !== OPEN) return;
    if (code !== undefined && !isValidCloseCode(code)) throw new Error('first argument must be a valid error code number');
    const reason = toReason(data);
    if (reason.length > MAXIMUM_CONTROL_PAYLOAD - 2) {
      throw new RangeError('The message must not be greater than 123 bytes');
    }
    this.#readyState = CLOSING;
    this.#isFinishing = true;
    this.#sender!.finish(() => this.#close(code ?? CLOSE_NORMAL, reason));
    if (this.#isFinishing) this.#watchProgress(-1);
  }

  /** Drops the connection at once. */
  terminate(): void {
    if (this.#readyState === CONNECTING) return this.#abandon();
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSING;
    this.#session?.terminate();
  }

  /** Stops reading, so that TCP makes the peer wait. Messages that were read already are still delivered. @throws {Error} unless open. */
  pause(): void {
    if (this.#mayAct()) this.#session!.pause();
  }

  /** Reads on. @throws {Error} unless open. */
  resume(): void {
    if (this.#mayAct()) this.#session!.resume();
  }

  /** Adds a listener of event objects. Adding it a second time does nothing. */
  addEventListener<Type extends keyof EventMap>(method: Type, listener: EventListener<Type>): void {
    if (typeof listener !== 'function') return;
    // Events without event objects have listeners like any other, as in ws 0.4.
    if (Object.hasOwn(EVENTS, method)) addListener(this, method, listener as LooseListener<unknown>, EVENTS[method]);
    else this.on(method, listener as LooseListener<this>);
  }

  removeEventListener<Type extends keyof EventMap>(method: Type, listener: EventListener<Type>): void {
    removeListener(this, method, listener as LooseListener<unknown>);
  }

  #connect(address: string | URL, protocols: readonly string[], options: ClientOptions): void {
    const target = parseAddress(address);
    if (!areValidSubprotocols(protocols)) throw new SyntaxError('An invalid or duplicated subprotocol was specified');
    const { host, origin, headers, handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT } = options;
    const given = REQUEST_OPTIONS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]] as const);
    const plan: OpeningPlan = {
      target,
      protocols,
      version: this.protocolVersion as 8 | 13,
      origin,
      headers: { ...headers, ...(host && { Host: host }) },
      handshakeTimeout,
      options: Object.fromEntries(given),
    };
    const opening = startOpening(plan, {
      websocket: this,
      onUpgrade: () => true,
      onResponse: (request, response) => {
        this.#refuse(opening, request, response);
        return true;
      },
      onOpen: (socket, { protocol, head }) => {
        this.protocol = protocol || undefined;
        this.#open(socket, options, head);
        this.emit('open');
      },
      onFail: (error) => this.#fail(error),
    });
    this.#opening = opening;
    opening.send();
  }

  #open(socket: Duplex, options: ClientOptions, head: Uint8Array): void {
    const transport = new ClassicTransport(socket, this.protocolVersion, options.maxPayload);
    const session = createSession(transport, this.#isServer ? 'server' : 'client', options);
    this.#opening = null;
    this._socket = socket;
    this.#transport = transport;
    this.#session = session;
    this.#sender = new Sender(session, this.supports.binary, {
      isOpen: () => this.#readyState === OPEN,
      isLive: () => this.#readyState === OPEN || this.#isFinishing,
      breakOff: () => this.#close(CLOSE_INTERNAL_ERROR, EMPTY),
    });
    this.#readyState = OPEN;
    // A peer can reset the connection at any time. That must not end a program without an 'error' listener.
    const onError = (error: Error): void => void (this.listenerCount('error') > 0 && this.emit('error', error));
    socket.on('error', onError);
    session.websocket = this;
    session.attach({
      ...UNATTACHED,
      onMessage: (source, start, end, kind) => this.#receive(source, start, end, kind),
      onPing: (payload) => this.#receiveControl('ping', payload),
      onPong: (payload) => this.#receiveControl('pong', payload),
      onClosing: () => {
        this.#readyState = CLOSING;
        this.#isFinishing = false;
      },
      // The same holds for violations of a client.
      onError: (error) => void ((!this.#isServer || this.listenerCount('error') > 0) && this.emit('error', error)),
      onEnd: (code, reason, wasClean) => {
        this.#wasClean = wasClean;
        // A program may keep the request for long. The request refers to the socket, which must not refer to this WebSocket.
        socket.removeListener('error', onError);
        this.#end(code === CLOSE_NO_STATUS ? CLOSE_NORMAL : code, ownBuffer(reason).toString());
      },
    });
    // Starts after the listeners of 'connection' and 'open', which are called in this tick and may add others.
    nextTick(() => session.start(transport.accept(head)));
  }

  /** The session of a connection that a server has accepted. @internal */
  get _session(): Session {
    return this.#session!;
  }

  #receive(source: Uint8Array, start: number, end: number, kind: number): void {
    const isMasked = this.#isServer && this.supports.binary;
    const data = contentOf(platform, this.#session!, source, start, end, kind);
    this.emit('message', data, flagsOf(data, typeof data !== 'string', isMasked));
  }

  #receiveControl(event: 'ping' | 'pong', payload: Uint8Array): void {
    const data = ownBuffer(payload);
    this.emit(event, data, flagsOf(data, true, this.#isServer));
  }

  #sendControl(kind: 'ping' | 'pong', data: unknown, options: SendOptions | null | undefined, isQuiet?: boolean): void {
    if (!this.#mayAct(isQuiet) || !this.supports.binary) return;
    this.#session![kind](toBytes(normalize(data)), undefined, ownOptions(options).mask);
  }

  /** Whether the connection is open. @throws {Error} if it is not, unless `dontFailWhenClosed` is set. */
  #mayAct(dontFailWhenClosed: boolean = false): boolean {
    if (this.#readyState === OPEN) return true;
    if (dontFailWhenClosed) return false;
    throw notOpened();
  }

  #abandon(): void {
    this.#opening?.abort();
    this.#readyState = CLOSING;
    nextTick(() => this.#end(CLOSE_ABNORMAL, ''));
  }

  /** The server has responded with another status than 101. */
  #refuse(opening: NodeOpening, request: ClientRequest, response: IncomingMessage): void {
    if (this.listenerCount('unexpected-response') === 0) {
      opening.abort();
      return this.#fail(new Error(`unexpected server response (${response.statusCode ?? 0})`));
    }
    // The listener gets the response. The time limit of the opening still holds.
    const report = (): unknown => this.emit('unexpected-response', request, response);
    inTurn(platform, report, () => this.#end(CLOSE_ABNORMAL, ''));
  }

  /** Starts the closing handshake. All messages were passed to the session before. */
  #close(code: number, reason: Buffer): void {
    this.#stopTimer();
    this.#session!.close(code, reason, () => {
      if (this.#readyState !== CLOSED) this.#timer = platform.setTimer(() => this.#session!.terminate(), ANSWER_TIMEOUT);
    });
  }

  /** Stops waiting for messages if no frame was sent within `closeTimeout`. @param seen The number of frames at the last check. */
  #watchProgress(seen: number): void {
    if (this.#closeTimeout === 0) return;
    this.#timer = platform.setTimer(() => {
      const { progress } = this.#sender!;
      if (progress === seen) this.#sender!.giveUp();
      else this.#watchProgress(progress);
    }, this.#closeTimeout);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) platform.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #fail(error: Error): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSING;
    const report = (): unknown => this.emit('error', error);
    inTurn(platform, report, () => this.#end(CLOSE_ABNORMAL, ''));
  }

  #end(code: number, message: string): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#isFinishing = false;
    this.#stopTimer();
    this.#sender?.end();
    this._onEnd?.();
    this.emit('close', code, message);
  }
}

for (const target of [WebSocket, WebSocket.prototype]) defineConstants(target, { CONNECTING, OPEN, CLOSING, CLOSED });
defineHandlers(WebSocket.prototype, EVENTS);

/* oxlint-disable no-shadow -- The names are those of the package's exports. */
/** The types that `WebSocket.Name` means: `require` gives the class alone. */
export declare namespace WebSocket {
  type Server = Server_;
  type ClientOptions = types.ClientOptions;
  type CloseEvent = events.CloseEvent;
  type ErrorEvent = events.ErrorEvent;
  type Event = events.Event;
  type EventListener<Type extends keyof EventMap> = events.EventListener<Type>;
  type EventMap = events.EventMap;
  type FragmentSender = types.FragmentSender;
  type HandleProtocols = types.HandleProtocols;
  type Limits = types.Limits;
  type MessageEvent = events.MessageEvent;
  type MessageFlags = types.MessageFlags;
  type ProtocolVersion = types.ProtocolVersion;
  type SendCallback = types.SendCallback;
  type SendOptions = types.SendOptions;
  type ServerClient = types.ServerClient;
  type ServerEvents = types.ServerEvents;
  type ServerOptions = types.ServerOptions;
  type SocketEvents = types.SocketEvents;
  type StreamCallback = types.StreamCallback;
  type VerifyClient = types.VerifyClient;
  type VerifyClientInfo = types.VerifyClientInfo;
}
