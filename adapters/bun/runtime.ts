// What Bun lends to the classes over raw sockets.

import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { platform } from './platform.ts';
import type { StreamRuntime } from '../../src/http1/ws/runtime.ts';
import { network } from './network.ts';

export const runtime: StreamRuntime = {
  network,
  platform,
  deflateEngine,
  checkDeflateOptions,
};
