// Which handler a request goes to, and what the router's methods throw: the same as WebSocket-Node.

import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'vitest';
import type { WebSocketRouter, WebSocketRouterRequest } from '../../../src/compat/websocket-node/index.ts';
import { outcome } from '../../oracle/ws/oracle.ts';
import { listen, rawPeer, record, requestOf, sameWithBoth, show, sleep, until, type Library } from './oracle.ts';

interface Program {
  readonly mounts: readonly (readonly [path: string | RegExp, protocol: string | null | undefined])[];
  readonly path: string;
  readonly protocols?: string;
  readonly act?: (request: WebSocketRouterRequest) => unknown;
}

const ROUTES: Readonly<Record<string, Program>> = {
  'a path': { mounts: [['/a', null]], path: '/a' },
  'an empty subprotocol': { mounts: [['/a', '']], path: '/a' },
  'no subprotocol given': { mounts: [['/a', undefined]], path: '/a' },
  everything: { mounts: [['*', '*']], path: '/a/b?c=d' },
  'everything, and subprotocols': { mounts: [['*', '*']], path: '/a', protocols: 'Foo, bar' },
  'a subprotocol': { mounts: [['/a', 'bar']], path: '/a', protocols: 'Foo, BAR' },
  'a subprotocol in capitals': { mounts: [['/a', 'BAR']], path: '/a', protocols: 'bar' },
  'a subprotocol that nobody asks for': { mounts: [['/a', 'bar']], path: '/a', protocols: 'x' },
  'a subprotocol, and none is asked for': { mounts: [['/a', 'bar']], path: '/a' },
  'none, and a subprotocol is asked for': { mounts: [['/a', null]], path: '/a', protocols: 'x' },
  'a path with a query': { mounts: [['/a', null]], path: '/a?x=y' },
  'a path in capitals': { mounts: [['/A', null]], path: '/a' },
  'a slash at the end': { mounts: [['/a', '*']], path: '/a/' },
  'a longer path': { mounts: [['/a', null]], path: '/ab' },
  'an asterisk inside a path': { mounts: [['/a*', null]], path: '/ab' },
  'an asterisk that is meant': { mounts: [['/a*', null]], path: '/a*' },
  'a dot': { mounts: [['/a.c', null]], path: '/abc' },
  parentheses: { mounts: [['/(a)', null]], path: '/(a)' },
  'an expression': { mounts: [[/^\/x/, null]], path: '/xyz' },
  'an expression that does not fit': { mounts: [[/^\/x$/, null]], path: '/xyz' },
  'an expression without capitals': { mounts: [[/XY/i, null]], path: '/xyz' },
  'the first of two': {
    mounts: [
      ['*', '*'],
      ['/a', null],
    ],
    path: '/a',
  },
  'the first subprotocol of the client': {
    mounts: [
      ['/a', 'b'],
      ['/a', 'a'],
    ],
    path: '/a',
    protocols: 'a, b',
  },
  'no handler': { mounts: [], path: '/a' },
  'a refusal': { mounts: [['*', '*']], path: '/a', act: (request) => request.reject(401, 'no', { 'X-A': 'b' }) },
  'a refusal without words': { mounts: [['*', '*']], path: '/a', act: (request) => request.reject() },
  'an origin and cookies': {
    mounts: [['*', '*']],
    path: '/a',
    protocols: 'p',
    act: (request) => request.accept('http://o', [{ name: 'a', value: 'b' }]).protocol,
  },
  'two answers': { mounts: [['*', '*']], path: '/a', act: (request) => [request.accept(), request.accept()] },
};

async function route(library: Library, program: Program): Promise<unknown> {
  const { server, port, close } = await listen(library);
  const router = new library.router({ server });
  const log = record(server, [], ['connect', 'request']);
  for (const [path, protocol] of program.mounts) {
    router.mount(path, protocol, (request) => {
      record(request, log, ['requestAccepted', 'requestRejected']);
      const { protocol: chosen, resource, origin, webSocketVersion, requestedExtensions, cookies } = request;
      const isSame = request.httpRequest === request.webSocketRequest.httpRequest;
      log.push([String(path), chosen, resource, origin, webSocketVersion, requestedExtensions, cookies, isSame]);
      log.push(request.remoteAddress, request.resourceURL.pathname);
      log.push(show(outcome(() => (program.act ?? ((one) => void one.accept(one.origin)))(request))));
    });
  }
  const peer = rawPeer(connect(port, '127.0.0.1'));
  peer.socket.write(requestOf({ 'Sec-WebSocket-Protocol': program.protocols }, `GET ${program.path} HTTP/1.1`));
  await until(() => peer.text().includes('\r\n\r\n'));
  await sleep(5);
  const result = { log: [...log], answer: peer.text() };
  peer.socket.destroy();
  close();
  return result;
}

const noop = (): void => {};
type Use = (router: WebSocketRouter, library: Library) => unknown;
const USES: Readonly<Record<string, Use>> = {
  'mount without a path': (router) => router.mount('', 'p', noop),
  'mount without a handler': (router) => router.mount('/', 'p', undefined as never),
  'mount of a number': (router) => router.mount(5 as never, 'p', noop),
  'mount twice': (router) => [router.mount('/a', 'p', noop), router.mount('/a', 'p', noop)],
  'mount twice, in capitals': (router) => [router.mount('/a', 'P', noop), router.mount('/a', 'p', noop)],
  'mount of two paths': (router) => [router.mount('/a', 'p', noop), router.mount('/A', 'p', noop)],
  'mount of two subprotocols': (router) => [router.mount('/a', 'p', noop), router.mount('/a', 'q', noop)],
  'mount of an expression twice': (router) => [router.mount(/a/, 'p', noop), router.mount(/a/, 'p', noop)],
  'unmount of nothing': (router) => router.unmount('/a', 'p'),
  unmount: (router) => {
    router.mount('/a', 'P', noop);
    router.unmount('/a', 'p');
    router.mount('/a', 'p', noop);
    return router.handlers.length;
  },
  'unmount of an expression': (router) => [router.mount(/a/g, 'p', noop), router.unmount(/a/g, 'p')],
  handlers: (router) => {
    for (const path of ['*', '/a*', '/a.b', '/(x)', '/a?b+c|d{1}[e]^f$g\\h', /z/i]) router.mount(path, null, noop);
    return router.handlers.map(({ path, pathString, protocol }) => [path.test('/a'), pathString.length > 0, protocol]);
  },
  'attachServer without one': (router) => router.attachServer(undefined as never),
  'detachServer without one': (router) => router.detachServer(),
  'attachServer and detachServer': (router) => {
    const server = new EventEmitter();
    router.attachServer(server as never);
    const attached = server.listenerCount('request');
    router.detachServer();
    return [attached, server.listenerCount('request'), router.server];
  },
  'detachServer twice': (_router, library) => {
    const other = new library.router({ server: new EventEmitter() as never });
    other.detachServer();
    other.detachServer();
  },
  'a configuration without a server': (_router, library) => new library.router({}).server,
};

describe('router finds a handler for', () => {
  for (const [name, program] of Object.entries(ROUTES))
    test.concurrent(`${name}`, () => sameWithBoth((library) => route(library, program)));
});

describe('router', () => {
  for (const [name, use] of Object.entries(USES)) {
    test(`${name}`, () => sameWithBoth((library) => outcome(() => show(use(new library.router(), library)))));
  }
});
