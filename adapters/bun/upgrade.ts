// WebSockets of the ws style inside of Bun.serve.

import { coreOf } from '../../src/api/ws/core.ts';
import { nextTick } from '../../src/clock.ts';
import type { BunServer } from './bun.ts';
import { upgradeNatively, type Refused, type Upgraded, type UpgradeOptions } from './native.ts';
import { WebSocket } from '../../src/api/ws/classes.ts';

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
 * Bun implements the protocol: it sends whole messages only, and closes TCP directly after its Close frame. Compression and timeouts are
 * those of `websocket`, for all connections of the server.
 *
 * @param server The second argument of the handler.
 * @returns The value that the handler must return, and the WebSocket; null if the request is refused.
 * @throws {TypeError} for an option that has no effect here (the message names the alternative), and if `handleProtocols` picks a
 *   name that was not offered.
 */
export function upgrade(request: Request, server: BunServer, options?: UpgradeOptions): Upgraded<WebSocket> | Refused {
  const upgraded = upgradeNatively(request, server, options);
  if ('socket' in upgraded) return upgraded;
  const { protocol, session, clientAddress } = upgraded;
  const socket = new WebSocket(null);
  let isGivenUp = false;
  coreOf(socket).opening = { abort: () => void (isGivenUp = true) };
  nextTick(() => {
    if (isGivenUp) return session.terminate();
    // Scheduled before the 'open' event, so that messages come before tasks that a listener schedules.
    nextTick(() => coreOf(socket).start(NO_BYTES));
    coreOf(socket).open(socket, session, { socket: null, protocol, extensions: '' });
  });
  return { response: undefined, socket, clientAddress };
}
