// Node.js transport: joins a session to a net.Socket, a tls.TLSSocket or any Duplex.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Transport, TransportEvents } from '../platform.ts';
import { readInto } from './direct-read.ts';
import { platform } from './platform.ts';
import { copyToOwn } from './views.ts';

/** What sockets have and other Duplex streams have not. */
interface SocketOptions {
  setTimeout?: (milliseconds: number) => void;
  setNoDelay?: (on: boolean) => void;
}

/** The encoding that streams name for chunks that have none. */
const BUFFER = 'buffer' as BufferEncoding;

/** Where a socket keeps its transport, for listeners that all of them share: one each for every event takes 300 bytes a connection. */
const TRANSPORT = Symbol('transport');

interface Carrier {
  [TRANSPORT]?: NodeTransport;
}

export class NodeTransport implements Transport {
  readonly #socket: Duplex;
  #events: TransportEvents | null = null;
  #isStarted = false;
  #isPaused = false;
  /** Whether the operating system takes what is written: other streams may pass a chunk on, and read it after its callback. */
  readonly #isSocket: boolean;
  #error: Error | undefined;
  #onWritten: (() => void) | null = null;
  #isWriting = false;
  /** Whether the write on the stack is complete. */
  #isTaken = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#isSocket = socket instanceof Socket;
    (socket as Carrier)[TRANSPORT] = this;
    socket.on('end', NodeTransport.#onEnd);
    socket.on('error', NodeTransport.#onError);
    socket.on('close', NodeTransport.#onClose);
    // A stream that flows, because a test helper listened to it, would drop what comes before the start.
    if (socket.readableFlowing === true) socket.pause();
    // The closing handshake and the heartbeat keep time from now on, and frames are gathered by us, not by Nagle.
    const options = socket as SocketOptions;
    options.setTimeout?.(0);
    options.setNoDelay?.(true);
  }

  /** Whether `socket` is the transport of a session, or has been. */
  static carries(socket: object): boolean {
    return TRANSPORT in socket;
  }

  /** Names the receiver of what the socket has to say, in the place of the one before. */
  attach(events: TransportEvents): void {
    this.#events = events;
  }

  start(): void {
    const socket = this.#socket;
    this.#isStarted = true;
    if (socket.destroyed) return;
    // What arrived while the socket was in other hands sits in its buffer, before anything that is read from now on.
    for (let chunk: Uint8Array | null; (chunk = socket.read() as Uint8Array | null) !== null;) this.#events!.receive(chunk);
    const isDirect = readInto(socket, platform.codec.input, NodeTransport.#onRead);
    if (!isDirect) socket.on('data', NodeTransport.#onData);
    // read() above has made the handle read, so that pausing once is not enough.
    if (this.#isPaused) socket.pause();
    else socket.resume();
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    this.#onWritten = onWritten;
    // What somebody else wrote, such as the answer of the opening handshake, goes first.
    const isTaken = this.#isSocket && socket.writableLength === 0 ? this.#writeDirectly(chunks) : this.#writeQueued(chunks);
    // It may be the handshake's, which is not to be kept alive.
    if (isTaken) this.#onWritten = null;
    return isTaken;
  }

  /**
   * Writes past the queue of the stream. One batch is under way at a time, so there is nothing to queue, and the queue costs
   * a tick and its bookkeeping a write. `_write` is what the queue would call.
   */
  #writeDirectly(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    this.#isWriting = true;
    this.#isTaken = false;
    if (chunks.length === 1) {
      socket._write(chunks[0], BUFFER, this.#acknowledge);
    } else {
      const list = chunks.map((chunk) => ({ chunk, encoding: BUFFER }));
      // How net.Socket is told that none of them is a string.
      socket._writev!(Object.assign(list, { allBuffers: true }), this.#acknowledge);
    }
    this.#isWriting = false;
    return this.#isTaken;
  }

  #writeQueued(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    const last = chunks.length - 1;
    const own = (chunk: Uint8Array): Uint8Array => (this.#isSocket ? chunk : copyToOwn(chunk));
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index++) socket.write(own(chunks[index]));
    socket.write(own(chunks[last]), this.#acknowledge);
    if (last > 0) socket.uncork();
    return false;
  }

  readonly #acknowledge = (error?: Error | null): void => {
    if (error) this.#socket.destroy(error);
    // A write that a destroyed socket lost completes without an error. 'close' follows, and tells whoever waits.
    else if (this.#isWriting) this.#isTaken = true;
    else if (!this.#socket.destroyed) this.#onWritten?.();
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

  // Listeners of the socket.

  static #onRead(this: Carrier, length: number): void {
    this[TRANSPORT]!.#events?.receiveInput(length);
  }

  static #onData(this: Carrier, chunk: Uint8Array): void {
    this[TRANSPORT]!.#events?.receive(chunk);
  }

  static #onEnd(this: Carrier): void {
    this[TRANSPORT]!.#events?.receiveEnd();
  }

  static #onError(this: Carrier, error: Error): void {
    this[TRANSPORT]!.#error = error;
  }

  static #onClose(this: Carrier & Duplex): void {
    const transport = this[TRANSPORT]!;
    // What a pause held back: nobody will be able to ask for it any more.
    const rest = this.readableLength > 0 ? (this.read() as Uint8Array | null) : null;
    try {
      if (rest !== null) transport.#events?.receive(rest);
    } finally {
      const events = transport.#events;
      // The socket may live on with the program's request; what was connected to it shall not.
      transport.#events = transport.#onWritten = null;
      events?.closed(transport.#error);
    }
  }
}
