// The socket below a WebSocket of a server on Deno.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../../adapters/deno/index.ts';
import { requestHead } from '../../support/sockets.ts';

type Inner = WebSocket & { readonly _socket: Socket };

test.each([
  ['a port', { port: 0, host: '127.0.0.1' }],
  ['a Unix domain socket', { unix: join(mkdtempSync(join(tmpdir(), 'socket-')), 'socket') }],
])('server on %s gives programs the net.Socket, and it works as one', async (_name, options) => {
  await using server = new WebSocketServer(options);
  const accepted = once(server, 'connection') as Promise<[Inner, IncomingMessage]>;
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const client = new WebSocket(typeof address === 'string' ? `ws+unix:${address}:/` : `ws://127.0.0.1:${address.port}`);
  const [socket, request] = await accepted;
  const { _socket: inner } = socket;
  expect(inner).toBeInstanceOf(Socket);
  expect(request.socket).toBe(inner);
  expect(inner.setKeepAlive(true, 1000)).toBe(inner);
  expect(inner.setNoDelay(false)).toBe(inner);
  const idle = once(inner, 'timeout');
  inner.setTimeout(20);
  await idle;
  const text = once(client, 'message');
  socket.send('still there');
  expect(String((await text)[0])).toBe('still there');
  expect(inner.bytesWritten).toBeGreaterThan(100);
  client.terminate();
});

test('server notices a peer that resets while verifyClient is thinking', async () => {
  let decide = (_isAccepted: boolean): void => {};
  let asked = (_socket: Socket): void => {};
  const asking = new Promise<Socket>((resolve) => (asked = resolve));
  await using server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient({ req }: { req: IncomingMessage }, done: (isAccepted: boolean) => void) {
      decide = done;
      asked(req.socket);
    },
  });
  let isConnected = false;
  server.on('connection', () => (isConnected = true));
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  peer.on('error', () => {});
  peer.write(requestHead());
  const socket = await asking;
  const gone = new Promise((resolve) => socket.on('close', resolve));
  peer.resetAndDestroy();
  await gone;
  decide(true);
  expect(isConnected).toBe(false);
});
