// Metrics of the facades' servers: connections, messages, ends, errors. Refusals and handshake times stay 0, as their documents say.

import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMetrics } from '../../src/admission/metrics.ts';
import { Server as ClassicServer } from '../../src/compat/classic/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { server as WebSocketNodeServer, type connection } from '../../src/compat/websocket-node/index.ts';
import { hex } from '../support/frames.ts';
import { connectRaw, listen, until } from '../support/sockets.ts';

/** Starts a facade's server on `http`, which sends each text back. @returns Its metrics. */
const facades: readonly (readonly [name: string, start: (http: HttpServer) => () => ServerMetrics])[] = [
  [
    'classic',
    (http) => {
      const server = new ClassicServer({ server: http });
      server.on('connection', (ws) => ws.on('error', () => {}).on('message', (data) => ws.send(data)));
      return () => server.metrics();
    },
  ],
  [
    'jsh',
    (http) => {
      const server = new JshServer({ server: http });
      server.on('error', () => {});
      server.on('connection', (ws) => ws.on('error', () => {}).on('message', ({ data }) => ws.send(data as string)));
      return () => server.metrics();
    },
  ],
  [
    'websocket',
    (http) => {
      const server = new WebSocketNodeServer({ httpServer: http, autoAcceptConnections: true });
      server.on('connect', (peer: InstanceType<typeof connection>) => {
        peer.on('error', () => {}).on('message', (message) => peer.sendUTF((message as { utf8Data: string }).utf8Data));
      });
      return () => server.metrics();
    },
  ],
];

test.each(facades)('%s counts connections, messages, ends and errors', async (_, start) => {
  const http = createServer();
  onTestFinished(() => void http.close());
  const metrics = start(http);
  const port = await listen(http);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  expect(metrics()).toMatchObject({ open: 1, opened: 1, messagesIn: 0, messagesOut: 0 });
  for (const text of ['four', 'twenty bytes of text']) {
    client.send(text);
    expect(String((await once(client, 'message'))[0])).toBe(text);
  }
  expect(metrics()).toMatchObject({ messagesIn: 2, messagesOut: 2, bytesIn: 24, bytesOut: 24, bufferedIn: 0, bufferedOut: 0 });
  expect(metrics().payloadIn).toMatchObject({ sum: 24, count: 2 });
  const { socket } = await connectRaw(port);
  onTestFinished(() => void socket.destroy());
  await until('the second', () => metrics().open === 2);
  // An opcode that there is not.
  socket.write(hex('83 80 00 00 00 00'));
  await until('the error', () => metrics().errors['WS_ERR_INVALID_OPCODE'] === 1);
  socket.end();
  client.close(4321);
  await until('all ends', () => metrics().open === 0);
  expect(metrics()).toMatchObject({ opened: 2, closeCodes: { 4321: 1 }, handshakeTime: { count: 0 }, refused: { request: 0 } });
  expect(Object.values(metrics().closeCodes).reduce((one, other) => one + other)).toBe(2);
});
