// Entry point `./classic`: the API of ws 0.4 of 2013, for programs that still use it.

import { Server } from './server.ts';
import type { ServerOptions } from './types.ts';
import { WebSocket } from './websocket.ts';

/** Makes a {@link Server}. @param onConnection Listener of 'connection'. @throws as its constructor does. */
export function createServer(options?: ServerOptions | null, onConnection?: (ws: WebSocket) => void): Server {
  const server = new Server(options);
  if (typeof onConnection === 'function') server.on('connection', onConnection);
  return server;
}

/** Opens a {@link WebSocket}. @param onOpen Listener of 'open'. @throws as its constructor does. */
export function connect(address: string | URL, onOpen?: () => void): WebSocket {
  const ws = new WebSocket(address);
  if (typeof onOpen === 'function') ws.on('open', onOpen);
  return ws;
}

Object.assign(WebSocket, { connect, createConnection: connect, createServer, Server, WebSocket });

export type { CloseEvent, ErrorEvent, Event, EventListener, EventMap, MessageEvent } from './events.ts';
export type {
  ClientOptions,
  FragmentSender,
  HandleProtocols,
  Limits,
  MessageFlags,
  ProtocolVersion,
  SendCallback,
  SendOptions,
  ServerClient,
  ServerEvents,
  ServerOptions,
  SocketEvents,
  StreamCallback,
  VerifyClient,
  VerifyClientInfo,
} from './types.ts';
export const CONNECTING: 0 = WebSocket.CONNECTING;
export const OPEN: 1 = WebSocket.OPEN;
export const CLOSING: 2 = WebSocket.CLOSING;
export const CLOSED: 3 = WebSocket.CLOSED;
export { connect as createConnection, Server, WebSocket };
export { WebSocket as default };
