// The client's opening handshake of the facade: options that reach the request and its TLS connection, and how it can fail.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Server, WebSocket } from '../../../src/compat/classic/index.ts';
import { certificate, key } from '../../support/certificates.ts';
import { sleep } from '../../support/sleep.ts';
import { Cleanup, freePort, listen, serveRaw, until, within } from '../../support/sockets.ts';
import { ended, nextClient, nextMessage, openClient, startHttp, startServer } from './peers.ts';

describe('options of the request', () => {
  test('protocol, headers, host, origin and agent reach the server', async () => {
    const { server, url } = await startServer();
    const agent = new Agent();
    const createConnection = vi.spyOn(agent, 'createConnection' as never);
    const accepted = nextClient(server);
    const ws = openClient(url, {
      protocol: 'a, b',
      headers: { 'X-Custom': '1', Cookie: 'c=d' },
      host: 'virtual.example',
      origin: 'http://o.example',
      agent,
    });
    await once(ws, 'open');
    const { headers } = (await accepted).upgradeReq!;
    expect(headers).toMatchObject({
      'sec-websocket-protocol': 'a,b',
      'x-custom': '1',
      cookie: 'c=d',
      host: 'virtual.example',
      origin: 'http://o.example',
    });
    expect(headers['sec-websocket-extensions']).toBeUndefined();
    expect(createConnection).toHaveBeenCalledTimes(1);
    expect(ws.protocol).toBe('a');
  });

  test('subprotocols of the second argument win over the option', async () => {
    const { url } = await startServer();
    const ws = openClient(url, ['first', 'second'], { protocol: 'other' });
    await once(ws, 'open');
    expect(ws.protocol).toBe('first');
    const single = openClient(url, 'single');
    await once(single, 'open');
    expect(single.protocol).toBe('single');
  });

  test('credentials of the address become basic authentication', async () => {
    const { server, url } = await startServer();
    const accepted = nextClient(server);
    openClient(url.replace('ws://', 'ws://user:secret@'));
    expect((await accepted).upgradeReq!.headers.authorization).toBe('Basic dXNlcjpzZWNyZXQ=');
  });

  test('key, cert, ca, ciphers and rejectUnauthorized reach TLS', async () => {
    const https = createHttpsServer({ cert: certificate, key, ca: certificate, requestCert: true, rejectUnauthorized: true });
    const server = new Server({ server: https });
    onTestFinished(() => {
      server.close();
      https.close();
    });
    const url = `wss://localhost:${await listen(https)}`;
    const untrusting = openClient(url, { key, cert: certificate });
    const [error] = (await once(untrusting, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    const ciphers = 'TLS_AES_128_GCM_SHA256';
    for (const trust of [{ ca: certificate }, { rejectUnauthorized: false }]) {
      const ws = openClient(url, { key, cert: certificate, ciphers, ...trust });
      const [accepted] = await Promise.all([nextClient(server), within('open', once(ws, 'open'))]);
      expect((accepted._socket as TLSSocket).getPeerCertificate().subject.CN).toBe('localhost');
      expect((accepted._socket as TLSSocket).getCipher().name).toBe(ciphers);
      accepted.send('secret');
      expect((await nextMessage(ws)).data).toBe('secret');
      expect(ws.bytesReceived).toBe(8);
    }
  });

  test('pfx and passphrase reach TLS', async () => {
    const https = createHttpsServer({ cert: certificate, key, ca: certificate, requestCert: true, rejectUnauthorized: true });
    const server = new Server({ server: https });
    onTestFinished(() => {
      server.close();
      https.close();
    });
    const url = `wss://localhost:${await listen(https)}`;
    // The certificate and key of test/support/certificates as PKCS #12: openssl pkcs12 -export -passout pass:secret
    const pfx = readFileSync(new URL('identity.p12', import.meta.url));
    const ws = openClient(url, { pfx, passphrase: 'secret', ca: certificate });
    const [accepted] = await Promise.all([nextClient(server), within('open', once(ws, 'open'))]);
    expect((accepted._socket as TLSSocket).getPeerCertificate().subject.CN).toBe('localhost');
    const [error] = (await once(openClient(url, { pfx, passphrase: 'wrong' }), 'error')) as [Error];
    expect(error.message).toContain('mac verify failure');
  });

  test('handshakeTimeout ends a handshake that nobody answers', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url } = await serveRaw(cleanup, { answer: () => null });
    const ws = openClient(url, { handshakeTimeout: 20 });
    const [[error], close] = await Promise.all([once(ws, 'error') as Promise<[Error]>, ended(ws)]);
    expect(error.message).toBe('Opening handshake has timed out');
    expect(close).toEqual([1006, '']);
  });
});

describe('a handshake that fails', () => {
  test('client emits error, then close', async () => {
    const ws = openClient(`ws://127.0.0.1:${await freePort()}`);
    const order: unknown[] = [];
    ws.on('error', (error) => order.push((error as NodeJS.ErrnoException).code, ws.readyState));
    ws.on('close', (...values) => order.push(...values, ws.readyState));
    await ended(ws);
    expect(order).toEqual(['ECONNREFUSED', WebSocket.CLOSING, 1006, '', WebSocket.CLOSED]);
  });

  test('client refuses a wrong Sec-WebSocket-Accept', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const { url } = await serveRaw(cleanup, {
      answer: () => 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n',
    });
    const [error] = (await once(openClient(url), 'error')) as [Error];
    expect(error.message).toBe('Invalid Sec-WebSocket-Accept header');
  });

  test.each(['close', 'terminate'] as const)('client that does %s while connecting emits close only', async (method) => {
    const { server, url } = await startServer();
    const connected = vi.fn<(...values: unknown[]) => void>();
    server.on('connection', connected);
    const ws = openClient(url);
    const opened = vi.fn<(...values: unknown[]) => void>();
    ws.on('open', opened).on('error', opened);
    ws[method]();
    expect(await ended(ws)).toEqual([1006, '']);
    expect(ws.readyState).toBe(WebSocket.CLOSED);
    expect(opened).not.toHaveBeenCalled();
  });

  /** A server that answers each request with `status` and a body. */
  async function refusing(status: string): Promise<string> {
    const { http, port } = await startHttp();
    http.on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 ${status}\r\nX-Why: because\r\nContent-Length: 4\r\n\r\nbody`);
    });
    return `ws://127.0.0.1:${port}`;
  }

  test.each(['401 Unauthorized', '302 Found', '200 OK', '500 x'])(
    "client gives the answer %s to 'unexpected-response' instead of an error",
    async (status) => {
      const ws = openClient(await refusing(status));
      const errors = vi.fn<() => void>();
      ws.on('error', errors);
      const closed = ended(ws);
      const [request, response] = (await within('an answer', once(ws, 'unexpected-response'))) as [
        ClientRequest,
        IncomingMessage,
      ];
      expect([response.statusCode, response.headers['x-why']]).toEqual([Number(status.slice(0, 3)), 'because']);
      expect(request.getHeader('upgrade')).toBe('websocket');
      expect(await closed).toEqual([1006, '']);
      expect(ws.readyState).toBe(WebSocket.CLOSED);
      const chunks = await response.toArray();
      expect(String(Buffer.concat(chunks as Buffer[]))).toBe('body');
      request.destroy();
      expect(errors).not.toHaveBeenCalled();
    },
  );

  test.each(['close', 'terminate'] as const)("client may do %s in 'unexpected-response'", async (method) => {
    const ws = openClient(await refusing('403 Forbidden'));
    const closes: unknown[] = [];
    ws.on('close', (...values) => closes.push(values));
    ws.on('unexpected-response', () => ws[method]());
    await until('the end', () => closes.length === 1);
    await sleep(20);
    expect(closes).toEqual([[1006, '']]);
  });

  test("client without a listener of 'unexpected-response' emits an error", async () => {
    const [error] = (await once(openClient(await refusing('401 Unauthorized')), 'error')) as [Error];
    expect(error.message).toBe('unexpected server response (401)');
  });
});
