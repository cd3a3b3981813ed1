// The client's opening handshake: redirects, and the options of the request.

import { EventEmitter } from 'node:events';
import { Agent, type ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { acceptKey } from '../../../src/handshake/accept-key.ts';
import {
  closed,
  errorOf,
  ours,
  outcome,
  rawServer,
  record,
  sameWithBoth,
  sleep,
  type Library,
  type Socket_,
} from './oracle.ts';

type Options = Record<string, unknown>;
type Arguments = readonly unknown[];

function create(library: Library, ...values: Arguments): Socket_ {
  return new (library.WebSocket as unknown as new (...values: Arguments) => Socket_)(...values);
}

/** A request without what differs from run to run. */
function headOf(head: string): string {
  return head
    .replace(/^(sec-websocket-key): .{24}$/im, '$1: KEY')
    .replaceAll(/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, '$1:PORT');
}

function keyIn(head: string): string {
  return /^sec-websocket-key: (.*)$/im.exec(head)![1].trim();
}

function acceptance(head: string, more: string = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(keyIn(head))}\r\n${more}\r\n`;
}

/** The request that a client makes of a raw server. */
async function request(library: Library, path: string, options: Options = {}, protocols: unknown = []): Promise<unknown> {
  let head = '';
  const server = await rawServer((socket, text) => {
    head = text;
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  const ws = create(library, path.replace('PORT', String(server.port)), protocols, { perMessageDeflate: false, ...options });
  const log: unknown[] = [];
  ws.on('error', (error) => log.push(errorOf(error)));
  await closed(ws);
  server.close();
  return [headOf(head), log, ws.url.replace(String(server.port), 'PORT')];
}

describe('redirects', () => {
  const HEADERS = { Authorization: 'Basic abc', Cookie: 'c=d', 'X-Other': '1', Host: 'custom.example' };

  test.each<[string, string, Options, boolean?]>([
    ['to the same host', '/next', { headers: HEADERS }],
    ['to the same host, with auth', '/next', { auth: 'a:b' }],
    ['to another port', 'ws://127.0.0.1:OTHER/next', { headers: HEADERS }],
    ['to another port, with auth', 'ws://127.0.0.1:OTHER/next', { auth: 'a:b' }],
    ['to another port, with credentials in the address', 'ws://u:p@127.0.0.1:OTHER/next', { auth: 'a:b' }],
    ['to the same host, with credentials in the address', 'ws://u:p@127.0.0.1:SAME/next', {}],
    ['to another name', 'ws://localhost:SAME/next', { headers: HEADERS, family: 4 }],
    ['to another port, watched', 'ws://127.0.0.1:OTHER/next', { headers: HEADERS, auth: 'x:y' }, true],
    ['to the same host, watched', '/next', { headers: HEADERS }, true],
    ['to an http URL', 'http://127.0.0.1:SAME/next', { headers: HEADERS }],
    ['with a subprotocol and an origin', '/next', { origin: 'http://o', protocols: 'p' }],
  ])('%s', (_, location, options, isWatched) =>
    sameWithBoth(async (library) => {
      const heads: unknown[] = [];
      const events: unknown[] = [];
      const other = await rawServer((socket, head) => {
        heads.push('other', headOf(head));
        socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
      });
      const server = await rawServer((socket, head, index) => {
        heads.push(headOf(head));
        const target = location.replace('OTHER', String(other.port)).replace('SAME', String(server.port));
        socket.end(index === 0 ? `HTTP/1.1 302 Found\r\nLocation: ${target}\r\n\r\n` : 'HTTP/1.1 404 Not Found\r\n\r\n');
      });
      const ws = create(library, `ws://127.0.0.1:${server.port}/first`, {
        perMessageDeflate: false,
        followRedirects: true,
        ...options,
      });
      if (isWatched) ws.on('redirect', (url, sent) => events.push(headOf(url), sent.getHeader('x-other'), sent.path));
      ws.on('error', (error) => events.push(errorOf(error)));
      await closed(ws);
      server.close();
      other.close();
      return [heads, events, headOf(ws.url)];
    }),
  );

  test('drop credentials away from the first host and bring them back', () =>
    sameWithBoth(async (library) => {
      const heads: string[] = [];
      const other = await rawServer((socket, head) => {
        heads.push(headOf(head));
        socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${first.port}/back\r\n\r\n`);
      });
      const first = await rawServer((socket, head, index) => {
        heads.push(headOf(head));
        socket.end(
          index === 0 ? `HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${other.port}/away\r\n\r\n` : 'HTTP/1.1 404 No\r\n\r\n',
        );
      });
      const ws = create(library, `ws://127.0.0.1:${first.port}/`, {
        perMessageDeflate: false,
        followRedirects: true,
        auth: 'a:b',
        headers: { Cookie: 'x' },
      });
      ws.on('error', () => {});
      await closed(ws);
      first.close();
      other.close();
      return heads;
    }));
});

describe('options of the request', () => {
  test('finishRequest ends it', () =>
    sameWithBoth((library) => {
      const seen: unknown[] = [];
      const finishRequest = (sent: ClientRequest, ws: Socket_) => {
        seen.push(ws instanceof library.WebSocket, ws.readyState, sent.method);
        sent.setHeader('X-Late', '1');
        setImmediate(() => sent.end());
      };
      return request(library, 'ws://127.0.0.1:PORT', { finishRequest }).then((result) => [result, seen]);
    }));

  test.each(['close', 'terminate'] as const)('finishRequest may %s', (method) =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket, head) => void socket.write(acceptance(head)));
      const log: unknown[] = [];
      const finishRequest = (sent: ClientRequest, ws: Socket_) => {
        log.push(
          outcome(() => ws[method]()),
          ws.readyState,
        );
        sent.end();
      };
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false, finishRequest });
      record(ws, log);
      await closed(ws);
      await sleep(20);
      server.close();
      return log;
    }),
  );

  test('createConnection makes the socket', () =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      const createConnection = (options: Options) => {
        seen.push(
          typeof options['port'],
          options['host'],
          options['path'],
          options['servername'],
          options['marker'],
          typeof options['headers'],
        );
        return connect(Number(options['port']), '127.0.0.1');
      };
      return [await request(library, 'ws://127.0.0.1:PORT/x', { createConnection, marker: 'here' }), seen];
    }));

  test('an agent makes the socket', () =>
    sameWithBoth(async (library) => {
      const seen: unknown[] = [];
      class Mine extends Agent {
        override createConnection(options: never): never {
          seen.push((options as { port: unknown }).port !== undefined);
          return (super.createConnection as (options: unknown) => never)(options);
        }
      }
      return [await request(library, 'ws://127.0.0.1:PORT/x', { agent: new Mine() }), seen];
    }));

  test('lookup finds the address', () =>
    sameWithBoth(async (library) => {
      const names: unknown[] = [];
      const lookup = (name: string, options: { all?: boolean }, callback: (...values: unknown[]) => void) => {
        names.push(name);
        if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
        else callback(null, '127.0.0.1', 4);
      };
      const [head] = (await request(library, 'ws://name.example:PORT/x', { lookup })) as [string];
      return [names, head.replace(/:\d+/, ':PORT')];
    }));

  test('signal aborts the request', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer(() => {});
      const controller = new AbortController();
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false, signal: controller.signal });
      const log = record(ws);
      setTimeout(() => controller.abort(), 10);
      await closed(ws);
      server.close();
      return log;
    }));

  test('events come in order', () =>
    sameWithBoth(async (library) => {
      const server = await rawServer((socket, head) => {
        socket.write(
          Buffer.concat([Buffer.from(acceptance(head)), Buffer.from('8104746578748802 03e8'.replace(' ', ''), 'hex')]),
        );
        setTimeout(() => socket.end(), 20);
      });
      const ws = create(library, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
      const log = record(ws);
      ws.on('open', () => {
        process.nextTick(() => log.push('tick'));
        queueMicrotask(() => log.push('microtask'));
      });
      await closed(ws);
      server.close();
      return log;
    }));

  test('a client extends EventEmitter', () => sameWithBoth((library) => library.WebSocket.prototype instanceof EventEmitter));
});

describe('what differs by intention', () => {
  test('a client of ours refuses an answer whose Connection does not say Upgrade', async () => {
    const server = await rawServer(
      (socket, head) => void socket.write(acceptance(head).replace('Connection: Upgrade', 'Connection: upgrade-x')),
    );
    const ws = create(ours, `ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
    const log = record(ws, [], ['error', 'open', 'close']);
    await closed(ws);
    server.close();
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual(['error', 'close']);
  });
});
