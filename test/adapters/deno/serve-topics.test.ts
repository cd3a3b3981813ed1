// Topics over the sockets of Deno.serve: with each class of the library, and with Deno's own.

import { afterEach } from 'vitest';
import { upgrade, WebSocket } from '../../../adapters/deno/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/deno/reconnecting.ts';
import { upgrade as upgradeW3C } from '../../../adapters/deno/w3c.ts';
import { TOPICS_PROTOCOL, type ServedSocket } from '../../../src/topics/index.ts';
import { describeNativeTopics, type Clients } from '../../support/native-topics.ts';

interface HttpServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}
interface Upgraded {
  readonly response: Response;
  readonly socket: WebSocketLike | null;
}
interface WebSocketLike {
  addEventListener(type: 'open', listener: () => void): void;
}
interface DenoGlobal {
  serve(options: object, handler: (request: Request) => Response): HttpServer;
  upgradeWebSocket(request: Request, options: object): Upgraded;
}
const { Deno } = globalThis as unknown as { Deno: DenoGlobal };
const clients = { WebSocket, ReconnectingWebSocket } as unknown as Clients;

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.shutdown();
});

function upgradeByDeno(request: Request): Upgraded {
  const protocol = request.headers.has('sec-websocket-protocol') ? TOPICS_PROTOCOL : '';
  return Deno.upgradeWebSocket(request, { protocol });
}

const kinds: readonly (readonly [string, (request: Request) => Upgraded])[] = [
  ['Deno.serve', (request) => upgrade(request)],
  ['Deno.serve, with the W3C class', (request) => upgradeW3C(request)],
  ['Deno.serve, with its own class', upgradeByDeno],
];
for (const [name, accept] of kinds) {
  describeNativeTopics(
    name,
    (onOpen) => {
      const server = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, (request) => {
        const { response, socket } = accept(request);
        socket?.addEventListener('open', () => onOpen(socket as unknown as ServedSocket));
        return response;
      });
      servers.push(server);
      return server.addr.port;
    },
    clients,
  );
}
