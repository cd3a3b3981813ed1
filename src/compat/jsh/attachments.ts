// The WebSocketServers on one HTTP server: a single listener finds the one that a request is for.

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { refusalHead, refuse, type Refusal } from '../../handshake/refusal.ts';
import { UsageError } from '../../base/errors.ts';
import { pathOf } from './request.ts';

/** A WebSocketServer, as far as its HTTP server is concerned. */
export interface Attached {
  /** Answers an upgrade request for its path. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void;
  /** Passes on an error of the HTTP server. @returns Whether anybody listens. */
  hear(error: Error): boolean;
}

const attachments = new WeakMap<HttpServer, Attachments>();

export class Attachments {
  readonly #server: HttpServer;
  readonly #byPath: Map<string, Attached> = new Map();

  private constructor(server: HttpServer) {
    this.#server = server;
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Uint8Array) => this.#upgrade(request, socket, head));
    server.on('error', (error: Error) => this.#hear(error));
  }

  /** Those of `server`. */
  static of(server: HttpServer): Attachments {
    let found = attachments.get(server);
    if (found === undefined) {
      found = new Attachments(server);
      attachments.set(server, found);
    }
    return found;
  }

  /** @throws {UsageError} when the path is taken. */
  add(path: string, attached: Attached): void {
    if (this.#byPath.has(path)) throw new UsageError(`There is a WebSocketServer at ${path} of this HTTP server already`);
    this.#byPath.set(path, attached);
  }

  /** Frees a path. The listener stays: without one, Node.js would pass upgrade requests on as ordinary ones. */
  remove(path: string): void {
    this.#byPath.delete(path);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    const attached = this.#byPath.get(pathOf(request.url ?? ''));
    if (attached !== undefined) attached.upgrade(request, socket, head);
    // Whoever else listens may know this path.
    else if (this.#server.listenerCount('upgrade') === 1)
      refuseUpgrade(socket, refuse(404, 'There is no WebSocket at this path'));
  }

  /** An error of the HTTP server that nobody hears is thrown, as it would be without us. */
  #hear(error: Error): void {
    const heard = [...this.#byPath.values()].filter((attached) => attached.hear(error)).length;
    if (heard === 0 && this.#server.listenerCount('error') === 1) throw error;
  }
}

/** Writes an HTTP answer and closes. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const { status, reason, headers } = refusal;
  socket.on('error', () => void socket.destroy());
  socket.once('finish', () => void socket.destroy());
  socket.end(refusalHead({ status, reason, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers } }));
}
