// A byte stream as the transport of a session. Keeps a pause that comes before the start, while bytes after the handshake are delivered.

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
    // The delivery may have paused or resumed us.
    if (this.#isPaused || this.#isReading) return;
    this.#isReading = true;
    this.#transport.start();
  }

  /** Delivers bytes that were read before there was a session. */
  protected deliverKept(): void {}
}
