// Frames that come with the request, or right behind it, at upgrade() of the W3C entry point on Bun.

import { afterAll } from 'vitest';
import type { BunServer } from '../../../adapters/bun/index.ts';
import { upgrade, websocket } from '../../../adapters/bun/w3c.ts';
import { describeEarlyFrames } from '../../support/early-frames.ts';

interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: object): Serving } };

describeEarlyFrames('Bun.serve', (onSocket) => {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    websocket,
    fetch(request: Request, bun: BunServer) {
      const { response, socket } = upgrade(request, bun);
      if (socket !== null) onSocket(socket);
      return response;
    },
  });
  afterAll(() => server.stop(true));
  return server.port;
});
