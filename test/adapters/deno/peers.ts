// Our clients and servers on Deno, as runtimes of the contract.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from '../../../adapters/deno/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/deno/w3c.ts';
import type { ClientSocket, WsStyleSocket } from '../../contract/endpoint.ts';
import {
  OUR_PARAMETERS,
  type ClientOptions,
  type ContractRuntime,
  type RunningServer,
  type ServerPlan,
} from '../../contract/runtime.ts';
import type { ServerRequest } from '../../contract/script.ts';

/** How one pair talks. */
export interface PairPlan {
  readonly name: string;
  /** Options of the server. */
  readonly server?: object;
  /** Options of ws-style clients; `tls` for W3C-style ones. */
  readonly tls?: { readonly ca: string };
  readonly deflates?: boolean;
  /** Folder for Unix domain sockets, which only the ws-style client can reach. */
  readonly folder?: string;
}

let lastSocket = 0;

async function startServer(plan: PairPlan, { script, maxPayload }: ServerPlan): Promise<RunningServer> {
  const unix = plan.folder && `${plan.folder}/${++lastSocket}`;
  const place = unix === undefined ? { port: 0, host: '127.0.0.1' } : { unix };
  const server = new WebSocketServer({
    ...place,
    ...plan.server,
    perMessageDeflate: plan.deflates === true,
    ...(maxPayload !== undefined && { maxPayload }),
    verifyClient: ({ req }: { req: ServerRequest }) => script.verify(req),
    handleProtocols: (offered: Set<string>) => script.chooseProtocol(offered),
  });
  server.on('connection', (ws, request) => {
    script.accept(ws, request);
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const scheme = plan.tls === undefined ? 'ws' : 'wss';
  return {
    url: unix === undefined ? `${scheme}://127.0.0.1:${port}` : `ws+unix:${unix}:`,
    async close() {
      for (const client of server.clients) client.terminate();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** The contract's runtime of `plan`. */
export function denoPair(plan: PairPlan): ContractRuntime {
  const createW3CClient = (url: string, protocols: string[], options: ClientOptions): ClientSocket =>
    new W3CWebSocket(url, protocols, { ...options, ...(plan.tls && { tls: plan.tls }) }) as unknown as ClientSocket;
  return {
    name: plan.name,
    capabilities: {
      headers: true,
      clientNamesFault: true,
      serverNamesFault: true,
      clientRepeatsReason: true,
      extensions: plan.deflates ? 'permessage-deflate' : '',
      extensionParameters: plan.deflates ? OUR_PARAMETERS : '',
      clientReadsToTheEnd: true,
      clientWritesAfterTurn: true,
    },
    createServer: (serverPlan) => startServer(plan, serverPlan),
    createClient: (url, protocols, options) =>
      new WebSocket(url, protocols, { ...options, ...plan.tls }) as unknown as WsStyleSocket,
    ...(plan.folder === undefined && { createW3CClient }),
  };
}
