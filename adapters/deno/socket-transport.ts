// A connection that node:net has accepted, as a raw transport: it reads into codec memory and writes without a promise, which Deno's own
// connections cannot (docs/performance.md has the figures).

import type { Socket } from 'node:net';
import { NodeTransport } from '../../src/nodejs/transport.ts';
import type { TransportEvents } from '../../src/platform.ts';
import type { EndpointAddress, ByteStream } from '../../src/http1/network.ts';
import { defer } from '../../src/clock.ts';

/** A write that waits for the one before it. */
interface Waiting {
  readonly chunks: readonly Uint8Array[];
  readonly onWritten: (isAtOnce?: boolean) => void;
}

export class SocketTransport extends NodeTransport implements ByteStream {
  readonly isSecure = false;
  readonly #socket: Socket;
  #waiting: Waiting[] | null = null;
  #isWriting = false;

  /** @param socket Paused, with half-open connections allowed. */
  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  get remote(): EndpointAddress {
    const { remoteAddress: address, remotePort: port } = this.#socket;
    return { address, port };
  }

  get local(): EndpointAddress {
    const { localAddress: address, localPort: port } = this.#socket;
    return { address, port };
  }

  override attach(events: TransportEvents): void {
    super.attach(events);
    if (this.#socket.closed) defer(() => events.closed());
  }

  override write(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    if (!this.#isWriting && this.#waiting === null) return this.#writeNow(chunks, onWritten);
    (this.#waiting ??= []).push({ chunks, onWritten });
    return false;
  }

  protected override tellWritten(): void {
    this.#isWriting = false;
    super.tellWritten();
    while (!this.#isWriting && this.#waiting !== null) {
      const { chunks, onWritten } = this.#waiting.shift()!;
      if (this.#waiting.length === 0) this.#waiting = null;
      if (this.#writeNow(chunks, onWritten)) onWritten();
    }
  }

  ref(isKept: boolean): void {
    if (isKept) this.#socket.ref();
    else this.#socket.unref();
  }

  #writeNow(chunks: readonly Uint8Array[], onWritten: (isAtOnce?: boolean) => void): boolean {
    this.#isWriting = true;
    this.#isWriting = !super.write(chunks, onWritten);
    return !this.#isWriting;
  }
}
