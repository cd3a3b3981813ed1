// WebSocketServer of the jsh facade on http.Server and https.Server: clients of ws and our own, and raw requests.

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createNetServer } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer as WsServer } from 'ws';
import {
  WebSocket,
  WebSocketServer,
  withWebSockets,
  type MessageEvent,
  type ServerRequest,
} from '../../../src/compat/jsh/index.ts';
import { UsageError } from '../../../src/base/errors.ts';
import { certificate, key } from '../../support/certificates.ts';
import { frame, hex } from '../../support/frames.ts';
import { connectRaw, KEY, listen, requestHead, until } from '../../support/sockets.ts';
import { ask, event, open, openWs, refusal, serve, serveSockets } from './served-sockets.ts';

describe('constructor', () => {
  test.each([
    ['nothing', undefined, 'options must be an object'],
    ['null', null, 'options must be an object'],
    ['a port', 8080, 'options must be an object'],
    ['a function', () => {}, 'options must be an object'],
    ['no server', {}, 'requires an http.Server instance'],
    ['null for a server', { server: null }, 'requires an http.Server instance'],
    ['an object for a server', { server: { on() {} } }, 'requires an http.Server instance'],
    ['an emitter for a server', { server: new EventEmitter() }, 'requires an http.Server instance'],
    ['a server of node:net', { server: createNetServer() }, 'requires an http.Server instance'],
    ['the option port', { port: 0 }, 'requires an http.Server instance'],
    ['a path that is no string', { server: createServer(), path: 5 }, 'path must be a string'],
    ['a hook that is no function', { server: createServer(), verifyClient: true }, 'verifyClient must be a function'],
    [
      'another hook that is no function',
      { server: createServer(), handleProtocols: ['chat'] },
      'handleProtocols must be a function',
    ],
  ])('server throws TypeError for %s', (_what, options, message) => {
    expect(() => new WebSocketServer(options as never)).toThrow(new TypeError(`WebSocketServer ${message}`));
  });

  test('server knows an HTTP server of another realm by its members', async () => {
    const own = createServer();
    // No class of this realm is in its prototype chain.
    const foreign = new Proxy(own, {
      getPrototypeOf: () => null,
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
    const wss = new WebSocketServer({ server: foreign });
    onTestFinished(() => void wss.close());
    const { url } = await serve(own);
    const [ws] = await Promise.all([open(url), once(wss, 'connection')]);
    expect(ws.readyState).toBe(WebSocket.OPEN);
    expect(foreign).not.toBeInstanceOf(EventEmitter);
  });

  test('server has its options, and whether it is closed', () => {
    const options = { server: createServer(), path: '/ws', verifyClient: () => true };
    const wss = new WebSocketServer(options);
    expect(wss.options).toBe(options);
    expect(wss.closed).toBe(false);
    wss.close();
    expect(wss.closed).toBe(true);
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
    ws.send(Buffer.from('bytes'));
    expect((await once(ws, 'message')).map(String)).toEqual(['bytes', 'false']);
  });

  test("server emits 'open' on the socket behind 'connection', before its messages", async () => {
    const { wss, port } = await serveSockets();
    const heard: unknown[] = [];
    wss.on('connection', (socket) => {
      heard.push('connection');
      socket.on('open', () => heard.push(['open', socket.readyState]));
      socket.on('message', ({ data }) => heard.push(data));
    });
    await connectRaw(port, { extra: frame({ payload: 'Hello', key: hex('37 fa 21 3d') }) });
    await until('a message', () => heard.length === 3);
    expect(heard).toEqual(['connection', ['open', WebSocket.OPEN], 'Hello']);
  });

  test("server emits no 'open' on a socket that its listener closed", async () => {
    const { wss, url } = await serveSockets();
    const heard: string[] = [];
    wss.on('connection', (socket) => {
      for (const name of ['open', 'close']) socket.on(name, () => heard.push(name));
      socket.close();
    });
    const ws = await openWs(url);
    await event(ws, 'close');
    expect(heard).toEqual(['close']);
    expect(wss.clients?.size).toBe(0);
  });

  test("an exception of a listener of 'connection' becomes 'error' of the server, which goes on", async () => {
    const { wss, url } = await serveSockets();
    const heard: string[] = [];
    wss.on('error', ({ message }) => heard.push(message));
    wss.once('connection', () => {
      throw new Error('mine');
    });
    const first = await openWs(url);
    await openWs(url);
    expect(heard).toEqual(['mine']);
    expect(first.readyState).toBe(first.OPEN);
  });

  test('an exception of a listener of a socket stays with the socket, and with nobody a warning', async () => {
    const { wss, url } = await serveSockets();
    const serverErrors = vi.fn<() => void>();
    wss.on('error', serverErrors);
    wss.on('connection', (socket) => socket.on('message', ({ data }) => JSON.parse(String(data)) as unknown));
    const ws = await openWs(url);
    const warned = event<[Error]>(process, 'warning');
    ws.send('no JSON');
    expect((await warned)[0]).toBeInstanceOf(SyntaxError);
    wss.on('connection', (socket) => socket.on('error', ({ name }) => socket.send(name)));
    const other = await openWs(url);
    other.send('no JSON');
    expect(String((await once(other, 'message'))[0])).toBe('SyntaxError');
    expect(serverErrors).not.toHaveBeenCalled();
  });

  test('server passes on a WebSocket that is open and talks to ours', async () => {
    const { wss, url } = await serveSockets({ path: '/ws' });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    const client = await open(`${url}ws?room=1`);
    const [socket] = await connected;
    expect(socket).toBeInstanceOf(WebSocket);
    expect(socket).toMatchObject({ readyState: WebSocket.OPEN, protocol: '', url: '/ws?room=1' });
    socket.send('hello');
    expect(await once(client, 'message')).toEqual([{ type: WebSocket.TextMessage, data: 'hello' }]);
    socket.close();
    await event(client, 'close');
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
    expect((await connected)[0].readyState).toBe(WebSocket.OPEN);
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
    expect(['name', 'twice', 'space', 'missing'].map((name) => request.query(name))).toEqual(['value', '1', 'a b', '']);
    expect(
      ['X-Custom', 'x-custom', 'X-CUSTOM', 'X-List', 'X-Missing', 'toString'].map((name) => request.getHeader(name)),
    ).toEqual(['One', 'One', 'One', 'a, b', '', '']);
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
    expect(request.query('name')).toBe('');
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

  test('server answers a plain GET of its path, and leaves all other requests to the HTTP server', async () => {
    const { port, server } = await serve(createServer((_request, response) => response.end('page')));
    const wss = new WebSocketServer({ server, path: '/ws' });
    const get = async (path: string, method: string = 'GET'): Promise<unknown[]> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return [response.status, await response.text()];
    };
    expect(await get('/ws')).toEqual([400, 'websocket upgrade required']);
    expect(await get('/ws?room=1')).toEqual([400, 'websocket upgrade required']);
    expect(await get('/ws', 'POST')).toEqual([200, 'page']);
    expect(await get('/')).toEqual([200, 'page']);
    expect(await get('/ws/')).toEqual([200, 'page']);
    wss.close();
    expect(await get('/ws')).toEqual([200, 'page']);
  });

  test('server answers a plain GET where nobody else answers requests', async () => {
    const { port } = await serveSockets();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(400);
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

describe('a client that means harm', () => {
  test.each([
    ['a reserved opcode', '85 80 00 00 00 00'],
    ['an unmasked frame', '81 01 61'],
    ['text that is no UTF-8', '81 81 00 00 00 00 ff'],
    ['a message that is too long', '82 ff 00 00 00 10 00 00 00 00 00 00 00 00'],
    ['no WebSocket at all', '47 45 54 20 2f 0d 0a 0d 0a'],
    ['half a frame and its end', '81 85 00 00'],
  ])('ends its own connection with %s, and no server, though no program listens for it', async (_what, bytes) => {
    const { wss, port, url } = await serveSockets();
    wss.on('connection', (socket) => socket.on('message', ({ data }) => socket.send(data)));
    for (const ends of ['end', 'resetAndDestroy'] as const) {
      const { socket } = await connectRaw(port);
      const over = new Promise((resolve) => void socket.once('close', resolve));
      socket.on('end', () => socket.end()).resume();
      socket.write(hex(bytes), () => socket[ends]());
      await over;
    }
    await until('an empty set', () => wss.clients?.size === 0);
    await openWs(url);
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
    for (const socket of sockets) socket.on('close', () => calls.push('socket'));
    wss.on('close', () => calls.push(`close ${wss.clients?.size}`));
    expect(wss.close(() => calls.push('callback'))).toBe(wss);
    expect(wss.clients?.size).toBe(0);
    expect(calls).toEqual(['socket', 'socket', 'close 0', 'callback']);
    expect((await Promise.all(codes)).map(([code]) => code)).toEqual([1000, 1000]);
    expect(await refusal(url)).toEqual([404, 'There is no WebSocket at this path']);
  });

  test('server emits close once, and calls back however often it is told to close', async () => {
    const { wss } = await serveSockets();
    const onclose = vi.fn<() => void>();
    wss.on('close', onclose);
    const callback = vi.fn<() => void>();
    wss.close(callback);
    expect(wss.close(callback)).toBe(wss);
    wss.close();
    expect([onclose.mock.calls.length, callback.mock.calls.length]).toEqual([1, 2]);
  });

  test('server leaves clients alone that it does not track, and the HTTP server goes on', async () => {
    const { wss, url, server } = await serveSockets({ clientTracking: false });
    const connected = once(wss, 'connection') as Promise<[WebSocket]>;
    const ws = await openWs(url);
    const [socket] = await connected;
    wss.close();
    socket.send('still here');
    expect(String((await once(ws, 'message'))[0])).toBe('still here');
    expect(server.listening).toBe(true);
  });

  test('server forgets clients that have gone', async () => {
    const { wss, url } = await serveSockets();
    const ws = await openWs(url);
    expect(wss.clients?.size).toBe(1);
    // A program may take all listeners away: the set must not depend on one.
    for (const client of wss.clients ?? []) client.removeAllListeners();
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

describe('withWebSockets', () => {
  test('adds ws(path, options, handler) to the HTTP server', async () => {
    const { server, url } = await serve();
    const routes = withWebSockets(server);
    expect(routes).toBe(server);
    const plain = routes.ws('/plain', (socket, request) => socket.send(request.path));
    const picky = routes.ws('/picky', { verifyClient: ({ req }) => req.query('key') === '1' }, (socket) => socket.send('in'));
    expect([plain, picky]).toEqual([expect.any(WebSocketServer), expect.any(WebSocketServer)]);
    expect(plain.path).toBe('/plain');
    const greeting = async (path: string): Promise<unknown> => {
      const [{ data }] = await event<[MessageEvent]>(new WebSocket(url + path), 'message');
      return data;
    };
    expect(await greeting('plain')).toBe('/plain');
    expect(await greeting('picky?key=1')).toBe('in');
    expect(await refusal(`${url}picky`)).toEqual([403, 'websocket upgrade rejected']);
    plain.close();
    picky.close();
  });

  test.each([[[]], [['/ws']], [['/ws', {}]], [['/ws', {}, {}]], [[5, () => {}]]])('ws throws TypeError for %j', (values) => {
    const { ws } = withWebSockets(createServer());
    expect(() => (ws as (...values: unknown[]) => unknown)(...values)).toThrow(TypeError);
  });
});
