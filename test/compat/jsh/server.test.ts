// WebSocketServer of the jsh facade on http.Server and https.Server: clients of ws and our own, and raw requests.

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createNetServer } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer, type ServerRequest } from '../../../src/compat/jsh/index.ts';
import { UsageError } from '../../../src/base/errors.ts';
import { certificate, key } from '../../support/certificates.ts';
import { frame, hex } from '../../support/frames.ts';
import { connectRaw, KEY, listen, requestHead, until } from '../../support/sockets.ts';
import { ask, event, open, openWs, refusal, serve, serveSockets } from './support.ts';

describe('constructor', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['no server', {}],
    ['null for a server', { server: null }],
    ['an object for a server', { server: { on() {} } }],
    ['an emitter for a server', { server: new EventEmitter() }],
    ['a server of node:net', { server: createNetServer() }],
    ['a port', { port: 0 }],
    ['a path that is no string', { server: createServer(), path: 5 }],
    ['a hook that is no function', { server: createServer(), verifyClient: true }],
    ['another hook that is no function', { server: createServer(), handleProtocols: ['chat'] }],
  ])('server throws TypeError for %s', (_what, options) => {
    expect(() => new WebSocketServer(options as never)).toThrow(TypeError);
  });

  test('server has server, path and clients', () => {
    const server = createServer();
    const wss = new WebSocketServer({ server });
    expect(wss).toBeInstanceOf(EventEmitter);
    expect(wss.server).toBe(server);
    expect(wss.path).toBe('/');
    expect(wss.clients).toEqual(new Set());
    expect(new WebSocketServer({ server, path: '/ws', clientTracking: true })).toMatchObject({
      path: '/ws',
      clients: new Set(),
    });
    expect(new WebSocketServer({ server, path: '/untracked', clientTracking: false }).clients).toBeNull();
  });

  test('server takes a path once', () => {
    const server = createServer();
    const wss = new WebSocketServer({ server, path: '/ws' });
    expect(() => new WebSocketServer({ server, path: '/ws' })).toThrow(UsageError);
    wss.close();
    expect(new WebSocketServer({ server, path: '/ws' }).path).toBe('/ws');
  });
});

describe('connection', () => {
  test('server passes on a socket that talks to the client of ws', async () => {
    const { wss, url } = await serveSockets();
    wss.on('connection', (socket) => socket.on('message', ({ data }) => socket.send(data)));
    const ws = await openWs(url);
    ws.send('text');
    expect((await once(ws, 'message')).map(String)).toEqual(['text', 'false']);
    ws.send(hex('00 ff'));
    const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean];
    expect([data, isBinary]).toEqual([Buffer.from([0, 255]), true]);
  });

  test('server passes on a WebSocket that is open and talks to ours', async () => {
    const { wss, url } = await serveSockets({ path: '/ws' });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    const client = await open(`${url}ws?room=1`, 'chat');
    const [socket] = await connected;
    expect(socket).toBeInstanceOf(WebSocket);
    expect(socket).toMatchObject({ readyState: WebSocket.OPEN, protocol: 'chat', url: `${url}ws?room=1` });
    socket.send('hello');
    expect(await once(client, 'message')).toEqual([{ type: WebSocket.TextMessage, data: 'hello' }]);
    socket.close();
    await Promise.all([event(client, 'close'), event(socket, 'close')]);
  });

  test('server hears messages that came with the request, also behind an await', async () => {
    const { wss, port } = await serveSockets();
    const extra = frame({ payload: 'Hello', key: hex('37 fa 21 3d') });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    const peer = connectRaw(port, { extra });
    const [socket] = await connected;
    expect(await once(socket, 'message')).toEqual([{ type: 1, data: 'Hello' }]);
    (await peer).socket.destroy();
  });

  test('server works on an https.Server', async () => {
    const server = createSecureServer({ key, cert: certificate });
    const wss = new WebSocketServer({ server });
    const port = await listen(server);
    onTestFinished(() => {
      wss.close();
      server.close();
      server.closeAllConnections();
    });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    await openWs(`wss://127.0.0.1:${port}/`, [], { rejectUnauthorized: false });
    expect((await connected)[0].url).toBe(`wss://127.0.0.1:${port}/`);
  });
});

describe('request', () => {
  test('listener gets a helper with all of its members', async () => {
    const { wss, port, url } = await serveSockets({ path: '/ws' });
    const connected = once(wss, 'connection') as Promise<[WebSocket, ServerRequest]>;
    await openWs(`${url}ws?name=value&twice=1&twice=2&space=a%20b`, [], {
      headers: { 'X-Custom': 'One', 'X-List': ['a', 'b'] },
    });
    const [, request] = await connected;
    const target = '/ws?name=value&twice=1&twice=2&space=a%20b';
    expect(request).toMatchObject({
      url: target,
      requestUri: target,
      path: '/ws',
      method: 'GET',
      host: `127.0.0.1:${port}`,
      httpVersion: '1.1',
      remoteAddress: '127.0.0.1',
      socket: { remoteAddress: '127.0.0.1' },
    });
    expect(typeof request.complete).toBe('boolean');
    expect(request.headers).toMatchObject({ 'x-custom': 'One', upgrade: 'websocket' });
    expect(request.rawHeaders).toEqual(expect.arrayContaining(['X-Custom', 'One']));
    expect(['name', 'twice', 'space', 'missing'].map((name) => request.query(name))).toEqual(['value', '1', 'a b', undefined]);
    expect(
      ['X-Custom', 'x-custom', 'X-CUSTOM', 'X-List', 'X-Missing', 'toString'].map((name) => request.getHeader(name)),
    ).toEqual(['One', 'One', 'One', 'a, b', undefined, undefined]);
    expect(['X-Custom', 'x-custom', 'Host', 'X-Missing', 'constructor'].map((name) => request.hasHeader(name))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('helper keeps its values when the socket is gone', async () => {
    const { wss, url } = await serveSockets();
    const connected = once(wss, 'connection') as Promise<[WebSocket, ServerRequest]>;
    const ws = await openWs(url);
    const [socket, request] = await connected;
    ws.terminate();
    await event(socket, 'close');
    expect(request.socket.remoteAddress).toBe('127.0.0.1');
    expect(request.query('name')).toBeUndefined();
  });
});

describe('path', () => {
  test('servers share an HTTP server, each at its path, whatever the query', async () => {
    const { server, url } = await serve();
    const heard: string[] = [];
    for (const path of ['/', '/one', '/two']) {
      const wss = new WebSocketServer({ server, path });
      wss.on('connection', (_socket, request) => heard.push(`${path} ${request.url}`));
      onTestFinished(() => void wss.close());
    }
    for (const target of ['one', 'two?room=1', '', '?room=2']) await openWs(url + target);
    expect(heard).toEqual(['/one /one', '/two /two?room=1', '/ /', '/ /?room=2']);
    expect(server.listenerCount('upgrade')).toBe(1);
    expect(await refusal(`${url}three`)).toEqual([404, 'There is no WebSocket at this path']);
  });

  test.each(['ws', 'ws/', 'WS', 'ws/x', 'w', '__proto__'])('server answers 404 at /%s', async (path) => {
    const { url } = await serveSockets({ path: path === 'ws' ? '/other' : '/ws' });
    expect(await refusal(url + path)).toEqual([404, 'There is no WebSocket at this path']);
  });

  test('server leaves other paths to other listeners of the HTTP server', async () => {
    const { server, url } = await serveSockets({ path: '/ours' });
    const theirs = new WsServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/theirs') theirs.handleUpgrade(request, socket, head, (ws) => ws.send('theirs'));
    });
    const ws = await open(`${url}theirs`);
    expect(await once(ws, 'message')).toEqual([{ type: 1, data: 'theirs' }]);
    await open(`${url}ours`);
  });

  test('server leaves ordinary requests to the HTTP server', async () => {
    const { port } = await serve(createServer((_request, response) => response.end('page')));
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('page');
  });
});

describe('a request that is no handshake', () => {
  const valid = requestHead('/');
  test.each([
    ['Upgrade names another protocol', valid.replace('Upgrade: websocket', 'Upgrade: h2c'), '400'],
    ['Sec-WebSocket-Key is missing', valid.replace(/Sec-WebSocket-Key.*\r\n/, ''), '400'],
    ['Sec-WebSocket-Key is too short', valid.replace(KEY, 'c2hvcnQ='), '400'],
    ['Sec-WebSocket-Version is missing', valid.replace(/Sec-WebSocket-Version.*\r\n/, ''), '400'],
    ['Sec-WebSocket-Version is 12', valid.replace('Version: 13', 'Version: 12'), '400'],
    ['the method is POST', valid.replace('GET', 'POST'), '405'],
  ])('server refuses it with a reason when %s', async (_what, request, status) => {
    const verifyClient = vi.fn<() => boolean>();
    const { port } = await serveSockets({ verifyClient });
    const [head, body] = (await ask(port, request)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(body).toMatch(/^(Missing or invalid|Invalid) /);
    expect(verifyClient).not.toHaveBeenCalled();
  });
});

describe('close', () => {
  test('server refuses new sockets, closes its clients, empties the set and emits close', async () => {
    const { wss, url } = await serveSockets();
    const sockets: WebSocket[] = [];
    wss.on('connection', (socket) => sockets.push(socket));
    const clients = [await openWs(url), await openWs(url)];
    expect(wss.clients).toEqual(new Set(sockets));
    const codes = clients.map((client) => event<[number]>(client, 'close'));
    const calls: string[] = [];
    wss.on('close', () => calls.push('close'));
    expect(wss.close(() => calls.push('callback'))).toBe(wss);
    expect(wss.clients?.size).toBe(0);
    expect(calls).toEqual([]);
    expect((await Promise.all(codes)).map(([code]) => code)).toEqual([1000, 1000]);
    expect(calls).toEqual(['close', 'callback']);
    expect(await refusal(url)).toEqual([404, 'There is no WebSocket at this path']);
  });

  test('server emits close once, and calls back however often it is told to close', async () => {
    const { wss } = await serveSockets();
    const onclose = vi.fn<() => void>();
    wss.on('close', onclose);
    await new Promise<void>((resolve) => void wss.close(resolve));
    await new Promise<void>((resolve) => expect(wss.close(resolve)).toBe(wss));
    wss.close();
    expect(onclose).toHaveBeenCalledOnce();
  });

  test('server leaves clients alone that it does not track, and the HTTP server goes on', async () => {
    const { wss, url, server } = await serveSockets({ clientTracking: false });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    const ws = await openWs(url);
    const [socket] = await connected;
    wss.close();
    await event(wss, 'close');
    socket.send('still here');
    expect(String((await once(ws, 'message'))[0])).toBe('still here');
    expect(server.listening).toBe(true);
  });

  test('server forgets clients that have gone', async () => {
    const { wss, url } = await serveSockets();
    const ws = await openWs(url);
    expect(wss.clients?.size).toBe(1);
    ws.close();
    await until('an empty set', () => wss.clients?.size === 0);
  });
});

describe('error', () => {
  test('server passes on errors of the HTTP server', async () => {
    const { port } = await serve();
    const server = createServer();
    const first = new WebSocketServer({ server, path: '/one' });
    const second = new WebSocketServer({ server, path: '/two' });
    const errors = Promise.all([once(first, 'error'), once(second, 'error')]);
    server.listen(port, '127.0.0.1');
    for (const [error] of await errors) expect(error).toMatchObject({ code: 'EADDRINUSE' });
  });

  test('server does not swallow errors of the HTTP server that nobody hears', () => {
    const server = createServer();
    const wss = new WebSocketServer({ server });
    expect(() => server.emit('error', new Error('lost'))).toThrow('lost');
    const onerror = vi.fn<() => void>();
    server.on('error', onerror);
    server.emit('error', new Error('heard'));
    expect(onerror).toHaveBeenCalledOnce();
    wss.close();
  });

  test('server does not accept who has gone already', async () => {
    const { server, url } = await serve();
    server.on('upgrade', (_request, socket) => socket.destroy());
    const wss = new WebSocketServer({ server });
    await expect(openWs(url)).rejects.toThrow('socket hang up');
    expect(wss.clients?.size).toBe(0);
    wss.close();
  });
});
