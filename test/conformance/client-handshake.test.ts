// RFC 6455 sections 3, 4.1, 4.3, 4.4 and 9.1: the client's opening handshake, answered as text over a bare socket.

import { Buffer } from 'node:buffer';
import { connect, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, type ClientOptions } from '../../adapters/node/index.ts';
import { createProxy } from '../../adapters/node/proxy.ts';
import { answerWith, ForwardProxy } from '../support/forward-proxies.ts';
import { frame } from '../support/frames.ts';
import {
  eventually,
  Log,
  openClient,
  RawPeer,
  responseText,
  startRawServer,
  type Fields,
  type Head,
  type Pace,
} from '../support/raw-peer.ts';
import { freePort } from '../support/sockets.ts';
import { sleep } from '../support/sleep.ts';

interface Attempt {
  readonly ws: WebSocket;
  readonly log: Log;
  readonly peer: RawPeer;
  readonly request: Head;
}

interface Plan {
  readonly path?: string;
  readonly protocols?: string[];
  readonly options?: ClientOptions;
  readonly pace?: Pace;
}

/** Lets our client connect to a raw server, and reads its request. */
async function attempt({ path = '/chat', protocols = [], options = {}, pace = 'chunk' }: Plan = {}): Promise<
  Attempt & { port: number }
> {
  const peers: RawPeer[] = [];
  const port = await startRawServer((peer) => peers.push(peer), pace);
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
  const log = new Log(ws);
  await eventually(() => peers.length > 0);
  return { ws, log, peer: peers[0], request: await peers[0].readHead(), port };
}

/** Answers an attempt and shows that it failed, without a byte of WebSocket. */
async function expectRefusal({ ws, log, peer }: Attempt, response: string, message?: RegExp): Promise<void> {
  await peer.send(Buffer.from(response, 'latin1'));
  expect(await log.end()).toEqual({ code: 1006, reason: '' });
  expect(log.hasOpened).toBe(false);
  expect(log.errors).toHaveLength(1);
  if (message) expect(log.errors[0].message).toMatch(message);
  expect(ws.readyState).toBe(ws.CLOSED);
  await peer.readToEnd();
  expect(peer.bytes).toHaveLength(0);
}

test('4.1-h 4.1-j 4.1-m client asks with GET, HTTP/1.1, Upgrade, Connection and version 13', async () => {
  const { request } = await attempt();
  expect(request.line).toBe('GET /chat HTTP/1.1');
  expect(request.fields).toMatchObject({ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' });
});

test.each([
  ['', '/'],
  ['/', '/'],
  ['/a/b?c=d&e=f', '/a/b?c=d&e=f'],
  ['?query', '/?query'],
  ['/sp ace/ü', '/sp%20ace/%C3%BC'],
])('3-b 4.1-h client asks for the resource name of "%s"', async (path, target) => {
  expect((await attempt({ path })).request.line).toBe(`GET ${target} HTTP/1.1`);
});

test('4.1-i client names host and port', async () => {
  const { request, port } = await attempt();
  expect(request.fields['host']).toBe(`127.0.0.1:${port}`);
});

test('3-b 4.1-i client leaves the default port out of Host', async () => {
  const peers: RawPeer[] = [];
  const port = await startRawServer((peer) => peers.push(peer));
  const log = new Log(new WebSocket('ws://example.test/', { createConnection: () => connect(port, '127.0.0.1') }));
  await eventually(() => peers.length > 0);
  expect((await peers[0].readHead()).fields['host']).toBe('example.test');
  expect(log.errors).toEqual([]);
});

test('4.1-k client sends a key of 16 bytes, another one each time', async () => {
  const keys = new Set<string>();
  for (let index = 0; index < 20; index++) {
    const key = (await attempt()).request.fields['sec-websocket-key'];
    expect(key).toMatch(/^[A-Za-z0-9+/]{21}[AQgw]==$/);
    expect(Buffer.from(key, 'base64')).toHaveLength(16);
    keys.add(key);
  }
  expect(keys.size).toBe(20);
});

test('4.1-l client sends the origin it is given, and none otherwise', async () => {
  expect((await attempt()).request.fields).not.toHaveProperty('origin');
  const { request } = await attempt({ options: { origin: 'http://site.example' } });
  expect(request.fields['origin']).toBe('http://site.example');
});

test('4.1-m 4.4-b client speaks version 8 on request, with its name for the origin', async () => {
  const { request, peer, log } = await attempt({ options: { protocolVersion: 8, origin: 'http://site.example' } });
  expect(request.fields).toMatchObject({ 'sec-websocket-version': '8', 'sec-websocket-origin': 'http://site.example' });
  expect(request.fields).not.toHaveProperty('origin');
  await peer.send(Buffer.from(responseText(request)), frame({ payload: 'Hello' }));
  await eventually(() => log.messages.length === 1);
  expect(log.messages).toEqual(['Hello']);
  expect(() => new WebSocket('ws://127.0.0.1/', { protocolVersion: 12 })).toThrow(RangeError);
});

test('4.1-n client lists its subprotocols in order, and refuses what is no list of unique tokens', async () => {
  const { request } = await attempt({ protocols: ['chat.v2', 'chat.v1'] });
  expect(request.fields['sec-websocket-protocol'].split(',').map((name) => name.trim())).toEqual(['chat.v2', 'chat.v1']);
  expect((await attempt()).request.fields).not.toHaveProperty('sec-websocket-protocol');
  for (const protocols of [
    [''],
    ['a', 'a'],
    ['a b'],
    ['a,b'],
    ['a;b'],
    ['"a"'],
    ['é'],
    ['a\r\nX: y'],
    ['a\u0000'],
    ['a/b'],
    ['a@b'],
  ]) {
    expect(() => new WebSocket('ws://127.0.0.1/', protocols)).toThrow(SyntaxError);
  }
});

test('4.1-o client sends other fields, credentials and cookies, but its own in their place', async () => {
  const headers = { Cookie: 'a=b', Authorization: 'Bearer x', 'Sec-WebSocket-Version': '7', 'Sec-WebSocket-Key': 'forged' };
  const { request } = await attempt({ options: { headers } });
  expect(request.fields).toMatchObject({ cookie: 'a=b', authorization: 'Bearer x', 'sec-websocket-version': '13' });
  expect(request.fields['sec-websocket-key']).toHaveLength(24);
});

test('4.1-a client refuses a URI with invalid parts before it connects', () => {
  for (const uri of ['', 'chat', '//host/', 'ftp://host/', 'ws://', 'ws://host:99999/', 'ws://ho st/']) {
    expect(() => new WebSocket(uri), uri).toThrow(SyntaxError);
  }
});

test('3-a client refuses a URI with a fragment', () => {
  expect(() => new WebSocket('ws://127.0.0.1/#there')).toThrow(SyntaxError);
  expect(() => new WebSocket('wss://127.0.0.1/path?query#x')).toThrow(SyntaxError);
});

test('4.1-c client asks a configured proxy to connect to host and port, also without TLS to the server', async () => {
  const proxy = await ForwardProxy.start({ answer: answerWith('HTTP/1.1 403 Forbidden\r\n\r\n') });
  onTestFinished(() => proxy.close());
  for (const url of ['ws://server.example/chat', 'wss://server.example/chat']) {
    const ws = new WebSocket(url, { proxy: createProxy(proxy.url()) });
    await new Promise((resolve) => ws.on('error', resolve));
  }
  expect(proxy.heads).toEqual([
    'CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80',
    'CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443',
  ]);
});

test('4.1-p 6.1-a client sends nothing before the answer has come', async () => {
  const { ws, peer, request, log } = await attempt();
  expect(() => ws.send('too early')).toThrow();
  expect(() => ws.ping()).toThrow();
  await sleep(50);
  expect(peer.bytes).toHaveLength(0);
  ws.on('open', () => ws.send('now'));
  await peer.send(Buffer.from(responseText(request)));
  expect((await peer.read(1))[0].payload.toString()).toBe('now');
  expect(log.errors).toEqual([]);
});

test('4.1-w client opens at an answer that conforms, whole or byte by byte', async () => {
  for (const pace of ['chunk', 'byte'] as const) {
    const { ws, peer } = await openClient({}, pace);
    ws.send('opened');
    expect((await peer.read(1))[0].payload.toString()).toBe('opened');
    expect(ws.protocol).toBe('');
    expect(ws.extensions).toBe('');
  }
});

test.each([
  [{ Upgrade: 'WebSocket' }],
  [{ Upgrade: undefined, uPGRADE: 'WEBSOCKET' }],
  [{ Connection: 'uPgRaDe' }],
  [{ Connection: 'keep-alive, Upgrade' }],
  [{ 'X-Unknown': 'a', 'Set-Cookie': ['a=b', 'c=d'] }],
] as readonly (readonly [Fields])[])('4.1-r 4.1-s 4.1-w client takes %j', async (fields) => {
  const { ws } = await openClient({ fields });
  expect(ws.readyState).toBe(ws.OPEN);
});

test('4.1-w client takes fields in any order, with space around the accept value', async () => {
  const { request, peer, log } = await attempt();
  const [line, upgrade, connection, accept] = responseText(request).split('\r\n');
  const [name, value] = accept.split(': ');
  await peer.send(Buffer.from([line, `${name}: \t ${value} \t`, connection, upgrade, '', ''].join('\r\n')));
  await eventually(() => log.hasOpened || log.closed !== undefined);
  expect(log.hasOpened).toBe(true);
});

type BadAnswers = readonly (readonly [what: string, fields: Fields, message: RegExp])[];

/** Shows that an answer with these fields fails the connection. */
async function failsAtFields(_what: string, fields: Fields, message: RegExp): Promise<void> {
  const one = await attempt({ options: { perMessageDeflate: false } });
  await expectRefusal(one, responseText(one.request, fields), message);
}

test.each([
  ['no Upgrade', { Upgrade: undefined }, /./],
  ['another Upgrade', { Upgrade: 'h2c' }, /Upgrade/],
  ['an Upgrade that only begins like it', { Upgrade: 'websockets' }, /Upgrade/],
] as BadAnswers)('4.1-r 4.1-x client fails at %s', failsAtFields);

test.each([
  ['no Connection', { Connection: undefined }, /./],
  ['a Connection without Upgrade', { Connection: 'close' }, /./],
] as BadAnswers)('4.1-s 4.1-x client fails at %s', failsAtFields);

test.each([
  ['no accept value', { 'Sec-WebSocket-Accept': undefined }, /Accept/],
  ['an empty accept value', { 'Sec-WebSocket-Accept': '' }, /Accept/],
  ['the accept value of another key', { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }, /Accept/],
] as BadAnswers)('4.1-t 4.1-x client fails at %s', failsAtFields);

test.each([
  ['an extension that was not requested', { 'Sec-WebSocket-Extensions': 'foo' }, /[Ee]xtension/],
  ['compression that was not requested', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, /[Ee]xtension/],
] as BadAnswers)('4.1-u 4.1-x client fails at %s', failsAtFields);

test.each([['extensions that do not parse', { 'Sec-WebSocket-Extensions': ';=,' }, /[Ee]xtension/]] as BadAnswers)(
  '9.1-b 4.1-x client fails at %s',
  failsAtFields,
);

test.each([['a subprotocol that was not requested', { 'Sec-WebSocket-Protocol': 'chat' }, /subprotocol/]] as BadAnswers)(
  '4.1-v 4.1-x client fails at %s',
  failsAtFields,
);

test('4.1-t client fails at an accept value of another case, cut, or sent twice', async () => {
  const changes = [
    (accept: string) => accept.slice(0, -1),
    (accept: string) => (accept === accept.toLowerCase() ? accept.toUpperCase() : accept.toLowerCase()),
    (accept: string) => [accept, accept],
  ];
  for (const change of changes) {
    const one = await attempt();
    const accept = /Accept: (\S+)/.exec(responseText(one.request))![1];
    await expectRefusal(one, responseText(one.request, { 'Sec-WebSocket-Accept': change(accept) }), /Accept/);
  }
});

test('4.1-v 4.3-c client fails at another subprotocol than those it offered', async () => {
  for (const answer of ['other', 'CHAT', 'chat, talk', '', ['chat', 'talk']]) {
    const one = await attempt({ protocols: ['chat', 'talk'] });
    await expectRefusal(one, responseText(one.request, { 'Sec-WebSocket-Protocol': answer }), /subprotocol/);
  }
});

test('4.1-v client uses the subprotocol that the server picked', async () => {
  const { ws } = await openClient({ protocols: ['chat', 'talk'], fields: { 'Sec-WebSocket-Protocol': 'talk' } });
  expect(ws.protocol).toBe('talk');
});

test.each([200, 204, 302, 400, 401, 403, 404, 426, 503])('4.1-q 4.1-x client opens nothing at status %i', async (status) => {
  const one = await attempt();
  const fields = { Upgrade: undefined, Connection: 'close', 'Content-Length': status === 204 ? undefined : '0' };
  await expectRefusal(one, responseText(one.request, fields, `HTTP/1.1 ${status} Whatever`), new RegExp(`${status}`));
});

test('4.1-q client opens nothing at status 200 with all the fields of an answer', async () => {
  const one = await attempt();
  await expectRefusal(one, responseText(one.request, {}, 'HTTP/1.1 200 OK'));
});

test('4.1-q client follows a redirect when it is told to', async () => {
  const target: RawPeer[] = [];
  const port = await startRawServer((peer) => target.push(peer));
  const one = await attempt({ options: { followRedirects: true } });
  const location = { Location: `ws://127.0.0.1:${port}/moved`, 'Content-Length': '0', Upgrade: undefined, Connection: 'close' };
  await one.peer.send(Buffer.from(responseText(one.request, location, 'HTTP/1.1 302 Found')));
  await eventually(() => target.length > 0);
  const request = await target[0].readHead();
  expect(request.line).toBe('GET /moved HTTP/1.1');
  await target[0].send(Buffer.from(responseText(request)));
  await eventually(() => one.log.hasOpened);
  expect(one.log.errors).toEqual([]);
});

test('4.1-x client fails at an answer that is no HTTP, or breaks off', async () => {
  const garbage = await attempt();
  await expectRefusal(garbage, 'SSH-2.0-OpenSSH_9.2\r\n\r\n');
  const half = await attempt();
  await half.peer.send(Buffer.from('HTTP/1.1 101 Switching'));
  half.peer.end();
  expect((await half.log.end()).code).toBe(1006);
  expect(half.log.hasOpened).toBe(false);
});

test('4.1-x client gives up on an answer that does not come', async () => {
  const one = await attempt({ options: { handshakeTimeout: 50 } });
  expect((await one.log.end()).code).toBe(1006);
  expect(one.log.errors).toHaveLength(1);
  await one.peer.readToEnd();
  expect(one.peer.bytes).toHaveLength(0);
});

test('4.1-d client fails when nobody listens', async () => {
  const log = new Log(new WebSocket(`ws://127.0.0.1:${await freePort()}/`));
  expect((await log.end()).code).toBe(1006);
  expect(log.errors).toHaveLength(1);
  expect(log.errors[0].code).toBe('ECONNREFUSED');
});

test('4.1-e 4.1-g client starts with a TLS handshake that names the server, and sends nothing else before it', async () => {
  const peers: RawPeer[] = [];
  const port = await startRawServer((peer) => peers.push(peer));
  const log = new Log(new WebSocket(`wss://localhost:${port}/secret-path`, { family: 4 }));
  await eventually(() => peers.length > 0 && peers[0].bytes.length > 100);
  await sleep(50);
  const { bytes } = peers[0];
  // One record of type handshake (22) that holds one ClientHello (1), and nothing behind it.
  expect([bytes[0], bytes[1], bytes[5]]).toEqual([22, 3, 1]);
  expect(bytes.readUInt16BE(3)).toBe(bytes.length - 5);
  // server_name: a list with one entry of type 0, nine bytes long.
  expect(bytes.includes(Buffer.from('\x00\x00\x09localhost', 'latin1'))).toBe(true);
  expect(bytes.includes('secret-path')).toBe(false);
  expect(log.hasOpened).toBe(false);
});

test('4.1-f client fails when the TLS handshake fails', async () => {
  const peers: RawPeer[] = [];
  const port = await startRawServer((peer) => peers.push(peer));
  const log = new Log(new WebSocket(`wss://127.0.0.1:${port}/`));
  await eventually(() => peers.length > 0 && peers[0].bytes.length > 0);
  await peers[0].send(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  expect((await log.end()).code).toBe(1006);
  expect(log.errors).toHaveLength(1);
  expect(log.hasOpened).toBe(false);
});

test('4.1-e 4.1-f client talks through TLS when both have the key, and fails when they have not', async () => {
  const options = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  const right = Buffer.alloc(16, 7);
  const peers: RawPeer[] = [];
  const server = createTlsServer({ ...options, pskCallback: () => right }, (socket) => peers.push(new RawPeer(socket, false)));
  server.on('tlsClientError', () => {});
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const uri = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/chat`;
  const open = (psk: Buffer): WebSocket => {
    // @types/ws declares another result of checkServerIdentity than node:tls does.
    const settings: object = {
      ...options,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk, identity: 'test' }),
    };
    return new WebSocket(uri, settings);
  };

  const failed = new Log(open(Buffer.alloc(16, 8)));
  expect((await failed.end()).code).toBe(1006);
  expect(peers).toEqual([]);

  const log = new Log(open(right));
  await eventually(() => peers.length > 0);
  const request = await peers[0].readHead();
  expect(request.line).toBe('GET /chat HTTP/1.1');
  await peers[0].send(Buffer.from(responseText(request)), frame({ payload: 'through TLS' }));
  await eventually(() => log.messages.length === 1);
  expect(log.messages).toEqual(['through TLS']);
});
