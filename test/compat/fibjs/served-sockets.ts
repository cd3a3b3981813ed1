// An HTTP server and sockets that end with the test.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocketServer, type ServerOptions, type WebSocket as Peer } from 'ws';
import {
  Socket,
  upgrade,
  type Accept,
  type CloseEvent,
  type MessageEvent,
  type SocketOptions,
  type UpgradeOptions,
} from '../../../src/compat/fibjs/index.ts';
import { listen } from '../../support/sockets.ts';

/** Listens until the test is over. @returns The URL of `/ws`. */
export async function serve(server: Server): Promise<string> {
  const port = await listen(server);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `ws://127.0.0.1:${port}/ws`;
}

/** A server all of whose paths are the WebSocket's. */
export function serveUpgrade(accept: Accept, options: UpgradeOptions = {}): Promise<string> {
  const accepted = new Set<Socket>();
  onTestFinished(() => {
    for (const conn of accepted) conn.close();
  });
  return serve(
    createServer().on(
      'upgrade',
      upgrade(options, (conn, request) => {
        accepted.add(conn);
        return accept(conn, request);
      }),
    ),
  );
}

/** A client that is open. */
export async function open(url: string, options: SocketOptions | string = {}): Promise<Socket> {
  const conn = new Socket(url, options as SocketOptions);
  onTestFinished(() => conn.close());
  await once(conn, 'open');
  return conn;
}

/** The server of ws. @returns Its URL, and a promise of its first connection with the request. */
export async function serveWs(options: ServerOptions = {}): Promise<{ url: string; server: WebSocketServer }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/ws`, server };
}

/** An open pair: our client, ws's server. */
export async function pair(
  options: SocketOptions = {},
  serverOptions: ServerOptions = {},
): Promise<{ conn: Socket; peer: Peer; url: string }> {
  const { url, server } = await serveWs(serverOptions);
  const connected = once(server, 'connection') as Promise<[Peer]>;
  const conn = await open(url, options);
  const [peer] = await connected;
  return { conn, peer, url };
}

export const message = async (conn: Socket): Promise<MessageEvent> => ((await once(conn, 'message')) as [MessageEvent])[0];
/** Unlike `once` of node:events, not rejected by an error that comes first. */
export const closed = (conn: Socket): Promise<CloseEvent> => new Promise((resolve) => void conn.once('close', resolve));
