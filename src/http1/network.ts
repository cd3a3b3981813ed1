// The network of a runtime: listeners and connections, as byte streams. Types only.

import type { Socket } from 'node:net';
import type { Transport, TransportEvents } from '../platform.ts';

/** One end of a TCP, TLS or Unix domain connection. */
export interface EndpointAddress {
  /** IP address; the path of a Unix domain socket; undefined if it is unknown. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/**
 * A byte stream that has just been accepted or connected. The opening handshake reads from it first, then the session does.
 *
 * Three things beyond {@link Transport}: `start()` may be called again, and goes on after `pause()`. Bytes that arrive before
 * the start or during a pause are kept, in the runtime or, if the runtime cannot stop reading, in the transport. `write` may be called
 * before the last write is done; the order is kept.
 */
export interface ByteStream extends Transport {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress;
  readonly local: EndpointAddress;
  /** Sets the receiver of all further events, instead of the former one. Events before the first receiver are kept. */
  attach(events: TransportEvents): void;
  /** Sets whether the connection keeps the process alive. Does nothing on runtimes without such a feature. */
  ref(isKept: boolean): void;
  /** Turns TCP_NODELAY, which is on from the start, off or on. Undefined if the runtime cannot. */
  setNoDelay?(isOn: boolean): void;
  /** Turns TCP keep-alive on or off. @param delay Milliseconds until the first probe; 0 for the system's own. */
  setKeepAlive?(isOn: boolean, delay: number): void;
}

/** Certificates and keys of a server, PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

/** Where to listen. */
export interface ListenPlan {
  /** 0 for any free port. Ignored with `path`. */
  readonly port: number;
  /** Default: all addresses. */
  readonly host?: string | undefined;
  /** Path of a Unix domain socket. */
  readonly path?: string | undefined;
  readonly backlog?: number | undefined;
  readonly tls?: ServerTls | undefined;
}

export interface ListenerEvents {
  /** The listener is ready. `address` is a path for a Unix domain socket. */
  onListening(address: { readonly address: string; readonly port: number; readonly family: string } | string): void;
  /** A new connection, not started. The TLS handshake may still be under way. */
  onConnection(transport: ByteStream): void;
  /**
   * A new connection of node:net, on networks that listen with it. It is paused, and half-open connections are allowed. Undefined if all
   * connections are byte streams.
   */
  onSocket?(socket: Socket): void;
  /** Listening failed or ended. `code` as Node.js has it, for example `EADDRINUSE`. */
  onError(error: Error & { code?: string }): void;
}

/** A listener. */
export interface Listener {
  /** Accepts no more connections. Open ones stay. `onClosed` is called once the port is free. */
  close(onClosed: () => void): void;
  ref(isKept: boolean): void;
}

/** TLS options of a client, by Node.js's names. An option that the runtime does not support is an error. */
export interface ClientTls {
  /** Trusted certificates, PEM, instead of the runtime's. */
  readonly ca?: string | readonly string[] | undefined;
  /** Certificate and key to present, PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Default: the host. */
  readonly servername?: string | undefined;
}

/** Where to connect to. */
export interface ConnectPlan {
  /** Host name or IP address, the latter without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path of a Unix domain socket, instead of host and port. */
  readonly path?: string | undefined;
  /** TLS, with these options. */
  readonly tls?: ClientTls | undefined;
}

export interface ConnectEvents {
  /** Connected, with TLS after its handshake. Not started. */
  onConnect(transport: ByteStream): void;
  /** The connection failed. `code` as Node.js has it, for example `ECONNREFUSED`. */
  onError(error: Error & { code?: string }): void;
}

/** The network of a runtime. */
export interface Network {
  /** @throws {TypeError} that names an option which the runtime does not support. */
  listen(plan: ListenPlan, events: ListenerEvents): Listener;
  /**
   * Connects. Events come after this has returned, and none after `abort()`.
   *
   * @param direct For a {@link ProxyConnector} in the place of a network: the network.
   * @throws {TypeError} that names an option which the runtime does not support.
   * @returns A function that aborts.
   */
  connect(plan: ConnectPlan, events: ConnectEvents, direct?: Network): { abort(): void };
  /** Whether clients demand a trusted certificate by default. Undefined: they do. */
  isTrustDemanded?(): boolean;
}
