// draft-hixie-thewebsocketprotocol-76, opening handshake: literal bytes against the server, and the parts by themselves.

import fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { challengeAnswer, checkHixieRequest, numberInKey } from '../../../src/compat/classic/hixie-76-handshake.ts';
import { Server, WebSocket, type VerifyClientInfo } from '../../../src/compat/classic/index.ts';
import { certificate, key } from '../../support/certificates.ts';
import { listen, RawPeer, requestHead, until, within } from '../../support/sockets.ts';
import { ANSWER, BODY, hixieHead, KEY1, KEY2, nextClient, openHixie, rawClient, startServer } from './peers.ts';
import { sleep } from '../../support/sleep.ts';

describe('keys', () => {
  test('the draft hides these numbers and answers with these bytes', () => {
    expect([numberInKey(KEY1), numberInKey(KEY2)]).toEqual([829309203, 259970620]);
    expect(challengeAnswer([829309203, 259970620], Buffer.from(BODY)).toString('latin1')).toBe(ANSWER);
    // The second example of the draft, section 1.3.
    const numbers = [numberInKey('18x 6]8vM;54 *(5:  {   U1]8  z [  8'), numberInKey('1_ tx7X d  <  nw  334J702) 7]o}` 0')] as [
      number,
      number,
    ];
    expect(numbers).toEqual([155712099, 173347027]);
    expect(challengeAnswer(numbers, Buffer.from('Tm[K T2u')).toString('latin1')).toBe('fQJ,fN/4F4!~K~MH');
  });

  test.each([
    ['no space', '1234'],
    ['no digit', 'a b c'],
    ['nothing', ''],
    ['a remainder', '1 2 3'],
    ['more than 32 bits', '4294967296 '],
    ['endless digits', `${'9'.repeat(60)} `],
    ['65 characters', `${'a'.repeat(63)}4 `],
  ])('a key with %s hides none', (_what, text) => {
    expect(numberInKey(text)).toBeUndefined();
  });

  test('the largest number is 4,294,967,295', () => {
    expect(numberInKey('4294967295 ')).toBe(4294967295);
    expect(numberInKey(' 0')).toBe(0);
  });

  test('property: any text hides a number of 32 bits or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789 abc%ä'), maxLength: 80 }), (text) => {
        const number = numberInKey(text);
        const spaces = text.split(' ').length - 1;
        const digits = text.replace(/\D/g, '');
        const isSound =
          text.length <= 64 &&
          spaces > 0 &&
          digits !== '' &&
          BigInt(digits) < 2n ** 32n &&
          BigInt(digits) % BigInt(spaces) === 0n;
        expect(number).toBe(isSound ? Number(BigInt(digits) / BigInt(spaces)) : undefined);
      }),
    );
  });

  test('property: no header makes the check throw', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('WebSocket', 'Upgrade', KEY1, KEY2, '/', 'a, b', undefined));
    const names = [
      'upgrade',
      'connection',
      'host',
      'origin',
      'sec-websocket-protocol',
      'sec-websocket-key1',
      'sec-websocket-key2',
    ];
    fc.assert(
      fc.property(fc.tuple(...names.map(() => value)), value, (values, url) => {
        const headers = Object.fromEntries(names.map((name, index) => [name, values[index]]));
        const check = checkHixieRequest(
          { method: 'GET', httpVersion: '1.1', url, headers } as unknown as IncomingMessage,
          false,
        );
        if (!check.accepted) expect(check.status).toBe(400);
        else expect(check.location).not.toMatch(/[\r\n]/);
      }),
    );
  });
});

describe('server', () => {
  test("answers the draft's own example", async () => {
    const { peer, ws, server } = await openHixie();
    expect(peer.head.split('\r\n')).toEqual([
      'HTTP/1.1 101 WebSocket Protocol Handshake',
      'Upgrade: WebSocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Location: ws://example.com/demo',
      'Sec-WebSocket-Origin: http://example.com',
    ]);
    expect(peer.bytes.toString('latin1')).toBe(ANSWER);
    expect(ws).toMatchObject({ protocolVersion: 'hixie-76', supports: { binary: false }, readyState: WebSocket.OPEN });
    expect(ws.upgradeReq!.url).toBe('/demo');
    expect(server.clients).toEqual([ws]);
  });

  test('answers a request that comes byte by byte', async () => {
    const { server, port } = await startServer();
    const accepted = nextClient(server);
    const peer = rawClient(port);
    peer.socket.setNoDelay(true);
    for (const character of hixieHead() + BODY) {
      peer.write(character);
      await new Promise(setImmediate);
    }
    const ws = await accepted;
    await peer.readHead();
    expect((await peer.readBytes(16)).toString('latin1')).toBe(ANSWER);
    ws.send('x');
    expect((await peer.readBytes(19)).toString('latin1')).toBe(`${ANSWER}\0x\xff`);
  });

  test('takes frames that come with the request or with its body', async () => {
    for (const isSplit of [false, true]) {
      const { server, port } = await startServer();
      const messages: unknown[] = [];
      server.on('connection', (ws: WebSocket) => ws.on('message', (data) => messages.push(data)));
      const peer = rawClient(port);
      const rest = `${BODY}\0one\xff\0two\xff`;
      peer.write(Buffer.from(hixieHead() + (isSplit ? rest.slice(0, 3) : rest), 'latin1'));
      if (isSplit) {
        await sleep(20);
        peer.write(Buffer.from(rest.slice(3), 'latin1'));
      }
      await until('both messages', () => messages.length === 2);
      expect(messages).toEqual(['one', 'two']);
      expect(server.clients[0].bytesReceived).toBe(10);
    }
  });

  test('emits headers, connection and connection with the path, and asks the hooks', async () => {
    const hooks: unknown[] = [];
    const { server, port } = await startServer({
      verifyClient: (info: VerifyClientInfo) => hooks.push(info.origin, info.secure) > 0,
      handleProtocols: (protocols, callback) => {
        hooks.push(protocols);
        callback(true, protocols[1]);
      },
    });
    server.on('headers', (lines: string[]) => void lines.push('X-Added: 1'));
    const named = vi.fn<(...values: unknown[]) => void>();
    server.on('connection/demo', named);
    const accepted = nextClient(server);
    const peer = rawClient(port);
    peer.write(hixieHead('/demo?a', { 'Sec-WebSocket-Protocol': 'chat, talk' }) + BODY);
    expect((await accepted).protocol).toBe('talk');
    const head = await peer.readHead();
    expect(head).toContain('\r\nSec-WebSocket-Protocol: talk\r\n');
    expect(head).toContain('\r\nSec-WebSocket-Location: ws://example.com/demo?a\r\n');
    expect(head).toContain('\r\nX-Added: 1');
    expect(hooks).toEqual(['http://example.com', false, ['chat', 'talk']]);
    expect(named).toHaveBeenCalledTimes(1);
  });

  test('names wss as its location over TLS', async () => {
    const https = createHttpsServer({ cert: certificate, key });
    const server = new Server({ server: https });
    const port = await listen(https);
    const peer = new RawPeer(connectTls({ port, host: 'localhost', ca: certificate }));
    onTestFinished(() => {
      server.close();
      peer.socket.destroy();
      https.close();
    });
    peer.write(hixieHead() + BODY);
    expect(await peer.readHead()).toContain('Sec-WebSocket-Location: wss://example.com/demo');
  });

  test.each([
    ['no Key2', { 'Sec-WebSocket-Key2': undefined }, 'Missing or invalid Sec-WebSocket-Key2 header'],
    ['no Key1', { 'Sec-WebSocket-Key1': undefined }, 'Missing or invalid Sec-WebSocket-Key1 header'],
    ['a key without a number', { 'Sec-WebSocket-Key1': 'a b' }, 'Missing or invalid Sec-WebSocket-Key1 header'],
    ['a key sent twice', { 'sec-websocket-key1': KEY1 }, 'Missing or invalid Sec-WebSocket-Key1 header'],
    ['another protocol', { Upgrade: 'h2c' }, 'Invalid Upgrade header'],
    ['a Host that is none', { Host: 'a b' }, 'Missing or invalid Host header'],
    ['an Origin of 2,049 characters', { Origin: 'o'.repeat(2049) }, 'Invalid Origin header'],
    ['a subprotocol that is no token', { 'Sec-WebSocket-Protocol': 'a b' }, 'Invalid Sec-WebSocket-Protocol header'],
  ])('refuses %s', async (_what, fields, reason) => {
    const { server, port } = await startServer();
    const peer = rawClient(port);
    peer.write(hixieHead('/demo', fields) + BODY);
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 400 /);
    expect((await peer.readBytes(reason.length)).toString()).toBe(reason);
    expect(server.clients).toHaveLength(0);
  });

  test.each([
    ['another method', hixieHead().replace('GET', 'PUT'), 405],
    ['HTTP/1.0', hixieHead().replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['an absolute target', hixieHead('http://example.com/'), 400],
    ['a target of 8,192 characters', hixieHead(`/${'x'.repeat(8191)}`), 400],
    ['another path', hixieHead('/other'), 400],
  ])('refuses %s', async (_what, head, status) => {
    const { port } = await startServer(head.includes('/other') ? { path: '/demo' } : {});
    const peer = rawClient(port);
    peer.write(head + BODY);
    expect(await peer.readHead()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('refuses all of it with disableHixie, and still speaks version 13', async () => {
    const { port } = await startServer({ disableHixie: true });
    const peer = rawClient(port);
    peer.write(hixieHead() + BODY);
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 401 /);
    expect((await peer.readBytes(22)).toString()).toBe('Hixie support disabled');
    const modern = rawClient(port);
    modern.write(requestHead());
    expect(await modern.readHead()).toMatch(/^HTTP\/1.1 101 /);
  });

  test('prefers version 13 where a request has both kinds of keys', async () => {
    const { server, port } = await startServer();
    const accepted = nextClient(server);
    const peer = rawClient(port);
    peer.write(requestHead('/', [`Sec-WebSocket-Key1: ${KEY1}`, `Sec-WebSocket-Key2: ${KEY2}`]));
    expect((await accepted).protocolVersion).toBe(13);
    expect(await peer.readHead()).toContain('Sec-WebSocket-Accept');
  });

  test('asks verifyClient first, and refuses with 401', async () => {
    const { port } = await startServer({ verifyClient: () => false });
    const peer = rawClient(port);
    peer.write(hixieHead());
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 401 /);
  });
});

describe('the body', () => {
  test.each(['', BODY.slice(0, 7)])('that stays away behind %j is answered with 408 at the deadline', async (part) => {
    const { server, port } = await startServer({ handshakeTimeout: 50 });
    const peer = rawClient(port);
    peer.write(hixieHead() + part);
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 408 /);
    await until('the end', () => peer.hasEnded);
    expect(server.clients).toHaveLength(0);
  });

  test.each([
    ['ends', (peer: RawPeer): unknown => peer.socket.end()],
    ['is reset', (peer: RawPeer): unknown => peer.socket.resetAndDestroy()],
  ])('is not waited for when the connection %s', async (_what, leave) => {
    const { server, port } = await startServer({ handshakeTimeout: 60_000 });
    const connected = vi.fn<(...values: unknown[]) => void>();
    server.on('connection', connected);
    const verified = new Promise((resolve) => {
      server.options.verifyClient = () => (resolve(true), true);
    });
    const peer = rawClient(port);
    peer.write(hixieHead() + BODY.slice(0, 7));
    await within('the request', verified);
    leave(peer);
    await until('its end', () => peer.hasClosed);
    server.close();
    await within('no connection', once(server._server!, 'close'));
    expect(connected).not.toHaveBeenCalled();
  });

  test('that comes in time ends the deadline', async () => {
    const { server, port } = await startServer({ handshakeTimeout: 1000 });
    const accepted = nextClient(server);
    const peer = rawClient(port);
    peer.write(hixieHead() + BODY.slice(0, 4));
    await once(server._server!, 'upgrade');
    peer.write(BODY.slice(4));
    const ws = await accepted;
    await sleep(1200);
    expect(ws.readyState).toBe(WebSocket.OPEN);
    await peer.readHead();
    expect(peer.bytes.toString('latin1')).toBe(ANSWER);
  });

  test('that comes while the server is closing is refused', async () => {
    const { server, port } = await startServer();
    const verified = new Promise((resolve) => {
      server.options.verifyClient = () => (resolve(true), true);
    });
    const peer = rawClient(port);
    peer.write(hixieHead());
    await within('the request', verified);
    server.close();
    peer.write(BODY);
    expect(await peer.readHead()).toMatch(/^HTTP\/1.1 503 /);
  });
});
