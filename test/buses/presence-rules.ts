// Presence on a bus. Several `Topics` stand for processes; test/buses/processes.test.ts kills real ones.

import { expect, test } from 'vitest';
import type { Bus, BusPresence } from '../../src/topics/index.ts';
import { FakeSocket } from '../support/fake-topic-socket.ts';
import { within } from '../support/sockets.ts';
import type { Context, Process } from './bus-rules.ts';

async function subscribe({ topics }: Process, name: string, count: number): Promise<FakeSocket[]> {
  const sockets = Array.from({ length: count }, () => new FakeSocket());
  await Promise.all(sockets.map((socket) => topics.subscribe(socket, name)));
  return sockets;
}

async function counts({ topics }: Process, name: string, expected: number): Promise<void> {
  await expect.poll(async () => (await topics.presence(name)).count).toBe(expected);
}

const LONG = { presence: { ttl: 600_000 } };

/** A process of which nothing arrives any more, as after its end. @param announce What it then gets for an announcement. */
function makeMortal(announce: () => Promise<void>): { adapt: (bus: Bus) => Bus; die: () => void } {
  let isDead = false;
  return {
    adapt(bus) {
      const own = bus.presence!;
      const presence: BusPresence = {
        announce: (...values) => (isDead ? announce() : own.announce(...values)),
        others: (name) => own.others(name),
      };
      return Object.defineProperty(bus, 'presence', { value: presence });
    },
    die: () => void (isDead = true),
  };
}

export function testPresence({ kind, engine, start }: Context): void {
  test('has the subscribers of all processes, until they go or their process closes', async () => {
    const [one, two, three] = [await start(LONG), await start(LONG), await start(LONG)];
    const [first] = await subscribe(one, 'room', 2);
    await subscribe(two, 'room', 300);
    if (kind.patterns) {
      await subscribe(two, 'room.*', 1);
      await subscribe(two, 'room.>', 2);
      await counts(three, 'room.*', 1);
      await counts(three, 'room.>', 2);
    }
    await counts(one, 'room', 302);
    await counts(three, 'room', 302);
    const [here, there] = [await one.topics.presence('room'), await three.topics.presence('room')];
    expect(here.ids.toSorted()).toEqual(there.ids.toSorted());
    expect(new Set(here.ids).size).toBe(302);
    first.close();
    await counts(three, 'room', 301);
    await two.topics.close();
    expect((await three.topics.presence('room')).count).toBe(1);
    expect(await three.topics.presence('nothing')).toEqual({ count: 0, ids: [] });
  });

  test('lets the subscribers of a process that died expire, and no others', async () => {
    const mortal = makeMortal(() => Promise.reject(new Error('The process is dead')));
    const [one, two] = [await start({ presence: { ttl: 1_500 } }, mortal.adapt), await start(LONG)];
    await subscribe(one, 'mortal', 3);
    await subscribe(two, 'mortal', 2);
    const observer = await start(LONG);
    await counts(observer, 'mortal', 5);
    mortal.die();
    await counts(observer, 'mortal', 2);
  });

  test('does not hold up close() if the bus does not reply', async () => {
    const mortal = makeMortal(() => new Promise(() => {}));
    const [one, two] = [await start(LONG, mortal.adapt), await start(LONG)];
    await subscribe(one, 'unanswered', 1);
    await counts(two, 'unanswered', 1);
    mortal.die();
    await within('close()', one.topics.close());
  });

  if (!kind.engine) return;
  test('is announced again when the engine was killed', async () => {
    const [one, two] = [await start(LONG), await start(LONG)];
    await subscribe(one, 'again', 2);
    await counts(two, 'again', 2);
    await engine().kill();
    await expect.poll(() => one.errors.length > 0 && two.errors.length > 0).toBe(true);
    await engine().restart();
    await expect.poll(() => two.topics.presence('again').catch(() => undefined)).toMatchObject({ count: 2 });
  });
}
