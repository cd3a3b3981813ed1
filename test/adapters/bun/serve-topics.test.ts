// Topics over the sockets of Bun.serve.

import { afterEach } from 'vitest';
import { upgrade, WebSocket, websocket, type BunServer } from '../../../adapters/bun/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/bun/reconnecting.ts';
import { upgrade as upgradeW3C } from '../../../adapters/bun/w3c.ts';
import { describeNativeTopics, type Clients } from '../../support/native-topics.ts';

interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: object): Serving } };
const clients = { WebSocket, ReconnectingWebSocket } as unknown as Clients;

const servers: Serving[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true);
});

function serve(fetch: (request: Request, self: BunServer) => Response | undefined): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', websocket, fetch });
  servers.push(server);
  return server.port;
}

for (const [name, accept] of [
  ['Bun.serve', upgrade],
  ['Bun.serve, with the W3C class', upgradeW3C],
] as const) {
  describeNativeTopics(
    name,
    (onOpen) =>
      serve((request, self) => {
        const { response, socket } = accept(request, self);
        socket?.addEventListener('open', () => onOpen(socket));
        return response;
      }),
    clients,
  );
}
