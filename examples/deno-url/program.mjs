// A Deno program that imports wasock by URL: one file, no package manager, no npm. serve.mjs is the web server of this example; where
// you publish the file, put your URL. Deno asks for the rights to import from there and to use that address, and for no others:
//
//     deno run --allow-net=127.0.0.1 --allow-import=127.0.0.1:8000 program.mjs

import { WebSocket, WebSocketServer } from 'http://127.0.0.1:8000/wasock.deno.js';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });

server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});

server.on('listening', () => {
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}/`);
  client.on('open', () => client.send('hello from a URL'));
  client.on('message', (data) => {
    console.log('Received:', data.toString());
    client.close(1000, 'done');
  });
  // Nothing is left to wait for then, so Deno ends.
  client.on('close', () => server.close());
});
