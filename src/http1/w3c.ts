// Connections for the W3C face over raw sockets.

import { parseAddress } from '../api/address.ts';
import type { Connect, ConnectCallbacks, ConnectRequest, PendingConnection } from '../api/w3c/connect.ts';
import { blockPorts } from '../api/w3c/ports.ts';
import type { DeflateEngine } from '../deflate/engine.ts';
import type { Platform } from '../platform.ts';
import { Connection } from '../protocol/connection.ts';
import type { Network } from './network.ts';
import { startOpening, withCredentials } from './opening.ts';
import { SessionTransport } from './session-transport.ts';
import { CLIENT_TLS_NAMES, readClientTls } from './tls.ts';
import { DEFAULT_HANDSHAKE_TIMEOUT } from '../base/options.ts';

/**
 * Makes what `createWebSocketClass` takes.
 *
 * @param deflateEngine Called at the first connection that negotiates permessage-deflate. Left out: it is not offered.
 */
export function createConnect(network: Network, platform: Platform, deflateEngine?: () => DeflateEngine): Connect {
  return blockPorts((request: ConnectRequest, callbacks: ConnectCallbacks): PendingConnection => {
    if (request.options.dispatcher !== undefined) throw new TypeError('The "dispatcher" option is for Node.js');
    const { tls = {}, handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, maxPayload, perMessageDeflate = true } = request.options;
    for (const [name, value] of Object.entries(tls)) {
      if (value !== undefined && !CLIENT_TLS_NAMES.includes(name)) {
        throw new TypeError(`The "tls.${name}" option is not supported on this runtime`);
      }
    }
    const target = parseAddress(request.url);
    const plan = {
      target,
      protocols: request.protocols,
      version: 13,
      deflate: perMessageDeflate && deflateEngine !== undefined ? {} : undefined,
      headers: withCredentials(platform, request.headers, target.auth),
      handshakeTimeout,
      tls: readClientTls({ ...tls }, network.isTrustDemanded?.()),
    } as const;
    const opening = startOpening(network, platform, plan, {
      onUpgrade: () => true,
      onResponse: () => false,
      onOpen(transport, { protocol, extensions, agreement, head }) {
        const compression = agreement && { engine: deflateEngine!(), agreement };
        const options = { role: 'client', compression, ...(maxPayload !== undefined && { maxPayload }) } as const;
        const session = new Connection(platform, new SessionTransport(transport), options);
        transport.attach(session);
        callbacks.onOpen(session, protocol, extensions, head);
      },
      onFail: (error) => callbacks.onFail(error),
    });
    opening.send();
    return opening;
  });
}
