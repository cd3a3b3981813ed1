// The server that judges the command: `ws`, which acts on some words and echoes all others.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';

/** Reactions to a text message, by the text. */
const REACTIONS: Readonly<Record<string, (ws: WebSocket) => void>> = {
  'close 4001': (ws) => ws.close(4001, 'over \u001b[31m'),
  'close 1001': (ws) => ws.close(1001),
  cut: (ws) => ws.terminate(),
  nothing: () => {},
  escape: (ws) => ws.send('a\u001b]0;title\u0007\u009b2J\nb\u202ec\u007f'),
  ping: (ws) => ws.ping('are you there'),
  close: (ws) => ws.close(),
};

export interface Peer {
  readonly url: string;
  readonly port: number;
  /** Requests so far. */
  readonly requests: IncomingMessage[];
  /** Messages so far: strings for text. */
  readonly messages: (string | Buffer)[];
  readonly sockets: WebSocket[];
  close(): Promise<void>;
}

export async function startPeer(options: ServerOptions = {}): Promise<Peer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  const peer = { requests: [] as IncomingMessage[], messages: [] as (string | Buffer)[], sockets: [] as WebSocket[] };
  server.on('connection', (ws, request) => {
    peer.requests.push(request);
    peer.sockets.push(ws);
    ws.on('error', () => {});
    ws.on('message', (data, isBinary) => {
      const message = isBinary ? (data as Buffer) : (data as Buffer).toString();
      peer.messages.push(message);
      if (typeof message === 'string' && Object.hasOwn(REACTIONS, message)) REACTIONS[message](ws);
      else ws.send(data, { binary: isBinary });
    });
  });
  const http = options.server ?? server;
  if (!http.address?.()) await once(http, 'listening');
  const address = server.address() as AddressInfo | string;
  const port = typeof address === 'string' ? 0 : address.port;
  return {
    ...peer,
    port,
    url: `ws://127.0.0.1:${port}/`,
    async close() {
      for (const ws of server.clients) ws.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
