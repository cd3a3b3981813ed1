// A session over a Node.js socket.

import type { Duplex } from 'node:stream';
import { RawSession, type SessionOptions } from '../../src/protocol/session.ts';
import { platform } from './platform.ts';
import { NodeTransport } from './transport.ts';

/** Joins `socket`, whose opening handshake is done, to a connection. */
export function createSession(socket: Duplex, options: SessionOptions): RawSession {
  const transport = new NodeTransport(socket);
  const session = new RawSession(platform, transport, options);
  transport.attach(session);
  return session;
}
