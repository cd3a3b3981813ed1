// Node.js transport: joins a session to a net.Socket, a tls.TLSSocket or any Duplex.

import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Transport, TransportEvents } from '../../src/platform.ts';
import { readInto } from './direct-read.ts';
import { platform } from './platform.ts';

/** What sockets have and other Duplex streams have not. */
interface SocketOptions {
  setTimeout?: (milliseconds: number) => void;
  setNoDelay?: (on: boolean) => void;
}

export class NodeTransport implements Transport {
  readonly #socket: Duplex;
  #events: TransportEvents | null = null;
  #isStarted = false;
  #isPaused = false;
  /** Whether a written chunk may be read after its callback: only the operating system's own sockets have copied it by then. */
  readonly #copies: boolean;
  #error: Error | undefined;
  #onWritten: (() => void) | null = null;
  /** Callbacks still to come for writes that were complete when they returned. */
  #settledEarly = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#copies = !(socket instanceof Socket);
    // The closing handshake and the heartbeat keep time from now on, and frames are gathered by us, not by Nagle.
    const options = socket as SocketOptions;
    options.setTimeout?.(0);
    options.setNoDelay?.(true);
  }

  /** Names the receiver of what the socket has to say. */
  attach(events: TransportEvents): void {
    this.#events = events;
    const socket = this.#socket;
    socket.on('end', () => events.receiveEnd());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => events.closed(this.#error));
  }

  start(): void {
    const socket = this.#socket;
    const events = this.#events!;
    this.#isStarted = true;
    if (socket.destroyed) return;
    // What arrived while the socket was in other hands sits in its buffer, before anything that is read from now on.
    for (let chunk: Uint8Array | null; (chunk = socket.read() as Uint8Array | null) !== null;) events.receive(chunk);
    const isDirect = readInto(socket, platform.codec.input, (length) => events.receiveInput(length));
    if (!isDirect) socket.on('data', (chunk: Uint8Array) => events.receive(chunk));
    // read() above has made the handle read, so that pausing once is not enough.
    if (this.#isPaused) socket.pause();
    else socket.resume();
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    this.#onWritten = onWritten;
    const last = chunks.length - 1;
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index++) socket.write(this.#copies ? Buffer.from(chunks[index]) : chunks[index]);
    socket.write(this.#copies ? Buffer.from(chunks[last]) : chunks[last], this.#acknowledge);
    if (last > 0) socket.uncork();
    // A write that failed at once leaves nothing waiting either.
    if (socket.writableLength > 0 || socket.errored) return false;
    this.#settledEarly++;
    return true;
  }

  readonly #acknowledge = (error?: Error | null): void => {
    if (this.#settledEarly > 0) this.#settledEarly--;
    // A write that a destroyed socket lost completes without an error. 'close' follows, and tells whoever waits.
    else if (!error && !this.#socket.destroyed) this.#onWritten!();
  };

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    // Before the start nobody reads, and a socket that was told to flow would drop what it has.
    if (this.#isStarted) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isStarted) this.#socket.resume();
  }
}
