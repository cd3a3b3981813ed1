// A tunnel through a proxy over node:net and node:tls, which Deno and Bun have too: TLS within TLS works with all three.

import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { toError } from '../base/realms.ts';
import { hangUp } from '../handshake/opening.ts';
import { ProxyError } from '../proxy/error.ts';
import { negotiate, type Destination, type Negotiation } from '../proxy/negotiation.ts';
import type { ProxyServer } from '../proxy/server.ts';

export interface TunnelPlan extends Destination {
  /** Options of `tls.connect` for the server. Undefined: no TLS to the server. */
  readonly tls?: object | undefined;
  /** Whether the peer's FIN leaves our side open. */
  readonly allowHalfOpen: boolean;
}

export interface TunnelEvents {
  /** The connection to the server: paused, without listeners. With TLS, the certificate of the server was checked. */
  onConnect(socket: Socket): void;
  onError(error: Error): void;
}

/** The name for SNI (RFC 6066 section 3), which an IP address is not. */
function serverName(host: string): string {
  return net.isIP(host) === 0 ? host : '';
}

/**
 * Opens a tunnel. Events come after this has returned, and none after `abort()`.
 *
 * @throws {TypeError} for a host that the proxy cannot be told.
 */
export function openTunnel(proxy: ProxyServer, plan: TunnelPlan, events: TunnelEvents): { abort(): void } {
  const tunnel = new Tunnel(proxy, plan, events);
  return { abort: () => tunnel.abort() };
}

class Tunnel {
  readonly #proxy: ProxyServer;
  readonly #plan: TunnelPlan;
  readonly #negotiation: Negotiation;
  #events: TunnelEvents | null;
  /** The connection to the proxy, then the one to the server. */
  #socket: Socket;
  #hasConnected = false;

  constructor(proxy: ProxyServer, plan: TunnelPlan, events: TunnelEvents) {
    this.#proxy = proxy;
    this.#plan = plan;
    this.#events = events;
    this.#negotiation = negotiate(proxy, plan);
    const { host, port } = proxy;
    const { allowHalfOpen } = plan;
    const socket = proxy.isSecure
      ? tls.connect({
          servername: serverName(host),
          ...(proxy.tls as object),
          host,
          port,
          allowHalfOpen,
        } as tls.ConnectionOptions)
      : net.connect({ host, port, allowHalfOpen });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once(proxy.isSecure ? 'secureConnect' : 'connect', () => {
      this.#hasConnected = true;
      if (this.#events !== null) socket.write(this.#negotiation.greeting);
    });
    socket
      .on('data', this.#onData)
      .on('error', this.#onProxyError)
      .on('close', this.#onProxyClose)
      .on('end', this.#onProxyClose);
  }

  abort(): void {
    if (this.#events === null) return;
    this.#events = null;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    const events = this.#events;
    this.abort();
    events?.onError(error);
  }

  readonly #onProxyError = (error: Error): void => {
    const reason = this.#hasConnected ? `broke the connection: ${error.message}` : `cannot be reached: ${error.message}`;
    this.#fail(new ProxyError({ proxy: this.#proxy.name, reason, cause: error }));
  };

  readonly #onProxyClose = (): void => {
    this.#fail(new ProxyError({ proxy: this.#proxy.name, reason: 'closed the connection without an answer' }));
  };

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#events === null) return;
    const progress = this.#negotiation.receive(chunk);
    if (progress === undefined) return;
    if ('error' in progress) this.#fail(progress.error);
    else if ('reply' in progress) this.#socket.write(progress.reply);
    else this.#open(progress.rest);
  };

  /** The tunnel is open. `rest` came behind the answer of the proxy. */
  #open(rest: Uint8Array): void {
    const socket = this.#socket;
    socket.pause();
    socket
      .off('data', this.#onData)
      .off('error', this.#onProxyError)
      .off('close', this.#onProxyClose)
      .off('end', this.#onProxyClose);
    if (this.#plan.tls !== undefined) return this.#secure(socket, rest);
    if (rest.length > 0) socket.unshift(rest);
    this.#finish(socket);
  }

  /** TLS to the server, through the tunnel. */
  #secure(inner: Socket, rest: Uint8Array): void {
    // A server waits for our ClientHello. So these bytes are not of the server that is checked.
    if (rest.length > 0) {
      return this.#fail(new ProxyError({ proxy: this.#proxy.name, reason: 'sent bytes before the TLS handshake' }));
    }
    const { host, tls: options, allowHalfOpen } = this.#plan;
    let socket: tls.TLSSocket;
    try {
      socket = tls.connect({
        servername: serverName(host),
        ...options,
        host,
        socket: inner,
        allowHalfOpen,
      } as tls.ConnectionOptions);
    } catch (error) {
      // An option that cannot be used, such as a certificate. This runs in an event of the proxy's socket, where an exception ends the process.
      return this.#fail(toError(error));
    }
    this.#socket = socket;
    const onError = (error: Error): void => this.#fail(error);
    const onClose = (): void => this.#fail(hangUp());
    inner.on('error', onError);
    socket.on('error', onError).on('close', onClose);
    socket.once('secureConnect', () => {
      if (this.#events === null) return;
      socket.off('error', onError).off('close', onClose);
      inner.off('error', onError).on('error', () => {});
      this.#finish(socket);
    });
  }

  #finish(socket: Socket): void {
    const events = this.#events;
    this.#events = null;
    events?.onConnect(socket);
  }
}
