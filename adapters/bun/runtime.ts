// What Bun lends to the classes over raw sockets.

import { withMasks } from '../../src/api/ws/client.ts';
import { checkDeflateOptions } from '../../src/nodejs/compression.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { platform } from './platform.ts';
import { platform as socketPlatform } from '../../src/nodejs/platform.ts';
import { createSession } from '../../src/nodejs/session.ts';
import type { StreamRuntime } from '../../src/http1/ws/runtime.ts';
import { network } from './network.ts';

export const runtime: StreamRuntime = {
  network,
  platform,
  deflateEngine,
  createDuplexSession: (socket, options, generateMask) =>
    createSession(socket, options, withMasks(socketPlatform, generateMask)),
  checkDeflateOptions,
};
