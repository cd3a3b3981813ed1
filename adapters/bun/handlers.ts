// The `websocket` option of Bun.serve: passes the calls of Bun's sockets on to the session that `upgrade` has put into their data.

import { DEFAULT_MAX_PAYLOAD } from '../../src/base/options.ts';
import type { ServerWebSocket, ServerWebSocketHandlers } from './bun.ts';
import { ServedSession } from './served-session.ts';

/** The type of {@link websocket}. */
export interface WebSocketOption extends ServerWebSocketHandlers<ServedSession> {
  /**
   * Combines the program's handlers and settings with ours. Sockets of `upgrade` stay ours; `others` gets the events of sockets that the
   * program upgrades by `server.upgrade()`. A setting in `others`, such as `idleTimeout`, counts for both.
   *
   * @returns The value for `websocket` of `Bun.serve`, with the type of `others`.
   */
  <Others extends object>(others: Others): Others;
}

/** The limits of ws instead of Bun's. */
const SETTINGS = {
  maxPayloadLength: DEFAULT_MAX_PAYLOAD,
  // No limit, because `maxBufferedAmount` limits the waiting output.
  backpressureLimit: 0,
  closeOnBackpressureLimit: false,
  idleTimeout: 0,
};

function isOurs(socket: ServerWebSocket<unknown>): socket is ServerWebSocket<ServedSession> {
  return socket.data instanceof ServedSession;
}

/** Sockets that are not ours are passed on to `others`, or ignored. */
function join(others: Partial<ServerWebSocketHandlers<unknown>>): ServerWebSocketHandlers<unknown> {
  return {
    ...SETTINGS,
    ...others,
    open: (socket) => (isOurs(socket) ? socket.data.opened(socket) : others.open?.(socket)),
    message: (socket, message) => (isOurs(socket) ? socket.data.message(message) : others.message?.(socket, message)),
    drain: (socket) => (isOurs(socket) ? socket.data.drained() : others.drain?.(socket)),
    close: (socket, code, reason) => (isOurs(socket) ? socket.data.closed(code, reason) : others.close?.(socket, code, reason)),
    ping: (socket, payload) => (isOurs(socket) ? socket.data.pinged(payload) : others.ping?.(socket, payload)),
    pong: (socket, payload) => (isOurs(socket) ? socket.data.ponged(payload) : others.pong?.(socket, payload)),
  };
}

/**
 * The `websocket` option of `Bun.serve`, without which `upgrade` cannot work. It sets the limits of ws instead of Bun's: messages of
 * at most 100 MiB, no idle timeout, and no message dropped for a slow peer below `maxBufferedAmount`. To change some:
 * `{ ...websocket, maxPayloadLength: 65536, perMessageDeflate: true }`.
 *
 * It ignores sockets that the program upgrades by itself. To serve them as well: `websocket({ message(socket, data) { … } })`.
 */
export const websocket: WebSocketOption = Object.assign(
  <Others extends object>(others: Others): Others => join(others) as unknown as Others,
  join({}),
);
