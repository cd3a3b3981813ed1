// W3CWebSocket: attributes, events, errors. The same as WebSocket-Node but for the class of the events and `wasClean`.

import { describe, expect, test } from 'vitest';
import type { W3CWebSocket, WebSocketConnection } from '../../../src/compat/websocket-node/index.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import { listen, ours, record, sameWithBoth, show, sleep, until, type Library } from './oracle.ts';

interface Program {
  /** What the client does once it is open. */
  readonly client?: (ws: W3CWebSocket, log: unknown[]) => unknown;
  readonly server?: (connection: WebSocketConnection) => unknown;
  readonly values?: readonly unknown[];
}

const NOWHERE = 'ws://127.0.0.1:1/';
type Construct = new (...values: unknown[]) => W3CWebSocket;
const make = (library: Library, ...values: readonly unknown[]): W3CWebSocket =>
  new (library.w3cwebsocket as unknown as Construct)(...values);

/** What a handler is told; `wasClean` is compared in another test. */
function shown(event: unknown): unknown {
  const { type, data, code, reason } = event as Record<string, unknown>;
  return { type, data: show(data), code, reason };
}

function attributes(ws: W3CWebSocket): unknown {
  return [ws.readyState, ws.protocol, ws.bufferedAmount, ws.binaryType];
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  text: { client: (ws) => ws.send('grün'), server: (connection) => connection.send('welcome') },
  bytes: {
    client: (ws) => ws.send(Buffer.from('x')),
    server: (connection) => connection.send(Buffer.from([0, 255])),
  },
  'a view': { client: (ws) => ws.send(new Uint8Array([65, 66, 67]).subarray(1)) },
  'a view of more than bytes': { client: (ws) => ws.send(new Uint16Array([0x4141])) },
  'an ArrayBuffer': { client: (ws) => ws.send(new Uint8Array([65]).buffer) },
  'empty text': { client: (ws) => ws.send('') },
  'a subprotocol': { values: [['a', 'b']] },
  'an origin and headers': { values: [[], 'http://o', { 'X-A': 'b' }] },
  close: { client: (ws) => ws.close() },
  'close 1000': { client: (ws) => ws.close(1000) },
  'close 3000 and a text': { client: (ws) => ws.close(3000, 'because') },
  'close 1001': { client: (ws) => ws.close(1001) },
  'close twice': { client: (ws) => [ws.close(3000, 'once'), ws.close(3001, 'twice')] },
  'send after close': { client: (ws, log) => [ws.close(), log.push(outcome(() => ws.send('x')))] },
  'the server closes': { server: (connection) => connection.close(3001, 'bye') },
  'the server drops': { server: (connection) => connection.drop(1006, 'gone', true) },
  'another binaryType': { client: (ws) => (ws.binaryType = 'blob' as never) },
  'the same binaryType': { client: (ws) => (ws.binaryType = 'arraybuffer') },
  'attributes that are not to be set': { client: (ws) => ((ws as { readyState: number }).readyState = 5) },
};

async function run(library: Library, { client, server, values = [] }: Program): Promise<unknown> {
  const listening = await listen(library);
  const serverLog: unknown[] = [];
  let accepted: WebSocketConnection | undefined;
  listening.server.on('request', (request) => {
    serverLog.push([request.origin, request.httpRequest.headers['x-a']]);
    const connection = request.accept(request.requestedProtocols[0], request.origin);
    record(connection, serverLog, ['message', 'close']);
    accepted = connection;
  });
  const ws = make(library, listening.url, ...values);
  const log: unknown[] = [ws.url === listening.url, attributes(ws)];
  for (const type of ['open', 'message', 'error', 'close'] as const) {
    ws[`on${type}`] = (event: unknown) => void log.push([`on${type}`, ws.readyState, shown(event)]);
    ws.addEventListener(type, (event) => void log.push(['listener', shown(event), event.target === ws]));
  }
  await until(() => ws.readyState === ws.OPEN && accepted !== undefined);
  log.push(attributes(ws), ws.extensions);
  if (client) {
    const result = outcome(() => void client(ws, log));
    log.push(result, ws.readyState);
  }
  if (server) {
    server(accepted!);
    const hasMessage = (): boolean => log.some((entry) => (entry as unknown[])[0] === 'onmessage');
    await until(() => hasMessage() || ws.readyState === ws.CLOSED);
  }
  if (ws.readyState === ws.OPEN) ws.close();
  await until(() => ws.readyState === ws.CLOSED && serverLog.some((entry) => (entry as unknown[])[0] === 'close'));
  await sleep(5);
  listening.close();
  return { log, serverLog };
}

describe('W3CWebSocket', () => {
  for (const [name, program] of Object.entries(PROGRAMS))
    test.concurrent(`${name}`, () => sameWithBoth((library) => run(library, program)));

  test('fails where nobody listens', () =>
    sameWithBoth(async (library) => {
      const ws = make(library, NOWHERE);
      const log: unknown[] = [outcome(() => ws.send('x'))];
      ws.onerror = (event) => log.push(['error', ws.readyState, shown(event)]);
      ws.onclose = (event) => log.push(['close', ws.readyState, shown(event), event.wasClean]);
      await until(() => log.length === 3);
      return log;
    }));

  test('closes before it is open', () =>
    sameWithBoth(async (library) => {
      const { server, url, close } = await listen(library);
      server.on('request', (request) => void request.accept());
      const ws = make(library, url);
      const log: unknown[] = [];
      ws.onopen = () => log.push('open');
      ws.onerror = (event) => log.push(['error', ws.readyState, shown(event)]);
      ws.onclose = (event) => log.push(['close', ws.readyState, shown(event), event.wasClean]);
      ws.close();
      log.push(ws.readyState);
      await sleep(40);
      close();
      return log;
    }));

  test.each([['nowhere'], [''], ['//x'], ['ws://']])('refuses the address %j', (url) =>
    sameWithBoth((library) => outcome(() => void make(library, url))),
  );
  test('refuses a subprotocol that is none', () =>
    sameWithBoth((library) => outcome(() => void make(library, NOWHERE, 'a b'))));
  test('refuses a version', () =>
    sameWithBoth((library) => outcome(() => void make(library, NOWHERE, null, null, null, null, { webSocketVersion: 7 }))));

  test('has its constants', () =>
    sameWithBoth((library) => {
      const { CONNECTING, OPEN, CLOSING, CLOSED, prototype } = library.w3cwebsocket;
      const own = [prototype.CONNECTING, prototype.OPEN, prototype.CLOSING, prototype.CLOSED];
      return [CONNECTING, OPEN, CLOSING, CLOSED, ...own];
    }));

  test('is an EventTarget whose events are the standard ones', async () => {
    const { server, url, close } = await listen(ours);
    server.on('request', (request) => request.accept().sendUTF('hello'));
    const ws = new ours.w3cwebsocket(url);
    const events: Event[] = [];
    for (const type of ['open', 'message', 'close']) ws.addEventListener(type, (event) => events.push(event));
    const once: string[] = [];
    ws.addEventListener('message', { handleEvent: (event) => void once.push(event.type) }, { once: true });
    await until(() => events.length === 2);
    ws.close(3000, 'x');
    await until(() => events.length === 3);
    expect(ws).toBeInstanceOf(EventTarget);
    expect(events.map((event) => event.constructor)).toEqual([
      Event,
      MessageEvent,
      (globalThis as { CloseEvent?: unknown }).CloseEvent ?? events[2].constructor,
    ]);
    expect((events[1] as MessageEvent).data).toBe('hello');
    expect(events[2]).toMatchObject({ code: 3000, reason: 'x', wasClean: true });
    expect(once).toEqual(['message']);
    close();
  });

  test('counts what waits', async () => {
    const { server, url, close } = await listen(ours);
    const accepted = new Promise<WebSocketConnection>((resolve) => {
      server.on('request', (request) => resolve(request.accept()));
    });
    const ws = new ours.w3cwebsocket(url);
    await accepted;
    await until(() => ws.readyState === ws.OPEN);
    ws.send('12345');
    expect(ws.bufferedAmount).toBe(5);
    await until(() => ws.bufferedAmount === 0);
    close();
  });
});
