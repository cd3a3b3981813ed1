// What Deno lends to the classes over raw sockets.

import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import type { StreamRuntime } from '../../src/http1/ws/runtime.ts';
import { network } from './network.ts';
import { platform } from './platform.ts';

export const runtime: StreamRuntime = {
  network,
  platform,
  deflateEngine,
  checkDeflateOptions,
};
