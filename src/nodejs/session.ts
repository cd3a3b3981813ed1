// A session over a Node.js socket.

import type { Duplex } from 'node:stream';
import { Connection, type ConnectionOptions } from '../protocol/connection.ts';
import type { Platform } from '../platform.ts';
import { platform } from './platform.ts';
import { NodeTransport } from './transport.ts';

/**
 * Joins `socket`, whose opening handshake is done, to a connection.
 *
 * @param lent What the connection uses of the runtime; for tests and for masking keys of a program's own.
 */
export function createSession(socket: Duplex, options: ConnectionOptions, lent: Platform = platform): Connection {
  const transport = new NodeTransport(socket);
  const session = new Connection(lent, transport, options);
  transport.attach(session);
  return session;
}
