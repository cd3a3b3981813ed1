// The runtime of the W3C class over byte streams.

import type { ClientRuntime } from '../api/w3c/opener.ts';
import type { Platform } from '../platform.ts';
import { Connection } from '../protocol/connection.ts';
import type { ConnectionOptions } from '../protocol/settings.ts';
import type { ByteStream, Network } from './network.ts';
import { createBackend } from './opening.ts';
import { CLIENT_TLS_NAMES } from './tls.ts';

/** Makes a session over a stream whose opening handshake is done. */
export function createStreamSession(platform: Platform, stream: ByteStream, options: ConnectionOptions): Connection {
  const session = new Connection(platform, stream, options);
  stream.attach(session);
  return session;
}

/** The runtime of a W3C class over `network`. */
export function createClientRuntime(
  network: Network,
  platform: Platform,
  findDeflateEngine: ClientRuntime<ByteStream>['findDeflateEngine'],
): ClientRuntime<ByteStream> {
  return {
    startOpening: createBackend(network, platform),
    createSession: (stream, options) => createStreamSession(platform, stream, options),
    findDeflateEngine,
    checkOptions({ dispatcher, tls }) {
      if (dispatcher !== undefined) throw new TypeError('The "dispatcher" option is for Node.js');
      for (const [name, value] of Object.entries(tls ?? {})) {
        if (value !== undefined && !CLIENT_TLS_NAMES.includes(name)) {
          throw new TypeError(`The "tls.${name}" option is not supported on this runtime`);
        }
      }
    },
  };
}
