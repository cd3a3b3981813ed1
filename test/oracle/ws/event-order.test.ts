// The same scripts on `ws` and on our ws-style classes: every emitter must tell the same events, in the same order, in the same
// state, with the same arguments. Open connections and how they end.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { concat, frame, hex } from '../../support/frames.ts';
import { connectRaw, serveRaw, sleep, until, type RawPeer } from '../../support/sockets.ts';
import { closed, connectPair, playTwice, startServer, type Script } from './event-story.ts';

const MASK = hex('01 02 03 04');

/** A server of ours or theirs that gets `bytes` from a raw client, which ends once a Close frame came back. */
function serverReceives(...bytes: Uint8Array[]): Script {
  return async (stage) => {
    const { port, accepted } = await startServer(stage, {});
    const raw = await connectRaw(port);
    const [peer] = await accepted;
    const done = closed(peer);
    raw.write(concat(...bytes));
    await endAfterClose(raw);
    await done;
    stage.log.note('wire', [...raw.bytes].join(' '));
  };
}

/** A client of ours or theirs that gets `bytes` from a raw server. */
function clientReceives(...bytes: Uint8Array[]): Script {
  return async (stage) => {
    const { api, log, cleanup } = stage;
    const server = await serveRaw(cleanup);
    const client = log.watch('client', new api.WebSocket(server.url, { maxPayload: 1000, perMessageDeflate: false }));
    const done = closed(client);
    await once(client, 'open');
    const raw = await server.accept();
    raw.write(concat(...bytes));
    await endAfterClose(raw);
    await done;
    // The masking key is random: only what it does not touch can be compared.
    log.note('wire', raw.bytes.length, raw.bytes[0]);
  };
}

async function endAfterClose(raw: RawPeer): Promise<void> {
  await until('a Close frame', () => raw.bytes.includes(0x88) || raw.hasClosed);
  raw.socket.end();
}

const scripts: Record<string, Script> = {
  'messages, pings and a close from the client': async (stage) => {
    const { client, peer } = await connectPair(stage);
    client.send('text');
    client.ping('p');
    client.send(Buffer.from('binary'));
    client.pong('unasked');
    peer.send('back');
    await once(client, 'pong');
    client.close(1000, 'bye');
    stage.log.note('client', 'readyState', client.readyState);
    await closed(client, peer);
  },
  'a close from the server': async (stage) => {
    const { client, peer } = await connectPair(stage);
    peer.send('last words');
    peer.close(4000, 'enough');
    await closed(client, peer);
  },
  'a close without a code': async (stage) => {
    const { client, peer } = await connectPair(stage);
    client.close();
    client.close(1000, 'too late');
    await closed(client, peer);
  },
  'a close from both sides at once': async (stage) => {
    const { client, peer } = await connectPair(stage);
    client.close(4001, 'client');
    peer.close(4002, 'server');
    await closed(client, peer);
  },
  'terminate by the client': async (stage) => {
    const { client, peer } = await connectPair(stage);
    client.terminate();
    await closed(client, peer);
  },
  'terminate by the server': async (stage) => {
    const { client, peer } = await connectPair(stage);
    peer.terminate();
    await closed(client, peer);
  },
  'terminate after a close that is not answered': async (stage) => {
    const { port, accepted } = await startServer(stage, {});
    const raw = await connectRaw(port);
    const [peer] = await accepted;
    peer.close(1000);
    await until('the Close frame', () => raw.bytes.length > 0);
    peer.terminate();
    await closed(peer);
  },
  'callbacks of send, during and after the connection': async (stage) => {
    const { client, peer } = await connectPair(stage);
    const note = (what: string) => (error?: Error | null) => stage.log.note('callbacks', what, error ?? null);
    client.send('one', note('one'));
    client.ping('two', true, note('two'));
    client.send(Buffer.alloc(0), note('three'));
    await once(peer, 'ping');
    client.close();
    client.send('late', note('late'));
    client.ping('late', true, note('late ping'));
    await closed(client, peer);
    client.send('later', note('later'));
    await sleep(5);
  },
  'a server that refuses a client': async (stage) => {
    const { port } = await startServer(stage, { verifyClient: () => false });
    const client = stage.log.watch('client', new stage.api.WebSocket(`ws://127.0.0.1:${port}/`));
    await closed(client);
  },
  'a server that is closed': async (stage) => {
    const { api, log } = stage;
    const server = log.watch('server', new api.WebSocketServer({ port: 0, host: '127.0.0.1' }));
    await once(server, 'listening');
    const client = new api.WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await once(client, 'open');
    server.close((error) => log.note('server', 'callback', error ?? null));
    server.close((error) => log.note('server', 'second callback', error ?? null));
    log.watch('client', client);
    client.close();
    await Promise.all([closed(client), once(server, 'close')]);
    server.close((error) => log.note('server', 'third callback', error ?? null));
    await sleep(5);
  },

  'server: an unmasked frame': serverReceives(frame({ payload: 'x' })),
  'server: a good message before a reserved opcode': serverReceives(
    frame({ payload: 'ok', key: MASK }),
    frame({ opcode: 3, key: MASK }),
  ),
  'server: a reserved bit': serverReceives(frame({ rsv2: true, key: MASK })),
  'server: RSV1 without an extension': serverReceives(frame({ rsv1: true, key: MASK })),
  'server: a fragmented Ping': serverReceives(frame({ opcode: 9, fin: false, key: MASK })),
  'server: a Ping that is too long': serverReceives(frame({ opcode: 9, payload: 'p'.repeat(126), key: MASK })),
  'server: text that is no UTF-8': serverReceives(frame({ payload: hex('61 ff'), key: MASK })),
  'server: a message that is too large': serverReceives(frame({ payload: 'x'.repeat(1001), key: MASK })),
  'server: fragments that are too large': serverReceives(
    frame({ payload: 'x'.repeat(600), fin: false, key: MASK }),
    frame({ opcode: 0, payload: 'x'.repeat(600), key: MASK }),
  ),
  'server: a length above 2^53': serverReceives(frame({ opcode: 2, lengthBits: 64, length: 2n ** 53n, key: MASK })),
  'server: a Close frame': serverReceives(frame({ opcode: 8, payload: concat(hex('03 e8'), Buffer.from('ok')), key: MASK })),
  'server: an empty Close frame': serverReceives(frame({ opcode: 8, key: MASK })),
  'server: a Close frame of one byte': serverReceives(frame({ opcode: 8, payload: hex('03'), key: MASK })),
  'server: a Close frame with 1005': serverReceives(frame({ opcode: 8, payload: hex('03 ed'), key: MASK })),
  'server: a close reason that is no UTF-8': serverReceives(frame({ opcode: 8, payload: hex('03 e8 ff'), key: MASK })),
  'server: a message behind the Close frame': serverReceives(
    frame({ opcode: 8, key: MASK }),
    frame({ payload: 'late', key: MASK }),
  ),
  'server: the peer ends TCP': async (stage) => {
    const { port, accepted } = await startServer(stage, {});
    const raw = await connectRaw(port);
    const [peer] = await accepted;
    raw.socket.end(frame({ payload: 'last', key: MASK }));
    await closed(peer);
  },
  'server: the peer resets TCP': async (stage) => {
    const { port, accepted } = await startServer(stage, {});
    const raw = await connectRaw(port);
    const [peer] = await accepted;
    raw.socket.resetAndDestroy();
    await closed(peer);
  },
  'server: the peer never answers the Close frame': async (stage) => {
    const { port, accepted } = await startServer(stage, { closeTimeout: 200 });
    const raw = await connectRaw(port);
    const [peer] = await accepted;
    peer.close(1000);
    await closed(peer);
    raw.socket.destroy();
  },

  'client: a masked frame': clientReceives(frame({ payload: 'ok' }), frame({ payload: 'x', key: MASK })),
  'client: text that is no UTF-8': clientReceives(frame({ payload: hex('61 ff') })),
  'client: a message that is too large': clientReceives(frame({ payload: 'x'.repeat(1001) })),
  'client: a continuation of nothing': clientReceives(frame({ opcode: 0 })),
  'client: a Close frame': clientReceives(frame({ payload: 'ok' }), frame({ opcode: 8, payload: hex('0f a0 61') })),
  'client: an empty Close frame': clientReceives(frame({ opcode: 8 })),
  'client: a Ping': clientReceives(frame({ opcode: 9, payload: 'hi' }), frame({ opcode: 8 })),
  'client: the peer ends TCP': async ({ api, log, cleanup }) => {
    const server = await serveRaw(cleanup);
    const client = log.watch('client', new api.WebSocket(server.url));
    await once(client, 'open');
    (await server.accept()).socket.end(frame({ payload: 'last' }));
    await closed(client);
  },
  'client: the peer resets TCP': async ({ api, log, cleanup }) => {
    const server = await serveRaw(cleanup);
    const client = log.watch('client', new api.WebSocket(server.url));
    await once(client, 'open');
    (await server.accept()).socket.resetAndDestroy();
    await closed(client);
  },
};

describe('the ws-style classes and ws tell the same story of', () => {
  test.each(Object.entries(scripts))('%s', async (_, script) => {
    const { theirs, ours } = await playTwice(script);
    expect(Object.values(theirs).flat().length).toBeGreaterThan(0);
    expect(ours).toEqual(theirs);
  });
});
