// The WebSocket of wasock in a route of Nitro; SIGTERM closes it in order, while Nitro closes its HTTP server.

import process from 'node:process';
import { fromNodeUpgradeHandler } from 'crossws/adapters/node';
import { defineWebSocketHandler } from 'nitro';
import { WebSocketServer } from 'wasock';

const echo = new WebSocketServer({ noServer: true });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

process.once('SIGTERM', () => void echo.shutdown({ timeout: 10_000 }));

export default defineWebSocketHandler(
  fromNodeUpgradeHandler((request, socket, head) => {
    echo.handleUpgrade(request, socket, head, (ws) => echo.emit('connection', ws, request));
  }),
);
