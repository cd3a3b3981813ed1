// What the ws-style classes need of a runtime with raw sockets. Types only.

import type { PerMessageDeflateOptions } from '../../api/ws/types.ts';
import type { DeflateEngine } from '../../deflate/engine.ts';
import type { Platform } from '../../platform.ts';
import type { Network } from '../network.ts';

export interface StreamRuntime {
  readonly network: Network;
  /** A plain object: a program's `generateMask` goes into a copy of it. */
  readonly platform: Platform;
  /** Called when a connection negotiates permessage-deflate. */
  /** @param name `'zlib'`: over node:zlib. */
  deflateEngine(name?: 'wasm' | 'zlib'): DeflateEngine;
  /** Tries out the zlib options of a program. @throws {RangeError | TypeError} for one of no use. */
  checkDeflateOptions?(settings: PerMessageDeflateOptions | undefined): void;
}
