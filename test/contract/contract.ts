// What every pair of client and server must do over real sockets, whatever the runtime. Steered by capabilities, never by names.
// No runtime's modules here: Deno, Bun, workerd and browsers call this as well.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/frames.ts';
import { Endpoint, type ClientSocket, type Message, type WsStyleSocket } from './endpoint.ts';
import { DEFAULTS, type Capabilities, type ClientOptions, type ContractRuntime, type RunningServer } from './runtime.ts';
import { BURST, ContractScript, FRAGMENTS, SCRATCH, transfer, type Sighting } from './script.ts';

/** One of a runtime's clients. */
interface Face {
  readonly name: string;
  /** Opens a connection. */
  readonly create: (url: string, protocols: string[], options: ClientOptions) => ClientSocket;
  /** Close codes that its `close()` takes. */
  readonly closeCodes: readonly number[];
  /** Whether its `extensions` show parameters. */
  readonly showsParameters: boolean;
}

const MIB = 1 << 20;
const SIXTEEN_MIB = pattern(16 * MIB);
const SIZES = [0, 1, 125, 126, 65535, 65536];
const encoder = new TextEncoder();
let lastId = 0;

/** Declares the tests of `runtime`: for its ws-style client, and for its W3C-style one. */
export function describeContract(runtime: ContractRuntime): void {
  describe(`${runtime.name}`, () => {
    let server: RunningServer;
    const open: Endpoint[] = [];
    beforeAll(async () => {
      server = await runtime.createServer({ script: new ContractScript() });
    });
    afterEach(async () => {
      const rest = open.splice(0).filter(({ socket }) => socket.readyState !== 3);
      for (const { socket } of rest) socket.close();
      await Promise.all(rest.map(({ closed }) => closed));
    });
    afterAll(() => server.close());

    const track = <Socket extends ClientSocket>(socket: Socket): Endpoint<Socket> => {
      const endpoint = new Endpoint(socket);
      open.push(endpoint);
      return endpoint;
    };
    const capabilities = { ...DEFAULTS, ...runtime.capabilities };
    const context: Context = { runtime, capabilities, url: (path) => server.url + path, track };
    const { createClient, createW3CClient } = runtime;
    const wsFaces = createClient
      ? [
          {
            name: 'ws-style client',
            create: createClient,
            closeCodes: [1000, 1001, 1011, 3000, 4999],
            showsParameters: false,
          },
        ]
      : [];
    const w3cFaces = createW3CClient
      ? [{ name: 'W3C-style client', create: createW3CClient, closeCodes: [1000, 3000, 4999], showsParameters: true }]
      : [];
    describe.each<Face>([...wsFaces, ...w3cFaces])('$name', (face) => {
      describeMessages(context, face);
      describeHandshake(context, face);
      describeClosing(context, face);
    });
    describe.each(wsFaces)('$name', ({ create }) => {
      describeControl(context, create);
    });
  });
}

interface Context {
  readonly runtime: ContractRuntime;
  readonly capabilities: Required<Capabilities>;
  url(path: string): string;
  track<Socket extends ClientSocket>(socket: Socket): Endpoint<Socket>;
}

/** Opens a connection to `path`. */
async function connect({ url, track }: Context, face: Face, path: string, protocols: string[] = []): Promise<Endpoint> {
  const endpoint = track(face.create(url(path), protocols, {}));
  await endpoint.opened;
  return endpoint;
}

/** What the server saw of the connection that was named `id`. */
async function seen(context: Context, face: Face, id: string): Promise<Sighting> {
  const client = await connect(context, face, `/seen?of=${id}`);
  return JSON.parse((await client.next()) as string) as Sighting;
}

function newId(): string {
  return `c${++lastId}`;
}

/** Equality of large messages, without a diff of millions of lines. */
function expectSame(actual: Message, expected: Message): void {
  expect(typeof actual).toBe(typeof expected);
  expect(actual.length).toBe(expected.length);
  if (typeof actual === 'string' || typeof expected === 'string') expect(actual === expected).toBe(true);
  else expect(firstDifference(actual, expected), 'first difference').toBe(-1);
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return at;
  return -1;
}

function describeMessages(context: Context, face: Face): void {
  const { clientOwnsMemory, clientWritesAfterTurn, serverOwnsMemory, serverPings, serverSendsFragments } = context.capabilities;

  test.each(SIZES)('exchanges %i bytes of text and binary', async (size) => {
    const client = await connect(context, face, '/echo');
    expectSame(await client.exchange('x'.repeat(size)), 'x'.repeat(size));
    expectSame(await client.exchange(pattern(size)), pattern(size));
  });

  test('exchanges text of every width of UTF-8', async () => {
    const client = await connect(context, face, '/echo');
    for (const text of ['äöü', '日本語', '👩‍👩‍👧', '\u0000\uffff', `${'x'.repeat(63)}é`.repeat(2000), '👋'.repeat(40_000)]) {
      expectSame(await client.exchange(text), text);
    }
  });

  test('replaces a lone surrogate', async () => {
    const client = await connect(context, face, '/echo');
    expect(await client.exchange('a\ud800b')).toBe('a\ufffdb');
  });

  test('exchanges 16 MiB both ways', async () => {
    const client = await connect(context, face, '/echo');
    expectSame(await client.exchange(SIXTEEN_MIB), SIXTEEN_MIB);
    const text = 'sixteen bytes ok'.repeat(MIB);
    expectSame(await client.exchange(text), text);
    expect(client.socket.bufferedAmount).toBe(0);
  });

  test('sends a thousand messages of one turn in order', async () => {
    const client = await connect(context, face, '/echo');
    for (let index = 0; index < 1000; index++)
      client.socket.send(index % 2 ? `message ${index}` : encoder.encode(`message ${index}`));
    for (let index = 0; index < 1000; index++) {
      const message = await client.next();
      expect(typeof message).toBe(index % 2 ? 'string' : 'object');
      expect(typeof message === 'string' ? message : new TextDecoder().decode(message)).toBe(`message ${index}`);
    }
    expect(client.socket.bufferedAmount).toBe(0);
  });

  test('receives a thousand messages of one turn in order', async () => {
    const client = await connect(context, face, '/burst');
    for (let index = 0; index < BURST; index++) expect(await client.next()).toBe(`message ${index}`);
  });

  test.runIf(serverSendsFragments && serverPings)('joins fragments, with a Ping between them', async () => {
    const client = await connect(context, face, '/fragments');
    expect(await client.next()).toBe('hällo 👋');
    const whole = await client.next();
    expectSame(whole, Uint8Array.from(FRAGMENTS.flatMap((bytes) => [...bytes])));
    expect(await client.next()).toBe('after');
  });

  test('counts what it has not sent yet, down to 0', async () => {
    const client = await connect(context, face, '/echo');
    client.socket.send('äö');
    client.socket.send(new Uint8Array(1000));
    expect(client.socket.bufferedAmount).toBe(clientWritesAfterTurn ? 1004 : 0);
    await client.next();
    await client.next();
    expect(client.socket.bufferedAmount).toBe(0);
  });

  test.runIf(serverOwnsMemory)('a message of its own chunk is all of its memory, which no other connection has', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connect(context, face, '/memory')));
    for (const size of [0, 5, 64, 65, 125, 1000, 2047, 2048, 5000, 20_000, 100_000]) {
      for (const client of clients) expect(await client.exchange(pattern(size))).toBe(`${size}`);
    }
  });

  test.runIf(serverOwnsMemory)('messages follow one whose memory the server has transferred', async () => {
    const clients = await Promise.all([1, 2].map(() => connect(context, face, '/transfer')));
    const sizes = [0, 3, 100, 100, 100, 64, 65, 2000, 2048, 100, 9000, 0, 70_000, 200, 200];
    for (const { socket } of clients) for (const [seed, size] of sizes.entries()) socket.send(pattern(size, seed));
    for (const client of clients) {
      for (const [seed, size] of sizes.entries()) expectSame(await client.next(), pattern(size, seed));
    }
    // The reason of a Close frame without one is as empty, and as much the program's.
    for (const { socket, closed } of clients) {
      socket.close();
      expect((await closed).wasClean).toBe(true);
    }
    const last = await connect(context, face, '/transfer');
    expectSame(await last.exchange(pattern(100)), pattern(100));
    last.socket.close();
    expect(await last.closed).toMatchObject({ code: 1005, reason: '' });
  });

  test.runIf(serverOwnsMemory)('receives what the memory of a message held when the server sent it', async () => {
    const client = await connect(context, face, serverSendsFragments ? '/scratch?fragments' : '/scratch');
    for (const [index, size] of SCRATCH.entries()) expectSame(await client.next(), new Uint8Array(size).fill(index));
    expectSame(await client.next(), new Uint8Array(200_000).fill(1));
    if (serverSendsFragments) expectSame(await client.next(), new Uint8Array(40_000).fill(2).fill(3, 20_000));
  });

  test.runIf(clientOwnsMemory)('sends what the memory of a message holds at that time', async () => {
    const client = await connect(context, face, '/echo');
    const scratch = new Uint8Array(Math.max(...SCRATCH));
    for (const [index, size] of SCRATCH.entries()) client.socket.send(scratch.fill(index).subarray(0, size));
    const transferred = new Uint8Array(200_000).fill(1);
    client.socket.send(transferred);
    transfer(transferred);
    scratch.fill(0xff);
    for (const [index, size] of SCRATCH.entries()) expectSame(await client.next(), new Uint8Array(size).fill(index));
    expectSame(await client.next(), new Uint8Array(200_000).fill(1));
  });

  test.runIf(serverPings)('answers a Ping with its payload', async () => {
    const client = await connect(context, face, '/ping?payload=hello');
    expect(await client.next()).toBe('pong hello');
    const empty = await connect(context, face, '/ping');
    expect(await empty.next()).toBe('pong ');
    const longest = await connect(context, face, `/ping?payload=${'p'.repeat(125)}`);
    expect(await longest.next()).toBe(`pong ${'p'.repeat(125)}`);
  });
}

function describeHandshake(context: Context, face: Face): void {
  const { clientAbnormalCode, extensionParameters, extensions, headers } = context.capabilities;

  test('has no subprotocol without an offer, and the extensions agreed on', async () => {
    const client = await connect(context, face, '/echo');
    expect(client.socket.protocol).toBe('');
    expect(client.socket.extensions).toBe(face.showsParameters ? extensions + extensionParameters : extensions);
    expect(client.socket.readyState).toBe(1);
  });

  test.each([[['first']], [['first', 'second']], [['second', 'third']]])('agrees on a subprotocol of %j', async (offer) => {
    const client = await connect(context, face, '/echo', offer);
    expect(client.socket.protocol).toBe(offer.includes('second') ? 'second' : 'first');
    expect(await client.exchange('still works')).toBe('still works');
  });

  test.runIf(headers)('sends header fields', async () => {
    const client = context.track(face.create(context.url('/headers'), [], { headers: { 'X-One': '1', Cookie: 'a=b; c=d' } }));
    const sent = JSON.parse((await client.next()) as string) as Record<string, string>;
    expect(sent).toMatchObject({ 'x-one': '1', cookie: 'a=b; c=d', upgrade: 'websocket', 'sec-websocket-version': '13' });
    expect(sent['sec-websocket-key']).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  });

  test('calls each event handler attribute once an event', async () => {
    const calls: string[] = [];
    const listenTo = (client: Endpoint): void => {
      for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) {
        Object.assign(client.socket, { [name]: (event: Event) => calls.push(`${name} ${event.type}`) });
      }
    };
    const client = context.track(face.create(context.url('/close?code=1000'), [], {}));
    listenTo(client);
    await client.closed;
    const echoing = context.track(face.create(context.url('/echo'), [], {}));
    listenTo(echoing);
    await echoing.opened;
    await echoing.exchange('x');
    echoing.socket.close();
    await echoing.closed;
    const refused = context.track(face.create(context.url('/refuse'), [], {}));
    listenTo(refused);
    await refused.closed;
    // In browsers a promise goes on between two listeners.
    await new Promise((resolve) => setTimeout(resolve));
    const whole = ['onopen open', 'onmessage message', 'onclose close'];
    expect(calls).toEqual(['onopen open', 'onclose close', ...whole, 'onerror error', 'onclose close']);
  });

  test('fails when the server refuses', async () => {
    const client = context.track(face.create(context.url('/refuse'), [], {}));
    expect(await client.closed).toEqual({ code: clientAbnormalCode, reason: '', wasClean: false });
    expect(client.events).toEqual(['error', 'close']);
  });

  test('fails when it is closed before it is open', async () => {
    const client = context.track(face.create(context.url('/echo'), [], {}));
    client.socket.close();
    expect(client.socket.readyState).toBe(2);
    expect(await client.closed).toEqual({ code: clientAbnormalCode, reason: '', wasClean: false });
    expect(client.events).toEqual(['error', 'close']);
  });
}

function describeClosing(context: Context, face: Face): void {
  const { capabilities } = context;
  const { clientAbnormalCode } = capabilities;

  test.each([1000, 1001, 3000, 4999])('sees the server close with %i', async (code) => {
    const id = newId();
    const client = context.track(face.create(context.url(`/close?id=${id}&code=${code}&reason=wïll`), [], {}));
    expect(await client.closed).toEqual({ code, reason: 'wïll', wasClean: true });
    expect(client.events).toEqual(['open', 'close']);
    const reason = capabilities.clientRepeatsReason ? 'wïll' : '';
    expect(await seen(context, face, id)).toEqual({ code, reason, error: '' });
  });

  test.runIf(capabilities.serverClosesWithoutCode)('sees the server close without a code', async () => {
    const id = newId();
    const client = context.track(face.create(context.url(`/close?id=${id}`), [], {}));
    expect(await client.closed).toEqual({ code: 1005, reason: '', wasClean: true });
    expect(await seen(context, face, id)).toEqual({ code: 1005, reason: '', error: '' });
  });

  test.each(face.closeCodes)('closes with %i', async (code) => {
    const id = newId();
    const reason = 'r'.repeat(121) + 'é';
    const client = await connect(context, face, `/watch?id=${id}`);
    client.socket.close(code, reason);
    expect(client.socket.readyState).toBe(2);
    expect(await client.closed).toEqual({ code, reason, wasClean: true });
    expect(client.events).toEqual(['open', 'close']);
    expect(await seen(context, face, id)).toEqual({ code, reason, error: '' });
  });

  test('closes without a code', async () => {
    const id = newId();
    const client = await connect(context, face, `/watch?id=${id}`);
    client.socket.close();
    expect(await client.closed).toEqual({ code: 1005, reason: '', wasClean: true });
    expect(await seen(context, face, id)).toEqual({ code: 1005, reason: '', error: '' });
  });

  test('sends what was queued before the Close frame', async () => {
    const client = await connect(context, face, '/echo');
    const bytes = pattern(3 * MIB);
    client.socket.send(bytes);
    client.socket.send('last');
    expectSame(await client.next(), bytes);
    if (!capabilities.clientReadsToTheEnd) expect(await client.next()).toBe('last');
    client.socket.close(1000);
    expect((await client.closed).code).toBe(1000);
  });

  test.runIf(capabilities.closesCross)('closes at the same time as the server', async () => {
    const id = newId();
    const client = await connect(context, face, `/crossing?id=${id}`);
    client.socket.send('close now');
    client.socket.close(4000, 'from the client');
    expect(await client.closed).toEqual({ code: 4001, reason: 'from the server', wasClean: true });
    expect(await seen(context, face, id)).toEqual({ code: 4000, reason: 'from the client', error: '' });
  });

  test.runIf(capabilities.serverTerminates)('sees 1006 when the server goes away', async () => {
    const client = await connect(context, face, '/terminate');
    client.socket.send('go');
    expect(await client.closed).toEqual({ code: clientAbnormalCode, reason: '', wasClean: false });
    expect(client.socket.readyState).toBe(3);
  });

  test.runIf(capabilities.clientNamesFault).each([
    ['masked', 1002],
    ['utf8', 1007],
  ])('delivers what came before a violation (%s), then answers %i', async (kind, code) => {
    const id = newId();
    const client = context.track(face.create(context.url(`/fault?id=${id}&kind=${kind}`), [], {}));
    expect(await client.next()).toBe('before');
    expect(await client.closed).toMatchObject({ code: 1006, wasClean: false });
    expect(client.events).toEqual(['open', 'message', 'error', 'close']);
    expect((await seen(context, face, id)).code).toBe(code);
  });

  test.runIf(capabilities.serverNamesFault)('gets 1009 when its message is too large', async () => {
    const { createServer } = context.runtime;
    const server = await createServer({ script: new ContractScript(), maxPayload: 1000 });
    const client = context.track(face.create(`${server.url}/echo`, [], {}));
    await client.opened;
    expectSame(await client.exchange('x'.repeat(1000)), 'x'.repeat(1000));
    client.socket.send(new Uint8Array(1001));
    expect((await client.closed).code).toBe(1009);
    await server.close();
  });
}

function describeControl(context: Context, create: NonNullable<ContractRuntime['createClient']>): void {
  const { capabilities } = context;
  const { clientHasReady, serverAbnormalCode, serverPings, serverTellsError } = capabilities;
  const ownsMemory = capabilities.clientOwnsMemory && capabilities.serverOwnsMemory;
  const face: Face = { name: '', create, closeCodes: [], showsParameters: false };
  const open = async (path: string): Promise<Endpoint<WsStyleSocket>> => {
    const client = context.track(create(context.url(path), [], {}));
    await client.opened;
    return client;
  };

  test.runIf(serverPings)('sends Pings and Pongs with their payload', async () => {
    const client = await open('/control');
    const pongs: string[] = [];
    client.socket.on('pong', (payload: Uint8Array) => pongs.push(new TextDecoder().decode(payload)));
    client.socket.ping(encoder.encode('are you there'));
    expect(await client.next()).toBe('ping are you there');
    client.socket.ping();
    expect(await client.next()).toBe('ping ');
    client.socket.pong(encoder.encode('unasked'));
    expect(await client.next()).toBe('pong unasked');
    expect(pongs).toEqual(['are you there', '']);
  });

  test.runIf(serverPings)('receives a Ping', async () => {
    const client = context.track(create(context.url('/ping?payload=hello'), [], {}));
    const pings: string[] = [];
    client.socket.on('ping', (payload: Uint8Array) => pings.push(new TextDecoder().decode(payload)));
    expect(await client.next()).toBe('pong hello');
    expect(pings).toEqual(['hello']);
  });

  test.runIf(serverPings && ownsMemory)('messages, Pings and Pongs have memory that no other connection has', async () => {
    const clients = await Promise.all([open('/memory'), open('/memory')]);
    const payloads: Uint8Array[] = [];
    for (const { socket } of clients) {
      socket.on('pong', (payload: Uint8Array) => payloads.push(payload));
      for (const size of [0, 5, 125]) socket.ping(new Uint8Array(size));
    }
    for (const client of clients) for (const size of [0, 5, 125]) expect(await client.next()).toBe(`${size}`);
    expect(payloads.map(({ buffer }) => buffer.byteLength)).toEqual(expect.arrayContaining([0, 5, 125]));
    expect(new Set(payloads.map(({ buffer }) => buffer)).size).toBe(6);
    const echoes = await Promise.all([open('/echo'), open('/echo')]);
    const owners = new Map<ArrayBufferLike, object>();
    for (const { socket } of echoes) {
      socket.binaryType = 'nodebuffer';
      socket.on('message', (data: Uint8Array) => {
        expect(owners.get(data.buffer) ?? socket).toBe(socket);
        owners.set(data.buffer, socket);
      });
      for (let index = 0; index < 50; index++) socket.send(pattern(40 + index, index));
    }
    for (const client of echoes) for (let index = 0; index < 50; index++) await client.next();
    // Messages of one chunk may share memory. Each of these is a chunk of its own.
    for (let index = 0; index < 26; index++) for (const client of echoes) await client.exchange(pattern(40 + index, index));
    expect(owners.size).toBeGreaterThan(25);
  });

  test.runIf(serverPings && ownsMemory)(
    'a Pong carries what its Ping said, whatever the program does with the payload',
    async () => {
      const client = await open('/transfer');
      const pongs: string[] = [];
      client.socket.on('pong', (payload: Uint8Array) => {
        pongs.push(new TextDecoder().decode(payload));
        transfer(payload);
      });
      for (const text of ['one', '', 'p'.repeat(100), 'two']) client.socket.ping(encoder.encode(text));
      await client.exchange('all came');
      expect(pongs).toEqual(['one', '', 'p'.repeat(100), 'two']);
    },
  );

  test('sends fragments, with a Ping between them', async () => {
    const client = await open('/echo');
    client.socket.send('häl', { fin: false });
    client.socket.ping();
    client.socket.send('lo 👋', { fin: true });
    expect(await client.next()).toBe('hällo 👋');
    for (let index = 0; index < 5000; index++) client.socket.send(Uint8Array.of(index), { binary: true, fin: index === 4999 });
    expectSame(
      await client.next(),
      Uint8Array.from({ length: 5000 }, (_, index) => index),
    );
  });

  test('sends text as bytes, and bytes as text', async () => {
    const client = await open('/echo');
    client.socket.send('bytes', { binary: true });
    expect(await client.next()).toEqual(encoder.encode('bytes'));
    client.socket.send(encoder.encode('text'), { binary: false });
    expect(await client.next()).toBe('text');
  });

  // One after the other: workerd opens no more than six connections at a time.
  const TIMES = 10;

  test.runIf(clientHasReady)('receives what the server sends at once behind `await ready`', async () => {
    for (let index = 0; index < TIMES; index++) {
      const client = context.track(create(context.url('/greet'), [], {}));
      const { socket } = client;
      await socket.ready;
      const greeting = new Promise((resolve) => {
        socket.on('message', (data: Uint8Array) => resolve(new TextDecoder().decode(data)));
      });
      expect(await Promise.race([greeting, client.closed])).toBe('welcome');
      socket.close();
      await client.closed;
    }
  });

  test.runIf(clientHasReady)('receives it in a loop behind `await ready`, however deep the `await`', async () => {
    for (let index = 0; index < TIMES; index++) {
      const client = context.track(create(context.url('/greet'), [], {}));
      const ready = async (): Promise<WsStyleSocket> => await client.socket.ready;
      const socket = await (async () => await ready())();
      const received: unknown[] = [];
      for await (const message of socket) if (received.push(message) === 2) break;
      expect(received).toEqual(['welcome', 'again']);
      socket.close();
      await client.closed;
    }
  });

  test('is heard by a server that listens behind `await ready`', async () => {
    const client = context.track(create(context.url('/ready'), [], {}));
    client.socket.on('open', () => client.socket.send('at once'));
    expect(await client.next()).toBe('at once');
  });

  test('works behind a Proxy, and through an object that inherits', async () => {
    const { socket, closed } = await open('/echo');
    for (const standIn of [new Proxy(socket, {}), Object.create(socket) as WsStyleSocket]) {
      const echo = new Promise<string>((resolve) => {
        standIn.addEventListener('message', ({ data }: { data: string }) => resolve(data));
      });
      standIn.send('through');
      expect(await echo).toBe('through');
      expect([standIn.readyState, standIn.protocol, standIn.bufferedAmount]).toEqual([1, '', 0]);
    }
    new Proxy(socket, {}).close(1000);
    expect((await closed).code).toBe(1000);
  });

  test('terminates, and both sides see 1006', async () => {
    const id = newId();
    const client = await open(`/watch?id=${id}`);
    client.socket.terminate();
    expect(await client.closed).toMatchObject({ code: 1006, wasClean: false });
    expect(await seen(context, face, id)).toMatchObject({ code: serverAbnormalCode, reason: '' });
  });

  test.runIf(capabilities.serverNamesFault)('gets 1002 when it does not mask, 1007 when its text is not UTF-8', async () => {
    const id = newId();
    const unmasked = await open(`/watch?id=${id}`);
    unmasked.socket.send('unmasked', { mask: false });
    expect((await unmasked.closed).code).toBe(1002);
    expect(await seen(context, face, id)).toMatchObject({
      code: serverAbnormalCode,
      error: serverTellsError ? 'WS_ERR_EXPECTED_MASK' : '',
    });
    const garbled = await open('/echo');
    garbled.socket.send(Uint8Array.of(0x61, 0xff), { binary: false });
    expect((await garbled.closed).code).toBe(1007);
  });
}
