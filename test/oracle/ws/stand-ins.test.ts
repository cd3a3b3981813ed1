// Objects that stand for a WebSocket, as programs and test libraries make them: whatever works with ws works with ours.

import { reactive } from '@vue/reactivity';
import { immerable, produce } from 'immer';
import { once } from 'node:events';
import sinon from 'sinon';
import { describe, expect, test } from 'vitest';
import {
  closed,
  open,
  ours,
  outcome,
  sameOnAllSides,
  sameWithBoth,
  show,
  theirs,
  type Library,
  type Pair,
  type Socket_,
} from './oracle.ts';
import { coreOf } from '../../../src/api/ws/core.ts';

type StandIn = readonly [string, (ws: Socket_) => Socket_];

const WORK_WITH_WS: readonly StandIn[] = [
  ['a Proxy without traps', (ws) => new Proxy(ws, {})],
  [
    'a Proxy that passes itself on',
    (ws) => new Proxy(ws, { get: (target, name, self) => Reflect.get(target, name, self) as unknown }),
  ],
  ['a Proxy of a Proxy', (ws) => new Proxy(new Proxy(ws, {}), {})],
  ['a draft of immer', (ws) => produce({ ws, [immerable]: true }, () => {}).ws],
];
const STAND_INS: readonly StandIn[] = [
  ...WORK_WITH_WS,
  // With ws it has a state of its own from the first pause() or close() on.
  ['an object that inherits', (ws) => Object.create(ws) as Socket_],
  // Vue wraps the parts of ws too, down to the socket's handle, which can then do nothing.
  ['a reactive object of Vue', (ws) => reactive({ ws }).ws],
];

const GETTERS = ['readyState', 'url', 'protocol', 'extensions', 'binaryType', 'isPaused', 'bufferedAmount'] as const;
const ATTRIBUTES = ['onopen', 'onmessage', 'onclose', 'onerror'] as const;

function valuesOf(ws: Socket_, url: string): unknown[] {
  const values = GETTERS.map((name) => (name === 'url' ? ws.url?.replace(url, '') : ws[name]));
  return [...values, ...ATTRIBUTES.map((name) => typeof ws[name])];
}

async function useOf({ client, peer }: Pair, standIn: (ws: Socket_) => Socket_): Promise<unknown[]> {
  const log: unknown[] = [];
  const other = standIn(client);
  log.push(valuesOf(other, client.url));
  other.on('message', (data, isBinary) => log.push(['on', show(data), isBinary]));
  other.addEventListener('message', ({ data, target }) => log.push(['event', show(data), target.readyState]));
  other.onmessage = ({ data, type }) => log.push(['attribute', show(data), type]);
  log.push(other.listenerCount('message'), typeof other.onmessage);
  other.binaryType = 'arraybuffer';
  log.push(other.binaryType, client.binaryType);
  for (const message of ['text', Buffer.from('bytes')]) {
    const received = once(client, 'message');
    peer.send(message);
    await received;
  }
  const heard: unknown[] = [];
  peer.on('message', (data, isBinary) => heard.push([show(data), isBinary]));
  peer.on('ping', (data) => heard.push(['ping', show(data)]));
  const sent = new Promise((resolve) => {
    other.send('one');
    other.send(Buffer.from('two'), { binary: true }, resolve);
  });
  const answered = once(peer, 'pong');
  other.ping('three');
  other.pong('four');
  await Promise.all([sent, answered]);
  log.push(heard);
  other.pause();
  log.push(other.isPaused, client.isPaused);
  other.resume();
  other.close(3000, 'bye');
  log.push(other.readyState);
  await closed(client);
  log.push(valuesOf(other, client.url));
  return log;
}

test.each(WORK_WITH_WS)('%s does all that it does with ws', (_name, standIn) =>
  sameOnAllSides(async (sides) => {
    const pair = await open(sides);
    const log = await useOf(pair, standIn);
    return { log, ...(await pair.end()) };
  }),
);

describe.each(STAND_INS)('%s', (_name, standIn) => {
  test('does all that the WebSocket does', async () => {
    const results = await Promise.all(
      [(ws: Socket_) => ws, standIn].map(async (wrap) => {
        const pair = await open({ client: ours, server: ours });
        const log = await useOf(pair, wrap);
        return { log, ...(await pair.end()) };
      }),
    );
    expect(results[1]).toEqual(results[0]);
  });

  test('ends the connection by terminate(), gives messages and a stream', async () => {
    const { client, peer, server } = await open({ client: ours, server: ours });
    const other = standIn(client);
    expect(await other.ready).toBe(client);
    const messages = other[Symbol.asyncIterator]();
    const stream = ours.createWebSocketStream(other, { encoding: 'utf8' });
    stream.on('error', () => {});
    peer.send('one');
    expect(await messages.next()).toEqual({ done: false, value: 'one' });
    expect(await once(stream, 'data')).toEqual(['one']);
    const atPeer = once(peer, 'message');
    new Proxy(stream, {}).write('two');
    expect(String((await atPeer)[0])).toBe('two');
    const atPeerToo = once(peer, 'message');
    await other.sendAsync('three');
    expect(String((await atPeerToo)[0])).toBe('three');
    ours.broadcast([standIn(peer)], 'four');
    expect(await messages.next()).toEqual({ done: false, value: 'four' });
    other.terminate();
    await Promise.all([closed(client), closed(peer)]);
    server.close();
  });
});

describe('an event behind a Proxy', () => {
  test('has the same members', () =>
    sameWithBoth((library) => {
      const ws = idle(library);
      const log: unknown[] = [];
      const read = (event: object): void => {
        const wrapped = new Proxy(event, {}) as Record<string, unknown>;
        const { type, data, code, reason, wasClean, message } = wrapped;
        log.push([type, data, code, reason, wasClean, message, wrapped['target'] === ws, show(wrapped['error'])]);
      };
      for (const type of ['open', 'message', 'close', 'error'] as const) ws.addEventListener(type, read);
      ws.emit('open');
      ws.emit('message', Buffer.from('x'), false);
      ws.emit('close', 1001, Buffer.from('away'));
      ws.emit('error', new Error('broken'));
      return log;
    }));
});

function idle(library: Library): Socket_ {
  return new (library.WebSocket as unknown as new (...values: unknown[]) => Socket_)(null, undefined, {});
}

/** What a call gives, or that it throws at all: ws fails where it has no socket, with an error of the engine's. */
function attempt(action: () => unknown): unknown {
  const result = outcome(action) as { throws?: { message: string } };
  expect(result.throws?.message ?? '').not.toMatch(/private|brand|#/);
  return result;
}

const BARE: readonly (readonly [string, (library: Library) => Socket_])[] = [
  ['an object with the prototype', ({ WebSocket }) => Object.create(WebSocket.prototype) as Socket_],
  ['the prototype itself', ({ WebSocket }) => WebSocket.prototype],
  ['a stub instance of sinon', ({ WebSocket }) => sinon.createStubInstance(WebSocket)],
];

describe.each(BARE)('%s', (_name, create) => {
  test('has no values', () => {
    const ws = create(ours);
    for (const name of GETTERS) expect(ws[name]).toBeUndefined();
    for (const name of GETTERS.filter((each) => each !== 'extensions')) expect(create(theirs)[name]).toBeUndefined();
  });

  test('takes listeners of its own', () =>
    sameWithBoth(({ WebSocket }) => {
      const ws = Object.create(WebSocket.prototype) as Socket_;
      const listener = (): void => {};
      ws.onmessage = listener;
      ws.addEventListener('close', listener);
      return [ws.onmessage === listener, ws.onopen, ws.listenerCount('close')];
    }));

  test('refuses to send through the callback', () =>
    sameWithBoth(async (library) => {
      const ws = create(library);
      const send = (name: 'send' | 'ping' | 'pong'): Promise<unknown> =>
        new Promise((resolve) => {
          attempt(() => library.WebSocket.prototype[name].call(ws, '', (error?: Error | null) => resolve(show(error))));
        });
      return [await send('send'), await send('ping'), await send('pong')];
    }));

  test('can be closed, paused and dropped', () => {
    const ws = create(ours);
    for (const name of ['close', 'terminate', 'pause', 'resume'] as const) {
      expect(attempt(() => ours.WebSocket.prototype[name].call(ws))).toEqual({ returns: undefined });
    }
    expect(ws.ready).toBeUndefined();
  });
});

test('our own parts are no enumerable property of a WebSocket', () => {
  const ws = idle(ours);
  expect(
    Object.keys(ws)
      .concat(Object.getOwnPropertySymbols({ ...ws }).map(String))
      .join(),
  ).not.toMatch(/core/);
  expect(coreOf(ws).readyState).toBe(0);
});

test('names of a program meet none of ours', () =>
  sameOnAllSides(async (sides) => {
    const pair = await open(sides);
    const names = ['id', '_id', 'user', '_session', 'session', '_core', 'core', '_url', 'ready', 'queue', 'sink', 'opening'];
    const own = pair.client as unknown as Record<string, unknown>;
    for (const name of names) own[name] = name;
    pair.peer.send('one');
    await once(pair.client, 'message');
    return { own: names.map((name) => own[name]), ...(await pair.end()) };
  }));
