// Server of the facade: options, hooks, events, refusals.

import { once } from 'node:events';
import { createServer as createHttpServer, get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Server, WebSocket, type ServerOptions } from '../../../src/compat/classic/index.ts';
import { listen, requestHead, until, within } from '../../support/sockets.ts';
import { answerTo, connectPair, ended, nextClient, openClient, refusalOf, startHttp, startServer } from './peers.ts';

describe('construction', () => {
  test.each([[undefined], [null], [{}], [{ port: null }], [{ server: null, path: '/x' }]])(
    'server refuses options without port, server and noServer: %j',
    (options) => {
      expect(() => new Server(options)).toThrow(TypeError);
    },
  );

  test('server listens on port and host, calls back and emits listening', async () => {
    const callback = vi.fn<(...values: unknown[]) => void>();
    const server = new Server({ port: 0 }, callback);
    onTestFinished(() => server.close());
    await once(server, 'listening');
    await until('the callback', () => callback.mock.calls.length === 1);
    expect(server.options.host).toBe('0.0.0.0');
    expect((server._server!.address() as AddressInfo).address).toBe('0.0.0.0');
    expect(server.clients).toEqual([]);
    expect(server.path).toBeUndefined();
  });

  test('server answers requests that are no upgrade with 426', async () => {
    const { port } = await startServer();
    const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(426);
  });

  test('server takes the upgrades of an HTTP server and emits its listening', async () => {
    const http = createHttpServer();
    onTestFinished(() => void http.close());
    const server = new Server({ server: http });
    const listening = vi.fn<(...values: unknown[]) => void>();
    server.on('listening', listening);
    const port = await listen(http);
    expect(listening).toHaveBeenCalledTimes(1);
    const accepted = nextClient(server);
    openClient(`ws://127.0.0.1:${port}`);
    expect((await accepted).readyState).toBe(WebSocket.OPEN);
    server.close();
    expect(http.listening).toBe(true);
    expect(http.listenerCount('upgrade')).toBe(0);
  });

  test('server emits errors of the HTTP server', async () => {
    const { port } = await startServer();
    const second = new Server({ port, host: '127.0.0.1' });
    const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    second.close();
  });

  test('server takes options that are undefined as missing', async () => {
    const { server } = await startServer({ clientTracking: undefined, maxPayload: undefined });
    expect(server.options.clientTracking).toBe(true);
  });
});

describe('paths', () => {
  test('two servers on one HTTP server cannot have one path', async () => {
    const { http } = await startHttp();
    const first = new Server({ server: http, path: '/chat' });
    expect(() => new Server({ server: http, path: '/chat' })).toThrow(
      'two instances of WebSocketServer cannot listen on the same http server path',
    );
    expect(http.listenerCount('upgrade')).toBe(1);
    first.close();
    new Server({ server: http, path: '/chat' }).close();
    expect(http.listenerCount('upgrade')).toBe(0);
  });

  test('two servers on one HTTP server cannot both take any path', async () => {
    const { http } = await startHttp();
    const first = new Server({ server: http });
    expect(() => new Server({ server: http })).toThrow(/two instances/);
    first.close();
  });

  test('servers share an HTTP server by path, and one takes the rest', async () => {
    const { http, port } = await startHttp();
    const seen: string[] = [];
    for (const path of ['/a', '/b', undefined]) {
      const server = new Server({ server: http, path });
      onTestFinished(() => server.close());
      server.on('connection', (ws: WebSocket) => seen.push(`${path} ${ws.upgradeReq!.url}`));
    }
    for (const url of ['/a', '/b?x=1', '/c', '/a/']) {
      await once(openClient(`ws://127.0.0.1:${port}${url}`), 'open');
    }
    expect(seen).toEqual(['/a /a', '/b /b?x=1', 'undefined /c', 'undefined /a/']);
  });

  test('a path of nobody is refused once, by one of the servers', async () => {
    const { http, port } = await startHttp();
    for (const path of ['/a', '/b']) {
      const server = new Server({ server: http, path });
      onTestFinished(() => server.close());
    }
    expect(await answerTo(port, requestHead('/c'))).toMatch(/^HTTP\/1.1 400 /);
    expect(await refusalOf(`ws://127.0.0.1:${port}/c`)).toBe('unexpected server response (400)');
  });

  test('a path of nobody is left to other listeners of upgrade', async () => {
    const { http, port } = await startHttp();
    const server = new Server({ server: http, path: '/a' });
    onTestFinished(() => server.close());
    http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/other') socket.end('HTTP/1.1 418 Mine\r\n\r\n');
    });
    expect(await answerTo(port, requestHead('/other'))).toBe('HTTP/1.1 418 Mine');
  });

  test('server emits connection with the path, before connection', async () => {
    const { server, url } = await startServer();
    const seen: string[] = [];
    server.on('connection', () => seen.push('connection'));
    server.on('connection/chat', (ws: WebSocket) => seen.push(`connection/chat ${ws.upgradeReq!.url}`));
    await once(openClient(`${url}/chat?room=1`), 'open');
    await once(openClient(`${url}/news`), 'open');
    expect(seen).toEqual(['connection/chat /chat?room=1', 'connection', 'connection']);
  });
});

describe('clients and close', () => {
  test('clients does not depend on a listener that a program can take away', async () => {
    const { server, local, remote } = await connectPair();
    remote.removeAllListeners();
    local.terminate();
    await until('no client', () => server.clients.length === 0);
  });

  test('clients is an Array of those that are connected', async () => {
    const { server, local, remote, url } = await connectPair();
    await once(openClient(url), 'open');
    expect(Array.isArray(server.clients)).toBe(true);
    expect(server.clients[0]).toBe(remote);
    expect(server.clients).toHaveLength(2);
    local.close();
    await until('one client less', () => server.clients.length === 1);
    expect(server.clients).not.toContain(remote);
  });

  test('clientTracking false keeps none', async () => {
    const options: ServerOptions = { clientTracking: false };
    const { server, remote } = await connectPair(options);
    expect(server.clients).toEqual([]);
    remote.terminate();
  });

  test('close terminates every client and closes the HTTP server of its own', async () => {
    const { server, local, url } = await connectPair();
    const second = openClient(url);
    await once(second, 'open');
    const closed = once(server._server!, 'close');
    server.close();
    server.close();
    expect(await Promise.all([ended(local), ended(second)])).toEqual([
      [1006, ''],
      [1006, ''],
    ]);
    await within('the HTTP server', closed);
    await until('no client', () => server.clients.length === 0);
    const error = new Promise((resolve) => connect(Number(new URL(url).port), '127.0.0.1').on('error', resolve));
    expect(await error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('close tells the clients the code and the reason', async () => {
    const { server, local } = await connectPair();
    server.close(4001, 'going home');
    expect(await ended(local)).toEqual([4001, 'going home']);
  });

  test('close does nothing at a code that may not be sent', async () => {
    const { server, local } = await connectPair();
    expect(() => server.close(1005)).toThrow('first argument must be a valid error code number');
    expect(server._server!.listening).toBe(true);
    expect(local.readyState).toBe(WebSocket.OPEN);
  });
});
