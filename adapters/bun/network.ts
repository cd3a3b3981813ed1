// The network of Bun: TCP, TLS and Unix domain sockets by Bun.listen and Bun.connect.

import dns from 'node:dns';
import { isIP } from 'node:net';
import type {
  ClientTls,
  ConnectEvents,
  ConnectPlan,
  ListenPlan,
  Listener,
  ListenerEvents,
  Network,
} from '../../src/http1/network.ts';
import { bun, type BunError, type BunListener } from './bun.ts';
import { hold, takeOver } from './hot.ts';
import { BunTransport, handlers, type SetupEvents } from './transport.ts';
import { defer } from '../../src/clock.ts';

export const network: Network = {
  listen(plan, events) {
    if (plan.backlog !== undefined) throw new TypeError('backlog: Bun always uses 512');
    const listener = new BunPort(plan, events);
    listener.open();
    return listener;
  },
  connect: startConnecting,
  // As Node.js has it, and Bun's own clients.
  isTrustDemanded: () => process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0',
};

/** Something that listens, or is about to. */
class BunPort implements Listener {
  readonly #plan: ListenPlan;
  readonly #events: ListenerEvents;
  #port: number;
  #listener: BunListener | null = null;
  #withdraw: () => void = () => {};
  #isClosed = false;
  #isKept = true;

  constructor(plan: ListenPlan, events: ListenerEvents) {
    this.#plan = plan;
    this.#events = events;
    this.#port = plan.port;
  }

  open(): void {
    const { host, path } = this.#plan;
    this.#port = takeOver(this.#plan);
    // At once where that is possible: programs ask for the address right away.
    if (path !== undefined) this.#listen([]);
    else if (host === undefined) this.#listen(['::', '0.0.0.0']);
    else if (isIP(host)) this.#listen([host]);
    else {
      dns.lookup(host, (error, address) => {
        if (error) this.#fail(error);
        else this.#listen([address]);
      });
    }
  }

  close(onClosed: () => void): void {
    this.#isClosed = true;
    this.#withdraw();
    this.#listener?.stop();
    defer(onClosed);
  }

  ref(isKept: boolean): void {
    this.#isKept = isKept;
    if (isKept) this.#listener?.ref();
    else this.#listener?.unref();
  }

  /** @param addresses To try in turn; the second where a machine has no IPv6. */
  #listen(addresses: readonly string[]): void {
    if (this.#isClosed) return;
    const { path } = this.#plan;
    const port = this.#port;
    const [hostname, ...others] = addresses;
    try {
      this.#listener = this.#start(path === undefined ? { hostname, port } : { unix: path });
    } catch (error) {
      const { code } = error as BunError;
      if (others.length > 0 && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === undefined)) {
        return this.#listen(others);
      }
      return this.#fail(nodeError(error as BunError, 'listen', path ?? `${hostname}:${port}`));
    }
    this.#withdraw = hold(this.#plan, this.#listener);
    if (!this.#isKept) this.#listener.unref();
    const family = hostname?.includes(':') ? 'IPv6' : 'IPv4';
    this.#events.onListening(path ?? { address: hostname, port: this.#listener.port ?? port, family });
  }

  #start(address: { readonly hostname: string; readonly port: number } | { readonly unix: string }): BunListener {
    const { tls } = this.#plan;
    const events = this.#events;
    const isSecure = tls !== undefined;
    const setup: SetupEvents = { onOpen: (transport) => events.onConnection(transport), onReady() {}, onFailure() {} };
    return bun().listen<BunTransport>({
      ...address,
      ...(tls && { tls: { cert: tls.cert, key: tls.key } }),
      allowHalfOpen: true,
      socket: {
        ...handlers,
        open(socket) {
          const transport = new BunTransport(isSecure, setup);
          socket.data = transport;
          transport.opened(socket);
        },
      },
    });
  }

  #fail(error: Error): void {
    if (!this.#isClosed) this.#events.onError(error);
  }
}

function startConnecting(plan: ConnectPlan, events: ConnectEvents): { abort(): void } {
  const { host, port, path, tls } = plan;
  let isOver = false;
  const fail = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    events.onError(nodeError(error as BunError, 'connect', path ?? `${host}:${port}`));
  };
  const transport = new BunTransport(tls !== undefined, {
    onOpen() {},
    onReady() {
      if (isOver) return;
      isOver = true;
      events.onConnect(transport);
    },
    onFailure: (_transport, error) => defer(() => fail(error)),
  });
  const connect = async (): Promise<void> => {
    await bun().connect({
      ...(path === undefined ? { hostname: host, port } : { unix: path }),
      ...(tls && { tls: tlsOptions(tls, host) }),
      allowHalfOpen: true,
      data: transport,
      socket: handlers,
    });
  };
  connect().catch((error: unknown) => defer(() => fail(error)));
  return {
    abort() {
      if (isOver) return;
      isOver = true;
      transport.destroy();
    },
  };
}

type TlsOptions = NonNullable<Parameters<ReturnType<typeof bun>['connect']>[0]['tls']>;

function tlsOptions({ ca, cert, key, rejectUnauthorized = true, servername }: ClientTls, host: string): TlsOptions {
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized,
    serverName: servername ?? host,
  };
}

/** An error of Bun in Node.js's words: `connect ECONNREFUSED 127.0.0.1:80`. */
function nodeError(error: BunError, syscall: string, where: string): BunError {
  if (error.code === undefined || error.syscall !== syscall) return error;
  const made = new Error(`${syscall} ${error.code} ${where}`, { cause: error }) as BunError;
  return Object.assign(made, { code: error.code, syscall, ...(error.errno !== undefined && { errno: error.errno }) });
}
