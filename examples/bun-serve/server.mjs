// A WebSocket beside plain HTTP in one Bun.serve. Bun speaks the protocol here, wasock gives the socket its usual shape:
//
//     bun server.mjs [port]

import { upgrade, websocket } from 'wasock/bun';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 8080),
  fetch(request, self) {
    if (new URL(request.url).pathname !== '/echo') return new Response('The echo is at /echo.\n');

    // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
    const { response, socket } = upgrade(request, self);
    socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket?.on('close', (code) => console.log(`Closed: ${code}`));
    socket?.on('error', (error) => console.error(error.message));
    return response;
  },
  // Limits are here: { ...websocket, maxPayloadLength: 65536 }.
  websocket,
});

console.log(`Listening on ${server.url}`);
