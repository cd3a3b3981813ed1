// Topics over WebSockets of a runtime's own server.

import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeReconnecting from '../../adapters/node/reconnecting.ts';
import { TopicClient } from '../../src/topics/client.ts';
import { Topics, TOPICS_PROTOCOL, type ServedSocket } from '../../src/topics/index.ts';
import { until } from './sockets.ts';

/** Clients of the runtime's adapter. */
export interface Clients {
  readonly WebSocket: typeof NodeWs.WebSocket;
  readonly ReconnectingWebSocket: typeof NodeReconnecting.ReconnectingWebSocket;
}

/**
 * Declares the tests.
 *
 * @param serve Starts a server that speaks `wasock.topics.v1` if a client offers it, and passes on each WebSocket that is open. @returns Its port.
 */
export function describeNativeTopics(
  name: string,
  serve: (onOpen: (socket: ServedSocket) => void) => number,
  { ReconnectingWebSocket, WebSocket }: Clients,
): void {
  describe(`topics over ${name}`, () => {
    let port: number;
    let accepted: ServedSocket[];
    let onOpen: (socket: ServedSocket) => void;

    beforeEach(() => {
      accepted = [];
      onOpen = (socket) => accepted.push(socket);
      port = serve((socket) => onOpen(socket));
    });
    afterEach(() => {
      for (const socket of accepted) socket.close(1000);
    });

    const connect = async (): Promise<{ near: NodeWs.WebSocket; far: ServedSocket; received: string[] }> => {
      const { length } = accepted;
      const near = new WebSocket(`ws://127.0.0.1:${port}/`);
      onTestFinished(() => near.terminate());
      const received: string[] = [];
      near.on('message', (data: Buffer, isBinary) => {
        received.push(isBinary ? data.toString('hex') : data.toString());
      });
      await once(near, 'open');
      await until('the WebSocket of the server', () => accepted.length > length);
      return { near, far: accepted[length], received };
    };

    test('subscribers get each message once and in order, until they leave', async () => {
      const topics = new Topics();
      const [one, two] = [await connect(), await connect()];
      for (const { far } of [one, two]) await topics.subscribe(far, 'news.*');
      await topics.subscribe(one.far, 'news.uk');
      const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
      for (const text of texts) void topics.publish('news.uk', text);
      void topics.publish('news.fr', Uint8Array.of(1, 2), { except: one.far });
      await topics.publish('news.uk', 'last');
      for (const { received } of [one, two]) await until('the last message', () => received.at(-1) === 'last');
      expect([one.received, two.received]).toEqual([
        [...texts, 'last'],
        [...texts, '0102', 'last'],
      ]);
      one.near.close();
      await until('the end', () => topics.of(one.far).length === 0);
      expect(topics.subscribers('news.*')).toEqual([two.far]);
      await topics.close();
    });

    test('a subscriber that does not read gets the newest message with "conflate", once it has caught up', async () => {
      const topics = new Topics({ slow: 'conflate' });
      const { far, near, received } = await connect();
      await topics.subscribe(far, 'price');
      near.pause();
      let count = 0;
      while (topics.counts.conflated < 10) {
        await topics.publish('price', `${count++} `.padEnd(100_000, 'x'));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      near.resume();
      await until('the newest message', () => received.at(-1)?.startsWith(`${count - 1} `) === true);
      expect(received.length).toBeLessThan(count);
      expect(received.map((text) => Number.parseInt(text, 10))).toEqual(
        received.map((text) => Number.parseInt(text, 10)).toSorted((a, b) => a - b),
      );
      await topics.close();
    });

    test('a client of wasock.topics.v1 gets what it missed', async () => {
      const topics = new Topics({ history: { size: 100, ttl: 60_000 } });
      onOpen = (socket) => {
        accepted.push(socket);
        topics.serve(socket, { authorize: () => true });
      };
      const ws = new ReconnectingWebSocket(`ws://127.0.0.1:${port}/`, {
        protocols: TOPICS_PROTOCOL,
        backoff: { initial: 1, maximum: 20, resetAfter: 0 },
      });
      onTestFinished(() => ws.close());
      const client = new TopicClient(ws);
      const received: unknown[] = [];
      const subscription = client.subscribe('chat', ({ data }) => received.push(data));
      await subscription.ready;
      await client.publish('chat', 'one');
      await until('the first message', () => received.length === 1);
      ws.reconnect();
      await topics.publish('chat', 'two');
      await topics.publish('chat', 'three');
      await until('all messages', () => received.length >= 3);
      expect(received).toEqual(['one', 'two', 'three']);
      await topics.close();
    });
  });
}
