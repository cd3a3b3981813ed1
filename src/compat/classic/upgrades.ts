// Which of the servers on one HTTP server takes an upgrade request. ws 0.4 lets several share it, each with a path of its own.

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { pathOf } from '../shared/requests.ts';

/** A server that takes upgrade requests. */
export interface Upgrader {
  /** The only path it takes; undefined for any that no other takes. */
  readonly path: string | undefined;
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const sharing = new WeakMap<HttpServer, Map<string | undefined, Upgrader>>();

/**
 * Passes the upgrade requests that are for `upgrader` to it. A request that is for nobody goes to one of them, which refuses it,
 * unless somebody else listens, whom it may be for.
 *
 * @returns What undoes it.
 * @throws {Error} when another server has the same path.
 */
export function shareUpgrades(server: HttpServer, upgrader: Upgrader): () => void {
  const upgraders = sharing.get(server) ?? new Map<string | undefined, Upgrader>();
  const { path } = upgrader;
  if (upgraders.has(path)) throw new Error('two instances of WebSocketServer cannot listen on the same http server path');
  upgraders.set(path, upgrader);
  sharing.set(server, upgraders);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    let taker = upgraders.get(pathOf(request.url ?? '')) ?? upgraders.get(undefined);
    if (taker === undefined && server.listenerCount('upgrade') === upgraders.size) [taker] = upgraders.values();
    if (taker === upgrader) upgrader.onUpgrade(request, socket, head);
  };
  server.on('upgrade', onUpgrade);
  return () => {
    server.removeListener('upgrade', onUpgrade);
    upgraders.delete(path);
  };
}
