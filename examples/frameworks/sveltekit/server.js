// SvelteKit, built by adapter-node, and a WebSocket on one port; SIGTERM closes both in order:
//
//     npx vite build && node server.js [port]

import { createServer } from 'node:http';
import process from 'node:process';
import { handler } from './build/handler.js';
import { echo, upgrade } from './websockets.js';

const http = createServer(handler);
http.on('upgrade', upgrade);
http.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});

async function stop() {
  http.close();
  await echo.shutdown({ timeout: 10_000 });
  http.closeAllConnections();
}
process.once('SIGTERM', () => void stop());
