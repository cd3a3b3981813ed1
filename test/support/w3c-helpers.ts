// The helpers of the W3C entry points over real sockets, with any class that has the W3C interface. A page runs it too: no
// runtime's modules here.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as helpers from '../../src/api/w3c/promises.ts';
import type { RunningServer } from '../contract/runtime.ts';
import { BURST } from '../contract/script.ts';

/** The part of a WebSocket that the tests use themselves. */
export interface HelpedSocket extends helpers.WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export interface HelpersRuntime {
  readonly name: string;
  /** As an entry point exports them. */
  readonly helpers: Pick<typeof helpers, 'closed' | 'messages' | 'opened'>;
  create(url: string): HelpedSocket;
  /** A server that runs the contract's script. */
  createServer(): Promise<RunningServer>;
}

async function collect(iterator: AsyncIterable<unknown>, most: number = Infinity): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const message of iterator) if (seen.push(message) === most) break;
  return seen;
}

/** Declares the tests. */
export function describeHelpers({ name, helpers: { closed, messages, opened }, create, createServer }: HelpersRuntime): void {
  let server: RunningServer;
  beforeAll(async () => {
    server = await createServer();
  });
  afterAll(() => server.close());
  const open = (path: string): Promise<HelpedSocket> => opened(create(server.url + path));

  describe(`helpers with ${name}`, () => {
    test('client exchanges messages in a loop, and closes', async () => {
      const ws = await open('/echo');
      let count = 0;
      ws.send('0');
      for await (const message of messages(ws)) {
        expect(message).toBe(String(count));
        if (++count === 100) break;
        ws.send(String(count));
      }
      expect(ws.readyState).toBe(1);
      ws.close(3000, 'done');
      expect(await closed(ws)).toEqual({ code: 3000, reason: 'done', wasClean: true });
    });

    test('client hears what comes right behind the handshake', async () => {
      const ws = await open('/burst');
      expect(await collect(messages(ws), BURST)).toEqual(Array.from({ length: BURST }, (_, index) => `message ${index}`));
      ws.close();
    });

    test('client takes some messages one by one, and the rest in a loop', async () => {
      const ws = await open('/echo');
      const iterator = messages(ws);
      for (let index = 0; index < 10; index++) ws.send(String(index));
      expect([(await iterator.next()).value, (await iterator.next()).value]).toEqual(['0', '1']);
      expect(await collect(iterator, 8)).toEqual(['2', '3', '4', '5', '6', '7', '8', '9']);
      ws.close();
    });

    test('client goes on in a second loop', async () => {
      const ws = await open('/echo');
      const iterator = messages(ws);
      // All of them arrive before the first loop: messages between two loops would be lost.
      const arrived = new Promise<void>((resolve) => {
        let count = 0;
        ws.addEventListener('message', () => {
          if (++count === 10) resolve();
        });
      });
      for (let index = 0; index < 10; index++) ws.send(String(index));
      await arrived;
      const first = await collect(iterator, 4);
      expect([...first, ...(await collect(messages(ws), 6))]).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
      ws.close();
    });

    test('loop ends when the server closes', async () => {
      const ws = create(`${server.url}/close?code=3001&reason=bye`);
      expect(await collect(messages(ws))).toEqual([]);
      expect(await closed(ws)).toEqual({ code: 3001, reason: 'bye', wasClean: true });
      await expect(opened(ws)).rejects.toThrow(Error);
    });

    test('loop throws when the connection breaks', async () => {
      const ws = await open('/terminate');
      const iterator = messages(ws);
      ws.send('now');
      await expect(iterator.next()).rejects.toThrow(Error);
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
      expect(await closed(ws)).toMatchObject({ code: 1006, wasClean: false });
    });

    test('loop throws when more waits than the maximum, behind what waited', async () => {
      const ws = await open('/echo');
      const iterator = messages(ws, { maximum: 100_000 });
      const last = new Promise<void>((resolve) => {
        ws.addEventListener('message', (event) => (event as unknown as { data: unknown }).data === 'last' && resolve());
      });
      for (let index = 0; index < 200; index++) ws.send('x'.repeat(1000));
      ws.send('last');
      await last;
      let count = 0;
      const loop = async (): Promise<void> => {
        for await (const message of iterator) count += (message as string).length;
      };
      await expect(loop()).rejects.toThrow(RangeError);
      // 93 of 1,064.
      expect(count).toBe(93_000);
      expect(ws.readyState).toBe(1);
      ws.close();
    });

    test('client that is refused rejects, early and late', async () => {
      const ws = create(`${server.url}/refuse`);
      await expect(opened(ws)).rejects.toThrow(Error);
      expect(await closed(ws)).toMatchObject({ code: 1006, wasClean: false });
      await expect(opened(ws)).rejects.toThrow(Error);
      await expect(collect(messages(ws))).rejects.toThrow(Error);
    });
  });
}
