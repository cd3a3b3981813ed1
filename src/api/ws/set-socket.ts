// `setSocket` and `_isServer` of ws, by which test helpers make a WebSocket of a stream whose handshake they did themselves.
// Neither is in ws's documented API, so neither is in our types.

import type { Duplex } from 'node:stream';
import { nextTick } from '../../clock.ts';
import type { Session } from '../../platform.ts';
import type { SessionOptions } from '../../protocol/session-options.ts';
import { coreOf, findCore } from './core.ts';
import { sessionSettings, type ClientOptions } from './options.ts';
import type { WebSocketBase } from './websocket.ts';

/** Makes a session over `socket`, whose handshake is done. */
export type SessionMaker = (socket: Duplex, options: SessionOptions, generateMask: ClientOptions['generateMask']) => Session;

/** Gives both to a class of sockets. */
export function lendToSockets(constructor: { readonly prototype: WebSocketBase }, createSession: SessionMaker): void {
  Object.defineProperties(constructor.prototype, {
    _isServer: {
      configurable: true,
      get(this: WebSocketBase) {
        return findCore(this)?.isServer;
      },
      set(this: WebSocketBase, value: unknown) {
        Object.defineProperty(this, '_isServer', { configurable: true, enumerable: true, value, writable: true });
      },
    },
    setSocket: {
      configurable: true,
      writable: true,
      value(this: WebSocketBase & { _isServer?: boolean }, socket: Duplex, head: Uint8Array, options: ClientOptions = {}) {
        const role = this._isServer === false ? 'client' : 'server';
        const session = createSession(socket, { role, ...sessionSettings(options) }, options.generateMask);
        const core = coreOf(this);
        // Planned before the 'open' event, so that messages come before what a listener puts off.
        nextTick(() => core.start(head));
        const { allowSynchronousEvents } = options;
        core.open(this, session, { socket, protocol: '', extensions: '', allowSynchronousEvents });
      },
    },
  });
}
