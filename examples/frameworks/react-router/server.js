// React Router in framework mode, in a server of Express, and a WebSocket on one port; SIGTERM closes both in order:
//
//     npx react-router build && node server.js [port]

import process from 'node:process';
import { createRequestHandler } from '@react-router/express';
import express from 'express';
import * as build from './build/server/index.js';
import { echo, upgrade } from './websockets.js';

const app = express();
app.use(express.static('build/client'));
app.use(createRequestHandler({ build }));

const http = app.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${http.address().port}/`);
});
http.on('upgrade', upgrade);

async function stop() {
  http.close();
  await echo.shutdown({ timeout: 10_000 });
  http.closeAllConnections();
}
process.once('SIGTERM', () => void stop());
