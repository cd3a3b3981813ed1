// Options that a program must not get wrong without a word: an exception says so at once. On each runtime.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeProxy from '../../adapters/node/proxy.ts';
import type * as NodeReconnecting from '../../adapters/node/reconnecting.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';
import { certificate as cert, key } from '../support/certificates.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { broadcast, WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;
const w3c = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;
const { ReconnectingWebSocket } = (await import(`../../adapters/${runtime}/reconnecting.ts`)) as typeof NodeReconnecting;
const { createProxy, proxyFromEnvironment } = (await import(`../../adapters/${runtime}/proxy.ts`)) as typeof NodeProxy;

const servers: NodeWs.WebSocketServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.shutdown({ signal: AbortSignal.abort() });
});

function serve(options: object): NodeWs.WebSocketServer {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  servers.push(server);
  return server;
}

const NO_OBJECTS: readonly (readonly [value: unknown])[] = [[true], [false], [0], [5], [''], ['x'], [[]], [() => {}]];
const encoder = new TextEncoder();

describe('a server refuses the option tls', () => {
  const MESSAGE = 'The "tls" option must be an object with "cert" and "key"';

  test.each([...NO_OBJECTS, [null] as const])('%o, without the value in the message', (tls) => {
    for (const place of [{}, { port: undefined, noServer: true }]) {
      expect(() => serve({ ...place, tls })).toThrow(new TypeError(MESSAGE));
    }
  });

  test.each([{}, { cert }, { key }, { cert, key: undefined }, { cert: null, key }, { cert: '', key }, { ciphers: 'x' }])(
    'without a certificate or a key: %#',
    (tls) => {
      expect(() => serve({ tls })).toThrow(TypeError);
      expect(() => serve({ tls })).toThrow(runtime === 'node' || !('ciphers' in tls) ? MESSAGE : '"tls.ciphers"');
    },
  );

  test.each([
    { cert: 5, key },
    { cert, key: {} },
  ])('with a certificate or a key of another type: %#', (tls) => {
    expect(() => serve({ tls })).toThrow(TypeError);
  });

  test('with members that the runtime has nothing for', () => {
    const tls = { cert, key, minVersion: 'TLSv1.3' };
    if (runtime === 'node') serve({ tls });
    else
      expect(() => serve({ tls })).toThrow(
        new TypeError('The "tls.minVersion" option is not supported by the sockets of this runtime'),
      );
    if (runtime !== 'node') expect(() => serve({ tls: { pfx: 'x' } })).toThrow('"tls.pfx"');
  });
});

test.each([
  ['text', { cert, key }],
  ['bytes', { cert: encoder.encode(cert), key: encoder.encode(key) }],
  ['text, with members that are left out', { cert, key, pfx: undefined, ciphers: null }],
] as const)('a server takes certificate and key as %s', async (_name, tls) => {
  const server = serve({ tls });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Not by a client of ours, because Deno's trusts no certificate that signs itself.
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.destroy();
});

test('a server without the option tls, or with undefined, has no TLS', async () => {
  const server = serve({ tls: undefined });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  (await new WebSocket(`ws://127.0.0.1:${port}/`).ready).close();
});

const URL_OF_NOBODY = 'ws://127.0.0.1:44444/';

describe.each([
  ['the W3C class', (options: object) => new w3c.WebSocket(URL_OF_NOBODY, options).close()],
  ['ReconnectingWebSocket', (options: object) => new ReconnectingWebSocket(URL_OF_NOBODY, options).close()],
])('%s refuses', (_name, construct) => {
  test.each(NO_OBJECTS)('tls: %o', (tls) => {
    expect(() => construct({ tls })).toThrow(new TypeError('The "tls" option must be an object'));
  });

  test.each([0, 1, 'false', {}, { threshold: 1 }])('for a flag: %o', (value) => {
    for (const name of ['perMessageDeflate', 'allowBlockedPorts']) {
      expect(() => construct({ [name]: value })).toThrow(TypeError);
      expect(() => construct({ [name]: value })).toThrow(`The "${name}" option must be true or false`);
    }
  });

  test.each([[0], [1], ['x'], [[]], [() => {}]])('heartbeat: %o', (heartbeat) => {
    expect(() => construct({ heartbeat })).toThrow(TypeError);
  });
});

test.each([[[]], [() => {}], ['x'], [5]])('ReconnectingWebSocket refuses backoff and queue: %o', (value) => {
  for (const name of ['backoff', 'queue']) {
    expect(() => new ReconnectingWebSocket(URL_OF_NOBODY, { [name]: value })).toThrow(
      new TypeError(`The "${name}" option must be an object`),
    );
  }
});

test.each([[1], ['x'], [[]], [() => {}]])('a server and a client refuse heartbeat: %o', (heartbeat) => {
  expect(() => serve({ heartbeat })).toThrow(TypeError);
  expect(() => new WebSocket(URL_OF_NOBODY, { heartbeat } as object)).toThrow(TypeError);
});

test.each([5, 'x', () => {}])('functions refuse options that are no object: %o', (options) => {
  const given = options as never;
  const socket = new w3c.WebSocket(URL_OF_NOBODY);
  for (const call of [
    () => broadcast([], 'x', given),
    () => w3c.messages(socket, given),
    () => createProxy('http://127.0.0.1', given),
    () => proxyFromEnvironment(given),
    () => proxyFromEnvironment({ variables: given }),
    () => proxyFromEnvironment({ variables: {}, tls: given }),
  ]) {
    expect(call).toThrow(TypeError);
  }
  socket.close();
});

test('a proxy of the environment reads its fields once', () => {
  const variables = { HTTP_PROXY: 'http://127.0.0.1', HTTPS_PROXY: 'http://127.0.0.1' };
  expect(() => proxyFromEnvironment({ variables: {}, headers: { 'bad name': 'x' } })).toThrow(TypeError);
  let readings = 0;
  const headers = { [Symbol.iterator]: () => (readings++, [['X-A', 'b'] as const][Symbol.iterator]()) };
  proxyFromEnvironment({ variables, headers });
  expect(readings).toBe(1);
});
