import { AsyncLocalStorage } from 'node:async_hooks';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { extension } from '../../../../src/api/ws/extension.ts';
import { PerMessageDeflate } from '../../../../src/nodejs/lowlevel/per-message-deflate.ts';
import { hex } from '../../../support/frames.ts';
import { lendNodePlatform } from '../../../support/lowlevel.ts';

lendNodePlatform();

function accepted(settings: ConstructorParameters<typeof PerMessageDeflate>[0] = {}, parameters = {}): PerMessageDeflate {
  const deflate = new PerMessageDeflate(settings);
  deflate.accept([parameters]);
  return deflate;
}

describe('PerMessageDeflate', () => {
  test('client and server negotiate by way of the extension export', () => {
    const client = new PerMessageDeflate({ clientMaxWindowBits: 10, serverNoContextTakeover: true });
    const server = new PerMessageDeflate({ isServer: true, serverMaxWindowBits: 9 });
    const name = PerMessageDeflate.extensionName;
    const offer = extension.format({ [name]: client.offer() });
    expect(offer).toBe('permessage-deflate; server_no_context_takeover; client_max_window_bits=10');
    const answer = extension.format({ [name]: server.accept(extension.parse(offer)[name]) });
    expect(answer).toBe('permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10');
    expect(client.accept(extension.parse(answer)[name])).toEqual(server.params);
  });

  test('server refuses when no offer can be accepted', () => {
    const server = new PerMessageDeflate({ isServer: true, clientMaxWindowBits: 9 });
    expect(() => server.accept([{}, { client_max_window_bits: ['8'] }])).toThrow(
      'None of the extension offers can be accepted',
    );
    expect(server.params).toBeNull();
  });

  test('client takes an empty list for no parameters', () => {
    expect(new PerMessageDeflate().accept([])).toEqual({});
  });

  test('a cleanup fails every job, and those after it start afresh', async () => {
    const [client, server] = [accepted(), accepted({ isServer: true })];
    const log: unknown[] = [];
    client.compress('hello', true, (error) => log.push(error?.message));
    client.compress('hello', true, (error) => log.push(error?.message));
    client.cleanup();
    server.decompress(hex('ca48cdc9c90700'), true, (error) => log.push(error?.message));
    server.cleanup();
    expect(log).toEqual([
      'The deflate stream was closed while data was being processed',
      'The deflate stream was closed while data was being processed',
      'The inflate stream was closed while data was being processed',
    ]);
    const data = await new Promise<Buffer>((resolve) => client.compress('hello', true, (_, bytes) => resolve(bytes!)));
    expect(data.toString('hex')).toBe('ca48cdc9c90700');
  });

  test('a bad stream fails its job alone', async () => {
    const server = accepted({ isServer: true });
    const results = await Promise.all(
      ['ca48cdc9c90700', 'ffff', 'ca48cdc9c90700'].map(
        (digits) =>
          new Promise((resolve) => {
            server.decompress(hex(digits), true, (error, data) =>
              resolve(error ? (error as Error & { code: string }).code : String(data)),
            );
          }),
      ),
    );
    expect(results).toEqual(['hello', 'Z_DATA_ERROR', 'hello']);
  });

  test.each(['wasm', 'zlib'] as const)(
    'inflates parts of a message one by one, each up to maxPayload, with engine %s',
    async (engine) => {
      const deflate = accepted({ engine, maxPayload: 1000 });
      const compress = (data: Uint8Array, fin: boolean): Promise<Uint8Array> =>
        new Promise((resolve) => {
          deflate.compress(data, fin, (_error, bytes) => resolve(bytes!));
        });
      const inflate = (data: Uint8Array, fin: boolean): Promise<number | string> =>
        new Promise((resolve) => {
          deflate.decompress(data, fin, (error, bytes) =>
            resolve(error ? (error as Error & { code: string }).code : bytes!.length),
          );
        });
      expect(await inflate(await compress(Buffer.alloc(900), false), false)).toBe(900);
      expect(await inflate(await compress(Buffer.alloc(900), true), true)).toBe(900);
      const bomb = await compress(Buffer.alloc(1_000_000), false);
      expect(bomb.length).toBeLessThan(10_000);
      expect(await inflate(bomb, false)).toBe('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
    },
  );

  test('refuses bad zlib options where it is first used', () => {
    const deflate = accepted({ zlibDeflateOptions: { level: 99 } });
    for (let round = 0; round < 2; round++) expect(() => deflate.compress('x', true, () => {})).toThrow(RangeError);
  });

  test('acceptAsServer() and acceptAsClient() take what normalizeParams() reads', () => {
    const server = new PerMessageDeflate({ isServer: true, serverMaxWindowBits: 10 });
    const offers = server.normalizeParams([{ client_max_window_bits: [true], server_no_context_takeover: [true] }]);
    expect(offers).toEqual([{ client_max_window_bits: true, server_no_context_takeover: true }]);
    expect(server.acceptAsServer(offers)).toEqual({ server_no_context_takeover: true, server_max_window_bits: 10 });
    const client = new PerMessageDeflate();
    const answer = client.normalizeParams([{ server_max_window_bits: ['10'] }]);
    expect(client.acceptAsClient(answer)).toEqual({ server_max_window_bits: 10 });
    expect(() => client.normalizeParams([{ client_max_window_bits: [true] }])).toThrow(
      'Invalid value for parameter "client_max_window_bits": true',
    );
    expect([server.params, client.params]).toEqual([null, null]);
  });

  test('a call keeps its place and its asynchronous context; one that throws takes no other along', async () => {
    const storage = new AsyncLocalStorage<number>();
    const client = accepted();
    const log: unknown[] = [];
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error.message));
    await new Promise<void>((resolve) => {
      for (let index = 0; index < 4; index++) {
        storage.run(index, () => {
          client.compress(`${index}`, true, () => {
            log.push([index, storage.getStore()]);
            if (index === 1) throw new Error('of the program');
            if (index === 3) resolve();
          });
        });
      }
      log.push('returned');
    });
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(log).toEqual(['returned', [0, 0], [1, 1], [2, 2], [3, 3]]);
    expect(uncaught).toEqual(['of the program']);
  });

  test('a callback may clean up, and start again', async () => {
    const client = accepted();
    const results = await new Promise<unknown[]>((resolve) => {
      const list: unknown[] = [];
      client.compress('hello', true, (_error, data) => {
        list.push(data!.toString('hex'));
        client.cleanup();
        client.compress('hello', true, (_, again) => resolve([...list, again!.toString('hex')]));
      });
      client.compress('lost', true, (error) => list.push(error?.message));
    });
    const lost = 'The deflate stream was closed while data was being processed';
    expect(results).toEqual(['ca48cdc9c90700', lost, 'ca48cdc9c90700']);
  });

  test.each<[string, ConstructorParameters<typeof PerMessageDeflate>[0]]>([
    ['our own module', {}],
    ['node:zlib', { engine: 'zlib' }],
    ['a strategy', { zlibDeflateOptions: { strategy: zlib.constants.Z_HUFFMAN_ONLY } }],
    [
      'a dictionary',
      { zlibDeflateOptions: { dictionary: hex('68656c6c6f') }, zlibInflateOptions: { dictionary: hex('68656c6c6f') } },
    ],
    ['a small memory', { maxMemoryPerConnection: 1024 }],
    ['no memory', { maxMemoryPerConnection: 0 }],
  ])('compresses and decompresses messages in fragments with %s', async (_name, settings) => {
    const [client, server] = [new PerMessageDeflate(settings), new PerMessageDeflate({ ...settings, isServer: true })];
    const name = PerMessageDeflate.extensionName;
    const pass = (parameters: object): never =>
      extension.parse(extension.format({ [name]: parameters } as never))[name] as never;
    client.accept(pass(server.accept(pass(client.offer()))));
    const pack = (data: string | Uint8Array, fin: boolean): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        client.compress(data, fin, (error, bytes) => (error ? reject(error) : resolve(bytes!)));
      });
    const unpack = (data: Buffer, fin: boolean): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        server.decompress(data, fin, (error, bytes) => (error ? reject(error) : resolve(bytes!)));
      });
    const word = new Uint16Array([0x6568, 0x6c6c]);
    for (let round = 0; round < 3; round++) {
      const first = await unpack(await pack('hello ', false), false);
      const second = await unpack(await pack(word as unknown as Uint8Array, false), false);
      const last = await unpack(await pack('o'.repeat(40_000), true), true);
      expect(Buffer.concat([first, second, last]).toString()).toBe(`hello hell${'o'.repeat(40_000)}`);
      expect(last.buffer.byteLength).toBe(last.length);
    }
    const size = (await pack('hello'.repeat(300), true)).length;
    if (settings?.maxMemoryPerConnection === 0) expect((await pack('hello'.repeat(300), true)).length).toBe(size);
  });

  test.each(['wasm', 'zlib'] as const)('reads what refers to an earlier message with the engine %s', async (engine) => {
    const server = accepted({ engine, isServer: true });
    for (const digits of ['f248cdc9c90700', 'f200110000']) {
      const text = await new Promise((resolve) =>
        server.decompress(hex(digits), true, (error, data) => resolve(error ?? String(data))),
      );
      expect(text).toBe('Hello');
    }
  });

  test('refuses data without bytes at once', () => {
    const deflate = accepted();
    for (const data of [null, undefined, 5, {}, [1]]) {
      expect(() => deflate.compress(data as never, true, () => {})).toThrow(TypeError);
      expect(() => deflate.decompress(data as never, true, () => {})).toThrow(TypeError);
    }
  });

  test('nothing works before accept()', () => {
    expect(() => new PerMessageDeflate().compress('x', true, () => {})).toThrow('Call accept() first');
  });
});
