// upgrade and route of the fibjs facade on a server of node:http: clients of ws, undici and our own, and raw requests.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { WebSocket as Undici } from 'undici';
import { WebSocket as Ws } from 'ws';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BINARY, OPEN, route, Socket, TEXT, upgrade, type MessageEvent } from '../../../src/compat/fibjs/index.ts';
import { UsageError } from '../../../src/base/errors.ts';
import { frame, hex, pattern } from '../../support/frames.ts';
import { connectRaw, KEY, requestHead, sleep, until } from '../../support/sockets.ts';
import { open, serve, serveUpgrade } from './served-sockets.ts';

/** Sends a request as it is. @returns The whole answer. */
async function ask(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.end(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A client of ws that is open. */
async function openWs(url: string, protocols: string[] = [], options: object = {}): Promise<Ws> {
  const ws = new Ws(url, protocols, options);
  onTestFinished(() => ws.terminate());
  await once(ws, 'open');
  return ws;
}

describe('upgrade as listener of upgrade', () => {
  test('server passes on the connection and the request', async () => {
    let seen: [Socket, IncomingMessage] | undefined;
    const url = await serveUpgrade((conn, request) => void (seen = [conn, request]));
    await openWs(`${url}?room=1`, ['chat', 'other'], { origin: 'http://example.com' });
    const [conn, request] = seen!;
    expect(conn).toBeInstanceOf(Socket);
    expect(conn).toMatchObject({ readyState: OPEN, protocol: 'chat', origin: 'http://example.com', url: `${url}?room=1` });
    expect(request.url).toBe('/ws?room=1');
  });

  test('server echoes to the client of ws, and says what came masked', async () => {
    const events: MessageEvent[] = [];
    const url = await serveUpgrade((conn) => {
      conn.onmessage = (event) => {
        events.push(event);
        conn.send(event.data);
      };
    });
    const ws = await openWs(url);
    ws.send('grüß');
    expect((await once(ws, 'message')).map(String)).toEqual(['grüß', 'false']);
    ws.send(pattern(100_000));
    const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean];
    expect(isBinary && data.equals(pattern(100_000))).toBe(true);
    expect(events.map(({ type, masked, compress }) => ({ type, masked, compress }))).toEqual([
      { type: TEXT, masked: true, compress: false },
      { type: BINARY, masked: true, compress: false },
    ]);
  });

  test("server talks to undici's WebSocket and to our Socket", async () => {
    const url = await serveUpgrade(
      (conn) => {
        conn.onmessage = ({ data }) => conn.send(data);
      },
      { perMessageDeflate: true },
    );
    const undici = new Undici(url);
    const heard: unknown[] = [];
    undici.addEventListener('message', ({ data }) => heard.push(data));
    undici.addEventListener('open', () => undici.send('a'.repeat(2000)));
    await until('an echo', () => heard.length === 1);
    undici.close();
    const conn = await open(url, { perMessageDeflate: true });
    conn.send('b'.repeat(2000));
    const [event] = (await once(conn, 'message')) as [MessageEvent];
    expect(event).toMatchObject({ data: 'b'.repeat(2000), masked: false, compress: true });
    expect(heard).toEqual(['a'.repeat(2000)]);
  });

  test('server hears messages that came with the request, also behind an await', async () => {
    const heard: string[] = [];
    const url = await serveUpgrade(async (conn) => {
      await Promise.resolve();
      conn.on('message', ({ data }) => heard.push(String(data)));
    });
    const extra = frame({ payload: 'Hello', key: hex('37 fa 21 3d') });
    const peer = await connectRaw(Number(new URL(url).port), { path: '/ws', extra });
    await until('a message', () => heard.length === 1);
    expect(heard).toEqual(['Hello']);
    peer.socket.destroy();
  });

  test('server takes permessage-deflate only when told to', async () => {
    const compressed: boolean[] = [];
    const accept = (conn: Socket): void => void conn.on('message', ({ compress }) => compressed.push(compress));
    const without = await openWs(await serveUpgrade(accept), [], { perMessageDeflate: { threshold: 0 } });
    expect(without.extensions).toBe('');
    without.send('text');
    await until('a message', () => compressed.length === 1);
    const url = await serveUpgrade(accept, { perMessageDeflate: true });
    const ws = await openWs(url, [], { perMessageDeflate: { threshold: 0 } });
    expect(ws.extensions).toBe('permessage-deflate');
    ws.send('text');
    ws.send('text', { compress: false });
    await until('three messages', () => compressed.length === 3);
    expect(compressed).toEqual([false, true, false]);
    expect((await openWs(url, [], { perMessageDeflate: false })).extensions).toBe('');
  });

  test('server fails the connection with 1009 beyond maxPayload', async () => {
    const url = await serveUpgrade(() => {}, { maxPayload: 10 });
    const ws = await openWs(url);
    ws.send(pattern(11));
    expect((await once(ws, 'close'))[0]).toBe(1009);
  });

  test('server takes 64 MiB by default and no more', async () => {
    const reasons: string[] = [];
    const url = await serveUpgrade((conn) => void (conn.onerror = ({ reason }) => reasons.push(reason)));
    const peer = await connectRaw(Number(new URL(url).port), { path: '/ws' });
    // Only headers: the claim is enough.
    peer.write(hex('82 ff 00 00 00 00 04 00 00 00 00 00 00 00 00'));
    await sleep(30);
    expect(reasons).toEqual([]);
    const other = await connectRaw(Number(new URL(url).port), { path: '/ws' });
    other.write(hex('82 ff 00 00 00 00 04 00 00 01 00 00 00 00 00'));
    await until('a refusal', () => reasons.length === 1);
    for (const { socket } of [peer, other]) socket.destroy();
  });

  test('server closes with code and reason', async () => {
    const url = await serveUpgrade((conn) => conn.close(4000, 'bye'));
    const ws = new Ws(url);
    const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([4000, 'bye']);
  });

  test('server drops the connection of a callback that throws', async () => {
    const errors: unknown[] = [];
    const handler = upgrade(() => {
      throw new Error('no');
    });
    const url = await serve(
      createServer().on('upgrade', (request, socket, head) => {
        try {
          handler(request, socket, head);
        } catch (error) {
          errors.push(error);
        }
      }),
    );
    const ws = new Ws(url);
    expect((await once(ws, 'close'))[0]).toBe(1006);
    expect(errors).toMatchObject([{ message: 'no' }]);
  });

  test('server does not upgrade a socket twice', async () => {
    const errors: unknown[] = [];
    const handler = upgrade(() => {});
    const url = await serve(
      createServer()
        .on('upgrade', handler)
        .on('upgrade', (request, socket, head) => {
          try {
            handler(request, socket, head);
          } catch (error) {
            errors.push(error);
          }
        }),
    );
    await openWs(url);
    expect(errors[0]).toBeInstanceOf(UsageError);
  });

  test('server does not accept who has gone already', async () => {
    const accept = vi.fn<() => void>();
    const handler = upgrade(accept);
    const url = await serve(
      createServer().on('upgrade', (request, socket, head) => {
        socket.destroy();
        handler(request, socket, head);
      }),
    );
    const ws = new Ws(url);
    await expect(once(ws, 'open')).rejects.toThrow('socket hang up');
    expect(accept).not.toHaveBeenCalled();
  });

  test.each([{}, 1, 'true'])('perMessageDeflate is true or false, not %o', (value) => {
    const options = { perMessageDeflate: value } as never;
    const message = /"perMessageDeflate" option must be true or false/;
    expect(() => upgrade(options, () => {})).toThrow(message);
    expect(() => new Socket('ws://127.0.0.1:9/', options)).toThrow(message);
  });

  test.each([undefined, null, {}, 'accept'])('upgrade refuses %s for a callback', (accept) => {
    expect(() => upgrade({}, accept as never)).toThrow(TypeError);
    expect(() => upgrade(accept as never)).toThrow(TypeError);
  });
});

describe('a request that is no handshake', () => {
  const valid = requestHead('/ws');

  test.each([
    ['Upgrade names another protocol', valid.replace('Upgrade: websocket', 'Upgrade: h2c'), '400', 'Upgrade'],
    [
      'Connection lacks upgrade in its list',
      valid.replace('Connection: Upgrade', 'Connection: x-upgrade, upgradex, Upgrade-'),
      '400',
      'header',
    ],
    ['Sec-WebSocket-Key is missing', valid.replace(/Sec-WebSocket-Key.*\r\n/, ''), '400', 'Sec-WebSocket-Key'],
    ['Sec-WebSocket-Key is too short', valid.replace(KEY, 'c2hvcnQ='), '400', 'Sec-WebSocket-Key'],
    ['Sec-WebSocket-Version is missing', valid.replace(/Sec-WebSocket-Version.*\r\n/, ''), '400', 'Sec-WebSocket-Version'],
    ['Sec-WebSocket-Version is 12', valid.replace('Version: 13', 'Version: 12'), '400', 'Sec-WebSocket-Version'],
    ['the method is POST', valid.replace('GET', 'POST'), '405', 'method'],
    ['Upgrade is missing', valid.replace(/Upgrade: websocket\r\n/, ''), '400', 'Upgrade'],
    ['Connection is missing', valid.replace(/Connection: .*\r\n/, ''), '400', 'Connection'],
  ])('server refuses it with a reason when %s', async (_what, request, status, reason) => {
    const handler = upgrade(() => {
      throw new Error('accepted');
    });
    // Without Upgrade and Connection Node.js emits 'request'.
    const url = await serve(createServer(handler).on('upgrade', handler));
    const answer = await ask(url, request);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.split('\r\n\r\n')[1]).toContain(reason);
  });

  test('server names the versions that it speaks', async () => {
    const url = await serveUpgrade(() => {});
    expect(await ask(url, valid.replace('Version: 13', 'Version: 99'))).toContain('Sec-WebSocket-Version: 13, 8');
  });

  test('server that hears only requests says that it cannot upgrade', async () => {
    const url = await serve(createServer(upgrade(() => {})));
    expect(await ask(url, valid)).toMatch(/^HTTP\/1\.1 501 /);
  });
});

describe('route', () => {
  test('server upgrades at each path of the table, whatever the query', async () => {
    const heard: string[] = [];
    const url = await serve(
      createServer().on(
        'upgrade',
        route({
          '/ws': upgrade((_conn, request) => heard.push(`ws ${request.url}`)),
          '/other': upgrade((_conn, request) => heard.push(`other ${request.url}`)),
        }),
      ),
    );
    await openWs(url);
    await openWs(url.replace('/ws', '/other?room=1'));
    // A target in absolute form (RFC 9112 section 3.2.2).
    const head = requestHead(url.replace('ws:', 'http:'));
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(head);
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
    expect(heard).toEqual(['ws /ws', 'other /other?room=1', `ws ${url.replace('ws:', 'http:')}`]);
  });

  test.each(['/', '/wss', '/ws/', '/WS', '/ws/x', '/__proto__', '/constructor'])('server answers 404 at %s', async (path) => {
    const handlers = route({ '/ws': upgrade(() => {}) });
    const url = await serve(createServer(handlers).on('upgrade', handlers));
    const answer = await ask(url, requestHead(path));
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(answer.split('\r\n\r\n')[1]).toBe('There is nothing at this path');
    const plain = await fetch(url.replace(/^ws(.*)\/ws$/, `http$1${path}`), { headers: { Connection: 'close' } });
    expect(plain.status).toBe(404);
    const refused = await fetch(url.replace(/^ws/, 'http'), { headers: { Connection: 'close' } });
    expect([refused.status, await refused.text()]).toEqual([400, 'Invalid Upgrade header']);
  });

  test('route refuses what is no handler', () => {
    expect(() => route({ '/ws': {} as never })).toThrow(TypeError);
  });
});
