// The body of a response over a byte stream, for a program that reads why the server refused it.

import type { ResponseHead } from '../handshake/http-head.ts';
import type { Platform, TransportEvents } from '../platform.ts';
import { BodyDecoder } from './body.ts';
import { guard } from '../base/guard.ts';
import type { ByteStream } from './network.ts';

/** The reader of a body. After `onEnd` or `onAbort` nothing follows. */
export interface BodySink {
  /** @param piece Borrowed for this call. */
  onData(piece: Uint8Array): void;
  onEnd(): void;
  /** The rest of the body will not come. */
  onAbort(error: Error): void;
}

/** The first bytes of a body, and the function to call at its end. */
export interface BodyInit {
  readonly head: ResponseHead;
  /** The first bytes after the head. */
  readonly rest: Uint8Array;
  readonly onOver: () => void;
}

export class ResponseBody implements TransportEvents {
  readonly #transport: ByteStream;
  readonly #platform: Platform;
  readonly #decoder: BodyDecoder;
  readonly #onOver: () => void;
  #rest: Uint8Array | null;
  #sink: BodySink | null = null;
  #isOver = false;

  /** Takes over the transport, which is paused. */
  constructor(transport: ByteStream, platform: Platform, init: BodyInit) {
    this.#transport = transport;
    this.#platform = platform;
    this.#decoder = new BodyDecoder(init.head);
    this.#rest = init.rest;
    this.#onOver = init.onOver;
    transport.attach(this);
  }

  /** Names the reader, which is also told when the body is given up before it was read. */
  attach(sink: BodySink): this {
    this.#sink = sink;
    return this;
  }

  /** Reads, the first time and after {@link pause}. */
  resume(): void {
    if (this.#isOver) return;
    const rest = this.#rest;
    this.#rest = null;
    if (rest === null) this.#transport.resume();
    else {
      this.receive(rest);
      if (!this.#isOver) this.#transport.start();
    }
  }

  pause(): void {
    if (!this.#isOver) this.#transport.pause();
  }

  /** Gives up the rest of the body. */
  abort(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#transport.destroy();
    this.#onOver();
    guard(this.#platform, () => this.#sink?.onAbort(error));
  }

  receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#decoder.feed(chunk, (piece) => {
      // The reader may have given up in the middle of the chunk.
      if (!this.#isOver) guard(this.#platform, () => this.#sink?.onData(piece));
    });
    this.#settle();
  }

  receiveInput(length: number): void {
    // A reader may call anything that uses the arena.
    this.receive(this.#platform.copy(this.#platform.codec.input, 0, length));
  }

  receiveEnd(): void {
    this.#decoder.feedEnd();
    this.#settle();
  }

  closed(error?: Error): void {
    this.abort(error ?? new Error('aborted'));
  }

  #settle(): void {
    if (this.#isOver) return;
    if (this.#decoder.isMalformed) return this.abort(new Error('aborted'));
    if (!this.#decoder.isComplete) return;
    this.#isOver = true;
    // The request asked for an upgrade and for nothing else: the connection is of no more use.
    this.#transport.destroy();
    this.#onOver();
    guard(this.#platform, () => this.#sink?.onEnd());
  }
}

/** Makes a {@link ResponseBody}. */
export function createResponseBody(transport: ByteStream, platform: Platform, init: BodyInit): ResponseBody {
  return new ResponseBody(transport, platform, init);
}
