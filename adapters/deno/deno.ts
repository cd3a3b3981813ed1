// The members of Deno that this adapter uses, as types: no package of types, and no global that other runtimes lack.

/** The address of an end of a connection, or of a listener. */
export type DenoAddress =
  | { readonly transport: 'tcp'; readonly hostname: string; readonly port: number }
  /** The end that did not listen has no path. */
  | { readonly transport: 'unix'; readonly path: string | null };

/** A connection. All promises of one that was closed meanwhile are rejected. */
export interface DenoConnection {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  /** How many bytes were read into `bytes`; null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** How many bytes of `bytes` were taken. */
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  /** @throws when it was closed before. */
  close(): void;
  ref(): void;
  unref(): void;
  /** TCP only. */
  setNoDelay?(isOn: boolean): void;
  /** TCP only. */
  setKeepAlive?(isOn: boolean): void;
  /** TLS only: settles with the TLS handshake. */
  handshake?(): Promise<unknown>;
}

export interface DenoListener {
  readonly addr: DenoAddress;
  accept(): Promise<DenoConnection>;
  close(): void;
  ref(): void;
  unref(): void;
}

interface TcpListenOptions {
  readonly hostname?: string;
  readonly port: number;
  readonly tcpBacklog?: number;
}

interface TlsOptions {
  readonly hostname: string;
  readonly caCerts?: readonly string[];
  readonly alpnProtocols?: readonly string[];
}

interface CertifiedKey {
  readonly cert?: string;
  readonly key?: string;
}

/** The WebSocket of `Deno.upgradeWebSocket`, and its response. */
export interface DenoUpgrade<Socket> {
  readonly socket: Socket;
  readonly response: Response;
}

/** A permission to query. */
export type Permission =
  { readonly name: 'net'; readonly host?: string } | { readonly name: 'read' | 'write'; readonly path: string };

interface DenoNamespace {
  /** Name of the member that holds the functions of Deno's own modules. */
  readonly internal?: symbol;
  readonly permissions: { querySync(permission: Permission): { readonly state: 'granted' | 'prompt' | 'denied' } };
  listen(options: TcpListenOptions | { readonly transport: 'unix'; readonly path: string }): DenoListener;
  listenTls(options: TcpListenOptions & CertifiedKey & { readonly alpnProtocols?: readonly string[] }): DenoListener;
  connect(
    options:
      | { readonly hostname: string; readonly port: number; readonly signal?: AbortSignal }
      | { readonly transport: 'unix'; readonly path: string },
  ): Promise<DenoConnection>;
  connectTls(options: TlsOptions & CertifiedKey & { readonly port: number }): Promise<DenoConnection>;
  startTls(connection: DenoConnection, options: TlsOptions): Promise<DenoConnection>;
  upgradeWebSocket<Socket>(request: Request, options: { readonly idleTimeout?: number }): DenoUpgrade<Socket>;
}

export const deno: DenoNamespace = (globalThis as unknown as { readonly Deno: DenoNamespace }).Deno;
