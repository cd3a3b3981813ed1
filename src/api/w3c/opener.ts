// The one opener of W3C WebSockets: from the constructor's request to a session, over any backend.

import { checkFlag, DEFAULT_HANDSHAKE_TIMEOUT } from '../../base/options.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { Backend } from '../../handshake/opening.ts';
import type { Session } from '../../platform.ts';
import { heartbeatSettings } from '../../protocol/heartbeat.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
import { parseAddress } from '../address.ts';
import type { Connect, ConnectOptions } from './connect.ts';
import { isBlocked } from './ports.ts';

/** The functions of a runtime for the W3C class. */
export interface ClientRuntime<Socket> {
  /** Carries out opening handshakes. */
  readonly startOpening: Backend<Socket, unknown, unknown>;
  /** Makes a session over a socket whose handshake is done. */
  createSession(socket: Socket, options: ConnectionOptions): Session;
  /** @returns A function that makes the engine, called at the first connection that compresses; undefined without compression. */
  findDeflateEngine(): (() => DeflateEngine) | undefined;
  /** @throws {TypeError} for an option that the runtime does not support. */
  checkOptions(options: ConnectOptions): void;
}

/** Makes the argument of `createWebSocketClass`. */
export function createConnect<Socket>(runtime: ClientRuntime<Socket>): Connect {
  return ({ url, protocols, headers, options, websocket }, callbacks) => {
    // First, because the caller's mistake is thrown for every URL.
    runtime.checkOptions(options);
    const { tls, dispatcher, handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, maxPayload, perMessageDeflate = true } = options;
    checkFlag('perMessageDeflate', perMessageDeflate);
    const heartbeat = heartbeatSettings(options.heartbeat);
    if (isBlocked(url) && !options.allowBlockedPorts) {
      const text = `Port ${url.port} is blocked by the Fetch standard; the option allowBlockedPorts allows it`;
      callbacks.onFail(new Error(text));
      return { abort() {} };
    }
    const { borrowMessages } = options;
    const makeEngine = perMessageDeflate ? runtime.findDeflateEngine() : undefined;
    const plan = {
      target: parseAddress(url),
      protocols,
      deflate: makeEngine && {},
      headers,
      handshakeTimeout,
      options: { ...tls, dispatcher, proxy: options.proxy },
    };
    const opening = runtime.startOpening(plan, {
      websocket,
      onUpgrade: () => true,
      onResponse: () => false,
      onOpen(socket, { protocol, extensions, agreement, head }) {
        const compression = agreement && makeEngine && { engine: makeEngine(), agreement };
        const limits = maxPayload === undefined ? {} : { maxPayload };
        const session = runtime.createSession(socket, { role: 'client', compression, heartbeat, borrowMessages, ...limits });
        callbacks.onOpen(session, protocol, extensions, head);
      },
      onFail: (error) => callbacks.onFail(error),
    });
    opening.send();
    return opening;
  };
}
