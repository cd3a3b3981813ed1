// What the ws-style classes need of a runtime with raw sockets. Types only.

import type { Duplex } from 'node:stream';
import type { ClientOptions } from '../../api/ws/options.ts';
import type { PerMessageDeflateOptions } from '../../api/ws/types.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { Platform, Session } from '../../platform.ts';
import type { SessionOptions } from '../../protocol/session-options.ts';
import type { Network } from '../network.ts';

export interface StreamRuntime {
  readonly network: Network;
  /** A plain object: a program's `generateMask` goes into a copy of it. */
  readonly platform: Platform;
  /** Called when a connection negotiates permessage-deflate. */
  /** @param name `'zlib'`: over node:zlib. */
  deflateEngine(name?: 'wasm' | 'zlib'): DeflateEngine;
  /** Makes a session over a socket that is not ours: that of a node:http server, with the `server` and `noServer` options. */
  createDuplexSession(socket: Duplex, options: SessionOptions, generateMask: ClientOptions['generateMask']): Session;
  /** Tries out the zlib options of a program. @throws {RangeError | TypeError} for one of no use. */
  checkDeflateOptions?(settings: PerMessageDeflateOptions | undefined): void;
}
