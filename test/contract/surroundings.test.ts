// What surrounds a program: a polluted Object.prototype, options of every shape, values from another realm. On each runtime.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createContext, runInContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type * as NodeW3C from '../../adapters/node/w3c.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { PerMessageDeflate, WebSocket, WebSocketServer, broadcast } = (await import(
  `../../adapters/${runtime}/index.ts`
)) as typeof NodeWs;
const { WebSocket: W3CWebSocket } = (await import(`../../adapters/${runtime}/w3c.ts`)) as typeof NodeW3C;

type Socket = InstanceType<typeof WebSocket>;

let wss: NodeWs.WebSocketServer;
let url: string;
/** What the server has received: text as strings, bytes as lists of numbers, and the ends of connections. */
let received: unknown[];

beforeEach(async () => {
  const seen: unknown[] = [];
  received = seen;
  wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  wss.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => seen.push(isBinary ? [...(data as Buffer)] : (data as Buffer).toString()));
    ws.on('ping', (data) => seen.push(`ping ${data.toString()}`));
    ws.on('close', (code, reason) => seen.push(`${code} ${reason.toString()}`));
  });
  await once(wss as never, 'listening');
  url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const client of wss.clients) client.terminate();
  await new Promise((resolve) => {
    wss.close(resolve);
  });
});

async function open(options?: object | null): Promise<Socket> {
  const ws = new WebSocket(url, [], options as object);
  await once(ws as never, 'open');
  return ws;
}

async function end(ws: Pick<Socket, 'close' | 'readyState'>): Promise<void> {
  ws.close();
  while (wss.clients.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Names and values that would be noticed if they counted. */
const POLLUTION = {
  allowSynchronousEvents: false,
  allowedOrigins: ['http://nobody.example'],
  autoPong: false,
  binary: true,
  bufferPolicy: 'throw',
  compress: true,
  closeTimeout: 1,
  deliverFrames: true,
  fin: false,
  firstByte: 0x89,
  handshakeTimeout: 1,
  heartbeat: { interval: 1, timeout: 1 },
  interval: 1,
  mask: false,
  maxBufferedAmount: 1,
  maxBufferedChunks: 1,
  maxFragments: 1,
  maxFramePayload: 1,
  maxPayload: 1,
  maxRedirects: 0,
  perMessageDeflate: { threshold: 0 },
  protocolVersion: 8,
  serverMaxWindowBits: 7,
  shared: {},
  skipUTF8Validation: true,
  threshold: 0,
  timeout: 1,
  unix: '/nowhere',
} as const;

describe('a polluted Object.prototype', () => {
  beforeEach(() => {
    for (const [name, value] of Object.entries(POLLUTION)) {
      // Not enumerable: the test runner has to live with it.
      // oxlint-disable-next-line eslint/no-extend-native -- that is what is tested
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
    }
    // With Node.js's own HTTP an idle time; its `http.request` reads what is inherited.
    if (runtime === 'node') delete (Object.prototype as { timeout?: unknown }).timeout;
    return () => {
      for (const name of Object.keys(POLLUTION)) delete (Object.prototype as Record<string, unknown>)[name];
    };
  });

  test('changes nothing of what a client sends', async () => {
    for (const options of [undefined, {}, { heartbeat: {} }, { perMessageDeflate: {} }]) {
      received.length = 0;
      const ws = await open(options);
      ws.send('text');
      ws.send('text', {});
      ws.send(Buffer.from([1]), {});
      ws.send(Buffer.from([2]), { compress: false });
      broadcast([ws], 'text', {});
      ws.ping('x');
      await end(ws);
      expect(received).toEqual(['text', 'text', [1], [2], 'text', 'ping x', '1005 ']);
    }
  });

  test('changes nothing of what a server and a W3C client do', async () => {
    const other = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(other as never, 'listening');
    other.on('connection', (ws) => ws.on('message', (data) => ws.send((data as Buffer).toString(), {})));
    const ws = new W3CWebSocket(`ws://127.0.0.1:${(other.address() as AddressInfo).port}`);
    const messages: unknown[] = [];
    ws.addEventListener('message', ({ data }) => messages.push(data));
    await once(ws, 'open');
    ws.send('long enough for every limit of one byte');
    await once(ws, 'message');
    ws.close(1000, 'done');
    const [{ code, reason }] = (await once(ws, 'close')) as [{ code: number; reason: string }];
    expect([messages, code, reason]).toEqual([['long enough for every limit of one byte'], 1000, 'done']);
    other.close();
  });
});

describe('options', () => {
  test('that a class or another object hands down are none', async () => {
    class Mine {
      get binary(): boolean {
        return true;
      }
      get maxPayload(): number {
        return 1;
      }
    }
    const ws = await open(new Mine());
    ws.send('text', new Mine() as object);
    ws.send('text', Object.create({ binary: true, fin: false }) as object);
    wss.clients.forEach((client) => client.send('more than one byte'));
    await once(ws as never, 'message');
    await end(ws);
    expect(received).toEqual(['text', 'text', '1005 ']);
  });

  test('may be frozen, null, or have no prototype', async () => {
    for (const options of [Object.freeze({ maxPayload: 10 }), null, Object.assign(Object.create(null), { maxPayload: 10 })]) {
      const ws = await open(options as object | null);
      ws.send('text', options as never);
      await end(ws);
    }
    expect(received.filter((message) => message === 'text')).toHaveLength(3);
    const frozen = new WebSocketServer(Object.freeze({ noServer: true, perMessageDeflate: Object.freeze({}) }));
    expect(frozen.options.noServer).toBe(true);
    expect(() => new WebSocketServer(null as never)).toThrow(TypeError);
  });

  test('whose getters throw throw at once', () => {
    const bad = {
      get maxPayload(): number {
        throw new Error('no such luck');
      },
    };
    expect(() => new WebSocket(url, bad)).toThrow('no such luck');
    expect(
      () =>
        new WebSocketServer(
          Object.defineProperty({ port: 0 }, 'maxPayload', { ...Object.getOwnPropertyDescriptor(bad, 'maxPayload') }),
        ),
    ).toThrow('no such luck');
    expect(() => new W3CWebSocket(url, bad)).toThrow('no such luck');
  });

  const names = [
    'allowSynchronousEvents',
    'autoPong',
    'bufferPolicy',
    'closeTimeout',
    'generateMask',
    'handshakeTimeout',
    'headers',
  ];
  const more = [
    'heartbeat',
    'maxBufferedAmount',
    'maxBufferedChunks',
    'maxFragments',
    'maxPayload',
    'perMessageDeflate',
    'signal',
  ];
  const nulls = (list: readonly string[]): Record<string, never> =>
    Object.fromEntries(list.map((name) => [name, null as never]));

  test('that are null count as left out: client, server and W3C client', async () => {
    const serverNames = [
      'allowedOrigins',
      'backlog',
      'handleProtocols',
      'headersTimeout',
      'noServer',
      'path',
      'server',
      'unix',
      'verifyClient',
    ];
    const other = new WebSocketServer({
      ...nulls([...names, ...more, ...serverNames, 'WebSocket']),
      port: 0,
      host: '127.0.0.1',
    });
    await once(other as never, 'listening');
    const plain = new WebSocketServer({ noServer: true });
    expect(other.options).toMatchObject({ ...plain.options, noServer: false, host: '127.0.0.1', port: 0 });
    const here = `ws://127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const given of [
      nulls([...names, ...more, 'agent', 'dispatcher', 'origin', 'followRedirects', 'maxRedirects', 'tls']),
      {},
    ]) {
      const accepted = once(other as never, 'connection') as Promise<[Socket]>;
      const ws = new WebSocket(here, given);
      const [[peer]] = await Promise.all([accepted, once(ws as never, 'open')]);
      expect([ws.extensions, ws.protocol]).toEqual(['', '']);
      const messages: unknown[] = [];
      ws.on('message', (data, isBinary) => messages.push([(data as Buffer).toString(), isBinary]));
      peer.send(Buffer.from('binary'), nulls(['compress', 'fin', 'mask']));
      peer.send('text', nulls(['binary', 'compress', 'fin', 'mask']));
      broadcast([peer], 'to all', nulls(['compress', 'except']));
      peer.on('message', () => peer.ping());
      const ponged = once(peer as never, 'pong');
      ws.send('masked', nulls(['binary', 'compress', 'fin', 'mask']));
      await ponged;
      expect(messages).toEqual([
        ['binary', true],
        ['text', false],
        ['to all', false],
      ]);
      // A `closeTimeout` of null would be one of 1 ms.
      peer.pause();
      ws.close(1000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(ws.readyState).toBe(2);
      peer.resume();
      await once(ws as never, 'close');
    }
    const w3c = new W3CWebSocket(here, nulls([...names, ...more, 'agent', 'dispatcher', 'allowBlockedPorts', 'tls']));
    await once(w3c, 'open');
    w3c.close();
    await once(w3c, 'close');
    other.close();
  });

  test('of permessage-deflate that are null count as left out', async () => {
    const bits = ['serverMaxWindowBits', 'clientMaxWindowBits', 'serverNoContextTakeover', 'clientNoContextTakeover'];
    const settings = ['threshold', 'maxMemoryPerConnection', 'concurrencyLimit', 'engine', 'zlibInflateOptions'];
    const levels = { zlibDeflateOptions: nulls(['level', 'memLevel', 'strategy', 'dictionary', 'chunkSize']) };
    const extensions: string[] = [];
    for (const given of [{ ...nulls([...bits, ...settings]), ...levels }, {}]) {
      const other = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: given });
      await once(other as never, 'listening');
      other.on('connection', (ws) => ws.on('message', (data) => ws.send((data as Buffer).toString())));
      const ws = new WebSocket(`ws://127.0.0.1:${(other.address() as AddressInfo).port}`, { perMessageDeflate: given });
      await once(ws as never, 'open');
      ws.send('x'.repeat(5000));
      const [data] = (await once(ws as never, 'message')) as [Buffer];
      expect(data).toHaveLength(5000);
      extensions.push(ws.extensions);
      ws.terminate();
      other.close();
    }
    expect(extensions[0]).toBe(extensions[1]);
  });

  test.each([
    ['zlibDeflateOptions.level', { zlibDeflateOptions: { level: 10 } }, RangeError],
    ['zlibDeflateOptions.level', { zlibDeflateOptions: { level: 1.5 } }, RangeError],
    ['zlibInflateOptions.windowBits', { zlibInflateOptions: { windowBits: 7 } }, RangeError],
    ['zlibDeflateOptions.dictionary', { zlibDeflateOptions: { dictionary: 'text' } }, TypeError],
    ['serverMaxWindowBits', { serverMaxWindowBits: 16 }, RangeError],
    ['clientMaxWindowBits', { clientMaxWindowBits: '10' }, RangeError],
    ['serverNoContextTakeover', { serverNoContextTakeover: 'yes' }, TypeError],
    ['threshold', { threshold: -1 }, RangeError],
    ['concurrencyLimit', { concurrencyLimit: NaN }, RangeError],
    ['engine', { engine: 'brotli' }, TypeError],
  ])('of permessage-deflate that are wrong are named: %s', (name, options, kind) => {
    const perMessageDeflate = options as never;
    for (const create of [
      () => new WebSocketServer({ noServer: true, perMessageDeflate }),
      () => new WebSocket('ws://127.0.0.1:9', { perMessageDeflate }),
      () => {
        const deflate = new PerMessageDeflate(perMessageDeflate);
        // As in ws, this class reports a wrong value where it first compresses.
        deflate.params = deflate.acceptAsClient([{}]);
        deflate.compress('', true, () => {});
      },
    ]) {
      expect(create).toThrow(kind);
      expect(create).toThrow(`The "perMessageDeflate.${name}" option must be `);
    }
  });

  test('perMessageDeflate itself is a boolean or an object, and in the W3C class a boolean', () => {
    for (const value of ['no', 'yes', '', 0, 1, 5n, Symbol('yes'), () => {}]) {
      for (const [expected, create] of [
        ['true, false or an object', () => new WebSocketServer({ noServer: true, perMessageDeflate: value as never })],
        ['true, false or an object', () => new WebSocket(url, { perMessageDeflate: value as never })],
        ['true or false', () => new W3CWebSocket(url, { perMessageDeflate: value as never })],
      ] as const) {
        expect(create).toThrow(TypeError);
        expect(create).toThrow(`The "perMessageDeflate" option must be ${expected}, not `);
      }
    }
    const object = { perMessageDeflate: { maxMemoryPerConnection: 0 } as never };
    // Port 1 is blocked, so a connection would fail later anyway.
    expect(() => new W3CWebSocket('ws://127.0.0.1:1', object)).toThrow(TypeError);
    expect(() => new W3CWebSocket(url, object)).toThrow('The "perMessageDeflate" option must be true or false, not an object');
  });

  test.each([undefined, null, true, false])('perMessageDeflate of %s is accepted everywhere', async (value) => {
    const server = new WebSocketServer({ noServer: true, perMessageDeflate: value as never });
    server.close();
    const isOffered = value ?? true;
    const ws = await open({ perMessageDeflate: value });
    expect(ws.extensions !== '').toBe(isOffered);
    const w3c = new W3CWebSocket(url, { perMessageDeflate: value as never });
    await new Promise((resolve) => w3c.addEventListener('open', resolve));
    expect(w3c.extensions !== '').toBe(isOffered);
    w3c.close();
    await end(ws);
  });

  const limits = ['maxPayload', 'maxFragments', 'maxBufferedChunks', 'maxBufferedAmount', 'maxRedirects'];
  const times = ['closeTimeout', 'handshakeTimeout'];
  test.each(
    [...limits, ...times].flatMap((name) => [-1, Number.NaN, -Infinity, '5', {}].map((value) => [name, value] as const)),
  )('client and server refuse %s: %o', (name, value) => {
    expect(() => new WebSocket(url, { [name]: value })).toThrow(RangeError);
    expect(() => new WebSocket(url, { [name]: value })).toThrow(`"${name}"`);
    expect(() => new WebSocketServer({ noServer: true, [name]: value })).toThrow(RangeError);
    expect(() => new W3CWebSocket(url, { [name]: value } as object)).toThrow(RangeError);
  });

  test.each(limits)('a fraction is no %s', (name) => {
    expect(() => new WebSocketServer({ noServer: true, [name]: 1.5 })).toThrow(RangeError);
  });

  test('a heartbeat has times above 0, and a server headers in time', () => {
    for (const value of [0, -1, Number.NaN, -Infinity, '5']) {
      for (const name of ['interval', 'timeout']) {
        expect(() => new WebSocket(url, { heartbeat: { [name]: value } })).toThrow(`"heartbeat.${name}"`);
      }
    }
    expect(() => new WebSocketServer({ port: 0, headersTimeout: -1 })).toThrow('"headersTimeout"');
  });

  test.each([0, Infinity, 2 ** 31, 2 ** 40])('a time of %d is long, or none, and never short', async (time) => {
    const ws = await open({ closeTimeout: time, handshakeTimeout: time });
    for (const client of wss.clients) client.pause();
    ws.close(1000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ws.readyState).toBe(2);
    for (const client of wss.clients) client.resume();
    await once(ws as never, 'close');
  });

  test.each([0, Infinity])('a limit of %d is none', async (limit) => {
    const ws = await open({ maxPayload: limit, maxFragments: limit, maxBufferedChunks: limit, maxBufferedAmount: limit });
    wss.clients.forEach((client) => client.send('x'.repeat(100_000)));
    const [data] = (await once(ws as never, 'message')) as [Buffer];
    expect(data).toHaveLength(100_000);
    await end(ws);
  });
});

test('a W3C WebSocket cannot be cloned, as those of undici, browsers and Bun cannot', async () => {
  const ws = new W3CWebSocket(url);
  await once(ws, 'open');
  const { markAsUncloneable } = (await import('node:worker_threads')) as { markAsUncloneable?: unknown };
  const clone = (): unknown => structuredClone(ws);
  // Node.js 20 has no way to say so.
  if (runtime === 'node' && markAsUncloneable === undefined) expect(clone()).toEqual({});
  else expect(clone).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
  ws.close();
  await once(ws, 'close');
});

describe('values from another realm', () => {
  const foreign = createContext({ Blob: undefined });
  const make = (code: string): unknown => runInContext(code, foreign);

  test.each([
    ['Uint8Array', 'new Uint8Array([1, 2, 3])', [1, 2, 3]],
    ['part of a Uint8Array', 'new Uint8Array([0, 1, 2, 3]).subarray(1)', [1, 2, 3]],
    ['Uint16Array', 'new Uint16Array([513])', [1, 2]],
    ['DataView', 'new DataView(new Uint8Array([0, 1, 2]).buffer, 1)', [1, 2]],
    ['ArrayBuffer', 'new Uint8Array([1, 2]).buffer', [1, 2]],
    ['SharedArrayBuffer', 'new SharedArrayBuffer(2)', [0, 0]],
    ['array', '[1, 2]', [1, 2]],
  ])('%s is sent as the bytes that it has', async (_, code, expected) => {
    const ws = await open();
    ws.send(make(code) as Buffer);
    ws.send(make(code) as Buffer, make('({ binary: true })') as object);
    await end(ws);
    expect(received).toEqual([expected, expected, '1005 ']);
  });

  test.each([
    ['Uint8Array', 'new Uint8Array([1, 2, 3])', [1, 2, 3]],
    ['Float32Array', 'new Float32Array([1])', [0, 0, 128, 63]],
    ['DataView', 'new DataView(new Uint8Array([0, 1, 2]).buffer, 1)', [1, 2]],
    ['ArrayBuffer', 'new Uint8Array([1, 2]).buffer', [1, 2]],
  ])('W3C class sends a %s', async (_, code, expected) => {
    const ws = new W3CWebSocket(url, make('[]') as string[]);
    await once(ws, 'open');
    ws.send(make(code) as ArrayBuffer);
    ws.close();
    await once(ws, 'close');
    expect(received[0]).toEqual(expected);
  });

  test('a close reason, a Ping, a Blob, subprotocols, an URL, an error and options', async () => {
    const address = { toString: () => url };
    const ws = new WebSocket(
      address as unknown as URL,
      make('["one", "two"]') as string[],
      make('({ maxPayload: 10 })') as object,
    );
    await once(ws as never, 'open');
    expect(ws.protocol).toBe('one');
    ws.ping(make('new Uint8Array([65])'));
    const blob = { size: 1, type: '', stream() {}, arrayBuffer: () => Promise.resolve(make('new Uint8Array([7]).buffer')) };
    ws.send(Object.defineProperty(blob, Symbol.toStringTag, { value: 'Blob' }) as unknown as Buffer);
    ws.close(1000, make('new Uint8Array([66])') as Buffer);
    await once(ws as never, 'close');
    while (received.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(received).toEqual(['ping A', [7], '1000 B']);
  });

  test('a W3C Blob and an AbortSignal, whose reason is an error of that realm', async () => {
    const blob = { size: 1, type: '', stream() {}, arrayBuffer: () => Promise.resolve(make('new Uint8Array([7]).buffer')) };
    const listeners: (() => void)[] = [];
    const signal = {
      aborted: false,
      reason: make('new TypeError("enough")'),
      addEventListener: (_: string, listener: () => void) => listeners.push(listener),
      removeEventListener() {},
    };
    const ws = new W3CWebSocket(url, { signal: signal as unknown as AbortSignal });
    await once(ws, 'open');
    ws.send(Object.defineProperty(blob, Symbol.toStringTag, { value: 'Blob' }) as unknown as Blob);
    ws.close();
    await once(ws, 'close');
    expect(received[0]).toEqual([7]);
    expect(listeners).toHaveLength(1);
  });
});
