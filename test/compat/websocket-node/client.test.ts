// The client's handshake: what it sends, and what it makes of the answer. The same as WebSocket-Node.

import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { IClientConfig, WebSocketClient } from '../../../src/compat/websocket-node/index.ts';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import { certificate as cert, key } from '../../support/certificates.ts';
import { concat, frame, utf8 } from '../../support/frames.ts';
import { outcome, rawServer } from '../../oracle/ws/oracle.ts';
import { ours, record, sameWithBoth, show, sleep, until, type Library } from './oracle.ts';

type Rest = Parameters<WebSocketClient['connect']> extends [unknown, ...infer Others] ? Others : never;
interface Program {
  /** More lines of the answer. */
  readonly lines?: string;
  /** The whole answer. */
  readonly answer?: (accept: string) => string;
  readonly values?: Rest;
  readonly config?: IClientConfig;
  readonly path?: string;
  readonly listensToResponse?: boolean;
}

const OK = (accept: string, lines: string = ''): string =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${lines}\r\n`;
const without = (name: string) => (accept: string) => OK(accept).replace(new RegExp(`${name}.*\r\n`), '');
const refusal =
  (status: string, lines: string = '') =>
  () =>
    `HTTP/1.1 ${status}\r\n${lines}Content-Length: 2\r\n\r\nno`;

const PROGRAMS: Readonly<Record<string, Program>> = {
  'nothing special': {},
  'a path and a query': { path: '/p?q=1' },
  'a fragment': { path: '/p#q' },
  'no path': { path: '' },
  'a subprotocol': { values: ['A'], lines: 'Sec-WebSocket-Protocol: A\r\n' },
  'the second subprotocol': { values: [['A', 'b']], lines: 'Sec-WebSocket-Protocol: b\r\n' },
  'an empty subprotocol': { values: [''] },
  'no subprotocols': { values: [[]] },
  'a subprotocol in another case': { values: ['A'], lines: 'Sec-WebSocket-Protocol: a\r\n' },
  'a subprotocol that the server leaves out': { values: ['A'] },
  'another subprotocol': { values: ['A'], lines: 'Sec-WebSocket-Protocol: b\r\n' },
  'an origin': { values: [null, 'http://o'] },
  'an origin of version 8': { values: [null, 'http://o'], config: { webSocketVersion: 8 } },
  headers: { values: [null, null, { 'X-A': '1', Cookie: 'a=b', Authorization: 'Bearer x' }] },
  'headers of the handshake': { values: [null, null, { Upgrade: 'other', 'Sec-WebSocket-Key': 'mine' }] },
  'another Host': { values: [null, null, { Host: 'example.org' }] },
  'request options': { values: [null, null, null, { auth: 'u:p', path: '/other', method: 'POST', headers: { 'X-B': '2' } }] },
  'options of TLS without TLS': { config: { tlsOptions: { headers: { 'X-B': '2' } } } },
  'names in another case': {
    answer: (accept) =>
      `HTTP/1.1 101 Fine\r\nconnection: upgrade\r\nupgrade: WebSocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  },
  'a wrong accept': { answer: () => OK('wrong') },
  'no accept': { answer: without('Sec-WebSocket-Accept') },
  'no Upgrade': { answer: without('Upgrade') },
  'no Connection': { answer: without('Connection') },
  'another Connection': { answer: (accept) => OK(accept).replace('Connection: Upgrade', 'Connection: keep-alive') },
  'status 403': { answer: refusal('403 Forbidden', 'X-A: b\r\n') },
  'status 404 with a list': { answer: refusal('404 Nothing', 'Set-Cookie: a\r\nSet-Cookie: b\r\n') },
  'a redirect': { answer: refusal('302 Found', 'Location: /\r\n') },
  'status 200': { answer: refusal('200 OK') },
  'status 401 with a listener': { answer: refusal('401 Who'), listensToResponse: true },
  'what is no HTTP': { answer: () => 'junk\r\n\r\n' },
};

/** A head without what is new each time, its fields in order. */
function stable(head: string): unknown {
  const [first, ...lines] = head
    .replace(/127\.0\.0\.1:\d+/g, 'HOST')
    .trim()
    .split('\r\n');
  const fields = lines.map((line) => line.replace(/^(sec-websocket-key): .*/i, '$1: KEY').replaceAll(', ', ','));
  return [first, ...fields.toSorted()];
}

/** What a message says of a handshake's own key. */
const withoutKey = (text: unknown): string => JSON.stringify(text).replaceAll(/[\w+/]{27}=/g, 'ACCEPT');

async function run(library: Library, program: Program): Promise<unknown> {
  const log: unknown[] = [];
  const server = await rawServer((socket, head) => {
    log.push(stable(head));
    const accept = acceptKey(/^sec-websocket-key: (.*)$/im.exec(head)![1].trim());
    socket.write(program.answer?.(accept) ?? OK(accept, program.lines));
  });
  const client = new library.client(structuredClone(program.config));
  record(client, log, ['connect', 'connectFailed', ...(program.listensToResponse ? ['httpResponse'] : [])]);
  client.on('connect', ({ protocol, extensions, remoteAddress, webSocketVersion, maskOutgoingPackets, config, state }) => {
    log.push({ protocol, extensions, remoteAddress, webSocketVersion, maskOutgoingPackets, config, state });
  });
  log.push(
    outcome(() => client.connect(`ws://127.0.0.1:${server.port}${program.path ?? '/'}`, ...((program.values ?? []) as []))),
  );
  await until(() => log.length >= 3);
  await sleep(5);
  server.close();
  return withoutKey(log);
}

const NOWHERE = 'ws://127.0.0.1:1/';
const THROWS: Readonly<Record<string, (library: Library) => unknown>> = {
  'an address without a scheme': (library) => new library.client().connect('localhost'),
  'an address that begins with slashes': (library) => new library.client().connect('//localhost'),
  'an empty address': (library) => new library.client().connect(''),
  'an address without a host': (library) => new library.client().connect('ws:localhost'),
  'an address with an empty host': (library) => new library.client().connect('ws://'),
  'a subprotocol that is none': (library) => new library.client().connect(NOWHERE, 'a b'),
  'a subprotocol with a comma': (library) => new library.client().connect(NOWHERE, ['a,b']),
  'version 7': (library) => new library.client({ webSocketVersion: 7 }),
  'a version that is text': (library) => new library.client({ webSocketVersion: '13' as never }),
  'a configuration': (library) => show(new library.client({ closeTimeout: 5, tlsOptions: { ca: 'x' } }).config),
  'no configuration': (library) => show(new library.client(null).config),
  'abort of nothing': (library) => new library.client().abort(),
};

describe('client', () => {
  for (const [name, program] of Object.entries(PROGRAMS))
    test.concurrent(`${name}`, () => sameWithBoth((library) => run(library, program)));
  for (const [name, use] of Object.entries(THROWS))
    test(`${name}`, () => sameWithBoth((library) => outcome(() => use(library))));

  test('keeps what comes with the answer', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket, head) => {
        const accept = acceptKey(/^sec-websocket-key: (.*)$/im.exec(head)![1].trim());
        socket.write(concat(utf8(OK(accept)), frame({ payload: 'early' })));
      });
      const client = new library.client();
      const log: unknown[] = [];
      client.on('connect', (connection) => record(connection, log, ['message']));
      client.connect(`ws://127.0.0.1:${server.port}/`);
      await until(() => log.length > 0);
      server.close();
      return log;
    }));

  test('fails where nobody listens', () =>
    sameWithBoth(async (library) => {
      const client = new library.client();
      const log = record(client, [], ['connect', 'connectFailed']);
      client.connect(NOWHERE);
      await until(() => log.length > 0);
      return log;
    }));

  test('gives up when told so', () =>
    sameWithBoth(async (library) => {
      let isAsked = false;
      const server = await rawServer(() => {
        isAsked = true;
      });
      const client = new library.client();
      const log = record(client, [], ['connect', 'connectFailed']);
      client.connect(`ws://127.0.0.1:${server.port}/`);
      await until(() => isAsked);
      client.abort();
      client.abort();
      await until(() => log.length > 0);
      await sleep(5);
      server.close();
      return log;
    }));

  test('says that it was told to give up before it had begun', async () => {
    const client = new ours.client();
    const log = record(client, [], ['connect', 'connectFailed']);
    client.connect(NOWHERE);
    client.abort();
    expect(log).toEqual([]);
    await until(() => log.length > 0);
    await sleep(20);
    expect(log).toEqual([['connectFailed', { name: 'Error', message: 'socket hang up', code: 'ECONNRESET' }]]);
  });

  test('connects by TLS, with its options', () =>
    sameWithBoth(async (library) => {
      const http = createHttpsServer({ cert, key }).listen(0, '127.0.0.1');
      await once(http, 'listening');
      const server = new library.server({ httpServer: http, autoAcceptConnections: true, keepalive: false });
      server.on('connect', (connection) => connection.on('message', (message) => connection.send(show(message) as object)));
      const url = `wss://127.0.0.1:${(http.address() as AddressInfo).port}/`;
      const log: unknown[] = [];
      for (const rejectUnauthorized of [true, false]) {
        const client = new library.client({ tlsOptions: { rejectUnauthorized } });
        client.on('connectFailed', (error) => log.push((error as Error & { code: string }).code));
        client.on('connect', (connection) => {
          log.push('open');
          connection.close();
          connection.on('close', (code) => log.push(code));
        });
        const before = log.length;
        client.connect(url);
        await until(() => log.length >= before + (rejectUnauthorized ? 1 : 2));
      }
      http.close();
      return log;
    }));
});
