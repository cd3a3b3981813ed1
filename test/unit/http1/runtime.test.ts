import { expect, test } from 'vitest';
import type { ConnectOptions } from '../../../src/api/w3c/connect.ts';
import type { DeflateEngine } from '../../../src/deflate/engine.ts';
import type { Session } from '../../../src/platform.ts';
import { createConnect } from '../../../src/api/w3c/index.ts';
import { createClientRuntime } from '../../../src/http1/runtime.ts';
import { RecordingSink } from '../../support/memory-pipe.ts';
import { acceptanceHead } from '../../support/sockets.ts';
import { FakeNetwork } from './fake-network.ts';

function setUp(options: ConnectOptions = {}, address: string = 'ws://a:b@example.org/', engine?: () => DeflateEngine) {
  const network = new FakeNetwork();
  const events: string[] = [];
  let session: Session | undefined;
  const connect = createConnect(createClientRuntime(network, network.platform, () => engine));
  const request = { url: new URL(address), protocols: ['x'], headers: { 'X-More': 'y' }, options, websocket: {} };
  const pending = connect(request, {
    onOpen(opened, protocol, extensions, head) {
      session = opened;
      events.push(`open ${protocol} ${extensions} ${head!.length}`);
    },
    onFail: ({ message }) => events.push(message),
  });
  return { network, events, pending, session: () => session! };
}

test('client opens a session over the transport, with what came behind the handshake', () => {
  const { network, events, session } = setUp();
  const transport = network.open();
  expect(transport.written).toContain('\r\nX-More: y\r\nAuthorization: Basic YTpi\r\n');
  expect(transport.written).not.toContain('permessage-deflate');
  const key = /Sec-WebSocket-Key: (\S+)/.exec(transport.written)![1];
  transport.receive(`${acceptanceHead(key, ['Sec-WebSocket-Protocol: x'])}\x81\x02hi`);
  expect(events).toEqual(['open x  4']);
  const sink = new RecordingSink();
  session().attach(sink);
  session().start(Uint8Array.of(0x81, 0x02, 0x68, 0x69));
  transport.receive('\x81\x01!');
  transport.events!.closed();
  expect(sink.events).toEqual([['text', 'hi'], ['text', '!'], ['closing'], ['end', 1006, '', false]]);
});

test('client offers permessage-deflate where there is an engine, unless told not to', () => {
  const engine = (): DeflateEngine => {
    throw new Error('Not yet');
  };
  expect(setUp({}, undefined, engine).network.open().written).toContain('Sec-WebSocket-Extensions: permessage-deflate');
  const off = setUp({ perMessageDeflate: false }, undefined, engine);
  expect(off.network.open().written).not.toContain('permessage-deflate');
});

test('client fails after 30 seconds, or after its own time', () => {
  const { network, events } = setUp();
  network.platform.advance(29_999);
  expect(events).toEqual([]);
  network.platform.advance(1);
  expect(events).toEqual(['Opening handshake has timed out']);
  const own = setUp({ handshakeTimeout: 5 });
  own.network.platform.advance(5);
  expect(own.events).toEqual(['Opening handshake has timed out']);
});

test('client fails when the server refuses', () => {
  const { network, events } = setUp();
  network.open().receive('HTTP/1.1 403 Forbidden\r\n\r\n');
  expect(events).toEqual(['Unexpected server response: 403']);
});

test('client gives up', () => {
  const { network, events, pending } = setUp();
  pending.abort();
  network.events!.onError(new Error('late'));
  expect(network.aborted).toBe(1);
  expect(events).toEqual([]);
});

test('client passes TLS options on, and refuses what it cannot', () => {
  const { network } = setUp({ tls: { ca: 'PEM', ciphers: undefined } }, 'wss://example.org/');
  expect(network.plans[0].tls).toMatchObject({ ca: 'PEM', rejectUnauthorized: true });
  expect(() => setUp({ tls: { ciphers: 'x' } })).toThrow('The "tls.ciphers" option is not supported on this runtime');
});
