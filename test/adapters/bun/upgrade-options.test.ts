// The options of upgrade() inside of Bun.serve, and the W3C class there.

import { once } from 'node:events';
import { afterAll, expect, test } from 'vitest';
import { upgrade, WebSocket, websocket, type BunServer } from '../../../adapters/bun/index.ts';
import { upgrade as upgradeW3C, WebSocket as W3CWebSocket, websocket as websocketW3C } from '../../../adapters/bun/w3c.ts';
import { describeNativePeers } from '../../support/native-peers.ts';
import { connectRaw, until } from '../../support/sockets.ts';
import { describeUpgradeOptions, type UpgradeSubject } from '../../support/upgrade-options.ts';

type Handler = (request: Request, server: BunServer) => Response | undefined;
interface Serving {
  readonly port: number;
  stop(closesConnections: boolean): void;
}
const { Bun } = globalThis as unknown as { Bun: { serve(options: object): Serving } };
const servers: Serving[] = [];
afterAll(() => {
  for (const server of servers) server.stop(true);
});

function start(fetch: Handler, thrown: unknown[] = [], handlers: object = websocket): number {
  const error = (reason: unknown): Response => {
    thrown.push(reason);
    return new Response(null, { status: 500 });
  };
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch, error, websocket: handlers });
  servers.push(server);
  return server.port;
}

const refused: UpgradeSubject['refused'] = {
  autoPong: [false, /answers Pings/],
  borrowMessages: [true, /WebSocketServer/],
  data: [{}, /keep it/],
  heartbeat: [true, /idleTimeout/],
  idleTimeout: [5, /\.\.\.websocket/],
  maxFragments: [10, /maxPayload/],
  perMessageDeflate: [true, /\.\.\.websocket/],
  skipUTF8Validation: [true, /checks text/],
};

describeUpgradeOptions('Bun, ws style', {
  WebSocket,
  refused,
  serve: (options, thrown) =>
    start((request, server) => {
      const { response, socket } = upgrade(request, server, options);
      socket?.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      return response;
    }, thrown),
});

describeUpgradeOptions('Bun, W3C style', {
  WebSocket,
  refused,
  serve: (options, thrown) =>
    start((request, server) => {
      const { response, socket } = upgradeW3C(request, server, options);
      socket?.addEventListener('message', ({ data }) => socket.send(data as string));
      return response;
    }, thrown),
});

describeNativePeers('Bun.serve (W3C style)', (heard) =>
  start(
    (request, server) => {
      const { response, socket } = upgradeW3C(request, server);
      for (const name of ['open', 'message'] as const) socket?.addEventListener(name, () => heard.push(name));
      socket?.addEventListener('close', ({ code, reason }) => heard.push('close', code, reason));
      return response;
    },
    [],
    { ...websocketW3C, idleTimeout: 4, sendPings: false },
  ),
);

test('a W3C WebSocket is given out, with all that came behind the request', async () => {
  const heard: unknown[] = [];
  const port = start((request, server) => {
    const { response, socket } = upgradeW3C(request, server, { protocol: 'chat' });
    if (socket === null) return response;
    heard.push(socket instanceof W3CWebSocket, socket.readyState, socket.url);
    socket.addEventListener('open', () => heard.push('open', socket.protocol));
    socket.addEventListener('message', ({ data }) => heard.push(data));
    socket.addEventListener('close', ({ code, wasClean }) => heard.push('close', code, wasClean));
    return response;
  });
  // Text "a", then a Close frame with 4000.
  const extra = Buffer.from('81810000000061 8882000000000fa0'.replaceAll(' ', ''), 'hex');
  const peer = await connectRaw(port, { path: '/path?query', fields: ['Sec-WebSocket-Protocol: chat'], extra });
  await until('the close', () => heard.includes('close'));
  expect(heard).toEqual([true, 0, 'ws://localhost/path?query', 'open', 'chat', 'a', 'close', 4000, true]);
  peer.socket.destroy();
});

test('a W3C WebSocket that is closed before it is open never opens', async () => {
  const heard: unknown[] = [];
  const port = start((request, server) => {
    const { response, socket } = upgradeW3C(request, server);
    for (const name of ['open', 'close'] as const) socket?.addEventListener(name, () => heard.push(name));
    socket?.close();
    return response;
  });
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  client.on('error', () => {});
  await once(client, 'close');
  await until('the close', () => heard.length > 0);
  expect(heard).toEqual(['close']);
});
