// The internal state of a WebSocketServer.
//
// A property keyed by a symbol holds it. A private member would be refused to every object that is not the instance itself: a Proxy, an object that
// Vue's reactive() or Object.create() makes, a stub. A symbol passes through all of them, and no name of a program can collide.

import type { EventEmitter } from 'node:events';
import { GateCore } from '../../admission/gate-core.ts';
import type { ShutdownResult } from '../../admission/shutdown.ts';
import type { LooseListener } from './emitter.ts';
import type { AddressInfo } from './types.ts';
import type { WebSocketBase } from './websocket.ts';
import { nextTick } from '../../clock.ts';

/** Members that a server uses of its HTTP server; that of node:http has them. Events: `listening`, `error`, `upgrade`. */
export interface HttpServer extends EventEmitter {
  /** @param at A port, or the path of a Unix domain socket. */
  listen(at?: number | string, host?: string, backlog?: number, onListening?: () => void): unknown;
  /** Most fields of a request's head; 0 or nothing for the runtime's own limit. */
  readonly maxHeadersCount?: number | null;
  /** The address that it listens on; null if it does not listen. */
  address(): AddressInfo | string | null;
  /** Takes no more connections. Emits `close` once all are gone. */
  close(): unknown;
  /** Closes the connections that carry no WebSocket. Left out: `close` does. */
  closeAllConnections?(): void;
}

export type ServerState = 'running' | 'closing' | 'closed';

export class ServerCore {
  state: ServerState = 'running';
  /** Knows all connections, also without `clientTracking`. */
  gate: GateCore = new GateCore(null);
  /** The shutdown that is running, or is over. */
  shutdown: Promise<ShutdownResult> | null = null;
  /** Called after the 'close' event, whose listeners a program may remove. */
  onClosed: (() => void) | undefined;
  /** Emits 'close', once the server was closed while there were clients. */
  onLastClientClosed: (() => void) | null = null;
  httpServer: HttpServer | null = null;
  /** The HTTP server that this server has made, also after `close`. */
  ownServer: HttpServer | null = null;
  /** Listeners of the HTTP server, by event. */
  listeners: Readonly<Record<string, LooseListener<unknown>>> = {};
  /** Forgets the WebSocket that it is called on. One function for all clients, so that no closure keeps a client alive. */
  readonly onClientClose: (this: object) => void;
  /** Reports an error of an accepted connection. One for all clients, too. */
  readonly onClientError: (error: Error, ws: WebSocketBase) => void;

  constructor(server: { readonly clients?: Set<object>; emit(event: string, ...values: unknown[]): boolean }) {
    this.onClientError = (error, ws) => void server.emit('connectionError', error, ws);
    // oxlint-disable-next-line typescript/no-this-alias -- `this` of the listener is the client
    const core = this;
    this.onClientClose = function () {
      server.clients?.delete(this);
      if (core.onLastClientClosed !== null && !server.clients?.size) nextTick(() => core.emitLast());
    };
  }

  /** Takes our listeners off an HTTP server. */
  detach(server: HttpServer): void {
    for (const [event, listener] of Object.entries(this.listeners)) server.removeListener(event, listener);
  }

  /** All connections have ended: emits 'close' even if the program has removed the listeners that told of it, or has changed `clients`. */
  endWaiting(): void {
    if (this.onLastClientClosed !== null) nextTick(() => this.emitLast());
  }

  /** Emits 'close', unless that was done before. */
  emitLast(): void {
    const emitClose = this.onLastClientClosed;
    this.onLastClientClosed = null;
    emitClose?.();
  }

  /** Reactive wrappers such as Vue's wrap a plain 'Object' in depth, and leave everything else alone. */
  get [Symbol.toStringTag](): string {
    return 'ServerCore';
  }
}

const CORE = Symbol('server core');

interface Carrier {
  [CORE]?: ServerCore;
}

/** The core of a server: made for an object that never saw the constructor, such as a stub. */
export function serverCoreOf(server: object): ServerCore {
  const carrier = server as Carrier;
  if (carrier[CORE] === undefined) Object.defineProperty(server, CORE, { value: new ServerCore(server as EventEmitter) });
  return carrier[CORE]!;
}

/** Closes `server`. @param onClosed Called once it is closed. No listener, because a program may remove all of them. */
export function closeServer(server: HttpServer, onClosed: () => void): void {
  const { emit } = server;
  let isClosed = false;
  server.emit = function (this: HttpServer, ...values: Parameters<typeof emit>) {
    try {
      return emit.apply(this, values);
    } finally {
      if (values[0] === 'close' && !isClosed) {
        isClosed = true;
        onClosed();
      }
    }
  };
  server.close();
}
