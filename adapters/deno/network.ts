// The network of Deno: TCP, TLS and Unix domain sockets by Deno.listen and Deno.connect, and servers without TLS by node:net where the
// program has the permissions.

import nodeNet, { type AddressInfo, type Server } from 'node:net';
import { takes } from '../../src/base/fast-paths.ts';
import type {
  ClientTls,
  ConnectEvents,
  ConnectPlan,
  ListenerEvents,
  ListenPlan,
  Listener,
  Network,
} from '../../src/http1/network.ts';
import { deno, type DenoConnection, type DenoListener, type Permission } from './deno.ts';
import { attemptAt, systemError } from './errors.ts';
import { DenoTransport } from './transport.ts';
import { defer, ownTimer } from '../../src/clock.ts';

/** Milliseconds until the next try after a failed `accept`, for example for want of file descriptors. */
const ACCEPT_PAUSE = 50;
/** The ALPN name of HTTP/1.1 in TLS (RFC 7301). */
const ALPN = ['http/1.1'];

export const network: Network = {
  listen(plan, events) {
    const { onSocket } = events;
    if (onSocket !== undefined && mayListenByNet(plan)) return new SocketPort(plan, { ...events, onSocket });
    return new DenoPort(plan, events);
  },
  connect: startConnecting,
};

/**
 * Whether `plan` can be carried out by node:net: it has no TLS, and the program has the permissions already. Asking for one that is missing,
 * and saying so, is left to Deno.listen: node:net throws where the error cannot be caught.
 */
function mayListenByNet({ port, host = '::', path, tls }: ListenPlan): boolean {
  if (tls !== undefined || !takes('net-server')) return false;
  const has = (permission: Permission): boolean => deno.permissions.querySync(permission).state === 'granted';
  if (path !== undefined) return has({ name: 'net' }) && has({ name: 'read', path }) && has({ name: 'write', path });
  return (
    has({ name: 'net' }) ||
    (nodeNet.isIP(host) !== 0 && has({ name: 'net', host: nodeNet.isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}` }))
  );
}

/** Listens by node:net, whose connections cost a message less than those of Deno.listen (docs/performance.md has the figures). */
class SocketPort implements Listener {
  readonly #server: Server;

  constructor({ port, host, path, backlog }: ListenPlan, events: Required<ListenerEvents>) {
    this.#server = nodeNet.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => events.onSocket(socket));
    this.#server.on('error', (error) => events.onError(systemError(error, attemptAt('listen', path, host ?? '::', port))));
    this.#server.listen(path === undefined ? { port, host, backlog } : { path, backlog }, () => {
      events.onListening(this.#server.address() as AddressInfo | string);
    });
  }

  close(onClosed: () => void): void {
    // Its own callback would wait for the connections.
    this.#server.close();
    defer(onClosed);
  }

  ref(isKept: boolean): void {
    if (isKept) this.#server.ref();
    else this.#server.unref();
  }
}

/** Something that listens, or tried to. */
class DenoPort implements Listener {
  readonly #events: ListenerEvents;
  readonly #isSecure: boolean;
  readonly #listener: DenoListener | null = null;
  #isClosed = false;

  constructor(plan: ListenPlan, events: ListenerEvents) {
    this.#events = events;
    this.#isSecure = plan.tls !== undefined;
    // Events come after `listen` has returned.
    try {
      this.#listener = listen(plan);
      defer(() => this.#begin());
    } catch (thrown) {
      const { path, host = '0.0.0.0', port } = plan;
      const error = systemError(thrown, attemptAt('listen', path, host, port));
      defer(() => {
        if (!this.#isClosed) events.onError(error);
      });
    }
  }

  close(onClosed: () => void): void {
    if (!this.#isClosed) this.#listener?.close();
    this.#isClosed = true;
    defer(onClosed);
  }

  ref(isKept: boolean): void {
    if (isKept) this.#listener?.ref();
    else this.#listener?.unref();
  }

  #begin(): void {
    if (this.#isClosed) return;
    const { addr } = this.#listener!;
    if (addr.transport === 'unix') {
      this.#events.onListening(addr.path ?? '');
    } else {
      const { hostname: address, port } = addr;
      this.#events.onListening({ address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
    }
    this.#accept();
  }

  readonly #accept = (): void => {
    if (!this.#isClosed) this.#listener!.accept().then(this.#onAccepted, this.#onAcceptError);
  };

  readonly #onAccepted = (connection: DenoConnection): void => {
    if (this.#isClosed) return connection.close();
    try {
      this.#events.onConnection(new DenoTransport(connection, this.#isSecure));
    } finally {
      this.#accept();
    }
  };

  /** One connection that could not be accepted is no reason to take no others. */
  readonly #onAcceptError = (): void => {
    if (!this.#isClosed) ownTimer(this.#accept, ACCEPT_PAUSE);
  };
}

function listen(plan: ListenPlan): DenoListener {
  const { path, host, port, backlog, tls } = plan;
  if (path !== undefined) return deno.listen({ transport: 'unix', path });
  const start = (hostname: string): DenoListener => {
    const options = { hostname, port, ...(backlog !== undefined && { tcpBacklog: backlog }) };
    return tls ? deno.listenTls({ ...options, cert: tls.cert, key: tls.key, alpnProtocols: ALPN }) : deno.listen(options);
  };
  if (host !== undefined) return start(host);
  // All addresses: `::` takes IPv4 as well, where there is IPv6 and the program may.
  try {
    return start('::');
  } catch (thrown) {
    if ((thrown as Error).name === 'AddrInUse') throw thrown;
    return start('0.0.0.0');
  }
}

function startConnecting(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
  const { host, port, path, tls } = plan;
  if (tls !== undefined) checkTls(tls, host);
  const controller = new AbortController();
  const { signal } = controller;
  connect(plan, signal).then(
    (connection) => {
      if (signal.aborted) connection.close();
      else events.onConnect(new DenoTransport(connection, tls !== undefined));
    },
    (thrown: unknown) => {
      if (!signal.aborted) events.onError(systemError(thrown, attemptAt('connect', path, host, port)));
    },
  );
  return { abort: () => controller.abort() };
}

/** @throws {TypeError} for an option that Deno cannot carry out. */
function checkTls({ rejectUnauthorized, servername, cert, key }: ClientTls, host: string): void {
  if (rejectUnauthorized === false) {
    throw new TypeError(
      `rejectUnauthorized: Deno has no such option; pass the certificate as "ca", or run it with --unsafely-ignore-certificate-errors=${host}`,
    );
  }
  if (servername !== undefined && servername !== host && (cert !== undefined || key !== undefined)) {
    throw new TypeError('servername: Deno does not support another server name together with a client certificate');
  }
}

/** Connects, with TLS up to the end of its handshake. */
async function connect({ host, port, path, tls }: ConnectPlan, signal: AbortSignal): Promise<DenoConnection> {
  if (tls?.cert !== undefined && tls.key !== undefined && path === undefined) {
    const { cert, key } = tls;
    return finishHandshake(await deno.connectTls({ hostname: host, port, ...trust(tls), cert, key }), signal);
  }
  const connection = await deno.connect(path === undefined ? { hostname: host, port, signal } : { transport: 'unix', path });
  if (tls === undefined) return connection;
  // Rather than connectTls, whose connections leave Nagle's algorithm on: 50 ms a handshake, 1.6 ms without it (Deno 2.9).
  connection.setNoDelay?.(true);
  let secured: DenoConnection;
  try {
    secured = await deno.startTls(connection, { hostname: tls.servername ?? host, ...trust(tls) });
  } catch (error) {
    close(connection);
    throw error;
  }
  return finishHandshake(secured, signal);
}

/** Deno trusts `ca` besides its own certificates, not in their place. */
function trust({ ca }: ClientTls): { readonly alpnProtocols: readonly string[]; readonly caCerts?: readonly string[] } {
  if (ca === undefined) return { alpnProtocols: ALPN };
  return { alpnProtocols: ALPN, caCerts: typeof ca === 'string' ? [ca] : ca };
}

async function finishHandshake(connection: DenoConnection, signal: AbortSignal): Promise<DenoConnection> {
  const drop = (): void => close(connection);
  signal.addEventListener('abort', drop);
  // Given up while it was connecting, which no event tells any more: the TLS handshake below fails at once.
  if (signal.aborted) drop();
  try {
    await connection.handshake!();
  } catch (error) {
    drop();
    throw error;
  } finally {
    signal.removeEventListener('abort', drop);
  }
  return connection;
}

function close(connection: DenoConnection): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
