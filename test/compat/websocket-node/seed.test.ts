// The samples of the API's description, as programs: with the facade in the place of `websocket`.

import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as named from '../../../src/compat/websocket-node/index.ts';
import WebSocket from '../../../src/compat/websocket-node/index.ts';
import browser, { version, w3cwebsocket as W3CWebSocket } from '../../../src/compat/websocket-node/browser.ts';
import { theirs, until } from './oracle.ts';

async function listening(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('sample', () => {
  test('core imports', () => {
    const server = WebSocket.server;
    const client = WebSocket.client;
    const router = WebSocket.router;
    const frame = WebSocket.frame;
    const connection = WebSocket.connection;
    const request = WebSocket.request;
    const w3cwebsocket = WebSocket.w3cwebsocket;
    for (const one of [server, client, router, frame, connection, request, w3cwebsocket]) expect(one).toBeTypeOf('function');
    expect(WebSocket.version).toBeTypeOf('string');
    expect(Object.keys(WebSocket).toSorted()).toEqual(Object.keys(theirs).toSorted());
  });

  test('named imports', () => {
    const exported: Readonly<Record<string, unknown>> = { ...named };
    for (const [name, value] of Object.entries(WebSocket)) expect(exported[name]).toBe(value);
    expect(named.WebSocketServer).toBe(WebSocket.server);
    expect(named.WebSocketClient).toBe(WebSocket.client);
    expect(named.WebSocketRouter).toBe(WebSocket.router);
    expect(named.WebSocketRequest).toBe(WebSocket.request);
    expect(named.WebSocketConnection).toBe(WebSocket.connection);
    expect(named.WebSocketFrame).toBe(WebSocket.frame);
    expect(named.W3CWebSocket).toBe(WebSocket.w3cwebsocket);
    expect(named.WebSocketRouterRequest).toBeTypeOf('function');
  });

  test('browser usage', () => {
    const WebSocketClass = W3CWebSocket || WebSocket.w3cwebsocket;
    expect(WebSocketClass).toBeTypeOf('function');
    expect(browser).toEqual({ w3cwebsocket: W3CWebSocket, version });
  });

  test('quick server and quick client', async () => {
    const log: string[] = [];
    const server = http.createServer();
    const port = await listening(server);

    const wsServer = new WebSocket.server({ httpServer: server, autoAcceptConnections: false });
    wsServer.on('request', function (request) {
      const connection = request.accept(null, request.origin);
      connection.on('message', function (message) {
        if (message.type === 'utf8') {
          log.push(`Received: ${message.utf8Data}`);
          connection.sendUTF(`Echo: ${message.utf8Data}`);
        }
      });
    });

    const client = new WebSocket.client();
    client.on('connect', function (connection) {
      connection.sendUTF('Hello Server!');
      connection.on('message', function (message) {
        log.push(`Received: ${message.type === 'utf8' ? message.utf8Data : ''}`);
        connection.close();
      });
    });
    client.connect(`ws://localhost:${port}/`.replace('localhost', '127.0.0.1'));

    await until(() => wsServer.connections.length === 0 && log.length === 2);
    expect(log).toEqual(['Received: Hello Server!', 'Received: Echo: Hello Server!']);
    wsServer.shutDown();
    server.close();
  });

  test('router', async () => {
    const server = http.createServer();
    const port = await listening(server);
    const wsServer = new WebSocket.server({ httpServer: server });
    const router = new WebSocket.router({ server: wsServer });
    router.mount('/chat', 'chat-protocol', (request) => {
      const { protocol, origin, resource, webSocketRequest } = request;
      expect([protocol, origin, resource]).toEqual(['chat-protocol', 'http://example.org', '/chat?room=1']);
      expect(webSocketRequest).toBeInstanceOf(WebSocket.request);
      request.accept(request.origin, [{ name: 'a', value: 'b' }]).sendUTF('routed');
    });
    const client = new WebSocket.client();
    const failed = once(client, 'connectFailed');
    client.connect(`ws://127.0.0.1:${port}/other`);
    const [error] = (await failed) as [Error];
    expect(error.message).toContain('404 Not Found');
    const connected = once(client, 'connect');
    client.connect(`ws://127.0.0.1:${port}/chat?room=1`, 'chat-protocol', 'http://example.org', { 'X-A': 'b' }, {});
    const [connection] = (await connected) as [named.WebSocketConnection];
    const [message] = (await once(connection, 'message')) as [named.Message];
    expect(message).toEqual({ type: 'utf8', utf8Data: 'routed' });
    router.unmount('/chat', 'chat-protocol');
    expect(router.handlers).toEqual([]);
    connection.drop(1001, 'done', true);
    wsServer.shutDown();
    server.close();
  });

  test('configurations', () => {
    const serverConfig: named.IServerConfig = {
      httpServer: [http.createServer()],
      maxReceivedFrameSize: 1,
      maxReceivedMessageSize: 2,
      fragmentOutgoingMessages: true,
      fragmentationThreshold: 3,
      keepalive: true,
      keepaliveInterval: 4,
      dropConnectionOnKeepaliveTimeout: true,
      keepaliveGracePeriod: 5,
      useNativeKeepalive: true,
      assembleFragments: true,
      autoAcceptConnections: true,
      ignoreXForwardedFor: true,
      parseCookies: true,
      parseExtensions: true,
      disableNagleAlgorithm: true,
      closeTimeout: 6,
    };
    expect(new WebSocket.server(serverConfig).config).toEqual(serverConfig);
    const clientConfig: named.IClientConfig = {
      maxReceivedFrameSize: 1,
      maxReceivedMessageSize: 2,
      fragmentOutgoingMessages: false,
      fragmentationThreshold: 3,
      webSocketVersion: 8,
      assembleFragments: false,
      disableNagleAlgorithm: false,
      closeTimeout: 4,
      tlsOptions: { ca: 'x' },
    };
    expect(new WebSocket.client(clientConfig).config).toEqual(clientConfig);
  });

  test('close reasons', () => {
    const reasons = {
      NORMAL: 1000,
      GOING_AWAY: 1001,
      PROTOCOL_ERROR: 1002,
      UNPROCESSABLE_INPUT: 1003,
      RESERVED: 1004,
      NOT_PROVIDED: 1005,
      ABNORMAL: 1006,
      INVALID_DATA: 1007,
      POLICY_VIOLATION: 1008,
      MESSAGE_TOO_BIG: 1009,
      EXTENSION_REQUIRED: 1010,
      INTERNAL_SERVER_ERROR: 1011,
      TLS_HANDSHAKE_FAILED: 1015,
    };
    for (const [name, code] of Object.entries(reasons)) {
      expect(WebSocket.connection).toHaveProperty(`CLOSE_REASON_${name}`, code);
    }
    expect(WebSocket.connection.CLOSE_DESCRIPTIONS).toEqual(theirs.connection.CLOSE_DESCRIPTIONS);
  });

  test('version', () => {
    const manifest = createRequire(import.meta.url)('../../../package.json') as { version: string };
    expect(WebSocket.version).toBe(manifest.version);
    expect(version).toBe(manifest.version);
  });

  test('deprecation', () => {
    const { deprecation } = WebSocket;
    expect(deprecation.disableWarnings).toBe(false);
    expect(deprecation.deprecationWarningMap).toHaveProperty('websocketVersion');
    expect(deprecation.warn).toBeTypeOf('function');
  });
});
