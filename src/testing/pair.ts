// A client and a server that are connected, for a test that needs no address.

import type { W3CWebSocket, W3CWebSocketOptions } from '../api/w3c/index.ts';
import { opened } from '../api/w3c/promises.ts';
import { WebSocket } from './client.ts';
import type { MockConnection } from './connection.ts';
import type { Link } from './link.ts';
import { MockServer, type MockServerOptions } from './server.ts';

/** Options of {@link createPair}. */
export interface PairOptions {
  /** Options of the client, as of `wasock/w3c`. */
  readonly client?: W3CWebSocketOptions;
  /** Options of the server. */
  readonly server?: Omit<MockServerOptions, 'takeGlobal'>;
}

/** A client and a server that are connected. */
export interface Pair {
  /** Open. */
  readonly client: W3CWebSocket;
  readonly server: MockConnection;
  /** The network between both, with its faults. */
  readonly link: Link;
}

let pairs = 0;

/**
 * Connects a client and a server in memory, by an opening handshake as over a socket. Takes microtasks, unless a script of the server delays it.
 *
 * @throws {Error} if the options of the server refuse the client.
 */
export async function createPair(options: PairOptions = {}): Promise<Pair> {
  const url = `ws://pair-${++pairs}.invalid/`;
  const mock = new MockServer(url, { ...options.server, takeGlobal: false });
  try {
    const client = new WebSocket(url, options.client);
    const [server] = await Promise.all([mock.nextConnection(), opened(client)]);
    return { client, server, link: server.link };
  } finally {
    // The connection stays.
    mock.stop();
  }
}
