// Makes W3C WebSockets of connections that a server has accepted. The constructor only connects, so the connection comes in its place.

import type { Platform } from '../../platform.ts';
import type { Connect } from './connect.ts';
import type { W3CWebSocket, WebSocketConstructor } from './types.ts';
import { createWebSocketClass } from './websocket.ts';

/** A class, and how to make one of its objects over a connection that is there. */
export interface AcceptingClass {
  readonly WebSocket: WebSocketConstructor;
  /**
   * Makes a WebSocket over what `source` brings. It is CONNECTING until the caller's code has finished, at least.
   *
   * @param url Scheme `ws:` or `wss:`, no fragment. Check it before the runtime upgrades: nothing may throw after that.
   */
  accept(url: string, source: Connect): W3CWebSocket;
}

/** `createWebSocketClass` for a runtime that accepts connections as well. */
export function createAcceptingClass(connect: Connect, platform: Platform): AcceptingClass {
  let source: Connect | null = null;
  const WebSocket = createWebSocketClass((request, callbacks) => (source ?? connect)(request, callbacks), platform);
  return {
    WebSocket,
    accept(url, accepted) {
      source = accepted;
      try {
        return new WebSocket(url);
      } finally {
        source = null;
      }
    },
  };
}
