// permessage-deflate of our classes on Deno with 'ws', at each window, with contexts and without. Deno's own WebSocket offers no compression.

import { expect, test } from 'vitest';
import { WebSocket as WsWebSocket, WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer } from '../../../adapters/deno/index.ts';
import { mismatches, WINDOW_SETTINGS, windowOptions, type EchoSocket } from '../../support/window-matrix.ts';
import { describeWindowPairs, startEcho } from '../../support/window-pairs.ts';

describeWindowPairs(
  { WebSocket, WebSocketServer },
  [['ws', (url, perMessageDeflate) => new WsWebSocket(url, { perMessageDeflate })]],
  [['ws', (setting) => startEcho(WsServer as never, windowOptions(setting))]],
);

test("Deno's own client exchanges messages with our server without compression", async () => {
  const { url, agreed } = await startEcho(WebSocketServer, windowOptions(WINDOW_SETTINGS[0]));
  const client = new (globalThis as unknown as { WebSocket: new (url: string) => EchoSocket }).WebSocket(url);
  expect(await mismatches(client)).toEqual([]);
  expect(agreed()).toEqual([]);
});
