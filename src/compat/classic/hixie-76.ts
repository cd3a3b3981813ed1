// A Session that speaks draft-hixie-thewebsocketprotocol-76 on a server's side, over a socket whose opening handshake is done.
// Obsolete: text only, no Pings, no close codes. Limits and deadlines are those of the modern session.

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { CLOSE_ABNORMAL, CLOSE_NORMAL } from '../../base/close-codes.ts';
import { CapacityError, UsageError, Utf8Error } from '../../base/errors.ts';
import { platform } from '../../nodejs/platform.ts';
import {
  MESSAGE_OWNED,
  MESSAGE_TEXT,
  UNATTACHED,
  type SendCallback,
  type SendOptions,
  type SessionSink,
  type Timer,
} from '../../platform.ts';
import { HixieDecoder, TEXT_END, TEXT_START } from './hixie-76-frames.ts';
import type { CountingSession } from './session.ts';
import type { Limits } from './types.ts';
import { nextTick } from '../../clock.ts';
import { DEFAULT_CLOSE_TIMEOUT, DEFAULT_MAX_BUFFERED_AMOUNT, DEFAULT_MAX_PAYLOAD } from '../../base/options.ts';

const NO_BYTES = new Uint8Array(0);

/** What sockets have and other Duplex streams have not. */
interface SocketOptions {
  setTimeout?: (milliseconds: number) => void;
  setNoDelay?: (on: boolean) => void;
}

export class HixieSession implements CountingSession {
  readonly role = 'server';
  bytesReceived: number = 0;
  bufferedAmount: number = 0;
  readonly #socket: Duplex;
  readonly #decoder: HixieDecoder;
  readonly #maxBufferedAmount: number;
  readonly #closeTimeout: number;
  #sink: SessionSink = UNATTACHED;
  #isStarted = false;
  #isPaused = false;
  #isFragmentOpen = false;
  #isCongested = false;
  #isClosing = false;
  #isCloseSent = false;
  #isCloseReceived = false;
  #isOver = false;
  #timer: Timer | undefined;

  constructor(socket: Duplex, limits: Limits) {
    this.#socket = socket;
    this.#maxBufferedAmount = limits.maxBufferedAmount ?? DEFAULT_MAX_BUFFERED_AMOUNT;
    this.#closeTimeout = limits.closeTimeout ?? DEFAULT_CLOSE_TIMEOUT;
    this.#decoder = new HixieDecoder(
      {
        onText: (bytes) => this.#receiveText(bytes),
        onClose: () => this.#receiveClose(),
        onViolation: (error) => this.#fail(error),
      },
      limits.maxPayload ?? DEFAULT_MAX_PAYLOAD,
    );
    const options = socket as SocketOptions;
    options.setTimeout?.(0);
    options.setNoDelay?.(true);
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('end', () => this.#endOutput());
    socket.on('close', () => this.#end());
  }

  attach(sink: SessionSink): void {
    this.#sink = sink;
  }

  start(head: Uint8Array = NO_BYTES): void {
    const socket = this.#socket;
    if (head.length > 0) this.#receive(head);
    this.#isStarted = true;
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    if (this.#isPaused) socket.pause();
    else socket.resume();
  }

  sendText(text: string, options?: SendOptions, callback?: SendCallback): void {
    this.#send(Buffer.from(text), options?.fin ?? true, callback);
  }

  /** @throws {UsageError} for binary messages, which the draft has not, and for text that is not UTF-8. */
  sendBytes(payload: Uint8Array, isText: boolean, options?: SendOptions, callback?: SendCallback): void {
    if (!isText) throw new UsageError('hixie-76 has no binary messages');
    // The byte ends a frame: what follows it would be read as frames of the sender's choice. UTF-8 has no such byte.
    if (payload.includes(TEXT_END)) throw new UsageError('Text must be UTF-8');
    this.#send(payload, options?.fin ?? true, callback);
  }

  /** Does nothing: the draft has no Pings, and a heartbeat over all clients must not fail at an old one. */
  ping(_payload: Uint8Array, callback?: SendCallback): void {
    if (callback) nextTick(callback);
  }

  /** Does nothing, as {@link ping}. */
  pong(_payload: Uint8Array, callback?: SendCallback): void {
    if (callback) nextTick(callback);
  }

  /** Starts the closing handshake. Code and reason have no place in it. */
  close(_code?: number, _reason?: Uint8Array, callback?: SendCallback): void {
    if (this.#isClosing) return;
    this.#sendClose(callback);
    this.#beginClosing();
  }

  terminate(): void {
    this.#decoder.stop();
    this.#beginClosing();
    this.#socket.destroy();
  }

  copyMessage(source: Uint8Array, start: number, end: number): Uint8Array {
    return platform.copy(source, start, end);
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isStarted) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isStarted) this.#socket.resume();
  }

  #receive(chunk: Uint8Array): void {
    this.bytesReceived += chunk.length;
    this.#decoder.receive(chunk);
  }

  #receiveText(bytes: Uint8Array): void {
    if (!platform.codec.isUtf8(bytes)) {
      this.#decoder.stop();
      return this.#fail(new Utf8Error());
    }
    this.#sinkSafely(() => this.#sink.onMessage(bytes, 0, bytes.length, MESSAGE_TEXT | MESSAGE_OWNED));
  }

  #receiveClose(): void {
    this.#isCloseReceived = true;
    this.#endOutput();
  }

  #fail(error: Error): void {
    this.#endOutput();
    this.#sinkSafely(() => this.#sink.onError(error));
  }

  /** Says goodbye, if that was not done, ends our half of TCP, and reads on so that no reset overtakes what we sent. */
  #endOutput(): void {
    if (this.#isOver) return;
    this.#sendClose();
    this.#beginClosing();
    this.#socket.end();
    this.#socket.resume();
  }

  #sendClose(callback?: SendCallback): void {
    if (this.#isCloseSent) return;
    this.#isCloseSent = true;
    // A message that is not finished would swallow the handshake.
    this.#write(Buffer.from(this.#isFragmentOpen ? [TEXT_END, 0xff, 0x00] : [0xff, 0x00]), 0, callback);
  }

  #send(payload: Uint8Array, isFinal: boolean, callback: SendCallback | undefined): void {
    if (!this.#admits(callback)) return;
    const start = this.#isFragmentOpen ? [] : [TEXT_START];
    const end = isFinal ? [TEXT_END] : [];
    this.#isFragmentOpen = !isFinal;
    this.#write(Buffer.concat([Buffer.from(start), payload, Buffer.from(end)]), payload.length, callback);
  }

  #admits(callback: SendCallback | undefined): boolean {
    if (this.#isClosing) {
      if (callback) nextTick(callback, new Error('The WebSocket is not open'));
      return false;
    }
    if (this.#maxBufferedAmount === 0 || this.bufferedAmount <= this.#maxBufferedAmount) return true;
    const error = new CapacityError({
      code: 'WS_ERR_TOO_MUCH_BUFFERED_OUTPUT',
      message: `${this.bufferedAmount} bytes wait for the peer, more than maxBufferedAmount (${this.#maxBufferedAmount})`,
      closeCode: 1008,
    });
    if (callback) nextTick(callback, error);
    this.#sinkSafely(() => this.#sink.onError(error));
    this.terminate();
    return false;
  }

  #write(bytes: Buffer, payloadLength: number, callback: SendCallback | undefined): void {
    this.bufferedAmount += payloadLength;
    const isTaken = this.#socket.write(bytes, (error) => {
      this.bufferedAmount -= payloadLength;
      callback?.(error);
      if (this.bufferedAmount > 0 || !this.#isCongested || this.#isOver) return;
      this.#isCongested = false;
      this.#sinkSafely(() => this.#sink.onDrain());
    });
    if (!isTaken) this.#isCongested = true;
  }

  #beginClosing(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#closeTimeout > 0) this.#timer = platform.setTimer(() => this.#socket.destroy(), this.#closeTimeout);
    this.#sinkSafely(() => this.#sink.onClosing());
  }

  #end(): void {
    if (this.#isOver) return;
    this.#beginClosing();
    this.#isOver = true;
    this.#decoder.stop();
    if (this.#timer !== undefined) platform.clearTimer(this.#timer);
    const isClean = this.#isCloseSent && this.#isCloseReceived;
    this.#sinkSafely(() => this.#sink.onEnd(isClean ? CLOSE_NORMAL : CLOSE_ABNORMAL, NO_BYTES, isClean));
  }

  /** What a listener throws is the program's: it is rethrown where the runtime reports it, and the rest of a chunk is delivered. */
  #sinkSafely(report: () => void): void {
    try {
      report();
    } catch (thrown) {
      platform.defer(() => {
        throw thrown;
      });
    }
  }
}
