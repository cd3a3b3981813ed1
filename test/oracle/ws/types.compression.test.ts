// Programs that compress, against the types: `wasock/deflate`, and the options of perMessageDeflate, of which those of ws compile with its
// types as well. The lines that must not compile say so.

import { describe, expect, test } from 'vitest';
import { compile } from '../../support/compile.ts';

/** Without Node.js's types: `wasock/deflate` is for browsers too. */
const DEFLATE = `
  import { Deflater, Inflater, InflateDataError, InflateLengthError } from 'wasock/deflate';
  import type { DeflaterOptions, InflaterOptions, WindowOptions } from 'wasock/deflate';
  const window: WindowOptions = { windowBits: 12, contextTakeover: false, dictionary: new Uint8Array(5) };
  const options: DeflaterOptions = { ...window, level: -1 };
  const limits: InflaterOptions = { ...window, maxLength: 65536, dictionary: new ArrayBuffer(5) };
  const deflater: Deflater = new Deflater(options);
  const inflater = new Inflater(limits);
  new Deflater(); new Inflater(undefined); new Deflater({ level: undefined, dictionary: new DataView(new ArrayBuffer(1)) });
  const packed: Uint8Array<ArrayBuffer> = deflater.deflate(new Float64Array(1));
  const part: Uint8Array<ArrayBuffer> = deflater.deflate(new ArrayBuffer(1), false);
  const bytes: Uint8Array<ArrayBuffer> = inflater.inflate(packed, true);
  const buffer: ArrayBuffer = inflater.inflate(part.buffer).buffer;
  deflater.close(); inflater.close();
  export function codeOf(error: unknown): string | undefined {
    if (error instanceof InflateLengthError) {
      const range: RangeError = error;
      const code: 'ERR_INFLATE_LENGTH' = error.code;
      return code + range.message;
    }
    if (!(error instanceof InflateDataError)) return undefined;
    const code: 'Z_DATA_ERROR' | 'Z_BUF_ERROR' = error.code;
    // @ts-expect-error -- no code of this class
    if (error.code === 'Z_MEM_ERROR') return '';
    return code;
  }
  console.log(bytes, buffer);
  // @ts-expect-error -- a string has no bytes
  deflater.deflate('text');
  // @ts-expect-error
  inflater.inflate();
  // @ts-expect-error
  new Deflater({ level: '5' });
  // @ts-expect-error
  new Deflater({ contextTakeover: 0 });
  // @ts-expect-error
  new Deflater({ windowBits: true });
  // @ts-expect-error -- an option of inflaters
  new Deflater({ maxLength: 5 });
  // @ts-expect-error -- an option of deflaters
  new Inflater({ level: 5 });
  // @ts-expect-error
  new Inflater({ dictionary: 'text' });
  // @ts-expect-error
  const text: string = deflater.deflate(new Uint8Array(1));`;

const USING = `
  import { Deflater, Inflater } from 'wasock/deflate';
  using deflater = new Deflater();
  using inflater = new Inflater();
  console.log(inflater.inflate(deflater.deflate(new Uint8Array(5))).length);`;

/** Compiles with the types of ws too. */
const OF_WS = `
  import { WebSocket, WebSocketServer } from 'ws';
  import type { ClientOptions, PerMessageDeflateOptions, ServerOptions } from 'ws';
  const perMessageDeflate: PerMessageDeflateOptions = {
    serverNoContextTakeover: true, clientNoContextTakeover: false, serverMaxWindowBits: 10, clientMaxWindowBits: 15,
    threshold: 1024, concurrencyLimit: 10,
    zlibDeflateOptions: { level: 6, memLevel: 8, strategy: 0, chunkSize: 1024, windowBits: 15, dictionary: Buffer.alloc(5) },
    zlibInflateOptions: { chunkSize: 10 * 1024 },
  };
  const server: ServerOptions = { noServer: true, perMessageDeflate };
  const client: ClientOptions = { perMessageDeflate: { threshold: undefined, zlibDeflateOptions: undefined } };
  new WebSocketServer(server); new WebSocketServer({ noServer: true, perMessageDeflate: true });
  new WebSocket('ws://x', client); new WebSocket('ws://x', { perMessageDeflate: false });
  // @ts-expect-error
  new WebSocketServer({ noServer: true, perMessageDeflate: 'yes' });
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { threshold: '1024' } });
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { serverNoContextTakeover: 1 } });
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { zlibDeflateOptions: { level: 'fast' } } });
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { clientMaxWindowBits: '10' } });`;

const OURS = `
  import { PerMessageDeflate, WebSocket, WebSocketServer, type PerMessageDeflateOptions } from 'wasock';
  const perMessageDeflate: PerMessageDeflateOptions = { engine: 'zlib', maxMemoryPerConnection: 0, threshold: 5 };
  new WebSocketServer({ noServer: true, perMessageDeflate });
  new WebSocket('ws://x', { perMessageDeflate: { engine: 'wasm' } });
  new WebSocket('ws://x', { perMessageDeflate: { serverMaxWindowBits: false, clientMaxWindowBits: true } });
  new WebSocketServer({ noServer: true, perMessageDeflate: { clientMaxWindowBits: false } });
  // @ts-expect-error -- there is no window of "true" bits
  new WebSocketServer({ noServer: true, perMessageDeflate: { serverMaxWindowBits: true } });
  // @ts-expect-error -- a list has no bytes
  new WebSocket('ws://x', { perMessageDeflate: { zlibDeflateOptions: { dictionary: [Buffer.alloc(5)] } } });
  const deflate = new PerMessageDeflate({ isServer: true, maxPayload: 5, engine: 'wasm', serverMaxWindowBits: false, clientMaxWindowBits: true });
  deflate.compress('x', true, (error, data) => console.log(error?.message, data?.length));
  deflate.decompress(new Uint8Array(1), false, (error: Error | null, data?: Buffer) => console.log(error, data));
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { engine: 'brotli' } });
  // @ts-expect-error
  new WebSocket('ws://x', { perMessageDeflate: { maxMemoryPerConnection: '8k' } });
  // @ts-expect-error -- misspelt
  new WebSocket('ws://x', { perMessageDeflate: { maxMemory: 5 } });
  // @ts-expect-error
  deflate.decompress('text', true, () => {});`;

const W3C = `
  import { WebSocket, type W3CWebSocketOptions } from 'wasock/w3c';
  const options: W3CWebSocketOptions = { perMessageDeflate: undefined };
  new WebSocket('ws://x', options);
  new WebSocket('ws://x', { perMessageDeflate: false });
  // @ts-expect-error -- settings are for the ws-style class
  new WebSocket('ws://x', { perMessageDeflate: { maxMemoryPerConnection: 0 } });`;

describe('types of compression', () => {
  test('of ws: the program compiles with its own types', async () => {
    expect(await compile({ OF_WS }, { module: 'nodenext', packages: [] })).toBe('');
  });

  // The subpath needs "exports", which TypeScript 5.9 does not read for CommonJS of Node.js 10.
  describe.each([
    ['5.9', 'nodenext'],
    ['7', 'nodenext'],
    ['7', 'bundler'],
  ] as const)('TypeScript %s, module %s', (compiler, module) => {
    test('options of perMessageDeflate', async () => {
      const options = { exactOptionalPropertyTypes: true };
      expect(await compile({ OF_WS, OURS, W3C }, { module, compiler, packages: ['ws', 'wasock'], options })).toBe('');
    });

    test('wasock/deflate, without the types of Node.js', async () => {
      const options = { types: [], lib: ['ES2023', 'DOM', 'ESNext.Disposable'] };
      expect(await compile({ DEFLATE, USING }, { module, compiler, packages: ['wasock'], options })).toBe('');
    });
  });
});
