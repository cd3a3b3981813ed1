// Both ends of a raw connection, with what they have heard.

import { network } from '../../../adapters/deno/network.ts';
import { platform } from '../../../adapters/deno/platform.ts';
import type { TransportEvents } from '../../../src/platform.ts';
import type { ClientTls, Listener, ListenPlan, ByteStream } from '../../../src/http1/network.ts';

/** A promise for others to settle. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

export function deferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Hears a transport. */
export class Ear implements TransportEvents {
  readonly transport: ByteStream;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  hasEnded = false;
  closedWith: Error | undefined | null = null;
  onReceive: (chunk: Uint8Array) => void = () => {};

  constructor(transport: ByteStream) {
    this.transport = transport;
    transport.attach(this);
  }

  receive(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice());
    this.bytes += chunk.length;
    this.onReceive(chunk);
  }

  /** What a server's connection reads without TLS; the others read to memory of their own. */
  receiveInput(length: number): void {
    this.receive(platform.codec.input.subarray(0, length));
  }

  receiveEnd(): void {
    this.hasEnded = true;
  }

  closed(error?: Error): void {
    this.closedWith = error;
  }

  get isClosed(): boolean {
    return this.closedWith !== null;
  }
}

export interface Wire {
  readonly client: Ear;
  readonly server: Ear;
  readonly listener: Listener;
  /** Port, or path. */
  readonly address: { readonly port: number } | string;
}

/** Listens, connects and accepts. Neither end is started. */
export async function openWire(plan: Partial<ListenPlan> = {}, tls?: ClientTls): Promise<Wire> {
  const accepted = deferred<ByteStream>();
  const listening = deferred<{ readonly port: number } | string>();
  const listener = network.listen(
    { port: 0, host: '127.0.0.1', ...plan },
    { onListening: listening.resolve, onConnection: accepted.resolve, onError: listening.reject },
  );
  const address = await listening.promise;
  const connected = deferred<ByteStream>();
  const place = typeof address === 'string' ? { port: 0, path: address } : { port: address.port };
  network.connect({ host: '127.0.0.1', ...place, tls }, { onConnect: connected.resolve, onError: connected.reject });
  const [client, server] = await Promise.all([connected.promise, accepted.promise]);
  return { client: new Ear(client), server: new Ear(server), listener, address };
}
