// permessage-deflate at each window, with contexts and without, between our classes and Bun's own.

import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/bun/index.ts';
import type { WindowSetting } from '../../support/window-matrix.ts';
import { describeWindowPairs, type Echo } from '../../support/window-pairs.ts';

interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): Promise<void>;
}
interface Bun {
  serve(options: object): Serving;
}
const { Bun: bun, WebSocket: BunWebSocket } = globalThis as unknown as { Bun: Bun; WebSocket: new (url: string) => unknown };

/**
 * An echo of Bun.serve, whose contexts are 'dedicated': it agrees to each window. It starts messages afresh with the largest window only, and
 * answers nothing about the client's window if that is the largest.
 */
function startBunEcho({ bits, startsAfresh }: WindowSetting): Echo {
  const server = bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request: Request, self: { upgrade(request: Request): boolean }) =>
      self.upgrade(request) ? undefined : new Response('No WebSocket', { status: 426 }),
    websocket: {
      perMessageDeflate: { compress: 'dedicated', decompress: 'dedicated' },
      message: (ws: { send(data: string | Buffer, compresses: boolean): void }, message: string | Buffer) =>
        ws.send(message, true),
    },
  });
  onTestFinished(() => server.stop(true));
  const takeover = startsAfresh ? ['client_no_context_takeover', 'server_no_context_takeover'] : [];
  const answer = bits === 15 ? [...takeover, 'permessage-deflate', 'server_max_window_bits=15'].sort() : [];
  return { url: `ws://127.0.0.1:${server.port}`, ...((startsAfresh || bits === 15) && { answer }) };
}

describeWindowPairs({ WebSocket, WebSocketServer }, [['Bun', (url) => new BunWebSocket(url)]], [['Bun.serve', startBunEcho]]);
