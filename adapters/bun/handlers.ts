// The `websocket` option of Bun.serve: what Bun's sockets call, passed on to the session that `upgrade` has put into their data.

import { DEFAULT_MAX_PAYLOAD } from '../../src/base/options.ts';
import type { ServerWebSocket, ServerWebSocketHandlers } from './bun.ts';
import { ServedSession } from './served-session.ts';

/** The type of {@link websocket}. */
export interface WebSocketOption extends ServerWebSocketHandlers<ServedSession> {
  /**
   * Joins the program's own handlers and settings to ours: sockets of `upgrade` stay ours, and `others` hears of those that the program has
   * upgraded by `server.upgrade()`. A setting in `others`, such as `idleTimeout`, counts for both.
   *
   * @returns What `Bun.serve` takes as `websocket`, with the type of what was given.
   */
  <Others extends object>(others: Others): Others;
}

/** ws's limits in the place of Bun's. */
const SETTINGS = {
  maxPayloadLength: DEFAULT_MAX_PAYLOAD,
  // None: what a peer leaves waiting is bounded by `maxBufferedAmount`.
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
 * The `websocket` option of `Bun.serve`, without which `upgrade` cannot work. It sets ws's limits in the place of Bun's: messages of
 * at most 100 MiB, no idle timeout, nothing dropped for a slow peer below `maxBufferedAmount`. To change some:
 * `{ ...websocket, maxPayloadLength: 65536, perMessageDeflate: true }`.
 *
 * It ignores sockets that the program upgrades by itself. To serve them as well: `websocket({ message(socket, data) { … } })`.
 */
export const websocket: WebSocketOption = Object.assign(
  <Others extends object>(others: Others): Others => join(others) as unknown as Others,
  join({}),
);
