// A server of the command line: its options, its address, its end.

import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { WebSocket, WebSocketServer } from '../api/ws/classes.ts';
import type { ServerOptions } from '../api/ws/options.ts';
import { readDuration, readNumber, type Values } from './arguments.ts';
import { readOptionFile } from './client.ts';
import { CommandError, UsageError } from './exit.ts';
import type { Library } from './host.ts';
import type { Log } from './log.ts';
import { onSignal } from './wait.ts';

/** The options of every command that listens. */
export const SERVER_OPTIONS = {
  host: { value: 'ADDRESS', help: 'the address to listen at; default 127.0.0.1, this machine alone' },
  cert: { value: 'FILE', help: "serve TLS: the server's certificate (PEM)" },
  key: { value: 'FILE', help: "serve TLS: the server's key (PEM)" },
  'max-connections': { value: 'NUMBER', help: 'refuse further connections; default 1000' },
  'shutdown-time': { value: 'TIME', help: 'most time for the closing handshakes at the end; default 5s' },
} as const;

/** Where and how to listen. */
export interface ServerPlan {
  readonly port: number;
  readonly host: string;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly maxConnections: number;
  /** Milliseconds. */
  readonly shutdownTime: number;
}

/** @throws {UsageError} */
export function readServerPlan(port: string, values: Values<typeof SERVER_OPTIONS>): ServerPlan {
  const { cert, key } = values;
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert and --key go together');
  return {
    port: readNumber('PORT', port.replace(/^:/, ''), { most: 65_535, isInteger: true }),
    host: values.host ?? '127.0.0.1',
    tls:
      cert === undefined || key === undefined
        ? undefined
        : { cert: readOptionFile('cert', cert), key: readOptionFile('key', key) },
    maxConnections: readNumber('--max-connections', values['max-connections'] ?? '1000', { least: 1, isInteger: true }),
    shutdownTime: readDuration('--shutdown-time', values['shutdown-time'] ?? '5s'),
  };
}

/**
 * Starts a server. Without `onRequest` it is the one of the library, which answers other requests than upgrades with 426.
 *
 * @throws {CommandError} if the port is taken, or the certificate is wrong.
 */
export async function startServer(
  { WebSocketServer }: Library,
  plan: ServerPlan,
  options: ServerOptions<typeof WebSocket>,
  onRequest?: RequestListener,
): Promise<{ readonly server: WebSocketServer; readonly address: string }> {
  const { port, host, tls, maxConnections } = plan;
  try {
    const common = { ...options, maxConnections };
    let server: WebSocketServer;
    if (onRequest === undefined) {
      server = new WebSocketServer({ ...common, host, port, tls });
      await once(server, 'listening');
    } else {
      const http = tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tls, onRequest);
      http.listen(port, host);
      await once(http, 'listening');
      server = new WebSocketServer({ ...common, server: http });
      server.once('close', () => {
        http.close();
        // A request head that does not end, or a download that is not read, would keep the process.
        http.closeAllConnections();
      });
    }
    const { port: taken, address } = server.address() as AddressInfo;
    return { server, address: `${address.includes(':') ? `[${address}]` : address}:${taken}` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const known: Readonly<Record<string, string>> = {
      EADDRINUSE: 'the port is taken',
      EACCES: 'no permission',
      EADDRNOTAVAIL: 'this machine does not have the address',
    };
    throw new CommandError(`Cannot listen at ${host}:${port}: ${known[code ?? ''] ?? message}`);
  }
}

/**
 * Waits for SIGINT or SIGTERM, then closes all connections in order. A second signal ends the process at once.
 *
 * @param where The address for the log, and notes about the server. It is logged when a signal may come: a supervisor may send one at once.
 */
export async function serveUntilSignal(
  server: WebSocketServer,
  { shutdownTime }: ServerPlan,
  log: Log,
  ...where: Parameters<Log['listening']>
): Promise<void> {
  const signalled = new Promise<void>((resolve) => onSignal(() => resolve()));
  log.listening(...where);
  await signalled;
  const { closed, terminated } = await server.shutdown({ timeout: shutdownTime });
  log.stopped(closed, terminated);
}
