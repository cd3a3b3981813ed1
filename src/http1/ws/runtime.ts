// The runtime of the ws-style classes over byte streams.

import type { Duplex } from 'node:stream';
import { type Runtime, withMasks } from '../../api/ws/binding.ts';
import type { ClientOptions } from '../../api/ws/options.ts';
import type { Platform, Session } from '../../platform.ts';
import type { ConnectionOptions } from '../../protocol/settings.ts';
import type { Network } from '../network.ts';
import { createBackend } from './opening.ts';
import { StreamSocket } from './socket.ts';

/** Options of ws, node:http and node:tls that byte streams do not support. They are errors. */
const UNSUPPORTED_OPTIONS = [
  'agent',
  'ALPNProtocols',
  'checkServerIdentity',
  'ciphers',
  'createConnection',
  'crl',
  'dispatcher',
  'ecdhCurve',
  'family',
  'localAddress',
  'localPort',
  'lookup',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pfx',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'session',
  'sigalgs',
  'socketPath',
] as const;

/** The parts of a runtime that do not depend on its byte streams. */
export interface StreamRuntimeInit extends Pick<Runtime, 'deflateEngine' | 'checkDeflateOptions'> {
  readonly network: Network;
  /** A plain object: a program's `generateMask` goes into a copy of it. */
  readonly platform: Platform;
  /** Makes a session over a socket of node:net or node:http. */
  createSession(socket: Duplex, options: ConnectionOptions, platform: Platform): Session;
}

export function createStreamRuntime(init: StreamRuntimeInit): Runtime {
  const { network, platform, deflateEngine, checkDeflateOptions } = init;
  return {
    startOpening: createBackend(network, platform),
    createSession(socket, options, generateMask) {
      const given: object = socket;
      const own = withMasks(platform, generateMask);
      return given instanceof StreamSocket ? given.createSession(own, options) : init.createSession(socket, options, own);
    },
    deflateEngine,
    checkDeflateOptions,
    checkClientOptions,
  };
}

/** @throws {TypeError} naming an option that is not supported. */
function checkClientOptions(options: ClientOptions): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of UNSUPPORTED_OPTIONS) {
    if (given[name]) throw new TypeError(`The "${name}" option is not supported by the sockets of this runtime`);
  }
}
