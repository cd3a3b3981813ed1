// Listening by node:net, whose connections cost a message less than those of Deno.listen (docs/performance.md has the figures).

import net, { type AddressInfo, type Server } from 'node:net';
import type { ListenerEvents, ListenPlan, Listener } from '../../src/http1/network.ts';
import { deno, type Permission } from './deno.ts';
import { attemptAt, systemError } from './errors.ts';
import { SocketTransport } from './socket-transport.ts';
import { defer } from '../../src/clock.ts';

/**
 * Whether `plan` can be carried out by node:net: it has no TLS, and the program has the permissions already. Asking for one that is missing,
 * and saying so, is left to Deno.listen: node:net throws where nobody can catch it.
 */
export function mayListenByNet({ port, host = '::', path, tls }: ListenPlan): boolean {
  if (tls !== undefined) return false;
  const has = (permission: Permission): boolean => deno.permissions.querySync(permission).state === 'granted';
  if (path !== undefined) return has({ name: 'net' }) && has({ name: 'read', path }) && has({ name: 'write', path });
  return (
    has({ name: 'net' }) ||
    (net.isIP(host) !== 0 && has({ name: 'net', host: net.isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}` }))
  );
}

/** Something that listens, or tried to. */
export class SocketPort implements Listener {
  readonly #server: Server;

  constructor({ port, host, path, backlog }: ListenPlan, events: ListenerEvents) {
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      events.onConnection(new SocketTransport(socket));
    });
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
