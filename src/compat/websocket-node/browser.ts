// What browsers get of the facade: their own WebSocket.

import { version } from './version.ts';

/** The platform's WebSocket, for programs that name none of the arguments behind `protocols`; null where there is none. */
export const w3cwebsocket: W3CWebSocketClass | null = ((): W3CWebSocketClass | null => {
  const Native = (globalThis as { WebSocket?: typeof WebSocket }).WebSocket;
  if (typeof Native !== 'function') return null;
  return class W3CWebSocket extends Native {
    constructor(url: string | URL, protocols?: string | string[] | null) {
      // Programs that run on Node.js as well name none by null or ''.
      if (protocols) super(url, protocols);
      else super(url);
    }
  };
})();

/** The class, as far as programs construct it. */
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
