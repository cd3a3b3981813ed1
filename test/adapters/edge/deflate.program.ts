// A worker that needs no flag: a client that compresses, and says what an echo has answered.

import { enableDeflate } from '../../../adapters/edge/deflate.ts';
import { WebSocket } from '../../../adapters/edge/w3c.ts';

enableDeflate();

export default {
  fetch(request: Request): Promise<Response> {
    const socket = new WebSocket(new URL(request.url).searchParams.get('to') ?? '', { perMessageDeflate: true });
    return new Promise((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('hello hello hello'));
      socket.addEventListener('message', ({ data }) => {
        resolve(new Response(`${socket.extensions} ${String(data)}`));
        socket.close(1000);
      });
      socket.addEventListener('error', () => reject(new Error('No connection')));
    });
  },
};
