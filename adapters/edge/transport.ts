// A socket of `cloudflare:sockets` as a byte stream: https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/.

import type { Platform, TransportEvents } from '../../src/platform.ts';
import { guard } from '../../src/base/guard.ts';
import { toError } from '../../src/base/realms.ts';
import type { EndpointAddress, ByteStream } from '../../src/http1/network.ts';
import { defer } from '../../src/clock.ts';

/** A socket of workerd. */
export interface EdgeSocket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Fulfilled when the connection is made. */
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
  /** TLS over this socket, which nothing may be reading or writing, and which was made with `starttls`. */
  startTls?(options: { readonly expectedServerHostname: string }): EdgeSocket;
}

/** `connect` of `cloudflare:sockets`. */
export type SocketConnect = (
  address: { readonly hostname: string; readonly port: number },
  options: { readonly secureTransport: 'on' | 'off' | 'starttls'; readonly allowHalfOpen: boolean },
) => EdgeSocket;

/** Longest batch that is copied together. */
const GATHERED_BYTES = 65536;

/** A byte stream over `socket`, which may still be connecting. */
export class EdgeTransport implements ByteStream {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress;
  readonly local: EndpointAddress = { address: undefined, port: undefined };
  readonly #socket: EdgeSocket;
  readonly #platform: Platform;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #events: TransportEvents | null = null;
  #isFlowing = false;
  #isReading = false;
  /** Bytes of a read that was under way when reading was stopped. */
  #kept: ReadableStreamReadResult<Uint8Array> | null = null;
  #isReadOver = false;
  #isWriteOver = false;
  #isClosed = false;
  /** An end that came before there was a receiver. */
  #end: { readonly error: Error | undefined } | null = null;

  constructor(socket: EdgeSocket, platform: Platform, end: Pick<ByteStream, 'isSecure' | 'remote'>) {
    this.#platform = platform;
    this.#socket = socket;
    this.isSecure = end.isSecure;
    this.remote = end.remote;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    // The read or write that a failure ends reports it.
    for (const { closed } of [socket, this.#reader, this.#writer]) closed.catch(() => {});
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.#end !== null) events.closed(this.#end.error);
  }

  start(): void {
    this.#isFlowing = true;
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.#deliver(kept);
    this.#read();
  }

  resume(): void {
    this.start();
  }

  pause(): void {
    this.#isFlowing = false;
  }

  write(chunks: readonly Uint8Array[], onWritten: () => void): boolean {
    if (this.#isClosed || this.#isWriteOver) return false;
    Promise.all(gather(chunks).map((piece) => this.#writer.write(piece))).then(
      () => {
        if (!this.#isClosed) guard(this.#platform, onWritten);
      },
      (error: unknown) => this.#failWrite(toError(error)),
    );
    return false;
  }

  /** A write fails when the peer has reset the connection. Bytes that arrived before that may wait to be read: reading them ends it. */
  #failWrite(error: Error): void {
    if (!this.#isFlowing || this.#isReadOver) return this.#close(error);
    this.#isWriteOver = true;
  }

  end(): void {
    if (this.#isWriteOver || this.#isClosed) return;
    this.#isWriteOver = true;
    this.#writer.close().then(
      () => this.#closeAfterBoth(),
      (error: unknown) => this.#failWrite(toError(error)),
    );
  }

  destroy(): void {
    this.#close(undefined);
  }

  /** A worker lives as long as its request. */
  ref(): void {}

  #read(): void {
    if (!this.#isFlowing || this.#isReading || this.#isReadOver || this.#isClosed) return;
    this.#isReading = true;
    this.#reader.read().then(
      (result) => {
        this.#isReading = false;
        if (this.#isClosed) return;
        if (this.#isFlowing) this.#deliver(result);
        else this.#kept = result;
        this.#read();
      },
      (error: unknown) => this.#close(toError(error)),
    );
  }

  #deliver({ done, value }: ReadableStreamReadResult<Uint8Array>): void {
    if (!done) return guard(this.#platform, () => this.#events?.receive(value));
    this.#isReadOver = true;
    guard(this.#platform, () => this.#events?.receiveEnd());
    this.#closeAfterBoth();
  }

  #closeAfterBoth(): void {
    if (this.#isReadOver && this.#isWriteOver) this.#close(undefined);
  }

  #close(cause: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Nothing else: once its streams are cancelled, workerd drops the connection only with the request.
    this.#socket.close().catch(() => {});
    // Deferred, as sockets do it, because the caller is still running.
    defer(() => {
      this.#end = { error: cause };
      this.#events?.closed(cause);
    });
  }
}

/** Chunks for the runtime. Each is a separate operation there, so short ones are joined. */
function gather(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (chunks.length === 1 || length > GATHERED_BYTES) return chunks;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return [whole];
}
