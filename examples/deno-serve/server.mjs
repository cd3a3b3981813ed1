// A WebSocket beside plain HTTP in one Deno.serve. Deno speaks the protocol here, wasock gives the socket its usual shape:
//
//     deno run --allow-net=127.0.0.1 server.mjs [port]

import { upgrade } from 'wasock/deno';

Deno.serve({ hostname: '127.0.0.1', port: Number(Deno.args[0] ?? 8080), onListen }, (request) => {
  if (new URL(request.url).pathname !== '/echo') return new Response('The echo is at /echo.\n');

  // If the request is not a valid upgrade, there is no socket, and the response explains the reason.
  const { response, socket } = upgrade(request);
  socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket?.on('close', (code) => console.log(`Closed: ${code}`));
  socket?.on('error', (error) => console.error(error.message));
  return response;
});

function onListen({ hostname, port }) {
  console.log(`Listening on http://${hostname}:${port}/`);
}
