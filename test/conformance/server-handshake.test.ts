// RFC 6455 sections 4.2, 4.3, 4.4 and 9.1: the server's opening handshake, as text over a bare socket.

import { Buffer } from 'node:buffer';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, type PSKCallbackNegotation } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, type WebSocket } from '../../adapters/node/index.ts';
import { hex } from '../support/frames.ts';
import {
  ACCEPT,
  acceptFor,
  connectRaw,
  eventually,
  KEY,
  Log,
  RawPeer,
  requestText,
  startServer,
  type Fields,
  type Head,
  type Pace,
  type ServerSettings,
} from '../support/raw-peer.ts';

interface Answer extends Head {
  readonly status: number;
  readonly body: string;
}

/** Sends a request that must not open a connection; the answer, with everything up to the end of TCP. */
async function refused(text: string, settings: ServerSettings = {}): Promise<Answer> {
  const { server, port } = await startServer(settings);
  const opened: unknown[] = [];
  server.on('connection', (ws) => opened.push(ws));
  const peer = connectRaw(port);
  await peer.send(Buffer.from(text, 'latin1'));
  const head = await peer.readHead();
  // What our HTTP server answers by itself may leave the connection open for another request.
  if (head.fields['connection'] === 'close') await peer.readToEnd();
  else await eventually(() => peer.bytes.length >= Number(head.fields['content-length']));
  expect(opened).toEqual([]);
  const status = Number(head.line.split(' ')[1]);
  expect(status).toBeGreaterThanOrEqual(400);
  return { ...head, status, body: peer.bytes.toString() };
}

/** Sends a request that must open a connection, and shows that it did. */
async function accepted(
  text: string,
  settings: ServerSettings = {},
  pace: Pace = 'chunk',
): Promise<{ head: Head; ws: WebSocket }> {
  const { server, port } = await startServer(settings);
  const sockets: WebSocket[] = [];
  server.on('connection', (ws) => {
    sockets.push(ws);
    ws.on('message', (data: Buffer) => ws.send(data.toString()));
  });
  const peer = connectRaw(port, pace);
  await peer.send(Buffer.from(text, 'latin1'));
  const head = await peer.readHead();
  expect(head.line).toBe('HTTP/1.1 101 Switching Protocols');
  await peer.sendFrame({ payload: 'echo' });
  expect((await peer.read(1))[0].payload.toString()).toBe('echo');
  return { head, ws: sockets[0] };
}

test('4.2.2-g server answers 101 with Upgrade, Connection and the accept value of the standard’s example', async () => {
  for (const pace of ['chunk', 'byte'] as const) {
    const { head } = await accepted(requestText(), {}, pace);
    expect(head.fields).toEqual({ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': ACCEPT });
  }
});

test('4.2.2-g server computes the accept value of each key', async () => {
  for (const key of ['AAAAAAAAAAAAAAAAAAAAAA==', '/////////////////////w==', 'x3JJHMbDL1EzLkh9GBhXDw==']) {
    const { head } = await accepted(requestText({ 'Sec-WebSocket-Key': key }));
    expect(head.fields['sec-websocket-accept']).toBe(acceptFor(key));
  }
});

test.each(['POST', 'PUT', 'HEAD', 'OPTIONS'])('4.2.1-a 4.2.1-i server refuses the method %s', async (method) => {
  const answer = await refused(requestText({}, `${method} /chat HTTP/1.1`));
  expect(answer.status).toBe(405);
});

test('4.2.1-a server refuses HTTP/1.0', async () => {
  expect((await refused(requestText({}, 'GET /chat HTTP/1.0'))).status).toBe(400);
});

test('4.2.1-b server refuses a request without Host', async () => {
  expect((await refused(requestText({ Host: undefined }))).status).toBe(400);
});

test('4.2.1-i server refuses what is no HTTP', async () => {
  expect((await refused('hello there\r\n\r\n')).status).toBe(400);
});

type BadFields = readonly (readonly [what: string, fields: Fields, status: number])[];

/** Shows that a request with these fields gets `status`, and an answer that tells a person why. */
async function refusesFields(_what: string, fields: Fields, status: number): Promise<void> {
  const answer = await refused(requestText(fields));
  expect(answer.status).toBe(status);
  // Our own refusals end TCP; 426 comes from the HTTP server in front, which may serve another request.
  if (status === 400) expect(answer.fields['connection']).toBe('close');
  // RFC 9110 section 15.5.22.
  expect(answer.fields['upgrade']).toBe(status === 426 ? 'websocket' : undefined);
  expect(answer.fields).not.toHaveProperty('sec-websocket-accept');
  expect(answer.body).toHaveLength(Number(answer.fields['content-length']));
  expect(answer.body.length).toBeGreaterThan(0);
}

test.each([
  ['no Upgrade', { Upgrade: undefined }, 426],
  ['another Upgrade', { Upgrade: 'h2c' }, 400],
  ['an Upgrade that only begins like it', { Upgrade: 'websocketx' }, 400],
] as BadFields)('4.2.1-c 4.2.1-i server refuses %s', refusesFields);

test.each([
  ['no Connection', { Connection: undefined }, 426],
  ['a Connection without Upgrade', { Connection: 'keep-alive' }, 426],
] as BadFields)('4.2.1-d 4.2.1-i server refuses %s', refusesFields);

test.each([
  ['no key', { 'Sec-WebSocket-Key': undefined }, 400],
  ['an empty key', { 'Sec-WebSocket-Key': '' }, 400],
  ['a key of 15 bytes', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }, 400],
  ['a key of 17 bytes', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' }, 400],
  ['a key that is not base64', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ!==' }, 400],
  ['a key without padding', { 'Sec-WebSocket-Key': KEY.slice(0, 22) }, 400],
  ['two keys', { 'Sec-WebSocket-Key': [KEY, KEY] }, 400],
] as BadFields)('4.2.1-e 4.2.1-i server refuses %s', refusesFields);

test.each([
  ['no version', { 'Sec-WebSocket-Version': undefined }, 400],
  ['version 7', { 'Sec-WebSocket-Version': '7' }, 400],
  ['version 14', { 'Sec-WebSocket-Version': '14' }, 400],
] as BadFields)('4.2.1-f 4.2.2-c 4.2.1-i server refuses %s', refusesFields);

test.each([
  ['two versions', { 'Sec-WebSocket-Version': '13, 8' }, 400],
  ['a version with a leading zero', { 'Sec-WebSocket-Version': '013' }, 400],
  ['a version with a sign', { 'Sec-WebSocket-Version': '+13' }, 400],
  ['a version with a fraction', { 'Sec-WebSocket-Version': '13.0' }, 400],
] as BadFields)('4.3-b server refuses %s', refusesFields);

test.each([
  ['an empty list of subprotocols', { 'Sec-WebSocket-Protocol': '' }, 400],
  ['an empty subprotocol', { 'Sec-WebSocket-Protocol': 'a,,b' }, 400],
  ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'a, b, a' }, 400],
  ['a subprotocol twice in two fields', { 'Sec-WebSocket-Protocol': ['a', 'a'] }, 400],
  ['a subprotocol that is no token', { 'Sec-WebSocket-Protocol': 'a b' }, 400],
  ['a subprotocol in quotes', { 'Sec-WebSocket-Protocol': '"a"' }, 400],
] as BadFields)('4.3-a server refuses %s', refusesFields);

test.each([
  ['an extension without a name', { 'Sec-WebSocket-Extensions': '; a=1' }, 400],
  ['an extension with a parameter without a name', { 'Sec-WebSocket-Extensions': 'foo; =1' }, 400],
  ['an extension with an open quote', { 'Sec-WebSocket-Extensions': 'foo; a="1' }, 400],
  ['an extension whose quoted value is no token', { 'Sec-WebSocket-Extensions': 'foo; a="1 2"' }, 400],
] as BadFields)('9.1-a server refuses %s', refusesFields);

test('4.2.1-i server sends no frame and takes none after a refusal', async () => {
  const { server, port } = await startServer();
  let connections = 0;
  server.on('connection', () => connections++);
  const peer = connectRaw(port);
  await peer.send(Buffer.from(requestText({ 'Sec-WebSocket-Key': 'bad' })), hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'));
  const head = await peer.readHead();
  await peer.readToEnd();
  expect(head.line).toBe('HTTP/1.1 400 Bad Request');
  expect(peer.bytes).toHaveLength(Number(head.fields['content-length']));
  expect(connections).toBe(0);
});

test.each(['7', '14', '0', '255', undefined])(
  '4.4-a 4.2.2-c server answers version %s with the versions it speaks',
  async (version) => {
    const answer = await refused(requestText({ 'Sec-WebSocket-Version': version }));
    expect(answer.fields['sec-websocket-version']).toBe('13, 8');
  },
);

test('4.4-b server takes version 8, with its name for the origin', async () => {
  const origins: string[] = [];
  const verifyClient = ({ origin }: { origin: string }): boolean => origins.push(origin) > 0;
  await accepted(requestText({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://eight.example' }), {
    verifyClient,
  });
  await accepted(requestText({ Origin: 'http://thirteen.example' }), { verifyClient });
  expect(origins).toEqual(['http://eight.example', 'http://thirteen.example']);
});

test('4.2.1-c 4.2.1-d 4.2.1-h server takes fields of any case, in any order, in lists and among others', async () => {
  const key = { 'Sec-WebSocket-Key': undefined, 'sEC-wEBsOCKET-kEY': KEY };
  await accepted(requestText({ Upgrade: 'WebSocket' }));
  await accepted(requestText({ Upgrade: 'foo, WEBSOCKET' }));
  await accepted(requestText({ Connection: 'keep-alive, uPGRADE' }));
  await accepted(requestText({ Connection: ['keep-alive', 'Upgrade'] }));
  await accepted(requestText({ ...key, Cookie: 'a=b', 'X-Unknown': '\xe9', Authorization: 'Basic eDp5' }));
  const [line, ...fields] = requestText().trimEnd().split('\r\n');
  await accepted([line, ...fields.sort(), '', ''].join('\r\n'));
  await accepted([line, ...fields.sort((one, other) => (one < other ? 1 : -1)), '', ''].join('\r\n'));
  await accepted(requestText({ 'Sec-WebSocket-Version': '  13\t' }));
});

test('4.2.1-a server takes any path unless told one', async () => {
  await accepted(requestText({}, 'GET / HTTP/1.1'));
  await accepted(requestText({}, 'GET /a/b?c=d&e=%20 HTTP/1.1'));
});

test('4.2.1-g 10-d server tells the program the origin, or that there is none', async () => {
  const origins: (string | undefined)[] = [];
  const verifyClient = ({ origin }: { origin: string }): boolean => origins.push(origin) > 0;
  await accepted(requestText({ Origin: 'null' }), { verifyClient });
  await accepted(requestText(), { verifyClient });
  expect(origins).toEqual(['null', undefined]);
});

test('4.2.2-b 10-d server refuses with the status and the fields that the program chooses', async () => {
  const asking = await refused(requestText(), {
    verifyClient: (_info, callback) => callback(false, 401, 'Who are you?', { 'WWW-Authenticate': 'Basic realm="chat"' }),
  });
  expect(asking).toMatchObject({ status: 401, body: 'Who are you?' });
  expect(asking.fields['www-authenticate']).toBe('Basic realm="chat"');
  const origin = await refused(requestText({ Origin: 'http://evil.example' }), {
    verifyClient: (info, callback) => callback(info.origin === 'http://good.example', 403),
  });
  expect(origin.status).toBe(403);
  expect((await refused(requestText(), { verifyClient: () => false })).status).toBe(401);
});

test('4.2.2-d server refuses a path that is not its own', async () => {
  expect((await refused(requestText({}, 'GET /other HTTP/1.1'), { path: '/chat' })).status).toBe(400);
  await accepted(requestText({}, 'GET /chat?room=1 HTTP/1.1'), { path: '/chat' });
});

test('4.2.2-d server answers 426 to a request that asks for no WebSocket', async () => {
  const answer = await refused('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(answer.status).toBe(426);
  expect(answer.fields).toMatchObject({ upgrade: 'websocket', connection: 'Upgrade' });
  const last = await refused('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(last.fields).toMatchObject({ upgrade: 'websocket', connection: 'close, Upgrade' });
});

test('4.2.2-e server picks one of the subprotocols offered, the first by default', async () => {
  const offer = requestText({ 'Sec-WebSocket-Protocol': 'chat.v2, chat.v1' });
  const first = await accepted(offer);
  expect(first.head.fields['sec-websocket-protocol']).toBe('chat.v2');
  expect(first.ws.protocol).toBe('chat.v2');
  const chosen = await accepted(offer, { handleProtocols: (protocols) => [...protocols][1] });
  expect(chosen.head.fields['sec-websocket-protocol']).toBe('chat.v1');
  expect(chosen.ws.protocol).toBe('chat.v1');
  const repeated = await accepted(requestText({ 'Sec-WebSocket-Protocol': ['one', 'two'] }), {
    handleProtocols: (all) => [...all][1],
  });
  expect(repeated.ws.protocol).toBe('two');
});

test('4.2.2-e server sends no subprotocol when none was offered, or none is wanted', async () => {
  const none = await accepted(requestText(), { handleProtocols: () => 'unasked' });
  expect(none.head.fields).not.toHaveProperty('sec-websocket-protocol');
  expect(none.ws.protocol).toBe('');
  const unwanted = await accepted(requestText({ 'Sec-WebSocket-Protocol': 'a' }), { handleProtocols: () => false });
  expect(unwanted.head.fields).not.toHaveProperty('sec-websocket-protocol');
});

test('4.2.2-f 5.8-a server lists no extension that it does not use', async () => {
  for (const offer of ['foo', 'permessage-deflate; client_max_window_bits', 'x-webkit-deflate-frame, foo; bar="baz"']) {
    const { head, ws } = await accepted(requestText({ 'Sec-WebSocket-Extensions': offer }));
    expect(head.fields).not.toHaveProperty('sec-websocket-extensions');
    expect(ws.extensions).toBe('');
  }
  const { head } = await accepted(requestText());
  expect(head.fields).not.toHaveProperty('sec-websocket-extensions');
});

test('4.2.2-h server may send before the client does, behind the answer', async () => {
  const { server, port } = await startServer();
  server.on('connection', (ws: WebSocket) => ws.send('welcome'));
  const peer = connectRaw(port);
  await peer.send(Buffer.from(requestText()));
  await peer.readHead();
  expect((await peer.read(1))[0].payload.toString()).toBe('welcome');
});

test('4.2.2-h server may close in its connection listener, behind the answer', async () => {
  const { server, port } = await startServer();
  server.on('connection', (ws: WebSocket) => ws.close(4000));
  const peer = connectRaw(port);
  await peer.send(Buffer.from(requestText()));
  await peer.readHead();
  expect((await peer.read(1))[0].payload.readUInt16BE(0)).toBe(4000);
});

test('4.2.2-a server speaks after TLS has been negotiated, and through it', async () => {
  const PSK = { identity: 'test', psk: Buffer.alloc(16, 7) };
  const options = { ciphers: 'PSK', maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const;
  const server = createTlsServer({ ...options, pskCallback: () => PSK.psk });
  const sockets = new WebSocketServer({ server });
  onTestFinished(() => {
    for (const ws of sockets.clients ?? []) ws.terminate();
    server.close();
  });
  const log = new Promise<Log>((resolve) => sockets.on('connection', (ws: WebSocket) => resolve(new Log(ws))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connectTls({
    ...options,
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    checkServerIdentity: () => undefined,
    pskCallback: (): PSKCallbackNegotation => PSK,
  });
  const peer = new RawPeer(socket, true);
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  await peer.send(Buffer.from(requestText()), hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'), hex('88 82 37 fa 21 3d 34 12'));
  expect((await peer.readHead()).line).toBe('HTTP/1.1 101 Switching Protocols');
  await peer.readToEnd();
  expect(peer.bytes.toString('hex')).toBe('880203e8');
  peer.end();
  const seen = await log;
  expect(await seen.end()).toEqual({ code: 1000, reason: '' });
  expect(seen.messages).toEqual(['Hello']);
});
