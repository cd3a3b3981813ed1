// A worker that exchanges messages with an echo at a window of permessage-deflate, by our client or by workerd's own; and an echo itself.

import { WebSocket as OurWebSocket } from '../../../adapters/edge/index.ts';
import { mismatches, windowOptions, type EchoSocket, type WindowSetting } from '../../support/window-matrix.ts';

interface Accepted extends EchoSocket {
  accept(): void;
}
const { WebSocketPair } = globalThis as unknown as { WebSocketPair: new () => [unknown, Accepted] };

/** An echo of workerd's own server. */
function echo(): Response {
  const [client, server] = new WebSocketPair();
  server.binaryType = 'arraybuffer';
  server.accept();
  server.addEventListener('close', () => server.close());
  server.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) =>
    server.send(typeof data === 'string' ? data : new Uint8Array(data)),
  );
  return new Response(null, { status: 101, webSocket: client } as ResponseInit);
}

/** workerd's own client. It offers compression if the program does. */
async function connect(url: string): Promise<EchoSocket> {
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
  const { webSocket } = (await fetch(url.replace('ws:', 'http:'), { headers })) as unknown as { webSocket: Accepted };
  webSocket.binaryType = 'arraybuffer';
  webSocket.accept();
  return webSocket;
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.headers.get('upgrade') === 'websocket') return echo();
    const { url, setting } = (await request.json()) as { url: string; setting?: WindowSetting };
    const socket = setting
      ? (new OurWebSocket(url, { perMessageDeflate: windowOptions(setting) }) as unknown as EchoSocket)
      : await connect(url);
    return Response.json(await mismatches(socket));
  },
};
