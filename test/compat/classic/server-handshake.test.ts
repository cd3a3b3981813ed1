// Upgrades that the facade's server accepts or refuses: checks of the request, verifyClient, handleProtocols, handleUpgrade.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Server, WebSocket, type VerifyClientInfo } from '../../../src/compat/classic/index.ts';
import { certificate, key } from '../../support/certificates.ts';
import { connectRaw, listen, requestHead, until, within } from '../../support/sockets.ts';
import { sleep } from '../../support/sleep.ts';
import { answerTo, connectPair, ended, nextClient, openClient, rawClient, refusalOf, startHttp, startServer } from './peers.ts';

describe('refusals', () => {
  test.each([
    ['another method', (head: string) => head.replace('GET', 'POST'), 405],
    ['no key', (head: string) => head.replace(/Sec-WebSocket-Key: .*\r\n/, ''), 400],
    ['a short key', (head: string) => head.replace(/(Sec-WebSocket-Key: ).*\r\n/, '$1YQ==\r\n'), 400],
    ['another protocol', (head: string) => head.replace('Upgrade: websocket', 'Upgrade: h2c'), 400],
    ['HTTP/1.0', (head: string) => head.replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['an invalid subprotocol', (head: string) => head.replace('Host', 'Sec-WebSocket-Protocol: a,,b\r\nHost'), 400],
    ['a bad extension', (head: string) => head.replace('Host', 'Sec-WebSocket-Extensions: ;\r\nHost'), 400],
  ])('server refuses %s with its status', async (_what, change, status) => {
    const { port, server } = await startServer();
    expect(await answerTo(port, change(requestHead()))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(server.clients).toHaveLength(0);
  });

  test.each(['7', '14', 'x'])('server refuses version %s and names those that it speaks', async (version) => {
    const { port } = await startServer();
    const answer = await answerTo(port, requestHead().replace('Version: 13', `Version: ${version}`));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('Sec-WebSocket-Version: 13, 8');
  });

  test('server refuses clients while it is closing', async () => {
    const { server, port } = await startServer({
      verifyClient: (_info, callback) => {
        server.close();
        callback(true);
      },
    });
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 503 /);
  });

  test('server forgets a client that leaves while verifyClient makes up its mind', async () => {
    let decide: ((ok: boolean) => void) | undefined;
    const { server, port } = await startServer({ verifyClient: (_info, callback) => void (decide = callback) });
    const connected = vi.fn<(...values: unknown[]) => void>();
    server.on('connection', connected);
    const peer = rawClient(port);
    peer.write(requestHead());
    await until('the question', () => decide !== undefined);
    peer.socket.resetAndDestroy();
    const [count] = await new Promise<[number]>((resolve) => {
      const ask = (): void => {
        server._server!.getConnections((_error, open) => (open === 0 ? resolve([open]) : setTimeout(ask, 5)));
      };
      ask();
    });
    decide!(true);
    expect(count).toBe(0);
    expect(connected).not.toHaveBeenCalled();
  });
});

describe('handleProtocols that fails', () => {
  test('answers 500 when its promise rejects', async () => {
    const { port } = await startServer({ handleProtocols: () => Promise.reject(new Error('secret')) });
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 500 /);
  });
});

describe('verifyClient', () => {
  test('gets origin, secure and the request, and accepts', async () => {
    let info: VerifyClientInfo | undefined;
    const { url } = await startServer({ verifyClient: (asked: VerifyClientInfo) => ((info = asked), true) });
    await once(openClient(`${url}/p`, { origin: 'http://a.example' }), 'open');
    expect(info).toMatchObject({ origin: 'http://a.example', secure: false });
    expect(info!.req.url).toBe('/p');
    await once(openClient(url, { origin: 'http://b.example', protocolVersion: 8 }), 'open');
    expect(info!.origin).toBe('http://b.example');
    expect(info!.req.headers['sec-websocket-origin']).toBe('http://b.example');
  });

  test('refuses with 401', async () => {
    const { url } = await startServer({ verifyClient: () => false });
    expect(await refusalOf(url)).toBe('unexpected server response (401)');
  });

  test.each([
    [true, /^HTTP\/1.1 101 /],
    [false, /^HTTP\/1.1 401 Unauthorized/],
    [new Error('secret'), /^HTTP\/1.1 500 /],
  ])('may promise its verdict: %s', async (verdict, answer) => {
    const { port } = await startServer({
      async verifyClient() {
        await sleep(1);
        if (verdict instanceof Error) throw verdict;
        return verdict;
      },
    });
    expect(await answerTo(port, requestHead())).toMatch(answer);
  });

  test('answers 500 when it throws, before the program hears of it', async () => {
    const { port, server } = await startServer({
      verifyClient() {
        throw new Error('mine');
      },
    });
    const http = server._server!;
    const [listener] = http.listeners('upgrade');
    const errors: unknown[] = [];
    http.removeAllListeners('upgrade').on('upgrade', (...values) => {
      try {
        listener(...values);
      } catch (error) {
        errors.push(error);
      }
    });
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 500 /);
    expect(errors).toEqual([new Error('mine')]);
  });

  test('calls back with a verdict, a status and a reason, of which the first counts', async () => {
    const verdicts: unknown[][] = [[true], [false], [false, 404], [false, 403, 'Not you']];
    const { server, port } = await startServer({
      verifyClient: (_info, callback) => {
        const verdict = verdicts.shift()!;
        setImmediate(() => {
          callback(...(verdict as [boolean]));
          callback(true);
        });
      },
    });
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 101 /);
    expect(server.clients).toHaveLength(1);
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 401 Unauthorized/);
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 404 Not Found/);
    const peer = rawClient(port);
    peer.write(requestHead());
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 403 Forbidden/);
    expect((await peer.readBytes(7)).toString()).toBe('Not you');
  });

  test('knows a secure connection', async () => {
    const https = createHttpsServer({ cert: certificate, key });
    let secure: boolean | undefined;
    const server = new Server({ server: https, verifyClient: (info: VerifyClientInfo) => ((secure = info.secure), true) });
    onTestFinished(() => {
      server.close();
      https.close();
    });
    const port = await listen(https);
    await within('open', once(openClient(`wss://localhost:${port}`, { ca: certificate }), 'open'));
    expect(secure).toBe(true);
  });
});

describe('subprotocols', () => {
  test('server takes the first that is asked for without handleProtocols', async () => {
    const { server, url } = await startServer();
    const accepted = nextClient(server);
    const local = openClient(url, ['b', 'a']);
    await once(local, 'open');
    expect([local.protocol, (await accepted).protocol]).toEqual(['b', 'b']);
  });

  test('handleProtocols gets the list and picks', async () => {
    const asked: string[][] = [];
    const { server, url } = await startServer({
      handleProtocols: (protocols, callback) => {
        asked.push(protocols);
        callback(true, protocols[1]);
        callback(false);
      },
    });
    const accepted = nextClient(server);
    const local = openClient(url, ['a', 'b']);
    await once(local, 'open');
    expect([local.protocol, (await accepted).protocol]).toEqual(['b', 'b']);
    const without = openClient(url);
    await once(without, 'open');
    expect(without.protocol).toBeUndefined();
    expect(asked).toEqual([['a', 'b'], []]);
  });

  test('handleProtocols picks later', async () => {
    const { url } = await startServer({
      handleProtocols: (protocols, callback) => void setImmediate(callback, true, protocols[0]),
    });
    const local = openClient(url, 'x');
    await once(local, 'open');
    expect(local.protocol).toBe('x');
  });

  test('handleProtocols refuses with 401', async () => {
    const { url } = await startServer({ handleProtocols: (_protocols, callback) => callback(false) });
    expect(await refusalOf(url)).toBe('unexpected server response (401)');
  });

  test('a handleProtocols that never calls back is answered with 501', async () => {
    const { port } = await startServer({ handshakeTimeout: 20, handleProtocols: () => {} });
    expect(await answerTo(port, requestHead())).toMatch(/^HTTP\/1.1 501 /);
  });
});

describe('handshake', () => {
  test.each([8, 13] as const)('server speaks version %d', async (version) => {
    const { remote, local } = await connectPair({}, { protocolVersion: version });
    expect([remote.protocolVersion, local.protocolVersion]).toEqual([version, version]);
    expect(remote.upgradeReq!.headers['sec-websocket-version']).toBe(String(version));
  });

  test('headers gives the lines of the answer, to look at and to add to', async () => {
    const { server, port } = await startServer();
    let seen: string[] = [];
    server.on('headers', (lines: string[]) => {
      seen = lines.slice();
      lines.push('X-Added: 1');
    });
    const peer = await connectRaw(port);
    onTestFinished(() => void peer.socket.destroy());
    expect(seen[0]).toBe('HTTP/1.1 101 Switching Protocols');
    expect(seen).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(peer.head).toContain('X-Added: 1');
  });

  test('messages that come with the request arrive after the listeners of connection are there', async () => {
    const { server, port } = await startServer();
    const messages: unknown[] = [];
    server.on('connection', (ws: WebSocket) => ws.on('message', (data) => messages.push(data)));
    const extra = Buffer.from('818537fa213d7f9f4d5158', 'hex');
    const peer = await connectRaw(port, { extra });
    onTestFinished(() => void peer.socket.destroy());
    await until('the message', () => messages.length === 1);
    expect(messages).toEqual(['Hello']);
    expect(server.clients[0].bytesReceived).toBe(11);
  });

  test('handleUpgrade serves requests by hand with noServer, once each', async () => {
    const server = new Server({ noServer: true });
    const { http, port } = await startHttp();
    let again: unknown;
    const accepted = new Promise<WebSocket>((resolve) => {
      http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        server.handleUpgrade(request, socket, head, resolve);
        try {
          server.handleUpgrade(request, socket, head, () => {});
        } catch (error) {
          again = error;
        }
      });
    });
    const local = openClient(`ws://127.0.0.1:${port}`);
    await once(local, 'open');
    expect((await accepted).readyState).toBe(WebSocket.OPEN);
    expect(again).toBeInstanceOf(Error);
    expect(server.clients).toHaveLength(1);
    expect(server._server).toBeUndefined();
    server.close();
    expect((await ended(local))[0]).toBe(1006);
  });

  test('handleUpgrade refuses another path', async () => {
    const server = new Server({ noServer: true, path: '/only' });
    const { http, port } = await startHttp();
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      server.handleUpgrade(request, socket, head, () => {});
    });
    expect(await answerTo(port, requestHead('/'))).toMatch(/^HTTP\/1.1 400 /);
    expect(await answerTo(port, requestHead('/only'))).toMatch(/^HTTP\/1.1 101 /);
  });
});
