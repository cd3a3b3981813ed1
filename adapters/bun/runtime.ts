// Bun as the ws-style classes use it: its own byte streams, and sockets of its node:net and node:http.

import type { ServerRuntime } from '../../src/api/ws/binding.ts';
import { StreamHttpServer } from '../../src/http1/ws/http-server.ts';
import { createStreamRuntime } from '../../src/http1/ws/runtime.ts';
import { checkDeflateOptions } from '../../src/deflate/settings.ts';
import { deflateEngine } from '../../src/nodejs/deflate-engine.ts';
import { createSession } from '../../src/nodejs/session.ts';
import { network } from './network.ts';
import { platform } from './platform.ts';
import { releaseRequest } from './upgraded-request.ts';

export const runtime: ServerRuntime = {
  ...createStreamRuntime({
    network,
    platform,
    createSession(socket, options, functions) {
      releaseRequest(socket);
      return createSession(socket, options, functions);
    },
    deflateEngine,
    checkDeflateOptions,
  }),
  createHttpServer: (options, onRefusal) => new StreamHttpServer(network, platform, options, onRefusal),
};
