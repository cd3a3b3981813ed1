// A socket of `cloudflare:sockets` whose other end is the test.

import type { EdgeSocket, SocketConnect } from '../../../../adapters/edge/transport.ts';
import type { TransportEvents } from '../../../../src/platform.ts';

export class FakeSocket implements EdgeSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown> = new Promise(() => {});
  /** What was asked of it, in order. Bytes as numbers. */
  readonly calls: (string | readonly number[])[] = [];
  /** Ends the write under way. */
  finishWrite: (error?: Error) => void = () => {};
  open: () => void = () => {};
  failToOpen: (error: unknown) => void = () => {};
  source!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    this.readable = new ReadableStream({ start: (controller) => void (this.source = controller) });
    this.writable = new WritableStream({
      write: (chunk) => {
        this.calls.push([...chunk]);
        return new Promise<void>((resolve, reject) => {
          this.finishWrite = (error) => (error ? reject(error) : resolve());
        });
      },
      close: () => void this.calls.push('end'),
    });
    this.opened = new Promise<void>((resolve, reject) => {
      this.open = resolve;
      this.failToOpen = reject;
    });
  }

  close(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }
}

/** Writes down what a transport reports. */
export class Recorder implements TransportEvents {
  readonly events: unknown[] = [];

  receive(chunk: Uint8Array): void {
    this.events.push([...chunk]);
  }

  receiveInput(): void {
    this.events.push('input');
  }

  receiveEnd(): void {
    this.events.push('end');
  }

  closed(error?: Error): void {
    this.events.push(error === undefined ? 'closed' : `closed: ${error.message}`);
  }
}

/** A `connect` that gives `socket`, and what it was called with. */
export function fakeConnect(socket: EdgeSocket): { connect: SocketConnect; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const connect: SocketConnect = (...values) => {
    calls.push(values);
    return socket;
  };
  return { connect, calls };
}

/** Lets promises settle. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
