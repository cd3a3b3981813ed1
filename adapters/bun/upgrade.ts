// WebSockets of the ws style inside of Bun.serve. RFC 6455 section 4.2 decides what is refused.

import { coreOf } from '../../src/api/ws/core.ts';
import { refuse } from '../../src/handshake/refusal.ts';
import { checkUpgrade, refused, selectProtocol, type ProtocolChoice, type Refused } from '../../src/native/upgrade.ts';
import type { BunServer } from './bun.ts';
import { ServedSession, type ServedSessionOptions } from './served-session.ts';
import { WebSocket } from './websocket.ts';
import { nextTick } from '../../src/clock.ts';

export type { Refused } from '../../src/native/upgrade.ts';

/** How to answer an upgrade request. */
export interface UpgradeOptions extends ServedSessionOptions, ProtocolChoice {
  /** More header fields for the 101 response. */
  readonly headers?: ConstructorParameters<typeof Headers>[0];
}

/** A request that was accepted. */
export interface Upgraded {
  /** Bun has answered already: what the handler returns for such a request is undefined. */
  readonly response: undefined;
  /** Still CONNECTING: it opens before the next I/O, so add listeners before anything is awaited. */
  readonly socket: WebSocket;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Accepts a WebSocket in the `fetch` handler of `Bun.serve`:
 *
 *     Bun.serve({
 *       fetch(request, server) {
 *         const { response, socket } = upgrade(request, server);
 *         socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
 *         return response;
 *       },
 *       websocket,
 *     });
 *
 * The protocol is done by Bun: it sends whole messages only, and closes TCP right behind its Close frame. Limits, permessage-deflate and
 * timeouts are those of `websocket`, for all connections of the server.
 *
 * @param server The second argument of the handler.
 * @returns What the handler must return, and the WebSocket; null when the request is refused.
 * @throws {TypeError} when `handleProtocols` picks what the client did not offer, or `headers` are invalid.
 */
export function upgrade(request: Request, server: BunServer, options: UpgradeOptions = {}): Upgraded | Refused {
  const check = checkUpgrade(request);
  if (!('accepted' in check)) return check;
  const protocol = selectProtocol(check.protocols, request, options);
  const headers = new Headers(options.headers);
  // An empty one keeps Bun from taking the client's first by itself; it is not sent.
  if (protocol !== '' || check.protocols.length > 0) headers.set('Sec-WebSocket-Protocol', protocol);
  const session = new ServedSession(options);
  if (!server.upgrade(request, { headers, data: session })) return refused(refuse(400, 'The request cannot be upgraded'));
  const socket = new WebSocket(null);
  let isGivenUp = false;
  coreOf(socket).opening = { abort: () => void (isGivenUp = true) };
  nextTick(() => {
    if (isGivenUp) return session.terminate();
    // Planned before the 'open' event, so that messages come before what a listener puts off.
    nextTick(() => coreOf(socket).start(NO_BYTES));
    coreOf(socket).open(socket, session, { socket: null, protocol, extensions: '' });
  });
  return { response: undefined, socket };
}
