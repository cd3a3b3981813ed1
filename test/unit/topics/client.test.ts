// TopicClient over a connection that the test plays: listeners that throw, promises that must settle, and data that are none.

import { expect, onTestFinished, test } from 'vitest';
import { TopicClient, type TopicError } from '../../../src/topics/client.ts';
import { keepUncaught } from '../../support/uncaught.ts';

/** A ReconnectingWebSocket and its server. */
class FakeConnection extends EventTarget {
  readyState: number = 0;
  readonly sent: Record<string, unknown>[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  receive(message: object): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }

  /** @param willReconnect False for the last event of all. */
  lose(willReconnect: boolean): void {
    this.readyState = willReconnect ? 0 : 3;
    this.dispatchEvent(Object.assign(new Event('close'), { willReconnect }));
  }
}

function connect(): { ws: FakeConnection; client: TopicClient } {
  const ws = new FakeConnection();
  const client = new TopicClient(ws);
  ws.open();
  return { ws, client };
}

function throwing(text: string): () => never {
  return () => {
    throw new Error(text);
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** How a promise has settled, or that it has not. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const waits = turn().then(() => 'waits');
  return Promise.race([
    promise.then(
      () => 'fulfilled',
      (error: TopicError) => `${error.reason}: ${error.message}`,
    ),
    waits,
  ]);
}

test('a listener that throws keeps neither a message nor a gap from the others', async () => {
  const { messages, stop } = keepUncaught();
  onTestFinished(stop);
  const { ws, client } = connect();
  const log: string[] = [];
  client.subscribe('a.b', throwing('own'), { onGap: throwing('own gap') });
  client.subscribe('a.*', throwing('pattern'), { onGap: throwing('pattern gap') });
  client.subscribe('a.>', ({ data }) => log.push(String(data)), { onGap: () => log.push('gap') });
  for (const { id } of ws.sent) ws.receive({ type: 'subscribed', id, recovered: false });
  ws.receive({ type: 'message', topic: 'a.b', text: 'hello' });
  ws.receive({ type: 'gap', topic: 'a.b' });
  await turn();
  expect(log).toEqual(['hello', 'gap']);
  expect(messages.toSorted()).toEqual(['own', 'own gap', 'pattern', 'pattern gap']);
});

test('a listener that throws at a reply does not keep the next request waiting', async () => {
  const { messages, stop } = keepUncaught();
  onTestFinished(stop);
  const { ws, client } = connect();
  client.subscribe('a', () => {}, { onError: throwing('refused') });
  const { ready } = client.subscribe('b', () => {}, { since: { epoch: 'e', offset: 1 }, onGap: throwing('gap') });
  ws.receive({ type: 'error', id: ws.sent[0]['id'], reason: 'forbidden', message: 'no' });
  ws.receive({ type: 'subscribed', id: ws.sent[1]['id'], recovered: false });
  await turn();
  expect([await stateOf(ready), messages.toSorted()]).toEqual(['fulfilled', ['gap', 'refused']]);
});

test('`ready` rejects when the subscription or the connection ends before the server has replied', async () => {
  const { ws, client } = connect();
  const [ended, lost, kept] = ['ended', 'lost', 'kept'].map((topic) => client.subscribe(topic, () => {}));
  ended.unsubscribe();
  expect(await stateOf(ended.ready)).toBe('failed: The subscription has ended');
  ws.receive({ type: 'subscribed', id: ws.sent[2]['id'], recovered: false });
  ws.lose(true);
  expect([await stateOf(lost.ready), await stateOf(kept.ready)]).toEqual(['waits', 'fulfilled']);
  ws.lose(false);
  expect(await stateOf(lost.ready)).toBe('failed: The connection has ended');
  expect(await stateOf(client.subscribe('late', () => {}).ready)).toBe('failed: The connection has ended');
});

test('a subscription that has ended is not told of a gap', () => {
  const { ws, client } = connect();
  const log: string[] = [];
  const since = { epoch: 'e', offset: 1 };
  const subscription = client.subscribe('a', () => {}, { since, onGap: () => log.push('gap') });
  subscription.unsubscribe();
  ws.receive({ type: 'subscribed', id: ws.sent[0]['id'], recovered: false });
  expect(log).toEqual([]);
});

test('publish() takes text and bytes of each kind, and nothing else', async () => {
  const { ws, client } = connect();
  const bytes = new Uint8Array([1, 2, 3]);
  const publish = (data: unknown): Promise<unknown> => client.publish('a', data as Uint8Array);
  for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer, 1)]) void publish(data).catch(() => {});
  expect(ws.sent.map(({ base64 }) => base64)).toEqual(['AQID', 'AQID', 'AgM=']);
  for (const data of [5, null, undefined, {}, [1, 2]]) await expect(publish(data)).rejects.toThrow(TypeError);
  expect(ws.sent).toHaveLength(3);
});

test('a name that is no text is an error, and leaves nothing', () => {
  const { ws, client } = connect();
  expect(() => client.subscribe(5 as unknown as string, () => {})).toThrow(TypeError);
  expect(() => client.subscribe('a', undefined as unknown as () => void)).toThrow(TypeError);
  ws.lose(true);
  ws.open();
  expect(ws.sent).toEqual([]);
});
