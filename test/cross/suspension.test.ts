// A process that is stopped and goes on, as a laptop that sleeps. Its timers fire before its sockets are read: a peer that has answered in the
// meantime must not count as silent. A peer that waits for a stopped process gives up in the documented way.

import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { WebSocket, WebSocketServer } from '../../adapters/node/index.ts';
import type { ProgramRuntime } from '../support/programs.ts';
import { Puppet } from '../support/puppets.ts';
import { sleep } from '../support/sleep.ts';

const RUNTIMES: readonly ProgramRuntime[] = ['node', 'deno', 'bun'];
/** Of the process that is stopped. A Ping is always under way. */
const HEARTBEAT = { interval: 450, timeout: 1800 };
/** Milliseconds of stops, which meet the heartbeat at different times. */
const STOPS = [300, 2700, 3090, 3180, 3270, 3360, 4500];

/** Registers what a test has to do at its end. The tests wait most of their time, so they run at the same time. */
type AtEnd = TestContext['onTestFinished'];

async function serve(atEnd: AtEnd, options: object): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  atEnd(async () => void (await server.shutdown({ signal: AbortSignal.abort() })));
  server.on('connection', (ws) => ws.on('message', (data) => ws.send((data as Buffer).toString())));
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function connect(atEnd: AtEnd, url: string, options: object = {}): Promise<WebSocket> {
  const ws = new WebSocket(url, options);
  atEnd(() => ws.terminate());
  await once(ws, 'open');
  return ws;
}

describe.concurrent.each(RUNTIMES)('a server on %s', (runtime) => {
  async function start(atEnd: AtEnd, options: object): Promise<{ puppet: Puppet; url: string }> {
    const puppet = await Puppet.start(atEnd, runtime, { options });
    const { url } = await puppet.next('listening');
    return { puppet, url };
  }

  test.concurrent('keeps its clients over stops of any length: their Pongs have arrived', async ({ onTestFinished }) => {
    const { puppet, url } = await start(onTestFinished, { heartbeat: HEARTBEAT });
    const client = await connect(onTestFinished, url);
    await puppet.next('open');
    for (const milliseconds of STOPS) {
      await puppet.pause(milliseconds);
      await sleep(510);
    }
    client.send('still here');
    expect((await puppet.next('message')).text).toBe('still here');
    expect(puppet.others).toEqual([]);
  });

  test.concurrent('is given up by a client with a heartbeat, and serves others when it goes on', async ({ onTestFinished }) => {
    const { puppet, url } = await start(onTestFinished, {});
    const client = await connect(onTestFinished, url, { heartbeat: HEARTBEAT });
    const closed = once(client, 'close');
    puppet.stop();
    expect((await closed)[0]).toBe(1006);
    puppet.goOn();
    expect((await puppet.next('close')).code).toBe(1006);
    const other = await connect(onTestFinished, url);
    other.send('a later one');
    expect((await puppet.next('message')).text).toBe('a later one');
  });

  test.concurrent(
    'that is stopped longer than closeTimeout takes the answer to its Close frame',
    async ({ onTestFinished }) => {
      const { puppet, url } = await start(onTestFinished, { closeTimeout: 3000 });
      const client = await connect(onTestFinished, url);
      await puppet.next('open');
      const stopped = once(client, 'close');
      // The client answers only when the server has stopped.
      client.pause();
      await puppet.do({ do: 'close', code: 4000 });
      puppet.stop();
      client.resume();
      await sleep(5000);
      puppet.goOn();
      expect((await puppet.next('close')).code).toBe(4000);
      expect((await stopped)[0]).toBe(4000);
    },
  );

  test.concurrent(
    'that is stopped longer than the timeout of its shutdown counts its clients as closed',
    async ({ onTestFinished }) => {
      const { puppet, url } = await start(onTestFinished, {});
      const clients = [
        await connect(onTestFinished, url),
        await connect(onTestFinished, url),
        await connect(onTestFinished, url),
      ];
      for (const client of clients) client.pause();
      await puppet.do({ do: 'shutdown', options: { timeout: 3000 } });
      puppet.stop();
      for (const client of clients) client.resume();
      await sleep(5000);
      puppet.goOn();
      expect((await puppet.next('shutdown')).result).toEqual({ closed: 3, terminated: 0, unsentMessages: 0 });
    },
  );
});

describe.concurrent.each(RUNTIMES)('a client on %s', (runtime) => {
  test.concurrent('keeps its connection over stops of any length', async ({ onTestFinished }) => {
    const { url } = await serve(onTestFinished, {});
    const puppet = await Puppet.start(onTestFinished, runtime, { url, options: { heartbeat: HEARTBEAT } });
    await puppet.next('open');
    for (const milliseconds of STOPS) {
      await puppet.pause(milliseconds);
      await sleep(510);
    }
    await puppet.do({ do: 'send', text: 'still here' });
    expect((await puppet.next('message')).text).toBe('still here');
    expect(puppet.others).toEqual([]);
  });

  test.concurrent('is given up by a server with a heartbeat, and notices it when it goes on', async ({ onTestFinished }) => {
    const { server, url } = await serve(onTestFinished, { heartbeat: HEARTBEAT });
    const accepted = once(server, 'connection') as Promise<[WebSocket]>;
    const puppet = await Puppet.start(onTestFinished, runtime, { url, options: {} });
    await puppet.next('open');
    const [ws] = await accepted;
    ws.send('before');
    const closed = once(ws, 'close');
    puppet.stop();
    expect((await closed)[0]).toBe(1006);
    puppet.goOn();
    expect((await puppet.next('message')).text).toBe('before');
    expect((await puppet.next('close')).code).toBe(1006);
  });

  test.concurrent(
    'that is stopped longer than closeTimeout takes the answer to its Close frame',
    async ({ onTestFinished }) => {
      const { server, url } = await serve(onTestFinished, {});
      const accepted = once(server, 'connection') as Promise<[WebSocket]>;
      const puppet = await Puppet.start(onTestFinished, runtime, { url, options: { closeTimeout: 3000 } });
      await puppet.next('open');
      const [ws] = await accepted;
      ws.pause();
      await puppet.do({ do: 'close', code: 4000 });
      puppet.stop();
      ws.resume();
      await sleep(5000);
      puppet.goOn();
      expect((await puppet.next('close')).code).toBe(4000);
    },
  );

  test.concurrent('that is stopped longer than handshakeTimeout takes the response', async ({ onTestFinished }) => {
    const hooks = new EventEmitter();
    const asked = once(hooks, 'asked') as Promise<[(isAllowed: boolean) => void]>;
    const { url } = await serve(onTestFinished, {
      verifyClient: (_info: unknown, decide: (isAllowed: boolean) => void) => hooks.emit('asked', decide),
    });
    const puppet = await Puppet.start(onTestFinished, runtime, { url, options: { handshakeTimeout: 3000 } });
    const [answer] = await asked;
    puppet.stop();
    answer(true);
    await sleep(5000);
    puppet.goOn();
    await puppet.next('open');
    expect(puppet.others).toEqual([]);
  });
});
