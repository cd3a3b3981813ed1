// Reads one HTTP head from a byte stream (RFC 9112 section 2), within limits of size and time, and stops directly after it.

import type { HeadResult } from '../handshake/http-head.ts';
import { refuse, type Refusal } from '../handshake/refusal.ts';
import type { Platform, Timer, TransportEvents } from '../platform.ts';
import { guard } from '../base/guard.ts';
import type { ByteStream } from './network.ts';

/** A parser of `handshake/http-head.ts`. */
interface Parser<Head> {
  feed(chunk: Uint8Array): HeadResult<Head> | undefined;
}

/** The bytes that a head is read from. */
export type HeadSource = Pick<ByteStream, 'attach' | 'start' | 'pause'>;

/** Exactly one of them is called, once; none after {@link HeadReader.stop}. */
export interface HeadEvents<Head> {
  /**
   * The head is complete and the source is paused. Attach another receiver to the source before returning.
   *
   * @param rest Bytes after the head. They belong to the receiver.
   */
  onHead(head: Head, rest: Uint8Array): void;
  /** The bytes are not a valid head, or the time is over (408). The source is paused. */
  onRefusal(refusal: Refusal): void;
  /** The peer sent FIN. `hasBegun`: in the middle of the head. */
  onEnd(hasBegun: boolean): void;
  /** The source is gone. */
  onClosed(error: Error | undefined): void;
}

export class HeadReader<Head> implements TransportEvents {
  readonly #source: HeadSource;
  readonly #platform: Platform;
  /** Null after the end: it holds the head, which a program that keeps the request would keep alive. */
  #parser: Parser<Head> | null;
  readonly #events: HeadEvents<Head>;
  #timer: Timer | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(
    source: HeadSource,
    platform: Platform,
    plan: { readonly parser: Parser<Head>; readonly events: HeadEvents<Head> },
  ) {
    this.#source = source;
    this.#platform = platform;
    this.#parser = plan.parser;
    this.#events = plan.events;
  }

  /** Starts to read. @param timeout Milliseconds that the head may take; 0, the default, for no limit. */
  start(timeout: number = 0): void {
    if (timeout > 0) this.#timer = this.#platform.setTimer(() => this.#expire(), timeout);
    this.#source.attach(this);
    this.#source.start();
  }

  /** Stops reading and reporting. */
  stop(): void {
    this.#isOver = true;
    this.#parser = null;
    if (this.#timer !== undefined) this.#platform.clearTimer(this.#timer);
  }

  receive(chunk: Uint8Array): void {
    if (this.#parser === null || this.#isOver || chunk.length === 0) return;
    this.#hasBegun = true;
    const result = this.#parser.feed(chunk);
    if (result === undefined) return;
    this.stop();
    this.#source.pause();
    guard(this.#platform, () => {
      if (result.accepted) this.#events.onHead(result.head, result.rest);
      else this.#events.onRefusal(result);
    });
  }

  receiveInput(length: number): void {
    this.receive(this.#platform.codec.input.subarray(0, length));
  }

  receiveEnd(): void {
    if (this.#isOver) return;
    this.stop();
    guard(this.#platform, () => this.#events.onEnd(this.#hasBegun));
  }

  closed(error?: Error): void {
    if (this.#isOver) return;
    this.stop();
    guard(this.#platform, () => this.#events.onClosed(error));
  }

  #expire(): void {
    this.stop();
    this.#source.pause();
    this.#events.onRefusal(refuse(408, 'The request did not come in time'));
  }
}
