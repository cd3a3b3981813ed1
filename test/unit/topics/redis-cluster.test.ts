import { expect, test } from 'vitest';
import { ClusterLink, type Cluster } from '../../../src/topics/redis-cluster.ts';
import type { Subscriber } from '../../../src/topics/redis-clients.ts';
import { sleep } from '../../support/sleep.ts';

/** A node that takes subscriptions once it is allowed to. */
class FakeNode implements Subscriber {
  readonly names: Set<string> = new Set();
  isClosed = false;
  lose: (error: Error) => void = () => {};
  gate: Promise<void> = Promise.resolve();

  async subscribe(channel: string): Promise<void> {
    await this.gate;
    this.names.add(channel);
  }
  unsubscribe(channel: string): Promise<void> {
    this.names.delete(channel);
    return Promise.resolve();
  }
  subscribePattern(glob: string): Promise<void> {
    return this.subscribe(glob);
  }
  unsubscribePattern(glob: string): Promise<void> {
    return this.unsubscribe(glob);
  }
  ping(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    this.isClosed = true;
  }
}

interface Started {
  readonly link: ClusterLink;
  readonly nodes: FakeNode[];
  readonly log: string[];
  readonly gate: { next: Promise<void> };
  readonly closing: AbortController;
}

async function start(): Promise<Started> {
  const nodes: FakeNode[] = [];
  const log: string[] = [];
  const gate = { next: Promise.resolve() };
  const closing = new AbortController();
  const cluster: Cluster = {
    isReady: () => true,
    command: () => Promise.resolve(),
    masters: () => ['only'],
    ownerOf: () => 'only',
    connect(_address, _onMessage, onLost) {
      const node = new FakeNode();
      node.lose = onLost;
      node.gate = gate.next;
      nodes.push(node);
      return Promise.resolve(node);
    },
  };
  const events = {
    onMessage() {},
    onLost: ({ message }: Error) => log.push(message),
    onReady: () => log.push('ready'),
    closing: closing.signal,
  };
  const link = await new ClusterLink(cluster, events).open();
  return { link, nodes, log, gate, closing };
}

const settle = (): Promise<void> => sleep(20);

test('a lost connection is replaced, with its subscriptions', async () => {
  const { link, nodes, log } = await start();
  await link.subscribe('a', false);
  await link.subscribePattern('b*');
  nodes[0].lose(new Error('reset'));
  await expect.poll(() => log).toEqual(['ready', 'reset', 'ready']);
  expect(nodes).toHaveLength(2);
  expect([nodes[0].isClosed, [...nodes[1].names]]).toEqual([true, ['a', 'b*']]);
});

test('a subscription that ends while it is made again is not left behind', async () => {
  const { link, nodes, gate } = await start();
  await link.subscribe('a', false);
  let open!: () => void;
  gate.next = new Promise((resolve) => (open = resolve));
  nodes[0].lose(new Error('reset'));
  await expect.poll(() => nodes.length).toBe(2);
  await settle();
  await link.unsubscribe('a', false);
  open();
  await settle();
  expect([...nodes[1].names]).toEqual([]);
});

test('a link that is closed connects to nothing any more', async () => {
  const { link, nodes, log, closing } = await start();
  closing.abort();
  await expect(link.subscribe('a', false)).rejects.toThrow('closed');
  expect([nodes.length, nodes[0].isClosed, log]).toEqual([1, true, ['ready']]);
});
