// A program whose last words are sent in the turn that ends it: `last-words.mjs SIDE END LIBRARY [URL]`.

import process from 'node:process';

const [, , side, end, library, url] = process.argv;
const { WebSocket, WebSocketServer } = await import(library);

/** @param {import('wasock').WebSocket} ws */
function speak(ws) {
  ws.send('last');
  ws.send(Buffer.from('words'));
  ws.close(1001);
}

/** @param {import('wasock').WebSocket} ws */
function finish(ws) {
  if (end === 'on-exit') {
    process.on('exit', () => speak(ws));
    process.exit(0);
  }
  speak(ws);
  if (end.endsWith('throw')) throw new Error('the end');
  process.exit(0);
}

/** @param {import('wasock').WebSocket} ws */
function serve(ws) {
  ws.on('message', () => {
    // In the read of the message, or in a turn of its own.
    if (end.startsWith('message')) finish(ws);
    else setTimeout(finish, 1, ws);
  });
}

if (side === 'server') {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('listening', () => console.log(`Listening on ws://127.0.0.1:${server.address().port}/`));
  server.on('connection', serve);
} else {
  serve(new WebSocket(url));
}
