// A worker for workerd, the runtime of Cloudflare Workers. It echoes all messages that it gets. For GET /ask it connects to
// another server, UPSTREAM, and sends it a line. ../echo/server.mjs can be that server.
//
//     npx esbuild worker.mjs --bundle --format=esm --conditions=workerd --external:cloudflare:* \
//         --loader:.wasm=copy --asset-names=[name] --outdir=build
//     UPSTREAM=ws://127.0.0.1:8080/ npx workerd serve worker.capnp

import { upgrade, WebSocket } from 'wasock/w3c';

export default {
  async fetch(request, env) {
    if (request.headers.get('upgrade')?.toLowerCase() === 'websocket') return echo(request);
    if (new URL(request.url).pathname !== '/ask') return new Response('Open a WebSocket here, or GET /ask.\n');
    try {
      return new Response(await ask(env.UPSTREAM, 'hello from a worker'));
    } catch (error) {
      return new Response(error.message, { status: 502 });
    }
  },
};

/** Inbound: the runtime speaks the protocol. */
function echo(request) {
  const { response, socket } = upgrade(request);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => socket.send(data));
  return response;
}

/** Outbound: over a raw socket, with the codec in WebAssembly. Resolves with the first message that comes back. */
function ask(url, text) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { handshakeTimeout: 5000 });
    socket.addEventListener('open', () => socket.send(text));
    socket.addEventListener('message', ({ data }) => {
      resolve(data);
      socket.close(1000);
    });
    socket.addEventListener('close', ({ code }) => reject(new Error(`No answer: ${code}`)));
  });
}
