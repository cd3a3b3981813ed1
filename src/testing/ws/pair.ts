// A client and a server of the ws style that are connected in memory, for a test that needs no address.

import type { IncomingMessage } from 'node:http';
import { bindRuntime } from '../../api/ws/binding.ts';
import type { ClientOptions, ServerOptions } from '../../api/ws/options.ts';
import type { Network } from '../../http1/network.ts';
import { network } from '../client.ts';
import type { Link } from '../link.ts';
import { linkOf } from '../network.ts';
import { createRuntime, WebSocket, WebSocketServer } from './classes.ts';

/** Options of {@link createPair}. */
export interface PairOptions {
  /** Options of the client, as of `WebSocket` of `wasock`: `protocols`, `headers`, `heartbeat`, … */
  readonly client?: ClientOptions;
  /** Options of the server, as of `WebSocketServer` of `wasock`. */
  readonly server?: Omit<ServerOptions<typeof WebSocket>, 'server' | 'noServer' | 'WebSocket'>;
  /** Path and query of the URL. Default `/`. */
  readonly path?: string;
}

/** A client and a server that are connected. */
export interface Pair {
  /** Open. */
  readonly client: WebSocket;
  /** The other end, as the event `connection` of a server has it. */
  readonly server: WebSocket;
  /** The opening handshake. */
  readonly request: IncomingMessage;
  /** The network between both, with its faults. */
  readonly link: Link;
}

/** Calls `onLink` with the link of each connection. */
function watch(onLink: (link: Link) => void): Network {
  return {
    ...network,
    listen: (plan, events) =>
      network.listen(plan, {
        ...events,
        onConnection(stream) {
          onLink(linkOf(stream));
          events.onConnection(stream);
        },
      }),
  };
}

/** Fulfilled when the client is open. Rejects with its error. */
function opened(client: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('open', () => {
      client.off('error', reject);
      resolve();
    });
    client.once('error', reject);
  });
}

let pairs = 0;

/**
 * Connects a client and a server in memory, by an opening handshake as over a socket.
 *
 * @throws {Error} if the options of the server refuse the client.
 */
export async function createPair({ client: ofClient, server: ofServer, path = '/' }: PairOptions = {}): Promise<Pair> {
  let link!: Link;
  class Server extends WebSocketServer {}
  bindRuntime(Server, createRuntime(watch((own) => (link = own))));
  const host = `ws-pair-${++pairs}.invalid`;
  const listening = new Server({ ...ofServer, host, port: 80 });
  try {
    const accepted = new Promise<[WebSocket, IncomingMessage]>((resolve) => {
      listening.once('connection', (ws, request) => resolve([ws, request]));
    });
    const client = new WebSocket(`ws://${host}${path.startsWith('/') ? '' : '/'}${path}`, ofClient);
    const [[server, request]] = await Promise.all([accepted, opened(client)]);
    return { client, server, request, link };
  } finally {
    // The connection stays.
    listening.close();
  }
}
