// Promises and iterators over the W3C interface: over a stand-in of a runtime's own WebSocket, and over our class.

import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { closed, messages, opened, type MessageData } from '../../../../src/api/w3c/promises.ts';
import { pickCloseEvent } from '../../../../src/api/w3c/events.ts';
import { MESSAGE_TEXT } from '../../../../src/platform.ts';
import { utf8 } from '../../../support/fake-session.ts';
import { connecting, opened as openedSocket, settle } from './bound-class.ts';

const CloseEvent = pickCloseEvent(globalThis);

/** What a browser has, with the test as the network. */
class NativeWebSocket extends EventTarget {
  readyState = 0;
  readonly listening: Record<string, number> = {};

  override addEventListener(type: string, listener: (event: Event) => void): void {
    this.listening[type] = (this.listening[type] ?? 0) + 1;
    super.addEventListener(type, listener);
  }

  override removeEventListener(type: string, listener: (event: Event) => void): void {
    this.listening[type]--;
    super.removeEventListener(type, listener);
  }

  open(): this {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
    return this;
  }

  receive(...data: MessageData[]): void {
    for (const each of data) this.dispatchEvent(new MessageEvent('message', { data: each }));
  }

  end(code: number, reason: string = '', wasClean: boolean = true): void {
    this.readyState = 3;
    if (!wasClean) this.dispatchEvent(new Event('error'));
    this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean }));
  }
}

let ws: NativeWebSocket;
beforeEach(() => {
  ws = new NativeWebSocket();
});

/** All that an iteration gives, and the error that ends it. */
async function collect(iterator: AsyncIterable<MessageData>): Promise<[unknown[], string | undefined]> {
  const seen: unknown[] = [];
  try {
    for await (const message of iterator) seen.push(message);
  } catch (error) {
    return [seen, (error as Error).message];
  }
  return [seen, undefined];
}

describe('opened', () => {
  test('resolves with the WebSocket when it opens', async () => {
    const promise = opened(ws);
    ws.open();
    expect(await promise).toBe(ws);
  });

  test('resolves at once when it is open', async () => {
    expect(await opened(ws.open())).toBe(ws);
  });

  test('rejects when it never opens', async () => {
    const promise = opened(ws);
    ws.end(1006, '', false);
    await expect(promise).rejects.toThrow('The WebSocket connection failed');
  });

  test('rejects with the same error when asked for again', async () => {
    const early = opened(ws).catch((error: Error) => error);
    ws.end(1006, '', false);
    expect(await opened(ws).catch((error: Error) => error)).toBe(await early);
  });

  test('rejects when it was closed before', async () => {
    ws.end(1006, '', false);
    await expect(opened(ws)).rejects.toThrow('The WebSocket is already closed');
  });

  test('rejects when it is closing, once it is closed', async () => {
    ws.readyState = 2;
    const promise = opened(ws);
    ws.end(1000);
    await expect(promise).rejects.toThrow('The WebSocket was closed');
  });

  test('rejects with the error of our own class', async () => {
    const { connector, socket } = connecting();
    const promise = opened(socket);
    const cause = new Error('connect ECONNREFUSED');
    connector.attempt.callbacks.onFail(cause);
    await expect(promise).rejects.toBe(cause);
    expect(await closed(socket)).toEqual({ code: 1006, reason: '', wasClean: false });
  });
});

describe('closed', () => {
  test('resolves with code, reason and cleanness', async () => {
    const promise = closed(ws.open());
    ws.end(3000, 'done');
    expect(await promise).toEqual({ code: 3000, reason: 'done', wasClean: true });
    expect(await closed(ws)).toEqual({ code: 3000, reason: 'done', wasClean: true });
  });

  test('resolves for a connection that was lost', async () => {
    const promise = closed(ws.open());
    ws.end(1006, '', false);
    expect(await promise).toEqual({ code: 1006, reason: '', wasClean: false });
  });

  test('resolves late when another helper had been called in time', async () => {
    await opened(ws.open());
    ws.end(1001);
    expect(await closed(ws)).toMatchObject({ code: 1001 });
  });

  test('resolves between the events error and close', async () => {
    const asked = new Promise((resolve) => ws.addEventListener('error', () => resolve(closed(ws))));
    ws.end(1006, '', false);
    expect(await asked).toMatchObject({ code: 1006 });
  });

  test('rejects after the end', async () => {
    ws.end(1000);
    await expect(closed(ws)).rejects.toThrow('already closed');
  });
});

describe('messages', () => {
  test('gives messages in order and ends with the connection', async () => {
    const collected = collect(messages(ws.open()));
    const bytes = new ArrayBuffer(3);
    const blob = new Blob(['x']);
    ws.receive('one', bytes, blob, '');
    await settle();
    ws.receive('late');
    ws.end(1000);
    expect(await collected).toEqual([['one', bytes, blob, '', 'late'], undefined]);
  });

  test('begins when it is called, before the first next', async () => {
    ws.open();
    ws.receive('before');
    const iterator = messages(ws);
    ws.receive('after');
    ws.end(1000);
    expect(await collect(iterator)).toEqual([['after'], undefined]);
  });

  test('may begin before the connection is open', async () => {
    const collected = collect(messages(ws));
    ws.open().receive('one');
    ws.end(1000);
    expect(await collected).toEqual([['one'], undefined]);
  });

  test.each([
    [1006, '', 'The WebSocket connection failed'],
    [1009, 'too long', 'The WebSocket connection failed'],
  ])('throws when the connection breaks with %i, behind what came before', async (code, reason, message) => {
    const iterator = messages(ws.open());
    ws.receive('one', 'two');
    ws.end(code, reason, false);
    expect(await collect(iterator)).toEqual([['one', 'two'], message]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('throws code and reason where a runtime fires no error', async () => {
    const iterator = messages(ws.open());
    ws.dispatchEvent(new CloseEvent('close', { code: 1011, reason: 'oops', wasClean: false }));
    expect(await collect(iterator)).toEqual([[], 'The WebSocket connection was lost (1011, oops)']);
  });

  test('throws the error of our own class', async () => {
    const { socket, session } = openedSocket();
    const iterator = messages(socket);
    const bytes = utf8('hi');
    session.sink.onMessage(bytes, 0, 2, MESSAGE_TEXT);
    session.sink.onError(new RangeError('Invalid opcode'));
    session.sink.onEnd(1002, utf8(''), true);
    expect(await collect(iterator)).toEqual([['hi'], 'Invalid opcode']);
  });

  test('answers requests for the next that wait together', async () => {
    const iterator = messages(ws.open());
    const requests = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
    ws.receive('one', 'two');
    ws.end(1006, '', false);
    expect(await Promise.allSettled(requests)).toEqual([
      { status: 'fulfilled', value: { done: false, value: 'one' } },
      { status: 'fulfilled', value: { done: false, value: 'two' } },
      { status: 'rejected', reason: new Error('The WebSocket connection failed') },
      { status: 'fulfilled', value: { done: true, value: undefined } },
    ]);
  });

  test('stops listening when the loop is left, and keeps what had arrived', async () => {
    const iterator = messages(ws.open());
    ws.receive('one', 'two', 'three');
    for await (const message of iterator) {
      expect(message).toBe('one');
      break;
    }
    expect(ws.listening['message']).toBe(0);
    expect(ws.readyState).toBe(1);
    ws.receive('nobody hears');
    const rest = collect(messages(ws));
    ws.receive('four');
    ws.end(1000);
    expect(await rest).toEqual([['two', 'three', 'four'], undefined]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('ends at once when the connection is closed, and says so when it had failed', async () => {
    ws.end(1000);
    expect(await collect(messages(ws))).toEqual([[], undefined]);
    const broken = new NativeWebSocket();
    void closed(broken.open());
    broken.end(1006, '', false);
    expect(await collect(messages(broken))).toEqual([[], 'The WebSocket connection failed']);
  });

  test('gives up when more waits than the maximum, and leaves the connection open', async () => {
    const iterator = messages(ws.open(), { maximum: 1000 });
    ws.receive('x'.repeat(500), new ArrayBuffer(300), 'y'.repeat(9), 'z'.repeat(9));
    expect(ws.listening['message']).toBe(0);
    const [seen, error] = await collect(iterator);
    expect(seen).toEqual(['x'.repeat(500), new ArrayBuffer(300)]);
    expect(error).toMatch(/maximum/);
    expect(ws.readyState).toBe(1);
  });

  test('counts what waits, not what was taken', async () => {
    const iterator = messages(ws.open(), { maximum: 200 });
    for (let index = 0; index < 20; index++) {
      ws.receive('x'.repeat(30), `${index}`);
      await iterator.next();
      expect((await iterator.next()).value).toBe(`${index}`);
    }
  });

  test('bounds messages without bytes, and takes one that is longer than the maximum alone', async () => {
    const iterator = messages(ws.open(), { maximum: 640 });
    for (let index = 0; index < 11; index++) ws.receive('');
    expect((await collect(iterator))[0]).toHaveLength(10);
    const other = messages(ws, { maximum: 10 });
    ws.receive('a long message');
    expect(await other.next()).toEqual({ done: false, value: 'a long message' });
  });

  test('has no limit with a maximum of 0, and refuses what is none', () => {
    messages(ws.open(), { maximum: 0 });
    for (let index = 0; index < 100; index++) ws.receive('x'.repeat(1_000_000));
    expect(ws.listening['message']).toBe(1);
    for (const maximum of [-1, Number.NaN]) expect(() => messages(ws, { maximum })).toThrow(RangeError);
  });

  test('loses and reorders nothing, however arrivals and requests alternate', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (steps) => {
        const socket = new NativeWebSocket().open();
        const iterator = messages(socket);
        const requests: Promise<IteratorResult<MessageData, undefined>>[] = [];
        let sent = 0;
        for (const isArrival of steps) {
          if (isArrival) socket.receive(`${sent++}`);
          else requests.push(iterator.next());
        }
        socket.end(1000);
        const early = (await Promise.all(requests)).flatMap(({ done, value }) => (done ? [] : [value]));
        const [late] = await collect(iterator);
        expect([...early, ...late]).toEqual(Array.from({ length: sent }, (_, index) => `${index}`));
      }),
    );
  });
});
