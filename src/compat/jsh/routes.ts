// JSH's `server.ws(path, handler)` for an http.Server of Node.js.

import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { ServerRequest } from './request.ts';
import { WebSocketServer, type WebSocketServerOptions } from './server.ts';
import type { WebSocket } from './websocket.ts';

/** Gets each connection of a path, as a listener of 'connection' does. */
export type ConnectionHandler = (socket: WebSocket, request: ServerRequest) => unknown;

/** The options of a WebSocketServer but for those that the route gives. */
export type RouteOptions = Omit<WebSocketServerOptions, 'server' | 'path'>;

/** What {@link withWebSockets} adds to an HTTP server. */
export interface WebSocketRoutes {
  /**
   * Makes a WebSocketServer for a path.
   *
   * @throws {TypeError} when `handler` is no function, or as the constructor of WebSocketServer does.
   */
  ws(path: string, handler: ConnectionHandler): WebSocketServer;
  ws(path: string, options: RouteOptions, handler: ConnectionHandler): WebSocketServer;
}

/**
 * Adds `ws` to an HTTP server, which JSH's own has.
 *
 * @returns The same server.
 */
export function withWebSockets<Server extends HttpServer | HttpsServer>(server: Server): Server & WebSocketRoutes {
  return Object.assign(server, {
    ws(path: string, options: RouteOptions | ConnectionHandler, handler?: ConnectionHandler): WebSocketServer {
      const [settings, listener] = typeof options === 'function' ? [{}, options] : [options, handler];
      if (typeof listener !== 'function') throw new TypeError('server.ws handler must be a function');
      return new WebSocketServer({ ...settings, server, path }).on('connection', listener);
    },
  });
}
