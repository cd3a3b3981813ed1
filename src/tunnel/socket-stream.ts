// A connected net.Socket or tls.TLSSocket as a byte stream, on runtimes whose connections are byte streams of their own.

import type { Socket } from 'node:net';
import { guard } from '../base/guard.ts';
import { defer } from '../clock.ts';
import type { ByteStream, EndpointAddress } from '../http1/network.ts';
import type { Platform, TransportEvents } from '../platform.ts';

export class SocketStream implements ByteStream {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress;
  readonly local: EndpointAddress;
  readonly #socket: Socket;
  readonly #platform: Platform;
  #events: TransportEvents | null = null;
  #error: Error | undefined;
  /** Whether it is closed, and whether its receiver knows. */
  #state: 'open' | 'closed' | 'reported' = 'open';

  /** @param socket Paused, with half-open connections allowed. */
  constructor(socket: Socket, isSecure: boolean, platform: Platform) {
    this.#socket = socket;
    this.#platform = platform;
    this.isSecure = isSecure;
    this.remote = { address: socket.remoteAddress, port: socket.remotePort };
    this.local = { address: socket.localAddress, port: socket.localPort };
    socket.on('data', (chunk: Uint8Array) => this.#tell((events) => events.receive(chunk)));
    socket.on('end', () => this.#tell((events) => events.receiveEnd()));
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => {
      // Bytes that a pause kept back. After this there is no other chance to read them.
      const rest = socket.readableLength > 0 ? (socket.read() as Uint8Array | null) : null;
      if (rest !== null) this.#tell((events) => events.receive(rest));
      this.#state = 'closed';
      this.#reportClosed();
    });
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#state === 'closed') defer(() => this.#reportClosed());
  }

  start(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return false;
    socket.cork();
    for (const chunk of chunks.slice(0, -1)) socket.write(chunk);
    socket.write(chunks.at(-1)!, (error) => {
      if (!error && !socket.destroyed) guard(this.#platform, onWritten);
    });
    socket.uncork();
    return false;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  ref(isKept: boolean): void {
    if (isKept) this.#socket.ref();
    else this.#socket.unref();
  }

  setNoDelay(isOn: boolean): void {
    this.#socket.setNoDelay(isOn);
  }

  setKeepAlive(isOn: boolean, delay: number): void {
    this.#socket.setKeepAlive(isOn, delay);
  }

  #tell(task: (events: TransportEvents) => void): void {
    const events = this.#events;
    if (events !== null) guard(this.#platform, () => task(events));
  }

  #reportClosed(): void {
    if (this.#state !== 'closed' || this.#events === null) return;
    this.#state = 'reported';
    this.#tell((events) => events.closed(this.#error));
  }
}
