// Binds the WebSocket class to a runtime.

import type { Platform } from '../../platform.ts';
import type { ProtocolsOrOptions } from './arguments.ts';
import type { Connect, W3CWebSocketOptions } from './connect.ts';
import { WebSocketBase } from './websocket.ts';

/** The type of the class that {@link createWebSocketClass} makes. */
export interface WebSocketConstructor {
  readonly prototype: WebSocketBase;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /**
   * Starts to connect. Returns at once; `open`, or `error` and `close`, follow.
   *
   * @param url Absolute; scheme ws, wss, http or https, no fragment.
   * @param protocols Subprotocols to offer, the preferred one first. An object that cannot be iterated is taken as `options`.
   * @param options What goes beyond the standard. Counts where both arguments have an option.
   * @throws {DOMException} SyntaxError for such a URL or subprotocol.
   * @throws {TypeError} for an option of no use.
   */
  new (url: string | URL, protocols?: ProtocolsOrOptions | null, options?: W3CWebSocketOptions | null): WebSocketBase;
}

/** Makes the class that users construct. `connect` makes its connections. */
export function createWebSocketClass(connect: Connect, platform: Platform): WebSocketConstructor {
  const binding = { connect, platform };
  return class WebSocket extends WebSocketBase {
    constructor(url: string | URL, ...rest: [protocols?: ProtocolsOrOptions | null, options?: W3CWebSocketOptions | null]) {
      if (arguments.length === 0) throw new TypeError('A WebSocket takes a URL');
      super(binding, url, rest[0], rest[1]);
    }
  };
}
