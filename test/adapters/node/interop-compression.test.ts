// permessage-deflate with other libraries at each window, with contexts and without.

import { WebSocket as UndiciWebSocket } from 'undici';
import { expect, test } from 'vitest';
import { w3cwebsocket as WebSocketNodeClient } from 'websocket';
import { WebSocket as WsWebSocket, WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer } from '../../../adapters/node/index.ts';
import { WINDOW_SETTINGS, windowOptions } from '../../support/window-matrix.ts';
import { describeWindowPairs, startEcho } from '../../support/window-pairs.ts';

const { WebSocket: NodeWebSocket } = globalThis;

describeWindowPairs(
  { WebSocket, WebSocketServer },
  [
    ['ws', (url, perMessageDeflate) => new WsWebSocket(url, { perMessageDeflate })],
    ['undici', (url) => new UndiciWebSocket(url)],
    // Node 22 and later.
    ...(NodeWebSocket === undefined ? [] : [['Node.js', (url: string) => new NodeWebSocket(url)] as const]),
  ],
  [['ws', (setting) => startEcho(WsServer as unknown as typeof WebSocketServer, windowOptions(setting))]],
);

test("the client of 'websocket' offers no compression, and gets none", async () => {
  const { url, agreed } = await startEcho(WebSocketServer, windowOptions(WINDOW_SETTINGS[0]));
  const client = new WebSocketNodeClient(url);
  const echoed = new Promise((resolve) => {
    client.onmessage = ({ data }) => resolve(data);
  });
  client.onopen = () => client.send('Hello');
  expect(await echoed).toBe('Hello');
  expect(agreed()).toEqual([]);
  client.close();
});
