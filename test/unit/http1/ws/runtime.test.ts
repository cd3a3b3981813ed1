import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { VerifyClientInfo } from '../../../../src/api/ws/types.ts';
import type { StreamSocket } from '../../../../src/http1/ws/socket.ts';
import { certificate, key } from '../../../support/certificates.ts';
import { frame, hex } from '../../../support/frames.ts';
import { WebSocket, WebSocketServer } from '../../../support/raw-classes.ts';
import { Cleanup, connectRaw, listen, requestHead, until, within } from '../../../support/sockets.ts';
import { sleep } from '../../../support/sleep.ts';

/** Messages, masked with the key of RFC 6455 section 5.7. */
const ONE = frame({ payload: 'one', key: hex('37 fa 21 3d') });
const TWO = frame({ payload: 'two', key: hex('37 fa 21 3d') });

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

type Options = ConstructorParameters<typeof WebSocketServer>[0];

function serve(options: Options = { port: 0, host: '127.0.0.1' }): WebSocketServer {
  const server = new WebSocketServer(options);
  cleanup.add(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return server;
}

async function portOf(server: WebSocketServer): Promise<number> {
  await once(server as never, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('RawWebSocketServer', () => {
  test('server says where it listens', async () => {
    const server = serve();
    await once(server as never, 'listening');
    expect(server.address()).toEqual({ address: '127.0.0.1', family: 'IPv4', port: expect.any(Number) as number });
  });

  test('server reports a port in use', async () => {
    const port = await portOf(serve());
    const server = serve({ port, host: '127.0.0.1' });
    const [error] = (await once(server as never, 'error')) as [Error & { code: string }];
    expect(error.code).toBe('EADDRINUSE');
    await within('close', new Promise((resolve) => server.close(resolve)));
  });

  test('server loses nothing that comes with the request', async () => {
    const server = serve();
    const messages: string[] = [];
    server.on('connection', (ws) => ws.on('message', (data) => messages.push((data as Buffer).toString())));
    const extra = Buffer.concat([ONE, TWO]);
    await connectRaw(await portOf(server), { extra });
    await until('both messages', () => messages.length === 2);
    expect(messages).toEqual(['one', 'two']);
  });

  test('server loses nothing that comes while it decides', async () => {
    const server = serve({
      port: 0,
      host: '127.0.0.1',
      verifyClient: (_info: unknown, decide: (ok: boolean) => void) => void setTimeout(() => decide(true), 30),
    });
    const messages: string[] = [];
    server.on('connection', (ws) => ws.on('message', (data) => messages.push((data as Buffer).toString())));
    const socket = connect(await portOf(server), '127.0.0.1');
    cleanup.add(() => socket.destroy());
    socket.write(Buffer.concat([Buffer.from(requestHead()), ONE]));
    setTimeout(() => socket.write(TWO), 10);
    await until('both messages', () => messages.length === 2);
    expect(messages).toEqual(['one', 'two']);
  });

  test('server tells who connects, and over what', async () => {
    const seen: unknown[] = [];
    const server = serve({
      port: 0,
      host: '127.0.0.1',
      tls: { cert: certificate, key },
      verifyClient: ({ origin, secure, req }: VerifyClientInfo) => {
        const { remoteAddress, localPort } = req.socket;
        seen.push({ origin, secure, url: req.url, remoteAddress, localPort, cookie: req.headers.cookie });
        return true;
      },
    });
    const port = await portOf(server);
    const ws = new WebSocket(`wss://127.0.0.1:${port}/a`, { ca: certificate, origin: 'o', headers: { Cookie: 'c=d' } });
    await once(ws as never, 'open');
    const expected = { origin: 'o', secure: true, url: '/a', remoteAddress: '127.0.0.1', localPort: port, cookie: 'c=d' };
    expect(seen).toEqual([expected]);
    ws.close();
    await once(ws as never, 'close');
  });

  test('server listens on a Unix domain socket', async () => {
    const unix = join(tmpdir(), `wasock-${process.pid}-${Date.now()}.socket`);
    const server = serve({ unix });
    server.on('connection', (ws, request) => ws.send(String(request.url)));
    await once(server as never, 'listening');
    expect(server.address()).toBe(unix);
    const ws = new WebSocket(`ws+unix:${unix}:/path?query`);
    const [data] = (await once(ws as never, 'message')) as [Buffer];
    expect(String(data)).toBe('/path?query');
    ws.close();
    await once(ws as never, 'close');
  });

  test('server answers a plain request like that of the Node adapter', async () => {
    const port = await portOf(serve());
    const [response] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect(response.statusCode).toBe(426);
    const connection = 'close, Upgrade';
    expect(response.headers).toMatchObject({ 'content-type': 'text/plain', 'content-length': '16', connection });
    expect(body).toBe('Upgrade Required');
  });

  test('server hands a refused request to wsClientError, with a socket to answer on', async () => {
    const server = serve();
    server.on('wsClientError', ({ message }, socket) => {
      socket.end(`HTTP/1.1 418 I'm a Teapot\r\nConnection: close\r\n\r\n${message}`);
    });
    const socket = connect(await portOf(server), '127.0.0.1');
    socket.write(requestHead().replace('websocket', 'other'));
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1.1 418[^]*Invalid Upgrade header$/);
  });

  test('server closes when the last client has gone', async () => {
    const server = serve();
    const client = await connectRaw(await portOf(server));
    const events: string[] = [];
    server.on('close', () => events.push('close'));
    server.close(() => events.push('callback'));
    expect(server.address()).toBe(null);
    expect(server.clients.size).toBe(1);
    expect(events).toEqual([]);
    client.socket.destroy();
    await until('close', () => events.length === 2);
    expect(server.clients.size).toBe(0);
  });

  test('server serves the requests of a node:http server too', async () => {
    const http = createServer();
    const server = serve({ noServer: true });
    server.on('connection', (ws) => ws.on('message', (data) => ws.send(data)));
    http.on('upgrade', (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request));
    });
    const port = await listen(http);
    cleanup.add(() => http.close());
    const ws = new WebSocket(`ws://127.0.0.1:${port}`);
    ws.on('open', () => ws.send('echo'));
    const [data] = (await once(ws as never, 'message')) as [Buffer];
    expect(String(data)).toBe('echo');
    ws.close();
    await once(ws as never, 'close');
  });

  test('server holds back a client that it does not read from', async () => {
    const server = serve();
    let received = 0;
    let paused: WebSocket | undefined;
    server.on('connection', (ws) => {
      paused = ws;
      ws.pause();
      ws.on('message', (data) => (received += (data as Buffer).length));
    });
    const ws = new WebSocket(`ws://127.0.0.1:${await portOf(server)}`, { perMessageDeflate: false });
    await once(ws as never, 'open');
    const chunk = Buffer.alloc(1 << 20);
    for (let count = 0; count < 64; count++) ws.send(chunk);
    await until('the server', () => paused !== undefined);
    await sleep(200);
    expect(received).toBe(0);
    expect(ws.bufferedAmount).toBeGreaterThan(1 << 20);
    paused!.resume();
    await until('all bytes', () => received === 64 << 20);
    expect(ws.bufferedAmount).toBe(0);
    ws.terminate();
  });

  test('server shows its socket', async () => {
    const server = serve();
    const client = connectRaw(await portOf(server));
    const [ws] = (await once(server as never, 'connection')) as [{ _socket: StreamSocket }];
    await client;
    expect(ws._socket).toMatchObject({ remoteAddress: '127.0.0.1', destroyed: false, encrypted: false });
    let isClosed = false;
    ws._socket.on('close', () => (isClosed = true));
    ws._socket.destroy();
    await until('close', () => isClosed);
  });

  test.each([
    [{ unix: '/a', port: 0 }, 'Only one of the "port" and "unix"'],
    [{ unix: '' }, '"unix" option'],
    [{ noServer: true, tls: { cert: '', key: '' } }, '"tls" option'],
    [{ port: 0, noServer: true }, 'One and only one'],
    [{}, 'One and only one'],
    [{ server: {} as never }, 'The "server" option must be an HTTP server'],
  ])('server refuses the options %j', (options, message) => {
    expect(() => new WebSocketServer(options)).toThrow(TypeError);
    expect(() => new WebSocketServer(options)).toThrow(message);
  });
});
