// The facade in browsers: their own WebSocket.

import { version } from '../../base/version.ts';

/** The platform's WebSocket, which takes no arguments after `protocols`; null if the platform has none. */
export const w3cwebsocket: W3CWebSocketClass | null = ((): W3CWebSocketClass | null => {
  const Native = (globalThis as { WebSocket?: typeof WebSocket }).WebSocket;
  if (typeof Native !== 'function') return null;
  return class W3CWebSocket extends Native {
    constructor(url: string | URL, protocols?: string | string[] | null) {
      // Programs that also run on Node.js pass null or '' for no subprotocols.
      if (protocols) super(url, protocols);
      else super(url);
    }
  };
})();

/** The type of the class. */
export interface W3CWebSocketClass {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  readonly prototype: WebSocket;
  new (url: string | URL, protocols?: string | string[] | null): WebSocket;
}

export { version };
const exported: { w3cwebsocket: W3CWebSocketClass | null; version: string } = { w3cwebsocket, version };
export default exported;
