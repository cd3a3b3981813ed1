// Each option of perMessageDeflate as a peer notices it, on every runtime with servers: in the handshake, in the bytes of messages, or in the
// messages that are accepted. The peer is a bare socket.

import zlib from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type * as NodeWs from '../../adapters/node/index.ts';
import type { PerMessageDeflateOptions } from '../../src/api/ws/types.ts';
import { Deflater, Inflater } from '../../src/deflate/index.ts';
import { concat, hex, utf8 } from '../support/frames.ts';
import { connectRaw, eventually, requestText, responseText, startRawServer, type RawPeer } from '../support/raw-socket.ts';

const runtime = 'Deno' in globalThis ? 'deno' : 'Bun' in globalThis ? 'bun' : 'node';
const { CompressionError, WebSocket, WebSocketServer } = (await import(`../../adapters/${runtime}/index.ts`)) as typeof NodeWs;

type Socket = InstanceType<typeof WebSocket>;
type Options = PerMessageDeflateOptions;
interface Failure {
  readonly code: string;
  readonly closeCode: number;
}

/** Our WebSocket, and the bare socket at the other end. */
class Wire {
  readonly #ws: Socket;
  readonly #peer: RawPeer;
  /** Our half of the negotiation. */
  readonly header: string | undefined;
  readonly received: Uint8Array[] = [];
  readonly errors: Failure[] = [];
  /** The last error itself. */
  error: unknown;
  #sent = 0;

  constructor(ws: Socket, peer: RawPeer, header: string | undefined) {
    this.#ws = ws;
    this.#peer = peer;
    this.header = header;
    ws.on('message', (data: Buffer) => this.received.push(new Uint8Array(data)));
    ws.on('error', (error) => {
      this.error = error;
      const { code, closeCode } = error as Failure & Error;
      this.errors.push({ code, closeCode });
    });
    onTestFinished(() => ws.terminate());
  }

  /** Sends messages. @returns Their payloads on the wire; null for one that is not compressed. */
  async send(...messages: Uint8Array[]): Promise<(Buffer | null)[]> {
    for (const message of messages) this.#ws.send(message);
    this.#sent += messages.length;
    const frames = await this.#peer.read(this.#sent);
    return frames.slice(-messages.length).map(({ rsv, payload }) => (rsv === 4 ? payload : null));
  }

  /** Bytes of one message on the wire. */
  async sizeOf(message: Uint8Array): Promise<number> {
    return (await this.send(message))[0]!.length;
  }

  /** Sends us compressed messages. @returns What arrived, or the error of the connection. */
  async receive(...payloads: Uint8Array[]): Promise<Uint8Array[] | Failure> {
    for (const payload of payloads) await this.#peer.sendFrame({ opcode: 2, rsv1: true, payload });
    await eventually(() => this.received.length === payloads.length || this.errors.length > 0);
    return this.errors[0] ?? this.received;
  }
}

/** Our server, and a client that offers `extensions`. */
async function openServer(
  perMessageDeflate: Options,
  extensions: string = 'permessage-deflate; client_max_window_bits',
): Promise<Wire> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
  onTestFinished(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  const peer = connectRaw((server.address() as { port: number }).port);
  await peer.send(utf8(requestText({ 'Sec-WebSocket-Extensions': extensions })));
  const { fields } = await peer.readHead();
  return new Wire(await accepted, peer, fields['sec-websocket-extensions']);
}

/** Our client, and a server that answers `extensions`. */
async function openClient(perMessageDeflate: Options, extensions: string = 'permessage-deflate'): Promise<Wire> {
  let peer: RawPeer | undefined;
  const port = await startRawServer((one) => (peer = one));
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate });
  const opened = new Promise((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  await eventually(() => peer !== undefined);
  const request = await peer!.readHead();
  await peer!.send(utf8(responseText(request, { 'Sec-WebSocket-Extensions': extensions })));
  await opened;
  return new Wire(ws, peer!, request.fields['sec-websocket-extensions']);
}

/** Bytes without repetition. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1103515245) + 12345) >>> 16);
}

const JSON_TEXT = utf8(
  Array.from({ length: 400 }, (_, id) =>
    JSON.stringify({ id, name: `user ${(id * 7919) % 101}`, isActive: id % 3 === 0 }),
  ).join(),
);
const HELLO = utf8('Hello, hello, hello');
const twice = (bytes: Uint8Array): Uint8Array => concat(bytes, bytes);
/** What each runtime's zlib makes of a message by itself. */
const byZlib = (message: Uint8Array, options: zlib.ZlibOptions): Buffer =>
  zlib.deflateRawSync(message, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);

describe.each([
  ['server', openServer, 'client'],
  ['client', openClient, 'server'],
] as const)('a %s with', (side, open, other) => {
  const engines = ['wasm', 'zlib'] as const;

  test.each(engines)('level makes messages smaller or larger, engine %s', async (engine) => {
    const sizes: number[] = [];
    for (const level of [9, 1, 0]) {
      const wire = await open({ engine, zlibDeflateOptions: { level } });
      const [payload] = await wire.send(JSON_TEXT);
      sizes.push(payload!.length);
      // A stored block has the text as it is.
      expect(payload!.includes('user 42')).toBe(level === 0);
      expect(new Inflater().inflate(payload as never)).toEqual(JSON_TEXT);
    }
    expect(sizes[0]).toBeLessThan(sizes[1]);
    expect(sizes[1]).toBeLessThan(JSON_TEXT.length / 2);
    expect(sizes[2]).toBeGreaterThan(JSON_TEXT.length);
  });

  test('engine chooses who compresses: the bytes are those of node:zlib, or our own on every runtime', async () => {
    const [ours] = await (await open({})).send(JSON_TEXT);
    expect(ours).toEqual(Buffer.from(new Deflater({ windowBits: 12 }).deflate(JSON_TEXT)));
    const [zlibs] = await (await open({ engine: 'zlib' })).send(JSON_TEXT);
    expect(zlibs).toEqual(byZlib(JSON_TEXT, { level: 5, windowBits: 12 }));
    expect(zlibs).not.toEqual(ours);
  });

  test('memLevel has the effect of zlib with engine zlib, and none with ours', async () => {
    const payloads: (Buffer | null)[] = [];
    for (const [engine, zlibDeflateOptions] of [
      ['zlib', { memLevel: 1 }],
      ['zlib', { memLevel: 9 }],
      ['wasm', { memLevel: 1 }],
      ['wasm', {}],
    ] as const) {
      payloads.push(...(await (await open({ engine, zlibDeflateOptions })).send(JSON_TEXT)));
    }
    const [small, large, ours, plain] = payloads;
    expect(small).toEqual(byZlib(JSON_TEXT, { level: 5, windowBits: 12, memLevel: 1 }));
    expect(large).toEqual(byZlib(JSON_TEXT, { level: 5, windowBits: 12, memLevel: 9 }));
    expect(small!.length).toBeGreaterThan(large!.length);
    expect(ours).toEqual(plain);
  });

  test.each(engines)('windowBits and chunkSize of zlib change no message, engine %s', async (engine) => {
    const zlibOptions = { windowBits: 9, chunkSize: 64 };
    const wire = await open({ engine, zlibDeflateOptions: zlibOptions, zlibInflateOptions: zlibOptions });
    // The window is the one that was agreed on.
    expect(await wire.send(JSON_TEXT)).toEqual(await (await open({ engine })).send(JSON_TEXT));
    const message = twice(noise(3000));
    expect(await wire.receive(new Deflater({ windowBits: 12 }).deflate(message))).toEqual([message]);
  });

  test('strategy is carried out: Z_HUFFMAN_ONLY finds no repetition', async () => {
    const message = new Uint8Array(8000).fill(97);
    const [payload] = await (await open({ zlibDeflateOptions: { strategy: 2 } })).send(message);
    expect(payload!.length).toBeGreaterThanOrEqual(1000);
    expect(await (await open({})).sizeOf(message)).toBeLessThan(50);
    expect(new Inflater().inflate(payload as never)).toEqual(message);
  });

  test('dictionary: the first message of either side may refer to it', async () => {
    const dictionary = noise(300);
    const wire = await open({ zlibDeflateOptions: { dictionary }, zlibInflateOptions: { dictionary } });
    const [payload] = await wire.send(dictionary);
    expect(payload!.length).toBeLessThan(20);
    expect(new Inflater({ dictionary }).inflate(payload as never)).toEqual(dictionary);
    expect(await wire.receive(new Deflater({ dictionary }).deflate(dictionary))).toEqual([dictionary]);
  });

  test('threshold leaves shorter messages as they are, if each starts afresh', async () => {
    const afresh = { [`${side}NoContextTakeover`]: true };
    const wire = await open({ ...afresh, threshold: 20 });
    const [short, long] = await wire.send(new Uint8Array(19), new Uint8Array(20));
    expect([short, long === null]).toEqual([null, false]);
    const [below, from] = await (await open(afresh)).send(new Uint8Array(1023), new Uint8Array(1024));
    expect([below, from === null]).toEqual([null, false]);
    expect(await (await open({ ...afresh, threshold: Infinity })).send(JSON_TEXT)).toEqual([null]);
    expect((await (await open({ threshold: 20 })).send(new Uint8Array(1)))[0]).not.toBeNull();
  });

  test.each(engines)('NoContextTakeover of its own side starts each message afresh, engine %s', async (engine) => {
    const options = { engine, threshold: 0 };
    const wire = await open({ ...options, [`${side}NoContextTakeover`]: true });
    expect(wire.header).toContain(`${side}_no_context_takeover`);
    const [first, second] = await wire.send(HELLO, HELLO);
    expect(first).toEqual(second);
    const [kept, next] = await (await open(options)).send(HELLO, HELLO);
    expect(kept).toEqual(first);
    // Deno's zlib begins with no window.
    if (runtime === 'deno' && engine === 'zlib') expect(next).toEqual(first);
    else expect(next!.length).toBeLessThan(first!.length);
  });

  test('NoContextTakeover of the other side forbids it to refer to messages before', async () => {
    const parameter = `${other}_no_context_takeover`;
    const offered = side === 'server' ? undefined : `permessage-deflate; ${parameter}`;
    const wire = await open({ [`${other}NoContextTakeover`]: true }, offered);
    expect(wire.header).toContain(parameter);
    const deflater = new Deflater();
    const [first, second] = [deflater.deflate(HELLO), deflater.deflate(HELLO)];
    expect(await wire.receive(first, second)).toEqual({ code: 'Z_DATA_ERROR', closeCode: 1007 });
    expect(await (await open({})).receive(first, second)).toEqual([HELLO, HELLO]);
  });

  test('MaxWindowBits of its own side limits how far its messages refer', async () => {
    const wire = await open({ [`${side}MaxWindowBits`]: 9 });
    expect(wire.header).toContain(`${side}_max_window_bits=9`);
    const [payload] = await wire.send(twice(noise(1000)));
    expect(payload!.length).toBeGreaterThan(1900);
    expect(new Inflater({ windowBits: 9 }).inflate(payload as never)).toEqual(twice(noise(1000)));
    expect(await wire.sizeOf(twice(noise(400)))).toBeLessThan(500);
    expect(await (await open({ [`${side}MaxWindowBits`]: 15 })).sizeOf(twice(noise(30_000)))).toBeLessThan(31_000);
  });

  test('MaxWindowBits of the other side limits how far its messages may refer', async () => {
    const parameter = `${other}_max_window_bits=9`;
    const wire = await open(
      { [`${other}MaxWindowBits`]: 9 },
      side === 'server' ? undefined : `permessage-deflate; ${parameter}`,
    );
    expect(wire.header).toContain(parameter);
    const near = twice(noise(400));
    const far = new Deflater().deflate(twice(noise(1000)));
    expect(await wire.receive(new Deflater({ windowBits: 9 }).deflate(near))).toEqual([near]);
    wire.received.length = 0;
    expect(await wire.receive(far)).toEqual({ code: 'Z_DATA_ERROR', closeCode: 1007 });
  });

  test('concurrencyLimit keeps the order, and every message', async () => {
    const wire = await open({ concurrencyLimit: 1, threshold: 0 });
    const messages = Array.from({ length: 20 }, (_, index) => concat(utf8(`${index}`), noise(index % 2 ? 10_000 : 5)));
    const inflater = new Inflater();
    const payloads = await wire.send(...messages);
    expect(payloads.map((payload) => inflater.inflate(payload as never))).toEqual(messages);
  });

  test('engine zlib fails a connection that sends thousands of streams in a message', async () => {
    const wire = await open({ engine: 'zlib' });
    const payload = new Uint8Array(20_000).map((_, index) => (index % 2 ? 0 : 3));
    // Where zlib begins with no window, our module inflates: it takes them all.
    const expected = runtime === 'deno' ? [new Uint8Array(0)] : { code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS', closeCode: 1008 };
    expect(await wire.receive(payload)).toEqual(expected);
  });

  test.each(engines)('engine %s fails a connection whose message ends in the middle of a block', async (engine) => {
    const wire = await open({ engine });
    expect(await wire.receive(hex('00 0a 00 f5 ff 41 42'))).toEqual({ code: 'Z_BUF_ERROR', closeCode: 1007 });
    expect(wire.error).toBeInstanceOf(CompressionError);
  });

  test('no request for a smaller window of the other side, where none is kept', async () => {
    // A client that cannot be asked would prove nothing.
    for (const options of [{ maxMemoryPerConnection: 0 }, { [`${other}NoContextTakeover`]: true }]) {
      const parameter = `${other}_no_context_takeover`;
      const wire = await open(options, side === 'server' ? undefined : `permessage-deflate; ${parameter}`);
      expect(wire.header).toContain(parameter);
      expect(wire.header).not.toContain(`${other}_max_window_bits=`);
      const message = twice(noise(1000));
      expect(await wire.receive(new Deflater({ contextTakeover: false }).deflate(message))).toEqual([message]);
    }
  });
});

test('a server whose options refuse a parameter goes on without compression', async () => {
  for (const [options, parameter] of [
    [{ serverNoContextTakeover: false }, 'server_no_context_takeover'],
    [{ serverMaxWindowBits: false }, 'server_max_window_bits=10'],
    [{ serverMaxWindowBits: 12 }, 'server_max_window_bits=10'],
    [{ clientMaxWindowBits: 9 }, 'server_max_window_bits=15'],
  ] as [Options, string][]) {
    const wire = await openServer(options, `permessage-deflate; ${parameter}`);
    expect(wire.header).toBeUndefined();
    expect(await wire.send(JSON_TEXT)).toEqual([null]);
  }
});
