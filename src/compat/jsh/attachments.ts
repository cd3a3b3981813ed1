// The WebSocketServers on one HTTP server: a single listener finds the one that a request is for.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { UsageError } from '../../base/errors.ts';
import { refuse } from '../../handshake/refusal.ts';
import { pathOf, refusalFields, refuseUpgrade } from '../shared/requests.ts';

const UPGRADE_REQUIRED = refuse(400, 'websocket upgrade required');

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
    // In front of all listeners, whenever they are added: two answers to one request would throw.
    const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
    server.emit = ((event: string, ...values: unknown[]) =>
      (event === 'request' && this.#answer(values[0] as IncomingMessage, values[1] as ServerResponse)) ||
      emit(event, ...values)) as HttpServer['emit'];
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

  /** A GET without an upgrade has its answer here; everything else is the program's. @returns Whether it was one. */
  #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): boolean {
    if (method !== 'GET' || !this.#byPath.has(pathOf(url))) return false;
    response.writeHead(UPGRADE_REQUIRED.status, refusalFields(UPGRADE_REQUIRED)).end(UPGRADE_REQUIRED.reason);
    return true;
  }

  /** An error of the HTTP server that nobody hears is thrown, as it would be without us. */
  #hear(error: Error): void {
    const heard = [...this.#byPath.values()].filter((attached) => attached.hear(error)).length;
    if (heard === 0 && this.#server.listenerCount('error') === 1) throw error;
  }
}
