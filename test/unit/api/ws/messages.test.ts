import { describe, expect, test } from 'vitest';
import { coreOf } from '../../../../src/api/ws/core.ts';
import type { FakeSession } from '../../../support/fake-session.ts';
import { open, receive, TestSocket } from './idle-socket.ts';

function opened(): { ws: TestSocket; session: FakeSession } {
  const ws = new TestSocket();
  return { ws, session: open(ws) };
}

/** The pauses and resumes that the session was asked for. */
function flow(session: FakeSession): string[] {
  return session.calls.map(([name]) => name).filter((name) => name === 'pause' || name === 'resume');
}

function listeners(ws: TestSocket): number {
  return ws.listenerCount('message') + ws.listenerCount('error') + ws.listenerCount('close');
}

async function take(iterator: AsyncIterator<unknown>, count: number): Promise<unknown[]> {
  const values: unknown[] = [];
  for (let index = 0; index < count; index++) values.push((await iterator.next()).value);
  return values;
}

describe('for await (… of ws)', () => {
  test('socket yields text as strings and bytes as Buffers, in order, and ends when it closes', async () => {
    const { ws, session } = opened();
    setTimeout(() => {
      receive(session, 'grüß');
      receive(session, Uint8Array.of(1, 2));
      receive(session, '');
      session.receiveEnd(1000);
    });
    const messages: unknown[] = [];
    for await (const message of ws) messages.push(message);
    expect(messages).toEqual(['grüß', Buffer.of(1, 2), '']);
    expect(listeners(ws)).toBe(0);
  });

  test('socket yields bytes as binaryType says', async () => {
    const { ws, session } = opened();
    ws.binaryType = 'arraybuffer';
    const iterator = ws[Symbol.asyncIterator]();
    receive(session, Uint8Array.of(1, 2));
    expect(new Uint8Array((await iterator.next()).value as ArrayBuffer)).toEqual(Uint8Array.of(1, 2));
  });

  test('socket has no listeners before', () => {
    const { ws } = opened();
    expect(listeners(ws)).toBe(0);
  });

  test('socket serves several calls of next() in order', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    const results = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    receive(session, 'a');
    receive(session, 'b');
    session.receiveEnd(1000);
    expect(await results).toEqual([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
      { done: true, value: undefined },
    ]);
  });

  test('socket throws an error after what came before it, once', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    receive(session, 'a');
    session.sink.onError(new Error('first'));
    // With nobody else listening: the iteration still does.
    session.sink.onError(new Error('second'));
    session.receiveEnd(1006);
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    await expect(iterator.next()).rejects.toThrow('first');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(listeners(ws)).toBe(0);
  });

  test('socket throws an error to who waits', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    const [first, second] = [iterator.next(), iterator.next()];
    session.sink.onError(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    expect(await second).toEqual({ done: true, value: undefined });
  });

  test('client that never opens throws', async () => {
    const ws = new TestSocket();
    setTimeout(() => coreOf(ws).fail(new Error('refused')));
    await expect(async () => {
      for await (const message of ws) expect(message).toBe('unreachable');
    }).rejects.toThrow('refused');
  });

  test('socket that has closed yields nothing', async () => {
    const { ws, session } = opened();
    session.receiveEnd(1000);
    expect(await ws[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    expect(listeners(ws)).toBe(0);
  });
});

describe('a slow loop', () => {
  test('socket stops reading at 16 messages and goes on when all are taken', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    for (let index = 0; index < 15; index++) receive(session, `${index}`);
    expect(flow(session)).toEqual([]);
    receive(session, '15');
    // The rest of the chunk at hand.
    receive(session, '16');
    expect(flow(session)).toEqual(['pause']);
    expect(await take(iterator, 16)).toEqual(Array.from({ length: 16 }, (_, index) => `${index}`));
    expect(flow(session)).toEqual(['pause']);
    expect(await take(iterator, 1)).toEqual(['16']);
    expect(flow(session)).toEqual(['pause', 'resume']);
  });

  test('socket stops reading at 64 KiB', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    receive(session, new Uint8Array(65_535));
    expect(ws.isPaused).toBe(false);
    receive(session, Uint8Array.of(1));
    expect(ws.isPaused).toBe(true);
    await take(iterator, 2);
    expect(ws.isPaused).toBe(false);
  });

  test('socket stays paused when the program paused it', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    ws.pause();
    for (let index = 0; index < 20; index++) receive(session, 'a');
    await take(iterator, 20);
    expect(ws.isPaused).toBe(true);
    expect(flow(session)).toEqual(['pause']);
  });

  test('socket keeps the order of a long queue', async () => {
    const { ws, session } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    const all = Array.from({ length: 5000 }, (_, index) => `${index}`);
    for (const text of all.slice(0, 3000)) receive(session, text);
    const before = await take(iterator, 2000);
    for (const text of all.slice(3000)) receive(session, text);
    expect([...before, ...(await take(iterator, 3000))]).toEqual(all);
    expect(ws.isPaused).toBe(false);
  });
});

describe('leaving the loop', () => {
  test('socket stays open and reads on, without listeners', async () => {
    const { ws, session } = opened();
    setTimeout(() => {
      for (let index = 0; index < 20; index++) receive(session, `${index}`);
    });
    for await (const message of ws) {
      expect(message).toBe('0');
      break;
    }
    expect(ws.readyState).toBe(ws.OPEN);
    expect(listeners(ws)).toBe(0);
    expect(ws.isPaused).toBe(false);
  });

  test('socket hands what was left to the next loop', async () => {
    const { ws, session } = opened();
    setTimeout(() => {
      for (const text of ['login', 'a', 'b']) receive(session, text);
    });
    for await (const message of ws) {
      expect(message).toBe('login');
      break;
    }
    const iterator = ws[Symbol.asyncIterator]();
    receive(session, 'c');
    session.receiveEnd(1000);
    expect(await take(iterator, 4)).toEqual(['a', 'b', 'c', undefined]);
    // Handed out once.
    expect(await take(ws[Symbol.asyncIterator](), 1)).toEqual([undefined]);
  });

  test('iterator ends those who wait', async () => {
    const { ws } = opened();
    const iterator = ws[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});
