// A user's worker: accepts WebSockets and echoes what they send; for other requests, asks the echo at `?to=` over one of its own.

import { upgrade, WebSocket } from '../../../adapters/edge/w3c.ts';

/** Sends `text` to an echo, and resolves with what comes back. */
function ask(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.addEventListener('open', () => socket.send(text));
    socket.addEventListener('message', ({ data }) => {
      resolve(data as string);
      socket.close(1000);
    });
    socket.addEventListener('error', () => reject(new Error('No connection')));
  });
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.headers.get('upgrade') !== 'websocket') {
      const to = new URL(request.url).searchParams.get('to') ?? '';
      return new Response(await ask(to, 'from the worker'));
    }
    const { response, socket } = upgrade(request);
    if (socket === null) return response;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => socket.send(data as string | ArrayBuffer));
    return response;
  },
};
