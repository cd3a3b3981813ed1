// The test kit under the clock of sinon, with everything faked that sinon fakes by default, but process.nextTick: Node.js delivers messages of
// the parent process by it, and vitest waits forever for a message that was lost with the clock.

import sinon, { type SinonFakeTimers } from 'sinon';
import { afterEach, expect, test } from 'vitest';
import { closed } from '../../../src/api/w3c/promises.ts';
import { closeMockServers, createPair, MockServer, WebSocket } from '../../../src/testing/index.ts';

const fakeTimers = (): SinonFakeTimers => sinon.useFakeTimers({ toNotFake: ['nextTick'] });
let clock: SinonFakeTimers | undefined;
afterEach(() => {
  clock?.restore();
  closeMockServers();
});

test('messages and the closing handshake need no tick', async () => {
  clock = fakeTimers();
  const { client, server } = await createPair();
  const seen = closed(client);
  client.send('question');
  expect(await server.nextMessage()).toBe('question');
  await server.close(1000, 'done');
  expect(await seen).toEqual({ code: 1000, reason: 'done', wasClean: true });
  expect(clock.now).toBe(0);
});

test('heartbeat drops a half-open connection', async () => {
  clock = fakeTimers();
  const { client, link } = await createPair({ client: { heartbeat: { interval: 1000, timeout: 500 } } });
  link.hold();
  await clock.tickAsync(1499);
  expect(client.readyState).toBe(client.OPEN);
  await clock.tickAsync(101);
  expect(client.readyState).toBe(client.CLOSED);
});

test('handshakeTimeout ends an attempt that gets no answer, and a delay holds messages up', async () => {
  clock = fakeTimers();
  const server = new MockServer('ws://localhost/', { takeGlobal: false, scripts: [{ ignore: true }] });
  const silent = new WebSocket('ws://localhost/', { handshakeTimeout: 2000 });
  const end = closed(silent);
  await clock.tickAsync(1999);
  expect(silent.readyState).toBe(silent.CONNECTING);
  await clock.tickAsync(1);
  expect(await end).toMatchObject({ code: 1006, wasClean: false });

  const client = new WebSocket('ws://localhost/');
  const connection = await server.nextConnection();
  connection.link.delay = 100;
  client.send('late');
  await clock.tickAsync(99);
  expect(connection.received).toEqual([]);
  await clock.tickAsync(1);
  expect(connection.received).toEqual(['late']);
});
