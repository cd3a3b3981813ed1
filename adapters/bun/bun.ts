// The members of the global `Bun` that this adapter uses: https://bun.sh/docs/api/tcp and https://bun.sh/docs/api/websockets.

/** An error of Bun: with Node.js's code and another message. */
export interface BunError extends Error {
  code?: string;
  errno?: number;
  syscall?: string;
}

/** A socket of `Bun.listen` or `Bun.connect`. TCP_NODELAY is on from the start. */
export interface BunSocket<Data> {
  data: Data;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** @returns How many bytes were taken; the rest is the caller's until `drain`. -1 when the socket is gone. */
  write(bytes: Uint8Array, offset?: number, length?: number): number;
  /** Sends FIN. */
  shutdown(): void;
  /** Ends both directions after the written bytes. `close` is called before this returns. */
  close(): void;
  setNoDelay(isOn: boolean): void;
  /** @param delay Milliseconds. */
  setKeepAlive(isOn: boolean, delay: number): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
}

/** Callbacks of sockets. One object serves all sockets. */
export interface SocketHandlers<Data> {
  open(socket: BunSocket<Data>): void;
  /** TLS only. `error` may come with `isSuccess`: then a trusted certificate was not required. */
  handshake(socket: BunSocket<Data>, isSuccess: boolean, error: BunError | null): void;
  /** `bytes` are the receiver's to keep. */
  data(socket: BunSocket<Data>, bytes: Uint8Array): void;
  drain(socket: BunSocket<Data>): void;
  /** The peer sent FIN. */
  end(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>, error?: BunError): void;
  /** Something went wrong, or a handler has thrown. */
  error(socket: BunSocket<Data>, error: BunError): void;
}

/** Something that listens. */
export interface BunListener {
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  /** Takes no more connections; the address is free when this returns. */
  stop(closesConnections?: boolean): void;
  ref(): void;
  unref(): void;
}

type Address = { readonly hostname: string; readonly port: number } | { readonly unix: string };

interface SocketOptions<Data> {
  readonly socket: SocketHandlers<Data>;
  /** Whether the peer's FIN leaves our side open. */
  readonly allowHalfOpen: boolean;
}

interface TlsOptions {
  readonly ca?: string | readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly rejectUnauthorized?: boolean;
  readonly serverName?: string;
}

/** A WebSocket of `Bun.serve`. */
export interface ServerWebSocket<Data> {
  readonly data: Data;
  readonly remoteAddress: string;
  /** @returns Bytes sent; -1 when they wait for the peer; 0 when they were dropped. */
  sendText(text: string, compress?: boolean): number;
  sendBinary(bytes: Uint8Array, compress?: boolean): number;
  ping(payload: Uint8Array): number;
  pong(payload: Uint8Array): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  /** Calls `task`. Messages that it sends leave in one write, unless Bun gathers those of another socket at the time. */
  cork(task: () => void): void;
  /** Bytes that wait for the peer, frame headers included. */
  getBufferedAmount(): number;
  /** Stops reading; messages that have been read are still delivered. */
  pause(): void;
  resume(): void;
}

/** The `websocket` member of the options of `Bun.serve`. */
export interface ServerWebSocketHandlers<Data> {
  open(socket: ServerWebSocket<Data>): void;
  message(socket: ServerWebSocket<Data>, message: string | Uint8Array): void;
  drain(socket: ServerWebSocket<Data>): void;
  close(socket: ServerWebSocket<Data>, code: number, reason: string): void;
  ping(socket: ServerWebSocket<Data>, payload: Uint8Array): void;
  pong(socket: ServerWebSocket<Data>, payload: Uint8Array): void;
  /** Bytes. Bun's default: 16 MiB. */
  readonly maxPayloadLength?: number;
  /** Bytes that may wait for a peer before further messages are dropped. Bun's default: 1 MiB. */
  readonly backpressureLimit?: number;
  readonly closeOnBackpressureLimit?: boolean;
  /** Seconds without traffic after which a connection is dropped; 0 for never. Bun's default: 120. */
  readonly idleTimeout?: number;
  /** Whether Bun sends Pings to keep a connection from idling. */
  readonly sendPings?: boolean;
  readonly perMessageDeflate?: boolean | object;
}

/** The result of `Bun.serve`. */
export interface BunServer {
  /** @returns Whether the request has become a WebSocket; `open` has been called by then. */
  upgrade(request: Request, options: { readonly headers?: unknown; readonly data: unknown }): boolean;
  /** Null for a Unix domain socket. */
  requestIP?(request: Request): { readonly address: string } | null;
}

interface BunGlobal {
  listen<Data>(options: Address & SocketOptions<Data> & { readonly tls?: TlsOptions | undefined }): BunListener;
  /** Rejected as `socket.close` and `socket.handshake` do not tell. */
  connect<Data>(
    options: Address & SocketOptions<Data> & { readonly data: Data; readonly tls?: TlsOptions | undefined },
  ): Promise<BunSocket<Data>>;
}

/** @throws {TypeError} where this is not Bun. */
export function bun(): BunGlobal {
  const global = (globalThis as unknown as { Bun?: BunGlobal }).Bun;
  if (global === undefined)
    throw new TypeError('This is the entry point for Bun, and the program runs on another runtime: import "wasock"');
  return global;
}
