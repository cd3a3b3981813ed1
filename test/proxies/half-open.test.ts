// A connection whose cable is pulled: neither side gets FIN or RST, and both kernels go on sending. `npm run test:proxies`, since it needs root.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProgramRuntime } from '../support/programs.ts';
import { Puppet } from '../support/puppets.ts';
import { sleep } from '../support/sleep.ts';
import { Cable } from './cable.ts';

const HEARTBEAT = { interval: 200, timeout: 2000 };
/** Milliseconds, longer than both together. */
const LONG = 3000;

describe.each<ProgramRuntime>(['node', 'node-24', 'deno', 'bun'])('%s: when the cable is pulled', (runtime) => {
  let cable: Cable;
  const cleanups: (() => Promise<void>)[] = [];
  const atEnd = (cleanup: () => Promise<void>): void => void cleanups.push(cleanup);

  beforeEach(async () => {
    cable = await Cable.lay();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
    await (cable as Cable | undefined)?.remove();
  });

  /** A server on one machine and a client on the other, which have exchanged a message. */
  async function connect(options: object): Promise<Puppet[]> {
    const server = await Puppet.start(atEnd, runtime, { options: { ...options, host: '0.0.0.0' } }, cable.on('first'));
    const { port } = new URL((await server.next('listening')).url);
    const url = `ws://${cable.address}:${port}/`;
    const client = await Puppet.start(atEnd, runtime, { url, options }, cable.on('second'));
    await Promise.all([server.next('open'), client.next('open')]);
    await client.do({ do: 'send', text: 'over the cable' });
    expect((await server.next('message')).text).toBe('over the cable');
    return [server, client];
  }

  test('the heartbeat ends the connection with 1006 on both sides', async () => {
    const sides = await connect({ heartbeat: HEARTBEAT });
    await cable.unplug();
    const ends = await Promise.all(sides.map((side) => side.next('close')));
    expect(ends.map(({ code }) => code)).toEqual([1006, 1006]);
    for (const side of sides) expect(side.others.filter((event) => event !== 'error')).toEqual([]);
  });

  test('a connection without a heartbeat stays, and goes on when the cable is back', async () => {
    const sides = await connect({});
    await cable.unplug();
    for (const side of sides) await side.do({ do: 'send', text: 'into the void' });
    await sleep(LONG);
    for (const side of sides) {
      // Reports come in order: 'done' of this is behind all that came before.
      await side.do({ do: 'send', text: 'later' });
      expect(side.others).toEqual([]);
    }
    await cable.plug();
    for (const side of sides) {
      expect((await side.next('message')).text).toBe('into the void');
      expect((await side.next('message')).text).toBe('later');
    }
  });

  test('a closing handshake ends with 1006 after closeTimeout', async () => {
    const sides = await connect({ closeTimeout: 700 });
    await cable.unplug();
    await Promise.all(sides.map((side) => side.do({ do: 'close', code: 4000 })));
    const ends = await Promise.all(sides.map((side) => side.next('close')));
    expect(ends.map(({ code }) => code)).toEqual([1006, 1006]);
  });
});
