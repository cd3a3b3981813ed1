// Main entry point in workers: the ws-style API. On workerd it needs the compatibility flag `nodejs_compat`, for node:events and
// node:buffer; the W3C entry point needs nothing.

import { Buffer } from 'node:buffer';
import { extension, subprotocol } from '../../src/api/ws/extension.ts';
import { coreOf } from '../../src/api/ws/core.ts';
import { createWebSocketStream } from '../../src/api/ws/stream.ts';
import { bindLowlevel } from '../../src/nodejs/lowlevel/binding.ts';
import { bufferPlatform } from './buffers.ts';
import { deflateEngine } from './deflate-engine.ts';
import { acceptUpgrade, type Refused, type UpgradeOptions } from './upgrade.ts';
import { WebSocket } from './websocket.ts';
import { defer } from '../../src/clock.ts';

const NOTHING = Buffer.alloc(0);

/** A WebSocket that a worker accepts. */
export interface Upgraded {
  /** Return it from the fetch handler. */
  readonly response: Response;
  /** Open. Messages come from the next microtask on: add listeners at once. */
  readonly socket: WebSocket;
  /** The client's address, as `remoteAddress` and the gate's `trustProxy` tell it. Undefined without a gate. */
  readonly clientAddress: string | undefined;
}

/**
 * Accepts a WebSocket in a worker's fetch handler. The runtime implements the protocol: it answers Pings, negotiates compression
 * and limits messages (32 MiB on workerd) by itself. It sends no Pings, and `terminate()` still sends a Close frame.
 *
 * @returns The response that the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} for an option that has no effect here (the message names the alternative), if `handleProtocols` picks a name
 *   that was not offered, or if the runtime has no WebSocketPair.
 */
export function upgrade(request: Request, options?: UpgradeOptions): Upgraded | Refused {
  const accepted = acceptUpgrade(request, options);
  if ('socket' in accepted) return accepted;
  const { response, protocol, session, clientAddress } = accepted;
  const socket = new WebSocket(null);
  // It has no stream.
  coreOf(socket).open(socket, session, { socket: null, protocol, extensions: '' });
  defer(() => coreOf(socket).start(NOTHING));
  return { response, socket, clientAddress };
}

/** @throws {TypeError} always: a worker cannot listen. */
export class WebSocketServer {
  constructor(..._options: unknown[]) {
    throw new TypeError('A worker cannot listen for connections: call upgrade(request) in its fetch handler');
  }
}

bindLowlevel(bufferPlatform, deflateEngine);
Object.assign(WebSocket, {
  createWebSocketStream,
  extension,
  Server: WebSocketServer,
  subprotocol,
  WebSocket,
  WebSocketServer,
});

export * from '../../src/api/ws/public.ts';
export * from '../../src/nodejs/lowlevel/index.ts';
export type { Refused, UpgradeOptions } from './upgrade.ts';
export { WebSocket, WebSocket as default };
export { WebSocketServer as Server };
