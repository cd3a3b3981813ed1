// What a user of today's platform expects of both APIs: `using`, `await using`, listeners with a signal, Headers. On each runtime.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const { WebSocket: W3CWebSocket } = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;

let wss: NodeWs.WebSocketServer;
let url: string;

beforeEach(async () => {
  wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
  url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
});

afterEach(() => {
  for (const client of wss.clients) client.terminate();
  wss.close();
});

async function open(options: object = {}): Promise<{ client: NodeWs.WebSocket; peer: NodeWs.WebSocket; request: Requested }> {
  const client = new WebSocket(url, options);
  const [[peer, request]] = (await Promise.all([once(wss, 'connection'), once(client, 'open')])) as [
    [NodeWs.WebSocket, Requested],
    unknown,
  ];
  return { client, peer, request };
}

interface Requested {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

describe('a server', () => {
  test('with `await using` is closed, and takes no more connections', async () => {
    let state: string | undefined;
    wss.on('close', () => (state = 'closed'));
    await wss[Symbol.asyncDispose]();
    expect(state).toBe('closed');
    expect(wss.address()).toBe(null);
    const late = new WebSocket(url);
    const [error] = (await once(late, 'error')) as [Error];
    expect(error).toBeInstanceOf(Error);
    // Once more does no harm.
    await wss[Symbol.asyncDispose]();
  });
});

describe('a server with clients', () => {
  test('with `await using` closes them with 1001, and waits for them', async () => {
    const { client, peer } = await open();
    const closed = once(client, 'close');
    await wss[Symbol.asyncDispose]();
    expect([peer.readyState, wss.clients.size]).toEqual([WebSocket.CLOSED, 0]);
    expect((await closed)[0]).toBe(1001);
  });
});

describe('a socket', () => {
  test('with `await using` waits for its end', async () => {
    const { client, peer } = await open();
    const closed = once(peer, 'close');
    await client[Symbol.asyncDispose]();
    expect(client.readyState).toBe(WebSocket.CLOSED);
    expect((await closed)[0]).toBe(1005);
    await client[Symbol.asyncDispose]();
  });

  test('with `using` closes', async () => {
    const { client } = await open();
    client[Symbol.dispose]();
    expect(client.readyState).toBe(WebSocket.CLOSING);
    await once(client, 'close');
  });

  test('with `await using` before it is open ends without an error that nobody hears', async () => {
    const client = new WebSocket(url);
    await client[Symbol.asyncDispose]();
    expect(client.readyState).toBe(WebSocket.CLOSED);
  });

  test('of the W3C style with `await using` waits for its end', async () => {
    const client = new W3CWebSocket(url);
    await Promise.all([once(wss, 'connection'), once(client as never, 'open')]);
    await client[Symbol.asyncDispose]();
    expect(client.readyState).toBe(W3CWebSocket.CLOSED);
  });
});

describe('a listener with a signal', () => {
  test('hears nothing once it is aborted', async () => {
    const { client, peer } = await open();
    const heard: string[] = [];
    const first = new AbortController();
    const second = new AbortController();
    client.addEventListener('message', ({ data }) => heard.push(`first ${data as string}`), { signal: first.signal });
    client.addEventListener('message', ({ data }) => heard.push(`second ${data as string}`), { signal: second.signal });
    client.addEventListener('message', () => heard.push('never'), { signal: AbortSignal.abort() });
    for (const text of ['one', 'two', 'three']) {
      const received = once(client, 'message');
      peer.send(text);
      await received;
      if (text === 'one') first.abort();
      else second.abort();
    }
    expect(heard).toEqual(['first one', 'second one', 'second two']);
    expect(client.listenerCount('message')).toBe(0);
  });
});

describe('headers of a client', () => {
  test.each([
    ['Headers', () => new Headers({ 'X-One': '1', 'X-Two': '2' })],
    ['a Map', () => new Map([['X-One', '1']]).set('X-Two', '2')],
    ['an object', () => ({ 'X-One': '1', 'X-Two': '2' })],
  ])('may be %s', async (_, make) => {
    const { request } = await open({ headers: make() });
    expect([request.headers['x-one'], request.headers['x-two']]).toEqual(['1', '2']);
  });
});
