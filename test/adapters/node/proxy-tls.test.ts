// What a dispatcher decides besides proxies: client certificates, trust, connectors of a program's own, sockets of other kinds.

import { createServer, request, type IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { Agent, buildConnector, Client, Pool, ProxyAgent, RetryAgent, type Dispatcher } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { WebSocket as WsStyle } from '../../../adapters/node/index.ts';
import { certificate, clientCertificate, clientKey } from '../../support/certificates.ts';
import { converse, FACES, failureOf, peerName, serveEcho, serveProxy } from './proxies.ts';

/** A dispatcher that ends with the test. */
function kept<Kept extends Dispatcher>(dispatcher: Kept): Kept {
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

const MUTUAL = { ca: certificate, requestCert: true, rejectUnauthorized: true } as const;
const IDENTITY = { ca: certificate, cert: clientCertificate, key: clientKey } as const;

describe.each(FACES)('%s client', (_, connect) => {
  test('shows the certificate of the agent to a server that demands one', async () => {
    const target = await serveEcho(MUTUAL);
    const dispatcher = kept(new Agent({ connect: IDENTITY }));
    expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
    expect(target.requests.map(peerName)).toEqual(['test client']);
  });

  test('shows it through a proxy as well', async () => {
    const target = await serveEcho(MUTUAL);
    const proxy = await serveProxy();
    const dispatcher = kept(new ProxyAgent({ uri: proxy.url, requestTls: IDENTITY }));
    expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
    expect([target.requests.map(peerName), proxy.asked]).toEqual([['test client'], [target.authority]]);
  });

  test('fails without that certificate', async () => {
    const target = await serveEcho(MUTUAL);
    await failureOf(connect(target.url, { dispatcher: kept(new Agent({ connect: { ca: certificate } })) }));
    expect(target.requests).toEqual([]);
  });

  test('fails when the agent does not trust the server', async () => {
    const target = await serveEcho({});
    const failure = await failureOf(connect(target.url, { dispatcher: kept(new Agent()) }));
    expect(failure).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  test('checks the name that the agent says', async () => {
    const target = await serveEcho({});
    const other = kept(new Agent({ connect: { ca: certificate, servername: 'other.example' } }));
    expect(await failureOf(connect(target.url, { dispatcher: other }))).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const same = kept(new Agent({ connect: { ca: certificate, servername: 'localhost' } }));
    expect(await converse(connect(target.url.replace('localhost', '127.0.0.1'), { dispatcher: same }))).toBe(1000);
  });

  test('goes where a connector leads', async () => {
    const target = await serveEcho();
    const asked: string[] = [];
    const connector: buildConnector.connector = ({ hostname, port, protocol }, done) => {
      asked.push(`${protocol} ${hostname} ${port}`);
      const socket = connectTcp(Number(new URL(target.url).port), '127.0.0.1', () => done(null, socket));
      socket.once('error', (error) => done(error, null));
    };
    const dispatcher = kept(new Agent({ connect: connector }));
    expect(await converse(connect('ws://service.internal/chat', { dispatcher }))).toBe(1000);
    expect(asked).toEqual(['http: service.internal ']);
    expect(target.requests.map(({ headers }) => headers.host)).toEqual(['service.internal']);
  });

  test('reaches a Unix domain socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dispatcher-'));
    const socketPath = join(folder, 'socket');
    const server = createServer();
    const wss = new WebSocketServer({ server });
    wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
    server.listen(socketPath);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    const dispatcher = kept(new Agent({ connect: { socketPath } }));
    expect(await converse(connect('ws://localhost/chat', { dispatcher }))).toBe(1000);
  });

  test.each([
    ['Client', (origin: string) => new Client(origin)],
    ['Pool', (origin: string) => new Pool(origin, { connections: 1 })],
    ['RetryAgent', () => new RetryAgent(new Agent())],
    ['composed dispatcher', () => new Agent().compose((dispatch) => (options, handler) => dispatch(options, handler))],
  ])('takes a %s', async (__, create) => {
    const target = await serveEcho();
    const dispatcher = kept(create(new URL(target.url.replace('ws:', 'http:')).origin));
    // The same for all: what was upgraded is not theirs any more.
    expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
    expect(await converse(connect(target.url, { dispatcher }))).toBe(1000);
    expect(target.requests).toHaveLength(2);
  });

  test('stays open when the dispatcher is destroyed', async () => {
    const target = await serveEcho();
    const dispatcher = new Agent();
    const client = connect(target.url, { dispatcher });
    const conversation = converse(client);
    (client as WsStyle).addEventListener('open', () => void dispatcher.destroy());
    expect(await conversation).toBe(1000);
  });
});

test('ws-style client refuses a ws+unix: address', () => {
  const create = (): WsStyle => new WsStyle('ws+unix:///tmp/socket', { dispatcher: kept(new Agent()) });
  expect(create).toThrow(
    new TypeError(
      'A ws+unix: address and the option dispatcher exclude each other: use a ws: address and an Agent with connect.socketPath',
    ),
  );
});

test('ws-style client goes through a proxy that forwards requests instead of opening tunnels', async () => {
  const target = await serveEcho();
  const asked: string[] = [];
  const server = createServer().on('upgrade', ({ url, headers, rawHeaders }: IncomingMessage, socket) => {
    asked.push(url!);
    const { hostname, port, pathname, search } = new URL(url!);
    const forwarded = request({ hostname, port, path: pathname + search, headers: { ...headers }, agent: false }).end();
    expect(rawHeaders).toContain('websocket');
    forwarded.on('upgrade', (answer, upstream) => {
      const fields = answer.rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
      upstream.pipe(socket).pipe(upstream);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const dispatcher = kept(new ProxyAgent({ uri: `http://127.0.0.1:${port}`, proxyTunnel: false }));
  expect(await converse(new WsStyle(target.url, { dispatcher }))).toBe(1000);
  expect(asked).toEqual([target.url.replace('ws:', 'http:')]);
});
