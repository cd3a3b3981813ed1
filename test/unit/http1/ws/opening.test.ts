import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../../../src/api/ws/options.ts';
import type { HttpRequest } from '../../../../src/http1/ws/request.ts';
import type { StreamSocket } from '../../../../src/http1/ws/socket.ts';
import { certificate, key } from '../../../support/certificates.ts';
import { frame } from '../../../support/frames.ts';
import { WebSocket, WebSocketServer } from '../../../support/raw-classes.ts';
import { acceptanceHead, Cleanup, freePort, listen, serveRaw, until, within } from '../../../support/sockets.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Writes down what happens to a client, until it is closed. */
async function story(ws: WebSocket): Promise<string[]> {
  const events: string[] = [];
  ws.on('open', () => events.push('open'));
  ws.on('error', ({ message }) => events.push(message));
  ws.on('close', (code) => events.push(`close ${code}`));
  await within('close', new Promise((resolve) => ws.on('close', resolve)));
  return events;
}

/** A server that does as told with each connection. @returns Its port. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  const port = await listen(server);
  cleanup.add(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return port;
}

describe('opening', () => {
  test('client loses nothing that comes with the answer', async () => {
    const { url } = await serveRaw(cleanup, { extra: Buffer.concat([frame({ payload: 'one' }), frame({ payload: 'two' })]) });
    const ws = new WebSocket(url);
    const messages: string[] = [];
    ws.on('message', (data) => messages.push((data as Buffer).toString()));
    await until('both messages', () => messages.length === 2);
    expect(messages).toEqual(['one', 'two']);
    ws.terminate();
  });

  test('client shows the answer and the socket', async () => {
    const { url, port } = await serveRaw(cleanup);
    const ws = new WebSocket(url);
    const opened = once(ws as never, 'open');
    const [response] = (await once(ws as never, 'upgrade')) as [IncomingMessage];
    expect(response).toMatchObject({ statusCode: 101, headers: { upgrade: 'websocket' } });
    await opened;
    expect(ws._socket).toBe(response.socket);
    expect(ws._socket as unknown as StreamSocket).toMatchObject({ remotePort: port, encrypted: false });
    ws.terminate();
  });

  test('client closes in the middle of its upgrade event', async () => {
    const { url } = await serveRaw(cleanup);
    const ws = new WebSocket(url);
    ws.on('upgrade', () => ws.close());
    expect(await story(ws)).toEqual(['WebSocket was closed before the connection was established', 'close 1006']);
  });

  test('client may change the request before it ends it', async () => {
    const { url, accept } = await serveRaw(cleanup);
    const ws = new WebSocket(url, {
      finishRequest: (request, client) => {
        request.setHeader('X-Late', String(client.readyState));
        setTimeout(() => request.end(), 20);
      },
    });
    await once(ws as never, 'open');
    expect((await accept()).head).toContain('\r\nX-Late: 0');
    ws.terminate();
  });

  test('client masks with the keys of the program', async () => {
    const { url, accept } = await serveRaw(cleanup);
    const ws = new WebSocket(url, { generateMask: (mask) => void mask.write('abcd') });
    await once(ws as never, 'open');
    ws.send('');
    expect((await (await accept()).readBytes(6)).toString('latin1')).toBe('\x81\x80abcd');
    ws.terminate();
  });
});

describe('failure', () => {
  test('client reports a refused connection', async () => {
    const port = await freePort();
    expect(await story(new WebSocket(`ws://127.0.0.1:${port}`))).toEqual([
      `connect ECONNREFUSED 127.0.0.1:${port}`,
      'close 1006',
    ]);
  });

  test('client reports a server that it does not trust', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', tls: { cert: certificate, key } });
    await once(server as never, 'listening');
    cleanup.add(() => server.close());
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await story(new WebSocket(url))).toEqual([expect.stringMatching(/^self-signed certificate/), 'close 1006']);
    const ws = new WebSocket(url, { rejectUnauthorized: false });
    await once(ws as never, 'open');
    ws.terminate();
  });

  test.each([
    ['says nothing', () => {}],
    ['does not end its answer', (socket: Socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nA: b')],
    ['does not end an interim answer', (socket: Socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n')],
  ])('client runs out of time with a server that %s', async (_what, onConnection) => {
    const port = await serve(onConnection);
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { handshakeTimeout: 50 });
    expect(await story(ws)).toEqual(['Opening handshake has timed out', 'close 1006']);
  });

  test('client runs out of time with a server that does not speak TLS', async () => {
    const port = await serve(() => {});
    const ws = new WebSocket(`wss://127.0.0.1:${port}`, { handshakeTimeout: 50 });
    expect(await story(ws)).toEqual(['Opening handshake has timed out', 'close 1006']);
  });

  test('client reports a server that hangs up', async () => {
    const port = await serve((socket) => socket.once('data', () => socket.end()));
    expect(await story(new WebSocket(`ws://127.0.0.1:${port}`))).toEqual(['socket hang up', 'close 1006']);
  });

  test('client is closed before it is connected', async () => {
    const port = await serve(() => {});
    const ws = new WebSocket(`ws://127.0.0.1:${port}`);
    ws.close();
    expect(await story(ws)).toEqual(['WebSocket was closed before the connection was established', 'close 1006']);
  });

  test('client is cut while it waits for the answer', async () => {
    let request = '';
    let isGone = false;
    const port = await serve((socket) => {
      socket.on('data', (chunk) => (request += String(chunk)));
      socket.on('close', () => (isGone = true));
    });
    const ws = new WebSocket(`ws://127.0.0.1:${port}`);
    await until('the request', () => request.endsWith('\r\n\r\n'));
    const end = story(ws);
    ws.terminate();
    expect(await end).toEqual(['WebSocket was closed before the connection was established', 'close 1006']);
    await until('the end of the connection', () => isGone);
  });

  test('client obeys an AbortSignal', async () => {
    const port = await serve(() => {});
    const controller = new AbortController();
    const later = new WebSocket(`ws://127.0.0.1:${port}`, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await story(later)).toEqual(['The operation was aborted', 'close 1006']);
    const before = new WebSocket(`ws://127.0.0.1:${port}`, { signal: AbortSignal.abort() });
    expect(await story(before)).toEqual(['The operation was aborted', 'close 1006']);
  });

  test.each(['agent', 'createConnection', 'lookup', 'passphrase', 'checkServerIdentity', 'socketPath'])(
    'client refuses the option %s',
    (name) => {
      expect(() => new WebSocket('ws://127.0.0.1:1', { [name]: () => {} })).toThrow(TypeError);
      expect(() => new WebSocket('ws://127.0.0.1:1', { [name]: () => {} })).toThrow(`"${name}"`);
    },
  );

  test.each([
    ['ftp://a', {}, SyntaxError],
    ['ws://a', { protocolVersion: 7 }, RangeError],
    ['ws://a', { protocols: ['a', 'a'] }, SyntaxError],
    ['ws://a', { headers: { a: 'b\r\nc: d' } }, Error],
    ['wss://a', { ca: 5 }, TypeError],
  ])('client refuses %s with %j', (address, options, error) => {
    expect(() => new WebSocket(address, options as ClientOptions)).toThrow(error);
  });
});

describe('other answers', () => {
  /** An HTTP server. @returns Its port. */
  async function serveHttp(handler: Parameters<typeof createHttpServer>[1]): Promise<number> {
    const server = createHttpServer(handler);
    server.on('upgrade', (request, socket) => {
      if (request.url === '/target') socket.write(acceptanceHead(request.headers['sec-websocket-key']!));
      else handler!(request, { writeHead: (head: string) => socket.end(head) } as never);
    });
    const port = await listen(server);
    cleanup.add(() => {
      server.close();
      server.closeAllConnections();
    });
    return port;
  }

  test.each([
    ['by its length', 'Content-Length: 9\r\n\r\nForbidden'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nForbi\r\n4\r\ndden\r\n0\r\n\r\n'],
    ['until the end', '\r\nForbidden'],
  ])('client shows a refusal, with its body %s', async (_what, rest) => {
    const port = await serve((socket) => socket.once('data', () => socket.end(`HTTP/1.1 403 No\r\n${rest}`)));
    const ws = new WebSocket(`ws://127.0.0.1:${port}/path`);
    const told = once(ws as never, 'unexpected-response') as Promise<[HttpRequest, IncomingMessage]>;
    const [request, response] = await told;
    expect(request.path).toBe('/path');
    expect(response.statusCode).toBe(403);
    expect(await text(response)).toBe('Forbidden');
    expect(ws.readyState).toBe(WebSocket.CONNECTING);
    const end = story(ws);
    ws.terminate();
    expect(await end).toEqual(['WebSocket was closed before the connection was established', 'close 1006']);
  });

  test('client fails at a refusal that nobody asks for', async () => {
    const port = await serve((socket) => socket.once('data', () => socket.end('HTTP/1.1 403 No\r\n\r\n')));
    expect(await story(new WebSocket(`ws://127.0.0.1:${port}`))).toEqual(['Unexpected server response: 403', 'close 1006']);
  });

  test('client follows a redirect, and takes credentials to the same host only', async () => {
    const seen: unknown[] = [];
    const target = await serveRaw(cleanup);
    const port = await serveHttp((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(`HTTP/1.1 302 Found\r\nLocation: ${request.url === '/1' ? '/2' : target.url}\r\n\r\n` as never);
    });
    const ws = new WebSocket(`ws://user:secret@127.0.0.1:${port}/1`, { followRedirects: true });
    await within('open', once(ws as never, 'open'));
    expect(seen).toEqual(['Basic dXNlcjpzZWNyZXQ=', 'Basic dXNlcjpzZWNyZXQ=']);
    expect((await target.accept()).head.toLowerCase()).not.toContain('authorization');
    expect(ws.url).toBe(target.url);
    ws.terminate();
  });

  test('client tells of a redirect, and takes all along then', async () => {
    const target = await serveRaw(cleanup);
    const port = await serve((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 307 X\r\nLocation: ${target.url}\r\n\r\n`)),
    );
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { followRedirects: true, headers: { Cookie: 'a=b' } });
    const urls: string[] = [];
    ws.on('redirect', (url, request) => {
      urls.push(url);
      request.setHeader('X-Redirected', 'yes');
    });
    await within('open', once(ws as never, 'open'));
    expect(urls).toEqual([target.url]);
    const { head } = await target.accept();
    expect(head).toContain('\r\ncookie: a=b');
    expect(head).toContain('\r\nX-Redirected: yes');
    ws.terminate();
  });

  test.each([
    ['too often', '/again', 'Maximum redirects exceeded'],
    ['to another scheme', 'ftp://a/', 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"'],
  ])('client fails when it is redirected %s', async (_what, location, message) => {
    const port = await serve((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 301 X\r\nLocation: ${location}\r\n\r\n`)),
    );
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { followRedirects: true, maxRedirects: 3 });
    expect(await story(ws)).toEqual([message, 'close 1006']);
  });
});
