// HTTP servers and sockets of the jsh tests, which end with the test.

import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket as Ws, WebSocketServer as WsServer, type ServerOptions } from 'ws';
import { WebSocket, WebSocketServer, type WebSocketServerOptions } from '../../../src/compat/jsh/index.ts';
import { listen } from '../../support/sockets.ts';

/** An HTTP server that listens. */
export interface Served {
  readonly server: Server;
  readonly port: number;
  /** `ws:` address of its root. */
  readonly url: string;
}

/** Listens until the test is over. */
export async function serve(server: Server = createServer()): Promise<Served> {
  const port = await listen(server);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port, url: `ws://127.0.0.1:${port}/` };
}

/** A WebSocketServer on a server of its own. */
export async function serveSockets(
  options: Omit<WebSocketServerOptions, 'server'> = {},
): Promise<Served & { wss: WebSocketServer }> {
  const served = await serve();
  const wss = new WebSocketServer({ server: served.server, ...options });
  onTestFinished(() => void wss.close());
  return { ...served, wss };
}

/** The server of ws. */
export async function serveWs(options: ServerOptions = {}): Promise<{ url: string; server: WsServer }> {
  const server = new WsServer({ port: 0, host: '127.0.0.1', ...options });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}/`, server };
}

/** A client of ours that is open. */
export async function open(url: string, protocols?: string | string[]): Promise<WebSocket> {
  const ws = protocols === undefined ? new WebSocket(url) : new WebSocket(url, protocols);
  onTestFinished(() => ws.close());
  await once(ws, 'open');
  return ws;
}

/** A client of ws that is open. */
export async function openWs(url: string, protocols: string[] = [], options: object = {}): Promise<Ws> {
  const ws = new Ws(url, protocols, options);
  onTestFinished(() => ws.terminate());
  await once(ws, 'open');
  return ws;
}

/** The status with which a client of ws is refused, and the answer's body. */
export async function refusal(url: string, protocols: string[] = [], options: object = {}): Promise<[number, string]> {
  const ws = new Ws(url, protocols, options);
  ws.on('error', () => {});
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, NodeJS.ReadableStream & { statusCode: number }];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return [response.statusCode, Buffer.concat(chunks).toString()];
}

/** Unlike `once` of node:events, not rejected by an error that comes first. */
export function event<Values extends unknown[]>(emitter: EventEmitter, name: string): Promise<Values> {
  return new Promise((resolve) => void emitter.once(name, (...values) => resolve(values as Values)));
}

/** Sends a request as it is. @returns The whole answer. */
export async function ask(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.end(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
