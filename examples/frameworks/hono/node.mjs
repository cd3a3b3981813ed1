// Hono on Node.js with a plain route and a WebSocket on one port; SIGTERM closes both in order:
//
//     node node.mjs [port]

import process from 'node:process';
import { serve, upgradeWebSocket } from '@hono/node-server';
import { Hono } from 'hono';
import { WebSocketServer } from 'wasock';

const app = new Hono();
app.get('/', (c) => c.text('The echo is at /echo.'));

// The middleware in front of this route sees upgrades, too. `ws.raw` is the WebSocket of wasock.
app.get(
  '/echo',
  upgradeWebSocket(() => ({ onMessage: ({ data }, ws) => ws.send(data) })),
);

const webSockets = new WebSocketServer({ noServer: true });
const port = Number(process.argv[2] ?? 8080);
const http = serve({ fetch: app.fetch, hostname: '127.0.0.1', port, websocket: { server: webSockets } }, (address) => {
  console.log(`Listening on http://127.0.0.1:${address.port}/`);
});

async function stop() {
  http.close();
  await webSockets.shutdown({ timeout: 10_000 });
  // Hono leaves the sockets of refused upgrades to their clients, which need not close them.
  process.exit();
}
process.once('SIGTERM', () => void stop());
