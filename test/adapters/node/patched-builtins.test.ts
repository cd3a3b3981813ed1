// Built-in modules that a program patches after it has loaded the library: interceptors, agents, tests that forbid connections.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import zlib from 'node:zlib';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as entry from '../../../adapters/node/index.ts';
import { WebSocket as W3CWebSocket } from '../../../adapters/node/w3c.ts';
import * as classic from '../../../src/compat/classic/index.ts';
import * as fibjs from '../../../src/compat/fibjs/index.ts';
import * as jsh from '../../../src/compat/jsh/index.ts';
import websocket from '../../../src/compat/websocket-node/index.ts';
import { certificate, key } from '../../support/certificates.ts';

afterEach(() => vi.restoreAllMocks());

interface Client {
  addEventListener?(type: string, listener: () => void): void;
  on?(type: string, listener: () => void): void;
}

const CLIENTS: readonly [string, (url: string) => unknown][] = [
  ['ws style', (url) => new entry.WebSocket(url)],
  ['W3C style', (url) => new W3CWebSocket(url)],
  ['classic', (url) => new classic.WebSocket(url)],
  ['fibjs', (url) => new fibjs.Socket(url)],
  ['jsh', (url) => new jsh.WebSocket(url)],
  ['websocket', (url) => new websocket.w3cwebsocket(url)],
];

/** Waits for the failure of a client. */
function failure(client: Client): Promise<void> {
  return new Promise((resolve) => {
    if (client.on) client.on('error', resolve);
    else client.addEventListener!('error', resolve);
  });
}

describe.each(CLIENTS)('client, %s', (_, connect) => {
  test.each([
    ['http.request', http, 'request', 'ws'],
    ['https.request', https, 'request', 'wss'],
    ['net.connect', net, 'connect', 'ws'],
    ['tls.connect', tls, 'connect', 'wss'],
  ] as const)('calls the %s of the moment', async (__, module, name, scheme) => {
    const forbidden = vi.spyOn(module as typeof http, name as 'request').mockImplementation(() => {
      throw new Error('No connections here');
    });
    // Some throw out of their constructor, as in their originals.
    await Promise.resolve()
      .then(() => failure(connect(`${scheme}://127.0.0.1:8123/`) as Client))
      .catch(() => {});
    expect(forbidden).toHaveBeenCalledTimes(1);
  });
});

describe('server', () => {
  test.each([
    ['http.createServer', http, {}],
    ['https.createServer', https, { tls: { cert: certificate, key } }],
  ] as const)('calls the %s of the moment', async (_, module, options) => {
    const spy = vi.spyOn(module, 'createServer');
    const server = new entry.WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    await once(server, 'listening');
    expect(spy).toHaveBeenCalledTimes(1);
    await new Promise((resolve) => server.close(resolve));
  });

  test('classic: calls the http.createServer of the moment', async () => {
    const spy = vi.spyOn(http, 'createServer');
    const server = new classic.Server({ port: 0, host: '127.0.0.1' });
    expect(spy).toHaveBeenCalledTimes(1);
    await once(server, 'listening');
    server.close();
  });
});

test('compression by zlib calls the zlib of the moment', async () => {
  const spy = vi.spyOn(zlib, 'deflateRawSync');
  const server = new entry.WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0, engine: 'zlib' } });
  server.on('connection', (ws) => ws.send('x'.repeat(2000)));
  await once(server, 'listening');
  const ws = new entry.WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(ws, 'message');
  expect(spy).toHaveBeenCalled();
  ws.close();
  await once(ws, 'close');
  await new Promise((resolve) => server.close(resolve));
});
