// Opens a client for each line of its input, `{ "kind", "url" }`, closes it once it is open, and answers with a line when it is over.
//
// The first line says where it listens for DevTools. With `withSession` it is its own DevTools: it prints each event of the network.

import inspector from 'node:inspector';
import { createInterface } from 'node:readline';
import { WebSocket } from '../../adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from '../../adapters/node/w3c.ts';
import { client as WebSocketClient } from '../../src/compat/websocket-node/index.ts';

const { withSession } = JSON.parse(process.argv[2]) as { readonly withSession: boolean };

async function visit(kind: string, url: string): Promise<void> {
  await new Promise<void>((resolve) => {
    if (kind === 'facade') {
      const client = new WebSocketClient();
      client.on('connectFailed', () => resolve());
      client.on('connect', (connection) => connection.on('close', () => resolve()).close());
      return client.connect(url);
    }
    if (kind === 'ws') {
      const ws = new WebSocket(url);
      ws.on('error', () => {});
      ws.on('open', () => ws.close());
      return ws.on('close', () => resolve());
    }
    const ws = new (kind === 'w3c' ? W3CWebSocket : globalThis.WebSocket)(url);
    ws.addEventListener('open', () => ws.close());
    ws.addEventListener('close', () => resolve());
  });
}

if (withSession) {
  const session = new inspector.Session();
  session.connect();
  session.on('inspectorNotification', (message: { readonly method: string }) => {
    if (message.method.startsWith('Network.webSocket')) console.log(JSON.stringify(message));
  });
  session.post('Network.enable');
}
console.log(inspector.url() ?? 'no inspector');
for await (const line of createInterface({ input: process.stdin })) {
  const { kind, url } = JSON.parse(line) as { readonly kind: string; readonly url: string };
  await visit(kind, url);
  console.log('over');
}
process.exit();
