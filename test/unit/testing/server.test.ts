// Mock servers: the global WebSocket, several addresses, refusals, scripts of faults, and the leftovers of a test.

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { closed, messages, opened } from '../../../src/api/w3c/promises.ts';
import { closeMockServers, MockServer, WebSocket, type ConnectionScript } from '../../../src/testing/index.ts';
import { WebSocketServer } from '../../../src/testing/ws/index.ts';

afterEach(() => {
  vi.useRealTimers();
  closeMockServers();
});

const URL_A = 'ws://server.test/a';
const native = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');

describe('the global WebSocket', () => {
  test('is taken until the last server is closed', async () => {
    const one = new MockServer(URL_A);
    const other = new MockServer('wss://server.test/b');
    expect(Reflect.get(globalThis, 'WebSocket')).toBe(WebSocket);
    await one.close();
    expect(Reflect.get(globalThis, 'WebSocket')).toBe(WebSocket);
    other.cut();
    expect(Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')).toEqual(native);
  });

  test('stays with takeGlobal: false, and that of another object is taken', () => {
    const own = {};
    const window = { WebSocket: own };
    const one = new MockServer(URL_A, { takeGlobal: window });
    expect(window.WebSocket).toBe(WebSocket);
    const other = new MockServer('ws://server.test/b', { takeGlobal: false });
    expect([...one.urls, ...other.urls]).toEqual([URL_A, 'ws://server.test/b']);
    expect(Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')).toEqual(native);
    closeMockServers();
    expect(window.WebSocket).toBe(own);
  });

  test('that a program has replaced meanwhile is left alone', () => {
    const own = {};
    const window: { WebSocket?: unknown } = {};
    const server = new MockServer(URL_A, { takeGlobal: window });
    window.WebSocket = own;
    server.stop();
    expect(window.WebSocket).toBe(own);
  });

  test('that was missing is missing again', () => {
    const window = {};
    new MockServer(URL_A, { takeGlobal: window }).stop();
    expect('WebSocket' in window).toBe(false);
  });
});

describe('a server that cannot be made', () => {
  test.each<[string, () => unknown]>([
    ['a frozen object as takeGlobal', () => new MockServer(URL_A, { takeGlobal: Object.freeze({ WebSocket: 1 }) })],
    ['a name as takeGlobal', () => new MockServer(URL_A, { takeGlobal: 'window' as never })],
    ['an address of another kind of server', () => new MockServer([URL_A, 'ws://localhost:8080'])],
  ])('leaves nothing behind: %s', (_, make) => {
    const occupier = new WebSocketServer({ host: 'localhost', port: 8080 });
    onTestFinished(() => occupier.close());
    expect(make).toThrow();
    expect(Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')).toEqual(native);
    expect(() => new MockServer(URL_A)).not.toThrow();
  });
});

test('an address that is named twice is one', async () => {
  const server = new MockServer([URL_A, new URL(URL_A)], { scripts: [{}] });
  await opened(new WebSocket(URL_A));
  await server.nextConnection();
  await server.close();
  expect(Object.getOwnPropertyDescriptor(globalThis, 'WebSocket')).toEqual(native);
  expect(() => new MockServer(URL_A)).not.toThrow();
});

test('several servers and addresses are told apart', async () => {
  const one = new MockServer([URL_A, 'wss://other.test:8443/']);
  const two = new MockServer('ws://server.test/b?room=1');
  const clients = ['ws://server.test/a?x=1', 'wss://other.test:8443', 'ws://server.test/b?room=1'].map(
    (url) => new WebSocket(url),
  );
  await Promise.all(clients.map((client) => opened(client)));
  expect([await one.nextConnection(), await one.nextConnection()].map(({ url }) => url)).toEqual([
    'ws://server.test/a?x=1',
    'wss://other.test:8443/',
  ]);
  expect((await two.nextConnection()).request.path).toBe('/b?room=1');
  await expect(opened(new WebSocket('ws://server.test/b'))).rejects.toThrow('404');
  await expect(opened(new WebSocket('ws://server.test:81/a'))).rejects.toThrow('no mock server listens there');
  expect(() => new MockServer(URL_A)).toThrow('Another mock server listens at ws://server.test/a');
});

test('an address is free after close()', async () => {
  await new MockServer(URL_A).close();
  const server = new MockServer(URL_A, { onConnection: (connection) => connection.send('second') });
  const client = new WebSocket(URL_A);
  expect((await messages(client).next()).value).toBe('second');
  await server.nextConnection();
  await server.close(1001, 'over');
  await expect(server.nextConnection()).rejects.toThrow('closed before the next connection');
});

test('close() with a code that cannot be sent changes nothing', async () => {
  const server = new MockServer(URL_A);
  const client = new WebSocket(URL_A);
  await server.nextConnection();
  await expect(server.close(999)).rejects.toThrow('999 must not be sent as a close code');
  await expect(server.close(1000, 'x'.repeat(124))).rejects.toThrow('at most 123 bytes');
  expect(client.readyState).toBe(client.OPEN);
  expect(() => new MockServer(URL_A)).toThrow('Another mock server listens');
  closeMockServers();
  expect((await closed(client)).code).toBe(1006);
});

test('handlers of a server that was cut run no more', async () => {
  const seen: unknown[] = [];
  const server = new MockServer(URL_A, {
    onConnection: (connection) => seen.push(connection),
    scripts: [{ faults: [{ fault: 'close' }] }],
  });
  const client = new WebSocket(URL_A);
  await opened(client);
  closeMockServers();
  await closed(client);
  const [connection] = server.connections;
  expect([await connection.closed, seen]).toEqual([{ code: 1006, reason: '', wasClean: false }, []]);
});

test('messages of all connections come in order, and broadcast reaches all', async () => {
  const server = new MockServer(URL_A);
  const clients = [new WebSocket(URL_A), new WebSocket(URL_A)];
  await Promise.all(clients.map((client) => opened(client)));
  const answers = clients.map((client) => messages(client));
  clients[1].send('one');
  expect(await server.nextMessage()).toBe('one');
  clients[0].send('two');
  expect(await server.nextMessage()).toBe('two');
  expect(server.received).toEqual(['one', 'two']);
  expect(server.clients.size).toBe(2);
  server.broadcast('all');
  for (const answer of answers) expect((await answer.next()).value).toBe('all');
  clients[0].close();
  await server.connections[0].closed;
  expect(server.clients.size).toBe(1);
  expect(server.connections).toHaveLength(2);
  await server.close(4000, 'enough');
  expect(server.connections[1].closeDetails).toEqual({ code: 4000, reason: 'enough', wasClean: true });
});

test('for await reads until the server is closed', async () => {
  const server = new MockServer(URL_A, {
    onMessage: (message) => message === 'c' && void server.close(),
  });
  const client = await opened(new WebSocket(URL_A));
  for (const text of ['a', 'b', 'c']) client.send(text);
  const seen: unknown[] = [];
  for await (const message of server) seen.push(message);
  expect(seen).toEqual(['a', 'b', 'c']);
});

test('refuse and handleProtocols decide', async () => {
  const server = new MockServer(URL_A, {
    refuse: ({ headers }) => (headers.get('authorization') === 'yes' ? undefined : { status: 401, body: 'no' }),
    handleProtocols: (offered) => offered.find((name) => name === 'b'),
  });
  await expect(opened(new WebSocket(URL_A))).rejects.toMatchObject({ status: 401 });
  const client = await opened(new WebSocket(URL_A, ['a', 'b'], { headers: { Authorization: 'yes' } }));
  expect(client.protocol).toBe('b');
  expect((await server.nextConnection()).protocol).toBe('b');
});

test('a refusal that is none fails the client, and says so', async () => {
  const uncaught: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => uncaught.push(error));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  });
  const asynchronous = (): Promise<number> => Promise.resolve(401);
  const server = new MockServer(URL_A, { refuse: asynchronous as never });
  const client = new WebSocket(URL_A);
  expect((await closed(client)).code).toBe(1006);
  await vi.waitFor(() => expect(uncaught).toHaveLength(1));
  expect(uncaught).toEqual([
    expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('at once') as unknown }),
  ]);
  expect(() => server.script({ refuse: '503' as never })).toThrow('refuse must be or return an HTTP status');
});

describe('scripts', () => {
  /** How a client ends that sends `count` messages and reads until it is closed. */
  async function run(script: ConnectionScript, count: number = 3): Promise<{ code: number; received: readonly unknown[] }> {
    const server = new MockServer(URL_A, { scripts: [script], onConnection() {} });
    const client = new WebSocket(URL_A);
    const ended = closed(client);
    client.addEventListener('open', () => {
      for (let index = 1; index <= count; index++) client.send(String(index));
    });
    const { code } = await ended;
    return { code, received: server.received };
  }

  test.each([
    ['refuses', { refuse: 503 }, 1006],
    ['cuts', { faults: [{ after: 2, fault: 'cut' }] }, 1006],
    ['ends TCP', { faults: [{ after: 2, fault: 'terminate' }] }, 1006],
    ['closes at once', { faults: [{ fault: 'close', code: 4001, reason: 'x' }] }, 4001],
    ['closes without a code', { faults: [{ after: 3, fault: 'close' }] }, 1005],
  ] as const)('%s', async (_name, script, code) => {
    expect((await run(script)).code).toBe(code);
  });

  test('a violation fails the client', async () => {
    const server = new MockServer(URL_A, { scripts: [{ faults: [{ after: 1, fault: 'violation' }] }] });
    const client = await opened(new WebSocket(URL_A));
    client.send('x');
    expect((await (await server.nextConnection()).closed).code).toBe(1002);
  });

  test('are for one connection each, and unknown faults are errors', async () => {
    const server = new MockServer(URL_A, { scripts: [{ refuse: 503 }, { refuse: 429 }] });
    await expect(opened(new WebSocket(URL_A))).rejects.toMatchObject({ status: 503 });
    await expect(opened(new WebSocket(URL_A))).rejects.toMatchObject({ status: 429 });
    await opened(new WebSocket(URL_A));
    await server.nextConnection();
    expect(() => server.script({ faults: [{ fault: 'cute' as 'cut' }] })).toThrow('There is no fault "cute"');
  });

  test('numbers that make no sense are errors, and change nothing', async () => {
    const server = new MockServer(URL_A);
    const wrong: unknown[] = [
      { delay: Number.NaN },
      { delay: -1 },
      { faults: [{ fault: 'delay' }] },
      { faults: [{ fault: 'delay', milliseconds: '50' }] },
      { faults: [{ fault: 'cut', after: Number.NaN }] },
      { faults: [{ fault: 'cut', after: 0.5 }] },
    ];
    for (const script of wrong) expect(() => server.script(script as ConnectionScript)).toThrow(RangeError);
    const client = new WebSocket(URL_A);
    const { link } = await server.nextConnection();
    for (const value of [Number.NaN, -1, undefined, '50'] as number[]) {
      expect(() => (link.delay = value)).toThrow(RangeError);
      expect(() => (link.capacity = value)).toThrow(RangeError);
    }
    client.send('x');
    expect([await server.nextMessage(), link.delay, link.capacity, server.leftovers]).toEqual(['x', 0, 65_536, []]);
  });

  test('ignore lets the opening handshake time out, by the fake clock', async () => {
    vi.useFakeTimers();
    const server = new MockServer(URL_A, { scripts: [{ ignore: true }] });
    const failure = opened(new WebSocket(URL_A, { handshakeTimeout: 5000 })).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(5000);
    expect(String(await failure)).toContain('timed out');
    expect(server.connections).toEqual([]);
  });

  test('delay keeps the order, by the fake clock', async () => {
    vi.useFakeTimers();
    const server = new MockServer(URL_A, { scripts: [{ delay: 100 }] });
    const client = new WebSocket(URL_A);
    const seen: unknown[] = [];
    client.addEventListener('open', () => seen.push('open'));
    client.addEventListener('message', ({ data }) => seen.push(data));
    const connection = await server.nextConnection();
    connection.send('slow');
    connection.link.delay = 0;
    connection.send('fast');
    await vi.advanceTimersByTimeAsync(99);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['open', 'slow', 'fast']);
  });

  test('a slow reader makes bufferedAmount grow, and gets all later', async () => {
    const server = new MockServer(URL_A, { scripts: [{ faults: [{ fault: 'slow-reader' }] }] });
    const client = await opened(new WebSocket(URL_A));
    const connection = await server.nextConnection();
    const part = 'x'.repeat(30_000);
    for (let index = 0; index < 10; index++) {
      client.send(part);
      await Promise.resolve();
    }
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(client.bufferedAmount).toBeGreaterThan(100_000);
    expect(server.received).toEqual([]);
    connection.resume();
    for (let index = 0; index < 10; index++) expect((await server.nextMessage()).length).toBe(30_000);
    expect(client.bufferedAmount).toBe(0);
  });

  test('a half-open connection gives nothing until it is released', async () => {
    const server = new MockServer(URL_A, { scripts: [{ faults: [{ after: 1, fault: 'half-open' }] }] });
    const client = await opened(new WebSocket(URL_A));
    const connection = await server.nextConnection();
    const answers = messages(client);
    client.send('first');
    await server.nextMessage();
    client.send('second');
    connection.send('answer');
    connection.terminate();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    expect(client.readyState).toBe(WebSocket.OPEN);
    connection.link.release();
    expect((await answers.next()).value).toBe('answer');
    await expect(answers.next()).rejects.toThrow();
  });
});

describe('leftovers', () => {
  test('are connections that were not awaited, and unused scripts', async () => {
    const server = new MockServer(URL_A, { scripts: [{}, {}, { refuse: 503 }] });
    await opened(new WebSocket(URL_A));
    const client = await opened(new WebSocket(`${URL_A}?second`));
    await server.nextConnection();
    client.send('x');
    const wanted = [
      'A connection to ws://server.test/a?second was not awaited',
      'Scripts that no connection of ws://server.test/a has used: 1',
    ];
    expect(server.leftovers).toEqual(wanted);
    expect(() => closeMockServers()).toThrow(wanted.join('\n'));
    expect(() => closeMockServers()).not.toThrow();
  });

  test('are none for connections with a handler, or whose message was awaited', async () => {
    const one = new MockServer(URL_A);
    const two = new MockServer('ws://server.test/b', { onConnection() {} });
    (await opened(new WebSocket(URL_A))).send('x');
    await opened(new WebSocket('ws://server.test/b'));
    await one.nextMessage();
    expect([...one.leftovers, ...two.leftovers]).toEqual([]);
  });
});
