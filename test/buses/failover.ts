// Rules for a copy of an engine that takes over. They are the same for all engines.

import { expect } from 'vitest';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { happens } from '../support/happens.ts';
import type { Process } from './bus-rules.ts';
import type { Forwarder } from './forwarder.ts';

/** An engine, and a copy of it that follows. */
export interface Failover {
  /** In front of the engine. */
  readonly forwarder: Forwarder;
  readonly copyPort: number;
  readonly start: (port: number) => Promise<Process>;
  /** Fulfilled once the copy has all messages, and follows no more. */
  readonly part: () => Promise<unknown>;
  /** The copy takes over. */
  readonly promote: () => Promise<unknown>;
}

/** The copy lacks the last messages, and gives their offsets to others: subscribers must learn of a gap, and positions of lost messages must be refused. */
export async function expectGapOfLostMessages({ forwarder, copyPort, start, part, promote }: Failover): Promise<void> {
  const [one, two] = [await start(forwarder.port), await start(forwarder.port)];
  const a = new FakeSocket();
  const { position } = await one.topics.subscribe(a, 't');
  for (const text of ['1', '2']) await two.topics.publish('t', text);
  await part();
  for (const text of ['lost 3', 'lost 4']) await two.topics.publish('t', text);
  await happens(() => a.received.length === 4);
  forwarder.leadTo(undefined);
  await happens(() => one.errors.length > 0);
  await promote();
  // A process that does not know of the lost ones goes on before the others are back.
  const three = await start(copyPort);
  const published = [];
  for (const text of ['3', '4', '5']) published.push(await three.topics.publish('t', text));
  expect(published.map(({ offset }) => offset)).toEqual([3, 4, 5].map((offset) => position!.offset + offset));
  forwarder.leadTo(copyPort);
  await happens(() => one.gaps.length > 0);
  await three.topics.publish('t', '6');
  await happens(() => a.received.includes('6'));
  expect([one.gaps, a.received]).toEqual([['t'], ['1', '2', 'lost 3', 'lost 4', '6']]);
  // Positions up to the last message that the copy had are those of its history, too.
  const recover = async (known: number): Promise<unknown> => {
    const socket = new FakeSocket();
    const since = { epoch: position!.epoch, offset: position!.offset + known };
    const { recovered } = await three.topics.subscribe(socket, 't', { since });
    return recovered ? socket.received : 'gone';
  };
  expect(await recover(0)).toEqual(['1', '2', '3', '4', '5', '6']);
  expect(await recover(2)).toEqual(['3', '4', '5', '6']);
  expect([await recover(3), await recover(4), await recover(6)]).toEqual(['gone', 'gone', 'gone']);
}

/** Publishes once the bus is back. */
export async function publishWhenBack({ topics }: Process, text: string): Promise<void> {
  const isPublished = (): Promise<boolean> =>
    topics.publish('t', text).then(
      () => true,
      () => false,
    );
  await happens(isPublished);
}
