// The server's side of the handshake: what a request shows, what accept and reject answer. The same as WebSocket-Node.

import { connect } from 'node:net';
import { describe, test } from 'vitest';
import type { ICookie, WebSocketRequest } from '../../../src/compat/websocket-node/index.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import { listen, rawPeer, record, requestOf, sameWithBoth, show, sleep, until, type Library } from './oracle.ts';

type Headers = Record<string, string | undefined>;
type Act = (request: WebSocketRequest) => unknown;
interface Program {
  readonly headers?: Headers;
  readonly first?: string;
  readonly config?: object;
  /** What is done with the request. Default: it is accepted. */
  readonly act?: Act;
}

const REQUEST_EVENTS = ['requestResolved', 'requestAccepted', 'requestRejected'];
const SERVER_EVENTS = ['request', 'connect', 'close', 'upgradeError'];

const accept = (...values: Parameters<WebSocketRequest['accept']>): Act => {
  return (request) => {
    const connection = request.accept(...values);
    const { protocol, extensions, remoteAddress, webSocketVersion, state } = connection;
    return { protocol, extensions, remoteAddress, webSocketVersion, state };
  };
};
const reject = (...values: unknown[]): Act => {
  return (request) => request.reject(...(values as Parameters<WebSocketRequest['reject']>));
};
const cookies = (...list: object[]): Program => ({ act: accept(null, undefined, list as ICookie[]) });
/** What a request shows, then a refusal. */
const look: Act = (request) => {
  const { host, resource, remoteAddress, remoteAddresses, origin, key, requestedProtocols } = request;
  const { webSocketVersion, requestedExtensions, cookies: received, protocolFullCaseMap } = request;
  const url = { ...request.resourceURL, query: { ...(request.resourceURL.query as object) } };
  request.reject();
  return {
    members: [host, resource, url, remoteAddress, remoteAddresses, origin, key, requestedProtocols],
    more: [webSocketVersion, requestedExtensions, received, { ...protocolFullCaseMap }],
  };
};

const CHECKS: Readonly<Record<string, Program>> = {
  'no Sec-WebSocket-Key': { headers: { 'Sec-WebSocket-Key': undefined } },
  'no Sec-WebSocket-Version': { headers: { 'Sec-WebSocket-Version': undefined } },
  'a version that is no number': { headers: { 'Sec-WebSocket-Version': 'x' } },
  'version 7': { headers: { 'Sec-WebSocket-Version': '7' } },
  'version 14': { headers: { 'Sec-WebSocket-Version': '14' } },
  'version 8': { headers: { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://o' } },
  'a list in Connection': { headers: { Connection: 'keep-alive, Upgrade' } },
};

const LOOKS: Readonly<Record<string, Program>> = {
  'nothing special': { act: look },
  'a host with a port': { headers: { Host: 'example.org:8080' }, act: look },
  'an origin': { headers: { Origin: 'http://example.org' }, act: look },
  'an opaque origin': { headers: { Origin: 'null' }, act: look },
  'the origin of version 8': {
    headers: { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://8', Origin: 'http://13' },
    act: look,
  },
  'a path and a query': { first: 'GET /a/b?c=d&c=e&f HTTP/1.1', act: look },
  'a fragment': { first: 'GET /a#b HTTP/1.1', act: look },
  'two slashes': { first: 'GET // HTTP/1.1', act: look },
  'an asterisk': { first: 'GET * HTTP/1.1', act: look },
  'a whole URL': { first: 'GET http://x/y?z=1 HTTP/1.1', act: look },
  subprotocols: { headers: { 'Sec-WebSocket-Protocol': 'Foo, BAR,baz' }, act: look },
  extensions: { headers: { 'Sec-WebSocket-Extensions': 'x-a; p=1; q, permessage-deflate; client_max_window_bits' }, act: look },
  'extensions that are not read': {
    headers: { 'Sec-WebSocket-Extensions': 'x' },
    config: { parseExtensions: false },
    act: look,
  },
  'a cookie': { headers: { Cookie: 'a=b' }, act: look },
  cookies: { headers: { Cookie: 'a=b; c="d"; e=%20; f; a=2; g=h=i; =x; k=""; l= m ;;' }, act: look },
  'cookies with commas': { headers: { Cookie: 'a=b,c=d' }, act: look },
  'cookies of RFC 2965': { headers: { Cookie: '$Version=1; a=b' }, act: look },
  'cookies that are not read': { headers: { Cookie: 'a=b' }, config: { parseCookies: false }, act: look },
  'X-Forwarded-For': { headers: { 'X-Forwarded-For': '1.2.3.4, 5.6.7.8' }, act: look },
  'X-Forwarded-For without spaces': { headers: { 'X-Forwarded-For': '1.2.3.4,5.6.7.8' }, act: look },
  'X-Forwarded-For that is ignored': {
    headers: { 'X-Forwarded-For': '1.2.3.4' },
    config: { ignoreXForwardedFor: true },
    act: look,
  },
  'an empty X-Forwarded-For': { headers: { 'X-Forwarded-For': '' }, act: look },
};

const FOO = { headers: { 'Sec-WebSocket-Protocol': 'Foo, bar' } };
const ORIGIN = { headers: { Origin: 'http://a' } };
const ANSWERS: Readonly<Record<string, Program>> = {
  accept: { act: accept() },
  'accept null': { act: accept(null) },
  'accept a subprotocol': { ...FOO, act: accept('foo') },
  'accept the second subprotocol': { ...FOO, act: accept('bar') },
  'accept a subprotocol as it was written': { ...FOO, act: accept('Foo') },
  'accept a subprotocol that was not asked for': { ...FOO, act: accept('other') },
  'accept a subprotocol when none was asked for': { act: accept('foo') },
  'accept an empty subprotocol': { ...FOO, act: accept('') },
  'accept the origin': { ...ORIGIN, act: accept(null, 'http://a') },
  'accept another origin': { ...ORIGIN, act: accept(null, 'http://b') },
  'accept all origins': { ...ORIGIN, act: accept(null, '*') },
  'accept an origin that nobody has': { act: accept(null, 'http://a') },
  'accept an origin with a line break': { ...ORIGIN, act: accept(null, 'a\r\nX: b') },
  'accept the origin of version 8': {
    headers: { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'http://a' },
    act: accept(null, 'http://a'),
  },
  'accept with all': { ...FOO, act: accept('foo', 'http://a', [{ name: 'a', value: 'b' }]) },
  reject: { act: reject() },
  'reject 404': { act: reject(404, 'no such thing') },
  'reject 200': { act: reject(200, 'fine') },
  'reject with text for a status': { act: reject('404', 'x') },
  'reject with an empty reason': { act: reject(403, '') },
  'reject with a line break': { act: reject(403, 'a\r\nX: b') },
  'reject with headers': { act: reject(401, 'who?', { 'WWW-Authenticate': 'Basic', 'X-Number': 5 }) },
  'reject with a forged header': { act: reject(401, 'who?', { 'X-A': 'b\r\nX: c' }) },
  'reject twice': { act: (request) => [reject()(request), reject()(request)] },
  'accept what is rejected': { act: (request) => [reject()(request), accept()(request)] },
  'reject what is accepted': { act: (request) => [accept()(request), reject()(request)] },
  'accept twice': { act: (request) => [accept()(request), accept()(request)] },
};

const COOKIES: Readonly<Record<string, Program>> = {
  'a cookie': cookies({ name: 'a', value: 'b' }),
  'two cookies': cookies({ name: 'a', value: 'b' }, { name: 'c', value: 'd' }),
  'a cookie with everything': cookies({
    name: 'a',
    value: 'b',
    path: '/x',
    domain: 'd.e',
    expires: new Date(0),
    maxage: 5,
    secure: true,
    httponly: true,
  }),
  'a cookie that says no': cookies({ name: 'a', value: 'b', secure: false, httponly: false, maxage: 0 }),
  'a quoted value': cookies({ name: 'a', value: '"b"' }),
  'spaces in it': cookies({ name: 'a b', value: 'c d' }),
  'line breaks in it': cookies({ name: 'a\r\n', value: 'b\r\nX: c' }),
  'the same twice': cookies({ name: 'a', value: 'b' }, { name: 'a', value: 'c' }),
  'no name': cookies({ value: 'b' }),
  'no value': cookies({ name: 'a' }),
  'an empty value': cookies({ name: 'a', value: '' }),
  'a name with =': cookies({ name: 'a=b', value: 'c' }),
  'a name with ()': cookies({ name: 'a()', value: 'c' }),
  'a value with ;': cookies({ name: 'a', value: 'b;c' }),
  'a value with ,': cookies({ name: 'a', value: 'b,c' }),
  'a value with a backslash': cookies({ name: 'a', value: 'b\\c' }),
  'a value beyond ASCII': cookies({ name: 'a', value: 'ü' }),
  'a path with ;': cookies({ name: 'a', value: 'b', path: '/;x' }),
  'a path with a line break': cookies({ name: 'a', value: 'b', path: '/\n' }),
  'a domain with ;': cookies({ name: 'a', value: 'b', domain: 'a;b' }),
  'a domain that is a number': cookies({ name: 'a', value: 'b', domain: 5 }),
  'expires that is text': cookies({ name: 'a', value: 'b', expires: 'never' }),
  'expires that is a number': cookies({ name: 'a', value: 'b', expires: 5 }),
  'maxage that is text': cookies({ name: 'a', value: 'b', maxage: '5' }),
  'maxage below zero': cookies({ name: 'a', value: 'b', maxage: -1 }),
  'maxage that is no number': cookies({ name: 'a', value: 'b', maxage: 'x' }),
  'maxage between two seconds': cookies({ name: 'a', value: 'b', maxage: 1.5 }),
  'secure that is text': cookies({ name: 'a', value: 'b', secure: 'yes' }),
  'httponly that is a number': cookies({ name: 'a', value: 'b', httponly: 1 }),
  'no cookies': cookies(),
  'cookies that are no array': { act: accept(null, undefined, 'a=b' as never) },
};

async function run(library: Library, program: Program): Promise<unknown> {
  const { server, port, close } = await listen(library, program.config);
  const log = record(server, [], SERVER_EVENTS);
  server.on('request', (request) => {
    record(request, log, REQUEST_EVENTS);
    const result = outcome(() => (program.act ?? accept())(request));
    log.push(['result', 'throws' in (result as object) ? result : show((result as { returns: unknown }).returns)]);
    log.push(['waiting', server.pendingRequests.length, server.connections.length]);
  });
  const peer = rawPeer(connect(port, '127.0.0.1'));
  peer.socket.write(requestOf(program.headers, program.first));
  await until(() => peer.text().includes('\r\n\r\n'));
  const isOpen = peer.text().includes(' 101 ');
  // A refusal ends the connection.
  if (!isOpen) await until(() => peer.socket.readableEnded);
  await sleep(5);
  const result = { log: [...log], answer: peer.text(), connections: server.connections.length };
  peer.socket.destroy();
  close();
  return result;
}

const TABLES = { checks: CHECKS, shows: LOOKS, answers: ANSWERS, sets: COOKIES };
for (const [title, table] of Object.entries(TABLES)) {
  describe(`server ${title}`, () => {
    for (const [name, program] of Object.entries(table)) {
      test.concurrent(`${name}`, () => sameWithBoth((library) => run(library, program)));
    }
  });
}
