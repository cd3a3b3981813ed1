// The connection of WebSocket-Node: its methods, states and events over a Session.

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { ownBuffer } from '../../api/ws/data.ts';
import { TypedEmitter } from '../../api/ws/emitter.ts';
import {
  CLOSE_ABNORMAL,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL_ERROR,
  isValidCloseCode,
} from '../../base/close-codes.ts';
import type { PeerError } from '../../base/errors.ts';
import { OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT } from '../../base/opcodes.ts';
import { platform } from '../../nodejs/platform.ts';
import { createSession } from '../../nodejs/session.ts';
import type { Session } from '../../platform.ts';
import { contentOf } from '../shared/sessions.ts';
import { CLOSE_DESCRIPTIONS, describeViolation, reasonBytes } from './close-reasons.ts';
import { deprecation } from './deprecation.ts';
import { receivedFrame, WebSocketFrame } from './frame.ts';
import { makeKeepalive, type Keepalive } from './keepalive.ts';
import type { ConnectionConfig, IExtension, IStringified, Message, SendCallback } from './types.ts';

const FIN = 0x80;
const DROPPED = 'Connection dropped by remote peer.';
const DEFAULT_THRESHOLD = 16384;
const DEFAULT_CLOSE_TIMEOUT = 5000;
/** Longest payload of `ping` and `pong`, as in WebSocket-Node. RFC 6455 section 5.5 allows one byte more. */
const LONGEST_PING = 124;

/** `Buffer.isBuffer` narrows an `IStringified` that is no Buffer to `never`. */
function isBuffer(data: unknown): data is Buffer {
  return Buffer.isBuffer(data);
}

/** The payload of a Ping or Pong. */
function controlPayload(data: Buffer | IStringified): Buffer {
  const bytes = isBuffer(data) ? data : Buffer.from(String(data));
  return bytes.subarray(0, LONGEST_PING);
}

/** Arguments of the events of a connection. */
export interface ConnectionEvents {
  /** A message, unless `assembleFragments` is off. */
  message: [data: Message];
  /** A frame of any kind, if `assembleFragments` is off. */
  frame: [frame: WebSocketFrame];
  /** The connection is over. Emitted once. */
  close: [code: number, description: string];
  /** The socket failed; 'close' follows. */
  error: [error: Error];
  /** A Ping arrived; it is answered unless `cancel` is called before the listener returns. */
  ping: [cancel: () => void, payload: Buffer];
  pong: [payload: Buffer];
  /** All waiting output was sent. */
  drain: [];
  pause: [];
  resume: [];
}

export type ConnectionState = 'open' | 'peer_requested_close' | 'ending' | 'closed';

export class WebSocketConnection extends TypedEmitter<ConnectionEvents> {
  static readonly CLOSE_REASON_NORMAL: number = 1000;
  static readonly CLOSE_REASON_GOING_AWAY: number = 1001;
  static readonly CLOSE_REASON_PROTOCOL_ERROR: number = 1002;
  static readonly CLOSE_REASON_UNPROCESSABLE_INPUT: number = 1003;
  static readonly CLOSE_REASON_RESERVED: number = 1004;
  static readonly CLOSE_REASON_NOT_PROVIDED: number = 1005;
  static readonly CLOSE_REASON_ABNORMAL: number = 1006;
  static readonly CLOSE_REASON_INVALID_DATA: number = 1007;
  static readonly CLOSE_REASON_POLICY_VIOLATION: number = 1008;
  static readonly CLOSE_REASON_MESSAGE_TOO_BIG: number = 1009;
  static readonly CLOSE_REASON_EXTENSION_REQUIRED: number = 1010;
  static readonly CLOSE_REASON_INTERNAL_SERVER_ERROR: number = 1011;
  static readonly CLOSE_REASON_TLS_HANDSHAKE_FAILED: number = 1015;
  /** Default text of a close code. */
  static readonly CLOSE_DESCRIPTIONS: Record<number, string> = CLOSE_DESCRIPTIONS;

  config: ConnectionConfig;
  socket: Socket;
  /** The subprotocol in use, as the program passed it to `accept`. */
  protocol: string;
  /** None, so far. */
  extensions: IExtension[];
  /** The peer's address. With a server: as the request has it, X-Forwarded-For included. */
  remoteAddress: string;
  /** 8 or 13. */
  webSocketVersion: number = 13;
  /** -1 while the connection is open. */
  closeReasonCode: number = -1;
  /** Null while the connection is open; undefined for a code without a default text. */
  closeDescription: string = null as unknown as string;
  /** Whether messages can still be sent. */
  connected: boolean = true;
  state: ConnectionState = 'open';
  /** Whether we mask: with a client. */
  maskOutgoingPackets: boolean;
  assembleFragments: boolean;
  maxReceivedMessageSize: number;
  /** Milliseconds. */
  closeTimeout: number;
  maskBytes: Buffer = Buffer.alloc(4);
  frameHeader: Buffer = Buffer.alloc(10);
  waitingForCloseResponse: boolean = false;
  closeEventEmitted: boolean = false;
  /** Whether more output waits than the socket's high water mark. 'drain' is emitted when it was sent. */
  outputBufferFull: boolean = false;
  inputPaused: boolean = false;
  /** Whether the closing handshake was completed. */
  wasClean: boolean = false;
  readonly #session: Session;
  readonly #keepalive: Keepalive | undefined;
  #socketError: (Error & { syscall?: string; code?: string }) | undefined;
  readonly #socketListeners: Readonly<Record<string, (error: Error) => void>> = {
    error: (error) => {
      this.#socketError = error;
      if (!this.closeEventEmitted && this.listenerCount('error') > 0) this.emit('error', error);
    },
    pause: () => {
      this.inputPaused = true;
      this.emit('pause');
    },
    resume: () => {
      this.inputPaused = false;
      this.emit('resume');
    },
  };

  /** @param maskOutgoingPackets Whether this is a client. */
  constructor(
    socket: Socket,
    extensions: IExtension[],
    protocol: string,
    maskOutgoingPackets: boolean,
    config: ConnectionConfig,
  ) {
    super();
    this.config = config;
    this.socket = socket;
    this.protocol = protocol;
    this.extensions = extensions;
    this.remoteAddress = socket.remoteAddress as string;
    this.maskOutgoingPackets = maskOutgoingPackets;
    this.assembleFragments = config.assembleFragments ?? true;
    this.maxReceivedMessageSize = config.maxReceivedMessageSize as number;
    this.closeTimeout = config.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.#session = this.#makeSession();
    socket.setNoDelay?.(config.disableNagleAlgorithm ?? true);
    this.#keepalive = makeKeepalive(socket, config, {
      ping: () => this.ping(),
      giveUp: () => this.drop(CLOSE_ABNORMAL, 'Peer not responding.', true),
    });
    for (const [event, listener] of Object.entries(this.#socketListeners)) socket.on(event, listener);
  }

  /** @deprecated */
  get websocketVersion(): number {
    deprecation.warn('websocketVersion');
    return this.webSocketVersion;
  }

  /** Payload bytes that were sent and wait for the peer. */
  get bytesWaitingToFlush(): number {
    return this.#session.bufferedAmount;
  }

  /** Starts to read. For connections that a program constructs itself; call it once. */
  _addSocketEventListeners(head?: Uint8Array): void {
    this.#session.start(head);
    if (this.connected) this.#keepalive?.start();
  }

  /** Sends text; in several frames if it is longer than `fragmentationThreshold`. */
  sendUTF(data: IStringified, callback?: SendCallback): void {
    const text = typeof data === 'string' ? data : data.toString();
    // A text of n characters has at most 3 n bytes, so short ones need not be encoded here.
    const { fragmentOutgoingMessages, fragmentationThreshold } = this.config;
    const threshold = fragmentationThreshold ?? DEFAULT_THRESHOLD;
    if ((fragmentOutgoingMessages ?? true) && text.length * 3 > threshold) {
      const bytes = Buffer.from(text);
      if (bytes.length > threshold) return this.#sendFragments(bytes, true, callback);
    }
    this.#session.sendText(text, undefined, callback as never);
    this.#noteOutput();
  }

  /**
   * Sends bytes, in the same way.
   *
   * @param data Copied.
   * @throws {Error} unless it is a Buffer.
   */
  sendBytes(data: Buffer, callback?: SendCallback): void {
    if (!isBuffer(data)) {
      throw new Error('You must pass a Node Buffer object to WebSocketConnection.prototype.sendBytes()');
    }
    const { fragmentOutgoingMessages, fragmentationThreshold } = this.config;
    if ((fragmentOutgoingMessages ?? true) && data.length > (fragmentationThreshold ?? DEFAULT_THRESHOLD)) {
      return this.#sendFragments(data, false, callback);
    }
    this.#session.sendBytes(data, false, undefined, callback as never);
    this.#noteOutput();
  }

  /** Sends a Buffer as bytes, and any other value as text. @throws {Error} for a value without `toString`. */
  send(data: Buffer | IStringified, callback?: SendCallback): void {
    if (isBuffer(data)) this.sendBytes(data, callback);
    else if (typeof data.toString === 'function') this.sendUTF(data, callback);
    else throw new Error('Data provided must either be a Node Buffer or implement toString()');
  }

  /** Sends a Ping. Cuts the payload to 124 bytes. */
  ping(data: Buffer | IStringified = ''): void {
    this.#session.ping(controlPayload(data));
  }

  /** Sends a Pong, with or without a Ping. */
  pong(data: Buffer | IStringified = ''): void {
    this.#session.pong(controlPayload(data));
  }

  /**
   * Sends a frame that the program has made. Nothing is checked; only the mask is set as the role demands.
   *
   * @returns False if more output waits than the socket's high water mark.
   */
  sendFrame(frame: WebSocketFrame, callback?: SendCallback): boolean {
    frame.mask = this.maskOutgoingPackets;
    const bytes = frame.toBuffer(true);
    // The session writes a header of its own, with the mask that the role demands.
    const payload = bytes.subarray(bytes.length - frame.length);
    this.#session.sendBytes(payload, false, { firstByte: bytes[0] }, callback as never);
    this.#noteOutput();
    return !this.outputBufferFull;
  }

  /** Sends a message in frames of at most `fragmentationThreshold` bytes. @throws {Error} for a control frame. */
  fragmentAndSend(frame: WebSocketFrame, callback?: SendCallback): void {
    if (frame.opcode > 0x07) throw new Error('You cannot fragment control frames.');
    this.#sendFragments(frame.binaryPayload, frame.opcode === OPCODE_TEXT, callback);
  }

  /** Sends a Close frame only. Use `close` for the closing handshake. */
  sendCloseFrame(reasonCode: number = CLOSE_NORMAL, description?: string, callback?: SendCallback): void {
    const frame = new WebSocketFrame(this.maskBytes, this.frameHeader, this.config);
    const binaryPayload = reasonBytes(description);
    this.sendFrame(Object.assign(frame, { fin: true, opcode: OPCODE_CLOSE, closeStatus: reasonCode, binaryPayload }), callback);
  }

  /** Stops reading, so that TCP makes the peer wait. Messages that were read already are still delivered. */
  pause(): void {
    this.#session.pause();
    // A session that has not started does not touch the socket, which has a 'pause' event of its own.
    this.socket.pause();
  }

  resume(): void {
    this.#session.resume();
  }

  /**
   * Starts the closing handshake; 'close' follows. Does nothing if it has started.
   *
   * @param reasonCode Default 1000.
   * @param description Default: the text of the code. Cut to 123 bytes in the Close frame.
   * @throws {Error} for a code that must not be sent.
   */
  close(reasonCode?: number, description?: string): void {
    if (!this.connected) return;
    const code = typeof reasonCode === 'number' ? reasonCode : CLOSE_NORMAL;
    if (!isValidCloseCode(code)) throw new Error(`Close code ${code} is not valid.`);
    this.closeReasonCode = code;
    this.closeDescription = typeof description === 'string' ? description : CLOSE_DESCRIPTIONS[code];
    this.connected = false;
    this.state = 'ending';
    this.waitingForCloseResponse = true;
    this.#keepalive?.stop();
    this.#session.close(code, reasonBytes(this.closeDescription));
  }

  /**
   * Ends the connection at once, without waiting for the peer. 'close' is emitted before this returns.
   *
   * @param reasonCode Default 1002.
   * @param skipCloseFrame Whether no Close frame is sent. A code that must not be sent is left out of it.
   */
  drop(reasonCode: number = CLOSE_PROTOCOL_ERROR, description?: string, skipCloseFrame?: boolean): void {
    const text = typeof description === 'string' ? description : CLOSE_DESCRIPTIONS[reasonCode];
    if (!skipCloseFrame) {
      if (isValidCloseCode(reasonCode)) this.#session.close(reasonCode, reasonBytes(text));
      else this.#session.close();
    }
    try {
      this.#finish(reasonCode, text);
    } finally {
      this.#session.terminate();
    }
  }

  /** @internal */
  get _session(): Session {
    return this.#session;
  }

  #makeSession(): Session {
    const { config, assembleFragments } = this;
    const session = createSession(this.socket, {
      role: this.maskOutgoingPackets ? 'client' : 'server',
      maxPayload: assembleFragments ? (config.maxReceivedMessageSize ?? 0) : (config.maxReceivedFrameSize ?? 0),
      maxFramePayload: config.maxReceivedFrameSize ?? 0,
      deliverFrames: !assembleFragments,
      // The program joins the frames itself, and has to check the text.
      skipUtf8Validation: !assembleFragments,
      closeTimeout: Math.max(1, this.closeTimeout),
      acceptsPing: (payload) => this.#acceptsPing(ownBuffer(payload)),
      describeViolation: (error) => reasonBytes(describeViolation(error)),
    });
    // The socket of a client that has left reports no end any more, so the connection would count as open for ever.
    if (this.socket.destroyed) session.meter = null;
    session.websocket = this;
    session.attach({
      onMessage: (source, start, end, kind) => this.#receive(source, start, end, kind),
      onFrame: (first, payload) => {
        if (this.connected) this.#emitFrame(first, ownBuffer(payload));
      },
      onPing() {},
      onPong: (payload) => {
        this.#keepalive?.noteData();
        if (!this.connected) return;
        const bytes = ownBuffer(payload);
        if (!this.assembleFragments) this.#emitFrame(FIN | OPCODE_PONG, bytes);
        this.emit('pong', bytes);
      },
      onClosing: () => this.#beginClosing(),
      onError: (error) => this.#finish((error as PeerError).closeCode ?? CLOSE_ABNORMAL, describeViolation(error as PeerError)),
      onDrain: () => this.#drain(),
      onEnd: (code, reason, wasClean) => this.#end(code, ownBuffer(reason), wasClean),
    });
    return session;
  }

  // Receiving.

  #receive(source: Uint8Array, start: number, end: number, kind: number): void {
    this.#keepalive?.noteData();
    if (!this.connected) return;
    const data = contentOf(platform, this.#session, source, start, end, kind);
    this.emit('message', typeof data === 'string' ? { type: 'utf8', utf8Data: data } : { type: 'binary', binaryData: data });
  }

  #emitFrame(first: number, payload: Buffer, closeStatus: number = -1): void {
    this.#keepalive?.noteData();
    if (this.closeEventEmitted) return;
    const { maskBytes, frameHeader, config } = this;
    const isMasked = !this.maskOutgoingPackets;
    this.emit('frame', receivedFrame(config, { first, isMasked, payload, closeStatus, maskBytes, frameHeader }));
  }

  /** @returns Whether to answer a Ping. */
  #acceptsPing(payload: Buffer): boolean {
    this.#keepalive?.noteData();
    if (!this.connected) return true;
    if (!this.assembleFragments) this.#emitFrame(FIN | OPCODE_PING, payload);
    if (this.listenerCount('ping') === 0) return true;
    let isCancelled = false;
    this.emit('ping', () => void (isCancelled = true), payload);
    return !isCancelled;
  }

  // Closing.

  #beginClosing(): void {
    this.#keepalive?.stop();
    if (!this.connected) return;
    this.connected = false;
    this.state = 'peer_requested_close';
  }

  #end(code: number, reason: Buffer, wasClean: boolean): void {
    // A program may keep the request for long. The request refers to the socket, which must not refer to this connection.
    for (const [event, listener] of Object.entries(this.#socketListeners)) this.socket.removeListener(event, listener);
    this.wasClean = wasClean;
    const hasCloseFrame = code !== CLOSE_ABNORMAL;
    if (hasCloseFrame && !this.assembleFragments && this.state !== 'ending') {
      this.#emitFrame(FIN | OPCODE_CLOSE, reason, code === CLOSE_NO_STATUS ? -1 : code);
    }
    this.waitingForCloseResponse = false;
    if (this.state === 'ending') return this.#finish(this.closeReasonCode, this.closeDescription);
    if (hasCloseFrame) return this.#finish(code, reason.length > 0 ? reason.toString() : CLOSE_DESCRIPTIONS[code]);
    const error = this.#socketError;
    const text = error === undefined ? DROPPED : `Socket Error: ${error.syscall} ${error.code}`;
    this.#finish(CLOSE_ABNORMAL, text);
  }

  #finish(code: number, description: string): void {
    this.#keepalive?.stop();
    if (this.closeEventEmitted) return;
    this.closeEventEmitted = true;
    this.connected = false;
    this.state = 'closed';
    this.closeReasonCode = code;
    this.closeDescription = description;
    this.emit('close', code, description);
  }

  // Sending.

  #sendFragments(bytes: Buffer, isText: boolean, callback: SendCallback | undefined): void {
    const threshold = Math.max(1, this.config.fragmentationThreshold ?? DEFAULT_THRESHOLD);
    let at = 0;
    do {
      const end = Math.min(bytes.length, at + threshold);
      const isFinal = end === bytes.length;
      this.#session.sendBytes(bytes.subarray(at, end), isText, { fin: isFinal }, isFinal ? (callback as never) : undefined);
      at = end;
    } while (at < bytes.length);
    this.#noteOutput();
  }

  #noteOutput(): void {
    if (this.bytesWaitingToFlush >= (this.socket.writableHighWaterMark ?? DEFAULT_THRESHOLD)) this.outputBufferFull = true;
  }

  #drain(): void {
    if (!this.outputBufferFull) return;
    this.outputBufferFull = false;
    this.emit('drain');
  }
}
