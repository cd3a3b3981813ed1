// A session over a Node.js socket.

import type { Duplex } from 'node:stream';
import { Connection } from '../protocol/connection.ts';
import type { ConnectionOptions } from '../protocol/settings.ts';
import type { Platform } from '../platform.ts';
import { platform } from './platform.ts';
import { NodeTransport } from './transport.ts';

/**
 * Joins `socket`, whose opening handshake is done, to a connection.
 *
 * @param functions The platform; tests, and programs that make their own masking keys, pass another one.
 */
export function createSession(socket: Duplex, options: ConnectionOptions, functions: Platform = platform): Connection {
  const transport = new NodeTransport(socket);
  const session = new Connection(functions, transport, options);
  transport.attach(session);
  return session;
}
