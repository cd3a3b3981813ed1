// The helpers of the W3C entry point over real sockets: with our class, with the runtime's own, and with the ws-style one.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket as WsStyle, WebSocketServer } from '../../../adapters/node/index.ts';
import * as helpers from '../../../adapters/node/w3c.ts';
import { ContractScript } from '../../contract/script.ts';
import { ourServer } from '../../support/peers.ts';
import { freePort } from '../../support/sockets.ts';
import { describeHelpers, type HelpedSocket } from '../../support/w3c-helpers.ts';

const { closed, messages, opened, WebSocket } = helpers;
const createOurServer = () => ourServer.createServer({ script: new ContractScript() });

describeHelpers({ name: 'our class', helpers, create: (url) => new WebSocket(url), createServer: createOurServer });

// Node.js has it from 22 on.
if (typeof globalThis.WebSocket === 'function') {
  describeHelpers({
    name: "the runtime's own class",
    helpers,
    create: (url): HelpedSocket => new globalThis.WebSocket(url),
    createServer: createOurServer,
  });
}

test('our class names the cause', async () => {
  const port = await freePort();
  await expect(opened(new WebSocket(`ws://127.0.0.1:${port}/`))).rejects.toThrow(`connect ECONNREFUSED 127.0.0.1:${port}`);
});

test('the ws-style class has the members that the helpers take', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (peer) => {
    peer.send('one');
    peer.close(1000);
  });
  // Its events are those of ws, which have fewer members than the DOM's types say.
  const ws = new WsStyle(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`) as unknown as helpers.WebSocketLike;
  // Before it is open: what comes with the handshake is there in the same turn.
  const iterator = messages(ws);
  expect(await opened(ws)).toBe(ws);
  const seen: unknown[] = [];
  for await (const message of iterator) seen.push(message);
  expect(seen).toEqual(['one']);
  expect(await closed(ws)).toEqual({ code: 1000, reason: '', wasClean: true });
  server.close();
});
