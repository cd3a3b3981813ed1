// Both ends of a connection over Bun's raw sockets, with all that they heard. Only for tests that run on Bun.

import type { TransportEvents } from '../../../src/platform.ts';
import type { ConnectPlan, Listener, ListenPlan, ByteStream } from '../../../src/http1/network.ts';
import { network } from '../../../adapters/bun/network.ts';

/** One end of a connection, with all that it has heard. */
export class End implements TransportEvents {
  readonly transport: ByteStream;
  /** Names of the events so far, a run of `receive` as one. */
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  /** Bytes received. */
  length = 0;
  error: Error | undefined;
  readonly #wake: (() => void)[] = [];

  constructor(transport: ByteStream) {
    this.transport = transport;
    transport.attach(this);
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  receive(chunk: Uint8Array): void {
    this.chunks.push(Uint8Array.from(chunk));
    this.length += chunk.length;
    if (this.events.at(-1) !== 'receive') this.events.push('receive');
    this.#notify();
  }

  receiveInput(): void {
    throw new Error('Nothing reads into the arena on Bun');
  }

  receiveEnd(): void {
    this.events.push('end');
    this.#notify();
  }

  closed(error?: Error): void {
    this.error = error;
    this.events.push('closed');
    this.#notify();
  }

  /** Waits until `isDone`. */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
      });
    }
  }

  /** Writes, and waits until all is taken. */
  async write(...chunks: Uint8Array[]): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.transport.write(chunks, () => resolve())) resolve();
    });
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** Something that listens, and the connections that it accepts. */
export class Port {
  readonly listener: Listener;
  address: { readonly address: string; readonly port: number; readonly family: string } | string = '';
  readonly #accepted: End[] = [];
  readonly #waiting: ((end: End) => void)[] = [];

  constructor(plan: Partial<ListenPlan>) {
    const failures: Error[] = [];
    this.listener = network.listen(
      { port: 0, host: '127.0.0.1', ...plan },
      {
        onListening: (address) => (this.address = address),
        onConnection: (transport) => {
          const end = new End(transport);
          const waiting = this.#waiting.shift();
          if (waiting === undefined) this.#accepted.push(end);
          else waiting(end);
        },
        onError: (error) => failures.push(error),
      },
    );
    if (failures.length > 0) throw failures[0];
  }

  get port(): number {
    return typeof this.address === 'string' ? 0 : this.address.port;
  }

  accept(): Promise<End> {
    const end = this.#accepted.shift();
    if (end !== undefined) return Promise.resolve(end);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** Connects. Rejected with what `onError` tells. */
export function connect(plan: Partial<ConnectPlan>): Promise<End> {
  return new Promise((resolve, reject) => {
    network.connect(
      { host: '127.0.0.1', port: 0, ...plan },
      { onConnect: (transport) => resolve(new End(transport)), onError: reject },
    );
  });
}
