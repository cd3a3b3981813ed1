// A program that ends while messages wait for the end of the turn. Run by serve-broadcast.test.ts.

import { broadcast, upgrade, websocket, type BunServer } from '../../../adapters/bun/index.ts';

const { Bun } = globalThis as unknown as { Bun: { serve(options: object): { port: number } } };

const { port } = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  websocket,
  fetch(request: Request, self: BunServer) {
    const { response, socket } = upgrade(request, self);
    // Outside of the handler of Bun, behind which it writes by itself.
    socket?.on('message', () =>
      setTimeout(() => {
        broadcast([socket], 'last');
        broadcast([socket], 'words');
        process.exit(0);
      }),
    );
    return response;
  },
});
console.log(port);
