// A server that listens by itself: what its options take on every runtime that can, beyond those of ws.

import type { IncomingMessage } from 'node:http';
import type { ServerOptions } from './options.ts';
import type { WebSocketBase } from './websocket.ts';

/** A class that the server constructs. */
type SocketClass = abstract new (...values: never[]) => WebSocketBase;

/** Options of a server: those of ws, and three more. */
export interface StandaloneServerOptions<
  Socket extends SocketClass = SocketClass,
  Request extends typeof IncomingMessage = typeof IncomingMessage,
> extends ServerOptions<Socket, Request> {
  /** Speaks TLS, with this certificate and key, PEM. Beyond ws, which takes an HTTPS server. */
  tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Listens on a Unix domain socket of this path, in the place of `port` and `host`. Beyond ws. */
  unix?: string | undefined;
  /** Milliseconds from the start of a connection to the end of its request's head; 0 for no limit. Default 60,000. Beyond ws. */
  headersTimeout?: number | undefined;
}

/** The options in the words of ws: `unix` is a port. @throws {TypeError} when options cannot go together. */
export function wsOptions<Socket extends SocketClass, Request extends typeof IncomingMessage>(
  options: StandaloneServerOptions<Socket, Request>,
): ServerOptions<Socket, Request> {
  const { tls, unix, port, server, noServer } = options;
  if (tls !== undefined && (server || noServer)) throw new TypeError('The "tls" option needs "port" or "unix"');
  if (unix === undefined) return options;
  if (typeof unix !== 'string' || unix === '') throw new TypeError('The "unix" option must be the path of a socket');
  if (port !== undefined && port !== null) throw new TypeError('Only one of the "port" and "unix" options may be specified');
  return { ...options, port: 0 };
}
