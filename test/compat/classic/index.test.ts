// The module: its default export is the class, with everything else on it.

import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import * as classic from '../../../src/compat/classic/index.ts';
import { within } from '../../support/sockets.ts';
import { startServer } from './peers.ts';

test('the default export is WebSocket, with the statics of ws 0.4', () => {
  const { default: WebSocket, Server, createServer, connect, createConnection } = classic;
  expect(WebSocket).toBe(classic.WebSocket);
  expect({ ...WebSocket }).toMatchObject({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  expect(WebSocket.prototype).toMatchObject({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  expect(classic).toMatchObject({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  expect({ ...WebSocket }).toMatchObject({ WebSocket, Server, createServer, connect, createConnection });
  expect(connect).toBe(createConnection);
  expect(WebSocket.prototype).toBeInstanceOf(EventEmitter);
  expect(Server.prototype).toBeInstanceOf(EventEmitter);
});

test('createServer makes a server and listens for connections', async () => {
  const onConnection = vi.fn<(...values: unknown[]) => void>();
  const server = classic.createServer({ port: 0, host: '127.0.0.1' }, onConnection);
  onTestFinished(() => server.close());
  expect(server).toBeInstanceOf(classic.Server);
  await once(server, 'listening');
  const ws = classic.connect(`ws://127.0.0.1:${(server._server!.address() as { port: number }).port}`);
  await within('open', once(ws, 'open'));
  expect(onConnection).toHaveBeenCalledTimes(1);
  expect(onConnection.mock.calls[0][0]).toBeInstanceOf(classic.WebSocket);
  expect(() => classic.createServer()).toThrow(TypeError);
});

test('connect opens a client and listens for open', async () => {
  const { url } = await startServer();
  const ws = await new Promise<classic.WebSocket>((resolve) => {
    const opening = classic.connect(url, () => resolve(opening));
  });
  expect(ws).toBeInstanceOf(classic.WebSocket);
  expect(ws.readyState).toBe(classic.OPEN);
  ws.terminate();
});
