// nginx, HAProxy and Caddy, configured as examples/reverse-proxies says, between clients and our server.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import RealWebSocket from 'ws';
import { WebSocket, WebSocketServer } from '../../adapters/node/index.ts';
import { certificate } from '../support/certificates.ts';
import { pattern } from '../support/frames.ts';
import { ReverseProxy, type ProxyName } from './reverse-proxy.ts';
import { sleep, until } from '../support/sockets.ts';

const CLIENTS = [
  ['our client', WebSocket],
  ['the client of ws', RealWebSocket as unknown as typeof WebSocket],
] as const;
/** Seconds after which a proxy cuts an idle connection, where it does. */
const IDLE = 3;

describe.each<ProxyName>(['nginx', 'haproxy', 'caddy'])('behind %s', (name) => {
  let server: Server;
  let wss: WebSocketServer;
  let proxy: ReverseProxy;
  let requests: IncomingMessage[];
  let peers: WebSocket[];
  const clients: WebSocket[] = [];

  beforeEach(async () => {
    requests = [];
    peers = [];
    server = createServer((_request, response) => void response.end('plain HTTP'));
    wss = new WebSocketServer({
      server,
      perMessageDeflate: true,
      verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== '/forbidden',
      handleProtocols: (protocols) => [...protocols][0],
    });
    wss.on('connection', (ws, request) => {
      requests.push(request);
      peers.push(ws);
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await ReverseProxy.start(name, (server.address() as AddressInfo).port, IDLE);
  });

  afterEach(async () => {
    for (const ws of [...clients.splice(0), ...peers]) ws.terminate();
    await (proxy as ReverseProxy | undefined)?.stop();
    server.closeAllConnections();
    server.close();
  });

  async function open(
    Client: typeof WebSocket = WebSocket,
    url: string = proxy.url,
    options: object = {},
  ): Promise<{ client: WebSocket; peer: WebSocket }> {
    const client = new Client(`${url}/path?query=1`, ['chat', 'other'], { ca: certificate, ...options });
    clients.push(client);
    client.on('error', () => {});
    const accepted = once(wss, 'connection') as Promise<[WebSocket]>;
    await once(client, 'open');
    const [peer] = await accepted;
    return { client, peer };
  }

  describe.each(CLIENTS)('%s', (_, Client) => {
    test.each(['url', 'tlsUrl'] as const)('exchanges messages and codes over its %s', async (url) => {
      const { client, peer } = await open(Client, proxy[url]);
      expect([client.protocol, client.extensions]).toEqual(['chat', expect.stringContaining('permessage-deflate')]);
      const { headers, url: path } = requests[0];
      expect([path, headers['x-forwarded-for'], headers['x-forwarded-proto']]).toEqual([
        '/path?query=1',
        '127.0.0.1',
        url === 'url' ? 'http' : 'https',
      ]);
      for (const message of ['Zażółć', pattern(1 << 20), pattern(125)]) {
        client.send(message);
        const [data] = (await once(client, 'message')) as [Buffer];
        expect(data.equals(Buffer.from(message as Uint8Array))).toBe(true);
      }
      const heard = once(peer, 'close');
      client.close(4001, 'done');
      expect((await heard).map(String)).toEqual(['4001', 'done']);
      const second = await open(Client, proxy[url]);
      const told = once(second.client, 'close');
      second.peer.close(4002, 'no more');
      expect((await told).map(String)).toEqual(['4002', 'no more']);
    });

    test('hears of a refusal', async () => {
      const client = new Client(`${proxy.url}/forbidden`);
      const [error] = (await once(client, 'error')) as [Error];
      expect(error.message).toBe('Unexpected server response: 401');
    });
  });

  test('does not trust what the client says of its address', async () => {
    await open(WebSocket, proxy.url, { headers: { 'X-Forwarded-For': '203.0.113.9' } });
    expect(requests[0].headers['x-forwarded-for']).toBe('127.0.0.1');
  });

  test('leaves plain HTTP alone', async () => {
    expect(await (await fetch(proxy.url.replace('ws', 'http'))).text()).toBe('plain HTTP');
  });

  test('a heartbeat keeps an idle connection, and without one it is cut where the proxy cuts', async () => {
    const idle = await open();
    const kept = await open(WebSocket, proxy.url, { heartbeat: { interval: 200, timeout: 5000 } });
    const codes: number[] = [];
    idle.client.on('close', (code) => codes.push(code));
    await sleep(IDLE * 1500);
    if (proxy.cutsIdle) await until('the cut', () => codes.length > 0);
    expect(codes).toEqual(proxy.cutsIdle ? [1006] : []);
    expect(kept.client.readyState).toBe(WebSocket.OPEN);
    kept.client.send('still here');
    expect(String((await once(kept.client, 'message'))[0])).toBe('still here');
  });

  test('a client that does not read holds the server back, and loses nothing', async () => {
    const { client, peer } = await open(WebSocket, proxy.url, { perMessageDeflate: false });
    client.pause();
    const COUNT = 64;
    for (let index = 0; index < COUNT; index++) peer.send(new Uint8Array(1 << 20).fill(index));
    await sleep(300);
    expect(peer.bufferedAmount).toBeGreaterThan(1 << 20);
    const seen: number[] = [];
    client.on('message', (data: Buffer) => seen.push(data[0]));
    client.resume();
    while (seen.length < COUNT) await once(client, 'message');
    expect(seen).toEqual([...new Array(COUNT).keys()]);
  });

  test.runIf(name !== 'caddy')('a reload of the proxy keeps connections, and takes new ones', async () => {
    const { client } = await open(WebSocket, proxy.url, { heartbeat: { interval: 200, timeout: 5000 } });
    await proxy.reload();
    client.send('old');
    expect(String((await once(client, 'message'))[0])).toBe('old');
    const second = await open();
    second.client.send('new');
    expect(String((await once(second.client, 'message'))[0])).toBe('new');
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test.runIf(name === 'caddy')('a reload of the proxy closes connections, and takes new ones', async () => {
    const { client, peer } = await open();
    const errors: unknown[] = [];
    peer.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    const ended = [client, peer].map((ws) => new Promise<number>((resolve) => void ws.on('close', resolve)));
    await proxy.reload();
    const [clientCode, serverCode] = await Promise.all(ended);
    expect(clientCode).toBe(1001);
    // The Close frame of Caddy 2.6 to the server has no mask, against RFC 6455 section 5.1.
    expect([serverCode, errors]).toEqual(errors.length > 0 ? [1006, ['WS_ERR_EXPECTED_MASK']] : [1001, []]);
    const second = await open();
    second.client.send('new');
    expect(String((await once(second.client, 'message'))[0])).toBe('new');
  });
});
