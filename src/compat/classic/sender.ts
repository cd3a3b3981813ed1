// Sends messages: in one frame, or in fragments for `stream` and readable streams. Other messages wait in a queue meanwhile.
// RFC 6455 section 5.4: the fragments of a message must not be mixed with another message.

import { Buffer } from 'node:buffer';
import { isAnyArrayBuffer } from 'node:util/types';
import { EMPTY, normalize, toBytes } from '../../api/ws/data.ts';
import { copyToOwn } from '../../nodejs/buffers.ts';
import type { Session } from '../../platform.ts';
import { UsageError } from '../../base/errors.ts';
import { TEXT_END } from './hixie-76-frames.ts';
import { isSource, SourcePump } from './source.ts';
import type { FragmentSender, SendCallback, SendOptions, StreamCallback } from './types.ts';
import { nextTick } from '../../clock.ts';

/** Options whose defaults are decided. */
interface Settings {
  readonly binary: boolean;
  readonly mask: boolean | undefined;
}

type Fail = (error: Error) => void;

/** A message, or another task, that waits for the end of a message in fragments. */
interface Waiting {
  /** Payload bytes, for `bufferedAmount`. */
  readonly bytes: number;
  run(): void;
}

/** The error of all methods while the connection is not open. */
export function notOpened(): Error {
  return new Error('not opened');
}

/** The second argument of a `stream` callback that reports an error. */
export function ignoreFragment(): void {}

/** Text as a string, all other data as bytes. @throws {TypeError} for data that has no bytes. */
function contentOf(data: unknown): string | Buffer {
  return typeof data === 'string' ? data : toBytes(normalize(data));
}

/** State of the connection, which its owner knows. */
export interface SenderState {
  /** Whether the program may send a message. */
  isOpen(): boolean;
  /** Whether messages that wait may still be sent. */
  isLive(): boolean;
  /** Starts the closing handshake, because a message in fragments has failed. */
  breakOff(): void;
}

export class Sender {
  readonly #session: Session;
  readonly #carriesBinary: boolean;
  readonly #state: SenderState;
  /** Tasks that wait for the message in fragments that is being sent; null when there is none. */
  #queue: Waiting[] | null = null;
  #queuedBytes = 0;
  #isReleasing = false;
  /** Stops the readable stream that is being sent. */
  #abandon: (() => void) | null = null;
  /** The task that follows all messages. */
  #last: (() => void) | null = null;
  /** Number of data frames that were sent. */
  progress: number = 0;

  /** @param carriesBinary Whether the protocol has binary messages. */
  constructor(session: Session, carriesBinary: boolean, state: SenderState) {
    this.#session = session;
    this.#carriesBinary = carriesBinary;
    this.#state = state;
  }

  /** Payload bytes that the operating system has not taken yet. Does not count data that a readable stream has not returned yet. */
  get bufferedAmount(): number {
    return this.#session.bufferedAmount + this.#queuedBytes;
  }

  /** Runs `last` once, after all messages. */
  finish(last: () => void): void {
    this.#last = last;
    if (this.#queue === null) this.giveUp();
    else this.#queue.push({ bytes: 0, run: () => this.giveUp() });
  }

  /** Runs the task of {@link finish} now, before the messages that wait. */
  giveUp(): void {
    const last = this.#last;
    this.#last = null;
    last?.();
  }

  /** The connection is over. Reports that to all messages that wait. */
  end(): void {
    this.#abandon?.();
    this.#release();
  }

  /**
   * Sends one message, after the one that is being sent in fragments.
   *
   * @throws {Error} the error for the callback, if there is no callback.
   */
  send(data: unknown, options: SendOptions, callback: SendCallback | undefined): void {
    const isDelayed = this.#queue !== null;
    const fail: Fail = (error) => {
      if (callback) nextTick(callback, error);
      else if (!isDelayed) throw error;
    };
    try {
      const isBytes = ArrayBuffer.isView(data) || isAnyArrayBuffer(data);
      const settings = this.#settings(options, isBytes);
      if (isSource(data)) {
        const pump = new SourcePump(data);
        this.#schedule(
          0,
          (error) => (pump.stop(), fail(error)),
          () => this.#sendSource(pump, settings, callback),
        );
      } else {
        const given = contentOf(data);
        // The caller may change its memory while the message waits.
        const content = isDelayed && typeof given !== 'string' ? copyToOwn(given) : given;
        this.#schedule(Buffer.byteLength(content), fail, () => this.#sendFrame(content, settings, true, callback));
      }
    } catch (error) {
      if (callback === undefined) throw error;
      nextTick(callback, error as Error);
    }
  }

  /** Sends one message in fragments. Calls `callback` for them on successive ticks, after the message that is being sent in fragments. */
  stream(options: SendOptions, callback: StreamCallback): void {
    try {
      const settings = this.#settings(options, false);
      this.#schedule(
        0,
        (error) => callback(error, ignoreFragment),
        () => this.#startStream(settings, callback),
      );
    } catch (error) {
      callback(error as Error, ignoreFragment);
    }
  }

  /** @throws {Error} when the connection is not open or cannot carry binary messages. */
  #settings({ binary, mask }: SendOptions, isBytes: boolean): Settings {
    if (!this.#state.isOpen()) throw notOpened();
    const isBinary = binary ?? isBytes;
    if (isBinary && !this.#carriesBinary) throw new Error('hixie-76 has no binary messages');
    return { binary: isBinary, mask: this.#carriesBinary ? mask : undefined };
  }

  /** Runs `task` when no message in fragments is being sent. @param bytes Payload bytes that wait. */
  #schedule(bytes: number, fail: Fail, task: () => void): void {
    if (this.#queue === null) return task();
    this.#queuedBytes += bytes;
    this.#queue.push({
      bytes,
      run: () => {
        if (!this.#state.isLive()) return fail(notOpened());
        try {
          task();
        } catch (error) {
          fail(error as Error);
        }
      },
    });
  }

  /** The message in fragments is over. Runs the tasks that wait, up to the next message in fragments. */
  #release(): void {
    if (this.#queue === null || this.#isReleasing) return;
    this.#isReleasing = true;
    nextTick(() => {
      const waiting = this.#queue!;
      this.#queue = null;
      this.#isReleasing = false;
      let next: Waiting | undefined;
      while (this.#queue === null && (next = waiting.shift()) !== undefined) {
        this.#queuedBytes -= next.bytes;
        next.run();
      }
      (this.#queue as Waiting[] | null)?.push(...waiting);
    });
  }

  #sendFrame(content: string | Buffer, { binary, mask }: Settings, fin: boolean, callback: SendCallback | undefined): void {
    const options = { fin, ...(mask !== undefined && { mask }) };
    this.progress++;
    if (typeof content === 'string' && !binary) return this.#session.sendText(content, options, callback);
    const bytes = toBytes(content);
    // The byte ends a frame of hixie-76: the peer would read the rest as further frames.
    if (!this.#carriesBinary && bytes.includes(TEXT_END)) throw new UsageError('Text must be UTF-8');
    this.#session.sendBytes(bytes, !binary, options, callback);
  }

  #startStream(settings: Settings, callback: StreamCallback): void {
    this.#queue = [];
    let isOver = false;
    const send: FragmentSender = (data, final) => {
      if (isOver) throw new Error('The stream has ended');
      if (!this.#state.isLive()) {
        isOver = true;
        return callback(notOpened(), ignoreFragment);
      }
      try {
        this.#sendFrame(contentOf(data), settings, final === true, undefined);
      } catch (error) {
        // The fragment was not sent. The message can go on, and the program has to end it.
        return callback(error as Error, send);
      }
      isOver = final === true;
      if (isOver) this.#release();
      else nextTick(callback, null, send);
    };
    nextTick(callback, null, send);
  }

  #sendSource(pump: SourcePump, settings: Settings, callback: SendCallback | undefined): void {
    this.#queue = [];
    let hasBegun = false;
    const settle = (error: Error | null): void => {
      if (this.#abandon !== abandon) return;
      this.#abandon = null;
      pump.stop();
      if (callback) nextTick(callback, error);
      this.#release();
    };
    const abandon = (): void => settle(notOpened());
    const fail: Fail = (error) => {
      settle(error);
      // The final fragment would turn the half message into a whole one, so the connection is closed instead.
      if (!hasBegun || !this.#state.isLive()) return;
      this.#last = null;
      this.#state.breakOff();
    };
    const sendChunk = (chunk: unknown, isFinal: boolean, onSent: () => void): void => {
      if (!this.#state.isLive()) return abandon();
      try {
        this.#sendFrame(contentOf(chunk), settings, isFinal, (error) => (error ? settle(error) : onSent()));
        hasBegun = true;
      } catch (error) {
        fail(error as Error);
      }
    };
    this.#abandon = abandon;
    pump.start({
      onChunk: (chunk) => sendChunk(chunk, false, () => pump.continue()),
      onEnd: () => sendChunk(EMPTY, true, () => settle(null)),
      onError: fail,
    });
  }
}
