// An option that is null counts as left out in the older APIs as well: each server and client works as with none.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from '../../adapters/node/index.ts';
import { Server as ClassicServer, WebSocket as ClassicSocket } from '../../src/compat/classic/index.ts';
import { route, Socket as FibjsSocket, upgrade } from '../../src/compat/fibjs/index.ts';
import { WebSocketServer as JshServer } from '../../src/compat/jsh/index.ts';
import { client as NodeClient, server as NodeServer } from '../../src/compat/websocket-node/index.ts';
import { listen } from '../support/sockets.ts';

type Http = ReturnType<typeof createServer>;

/** Null for each option. */
const nulls = (...names: string[]): Record<string, never> => Object.fromEntries(names.map((name) => [name, null as never]));
const LIMITS = ['maxPayload', 'maxFragments', 'maxBufferedAmount', 'bufferPolicy', 'closeTimeout', 'handshakeTimeout'];

/** Attaches an echo to `http`. */
const SERVERS: Readonly<Record<string, (http: Http) => void>> = {
  'ws 0.4'(http) {
    const options = {
      ...nulls(...LIMITS, 'host', 'path', 'disableHixie', 'verifyClient', 'handleProtocols', 'noServer', 'port'),
      server: http,
    };
    new ClassicServer(options).on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
  },
  JSH(http) {
    const wss = new JshServer({ ...nulls('path', 'verifyClient', 'handleProtocols'), server: http });
    wss.on('connection', (ws) => ws.on('message', ({ data }) => ws.send(data)));
    expect(wss.clients?.size).toBe(0);
  },
  fibjs(http) {
    const options = nulls(...LIMITS, 'perMessageDeflate', 'protocol', 'heartbeat');
    const handler = upgrade(options, (socket) => {
      socket.onmessage = ({ data }) => socket.send(data);
    });
    http.on('upgrade', route({ '/': handler }));
  },
  'WebSocket-Node'(http) {
    const plain = new NodeServer({ httpServer: createServer() });
    const names = Object.keys(plain.config ?? {});
    const wss = new NodeServer({ ...nulls(...names), autoAcceptConnections: true, httpServer: http });
    expect(wss.config).toEqual({ ...plain.config, autoAcceptConnections: true, httpServer: [http] });
    wss.on('connect', (connection) =>
      connection.on('message', (message) => connection.sendUTF((message as { utf8Data: string }).utf8Data)),
    );
  },
};

/** Sends `text` to `url`, whose server echoes it. */
const CLIENTS: Readonly<Record<string, (url: string, text: string) => Promise<unknown>>> = {
  async 'ws 0.4'(url, text) {
    const ws = new ClassicSocket(url, nulls(...LIMITS, 'protocol', 'protocolVersion', 'origin', 'headers', 'host', 'agent'));
    await once(ws as never, 'open');
    ws.send(text, nulls('binary', 'mask', 'compress'));
    return ((await once(ws as never, 'message')) as unknown[])[0];
  },
  async fibjs(url, text) {
    const ws = new FibjsSocket(url, nulls(...LIMITS, 'protocol', 'origin', 'headers', 'perMessageDeflate'));
    await new Promise((resolve) => (ws.onopen = resolve));
    ws.send(text);
    return new Promise((resolve) => (ws.onmessage = ({ data }) => resolve(data)));
  },
  async 'WebSocket-Node'(url, text) {
    const names = Object.keys(new NodeClient().config);
    const client = new NodeClient(nulls(...names));
    expect(client.config).toEqual(new NodeClient().config);
    client.connect(url);
    const [connection] = (await once(client as never, 'connect')) as [{ sendUTF(text: string): void }];
    connection.sendUTF(text);
    return ((await once(connection as never, 'message')) as [{ utf8Data: string }])[0].utf8Data;
  },
};

async function serve(name: string): Promise<string> {
  const http = createServer();
  SERVERS[name](http);
  const port = await listen(http);
  onTestFinished(() => http.closeAllConnections());
  onTestFinished(() => void http.close());
  return `ws://127.0.0.1:${port}/`;
}

test.each(Object.keys(SERVERS))('%s: server with null options', async (name) => {
  const ws = new WebSocket(await serve(name));
  onTestFinished(() => ws.terminate());
  await once(ws as never, 'open');
  ws.send('hello');
  expect(String(((await once(ws as never, 'message')) as unknown[])[0])).toBe('hello');
});

test.each(Object.keys(CLIENTS))('%s: client with null options', async (name) => {
  expect(await CLIENTS[name](await serve(name), 'hello')).toBe('hello');
});
