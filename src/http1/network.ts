// What a runtime with raw sockets lends: streams to listen for and to connect to. Types only.

import type { Socket } from 'node:net';
import type { Transport, TransportEvents } from '../platform.ts';

/** One end of a TCP, TLS or Unix domain connection, as far as the runtime tells it. */
export interface EndpointAddress {
  /** IP address; the path of a Unix domain socket; undefined when it is not known. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/**
 * A byte stream that has just been accepted or connected. The opening handshake reads from it first, then the session does.
 *
 * Three things beyond {@link Transport}: `start()` may be called again, and goes on after `pause()`. What arrives while nothing is
 * started or while it is paused is kept, in the runtime or, where it cannot be stopped, in the transport. And `write` takes
 * calls before the last one is done, in order.
 */
export interface ByteStream extends Transport {
  readonly isSecure: boolean;
  readonly remote: EndpointAddress;
  readonly local: EndpointAddress;
  /** Names the receiver of all events from now on, in the place of the one before. Events before the first one are kept. */
  attach(events: TransportEvents): void;
  /** Keeps the process alive, or does not. Does nothing where the runtime has no such thing. */
  ref(isKept: boolean): void;
  /** Turns TCP_NODELAY, which is on from the start, off or on. Left out where the runtime cannot. */
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
  /** Connections may come. `address` is a path for a Unix domain socket. */
  onListening(address: { readonly address: string; readonly port: number; readonly family: string } | string): void;
  /** A connection came; not started. With TLS, its handshake may still be under way. */
  onConnection(transport: ByteStream): void;
  /**
   * A connection came that node:net has accepted, for networks that listen so. It is paused, and half-open connections are allowed. Left
   * out: all connections come as byte streams.
   */
  onSocket?(socket: Socket): void;
  /** It cannot listen, or no more. `code` as Node.js has it, for example `EADDRINUSE`. */
  onError(error: Error & { code?: string }): void;
}

/** Something that listens. */
export interface Listener {
  /** Takes no more connections; those that are there stay. `onClosed` is called once the port is free. */
  close(onClosed: () => void): void;
  ref(isKept: boolean): void;
}

/** Options for TLS on the client's side, by Node.js's names; what a runtime cannot do is an error that says so. */
export interface ClientTls {
  /** Trusted certificates, PEM, in the place of the runtime's. */
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
  /** Path of a Unix domain socket, in the place of host and port. */
  readonly path?: string | undefined;
  /** TLS, with these options. */
  readonly tls?: ClientTls | undefined;
}

export interface ConnectEvents {
  /** Connected, with TLS after its handshake. Not started. */
  onConnect(transport: ByteStream): void;
  /** There will be no connection. `code` as Node.js has it, for example `ECONNREFUSED`. */
  onError(error: Error & { code?: string }): void;
}

/** What a runtime with raw sockets lends. */
export interface Network {
  /** @throws {TypeError} naming an option that the runtime has nothing for. */
  listen(plan: ListenPlan, events: ListenerEvents): Listener;
  /**
   * Connects. Events come after this has returned, and none after `abort()`.
   *
   * @throws {TypeError} naming an option that the runtime has nothing for.
   * @returns How to give up.
   */
  connect(plan: ConnectPlan, events: ConnectEvents): { abort(): void };
  /** Whether clients demand a trusted certificate where the program says nothing. Left out: they do. */
  isTrustDemanded?(): boolean;
}
