// The WebSockets of the application. server.js uses this in production, vite.config.js in development.

import { WebSocketServer } from 'wasock';

export const echo = new WebSocketServer({ noServer: true, path: '/echo' });
echo.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

/** A listener for 'upgrade'. It answers other paths with 400. */
export function upgrade(request, socket, head) {
  echo.handleUpgrade(request, socket, head, (ws) => echo.emit('connection', ws, request));
}
