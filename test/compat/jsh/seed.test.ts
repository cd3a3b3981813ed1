// The code of JSH's documentation of `ws`, changed only where Node.js forces it: `console.println` is JSH's own.

import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import * as imported from '../../../src/compat/jsh/index.ts';
import { listen, until } from '../../support/sockets.ts';

// const { WebSocket, WebSocketServer } = require('ws');
const { WebSocket, WebSocketServer } = imported.default;

test('module has its two classes, by every way of loading it', () => {
  expect(WebSocket).toBe(imported.WebSocket);
  expect(WebSocketServer).toBe(imported.WebSocketServer);
  expect(imported.default).toEqual({ WebSocket, WebSocketServer, withWebSockets: imported.withWebSockets });
  expect([WebSocket.name, WebSocketServer.name]).toEqual(['WebSocket', 'WebSocketServer']);
});

test('the samples of the documentation run, client and server together', async () => {
  const printed: string[] = [];
  const println = (text: unknown): void => void printed.push(String(text));

  const server = createServer();
  const wss = new WebSocketServer({
    server,
    path: '/chat',
    clientTracking: true,
    verifyClient: ({ origin, req }) => origin === '' && req.query('token') === 'secret',
    handleProtocols: (protocols, req) => (req.hasHeader('sec-websocket-protocol') && protocols.has('chat') ? 'chat' : ''),
  });
  wss.on('connection', (socket, request) => {
    println(`${request.method} ${request.path} ${request.getHeader('Upgrade')}`);
    socket.on('message', (event) => socket.send(`echo ${String(event.data)}`));
    socket.addListener('close', () => println(`clients ${wss.clients?.size}`));
  });
  wss.on('error', (err) => println(err.message));
  wss.on('close', () => println('server closed'));
  const port = await listen(server);
  onTestFinished(() => void server.close());

  const ws = new WebSocket(`ws://127.0.0.1:${port}/chat?token=secret`, ['chat', 'superchat']);
  ws.on('open', () => {
    println('connected');
    ws.send('hello');
  });
  ws.on('message', (event) => {
    println(`${event.type === WebSocket.TextMessage ? 'text' : 'binary'} ${String(event.data)} ${ws.protocol}`);
    ws.close();
  });
  ws.on('close', () => {
    println('closed');
  });
  ws.on('error', (err) => {
    println(err.message);
  });
  await until('the end', () => printed.includes('closed') && printed.includes('clients 0'));

  const refused = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  refused.on('error', (err) => {
    println(err.message);
  });
  await until('a refusal', () => printed.includes('websocket: bad handshake'));
  wss.close();
  await until('the close', () => printed.includes('server closed'));
  expect(new Set(printed)).toEqual(
    new Set([
      'GET /chat websocket',
      'connected',
      'text echo hello chat',
      'closed',
      'clients 0',
      'websocket: bad handshake',
      'server closed',
    ]),
  );
});
