// A raw transport as a session sees it: a pause that comes before the start, while bytes behind the handshake are delivered, holds.

import type { Transport } from '../platform.ts';
import type { ByteStream } from './network.ts';

export class SessionTransport implements Transport {
  readonly #transport: ByteStream;
  #isStarted = false;
  #isReading = false;
  #isPaused = false;

  constructor(transport: ByteStream) {
    this.#transport = transport;
  }

  start(): void {
    this.#isStarted = true;
    if (!this.#isPaused) this.#begin();
  }

  write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    return this.#transport.write(chunks, onWritten);
  }

  end(): void {
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isReading) this.#transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isReading) this.#transport.resume();
    else if (this.#isStarted) this.#begin();
  }

  #begin(): void {
    this.deliverKept();
    // What was delivered may have paused us, or resumed.
    if (this.#isPaused || this.#isReading) return;
    this.#isReading = true;
    this.#transport.start();
  }

  /** Delivers what was read before there was a session. */
  protected deliverKept(): void {}
}
