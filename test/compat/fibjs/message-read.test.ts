// Message.readFrom of the fibjs facade: the documents' examples, what is left unread, and what is refused.

import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { deflateRawSync, constants } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  Message,
  TruncatedMessageError,
  TEXT,
  BINARY,
  CLOSE,
  PING,
  createFibjs,
  nodeBinding,
} from '../../../src/compat/fibjs/index.ts';
import { CapacityError, CompressionError, ProtocolError, Utf8Error } from '../../../src/base/errors.ts';
import { concat, frame, hex, pattern, utf8 } from '../../support/frames.ts';
import { sleep } from '../../support/sleep.ts';
import { listen } from '../../support/sockets.ts';
import { VECTORS } from './vectors.ts';

/** A stream that gives one byte a chunk, and does not end by itself. */
function byteByByte(bytes: Uint8Array): PassThrough {
  const stream = new PassThrough();
  for (const byte of bytes) stream.write(Uint8Array.of(byte));
  return stream;
}

const KEY = hex('37 fa 21 3d');
const deflate = (text: string): Buffer => deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

describe.each(VECTORS)('$name', ({ bytes, payload, type, masked, compress }) => {
  function expectVector(message: InstanceType<typeof Message>): void {
    expect(message).toMatchObject({ type, masked, compress });
    expect(typeof message.data).toBe(type === TEXT ? 'string' : 'object');
    // Compared as a whole: a comparison byte by byte of 64 KiB takes a second.
    expect(Buffer.from(message.data as string).equals(Buffer.from(payload as string))).toBe(true);
    expect(message.body.readAll()?.equals(Buffer.from(payload as string))).toBe(true);
    expect(message.body.readAll()).toBeNull();
  }

  test('message reads it from bytes and says how many it took', async () => {
    const message = new Message();
    expect(await message.readFrom(concat(bytes, utf8('the rest')))).toBe(bytes.length);
    expectVector(message);
  });

  test('message reads it from an ArrayBuffer and from a view', async () => {
    const message = new Message();
    expect(await message.readFrom(bytes.slice().buffer)).toBe(bytes.length);
    expectVector(message);
    await message.readFrom(new DataView(bytes.slice().buffer));
    expectVector(message);
  });

  test('message reads it from a stream and leaves the rest there', async () => {
    const message = new Message();
    const stream = new PassThrough();
    stream.end(concat(bytes, utf8('the rest')));
    expect(await message.readFrom(stream)).toBe(bytes.length);
    expectVector(message);
    expect(stream.read()).toEqual(Buffer.from('the rest'));
  });

  test('message reads it from a stream that trickles', async () => {
    const message = new Message();
    // 64 KiB byte by byte would take a second and show nothing more.
    const stream =
      bytes.length > 1000 ? Readable.from([bytes.subarray(0, 7), bytes.subarray(7)], { objectMode: false }) : byteByByte(bytes);
    await message.readFrom(stream);
    expectVector(message);
  });

  test('message reads it from an object with read(size)', async () => {
    const message = new Message();
    let at = 0;
    await message.readFrom({
      read: (size: number) => Promise.resolve(bytes.subarray(at, (at += Math.min(size, 3)))),
    });
    expect(at).toBe(bytes.length);
    expectVector(message);
  });

  test('message refuses all of its beginnings', async () => {
    const cuts = bytes.length < 100 ? Array.from(bytes, (_, index) => index) : [0, 1, 3, 10, 100, bytes.length - 1];
    for (const cut of cuts) {
      const message = new Message();
      await expect(message.readFrom(bytes.subarray(0, cut))).rejects.toThrow(TruncatedMessageError);
      await expect(message.readFrom(Readable.from([bytes.subarray(0, cut)], { objectMode: false }))).rejects.toThrow(
        TruncatedMessageError,
      );
      expect(message).toMatchObject({ type: BINARY, masked: true, compress: false, data: Buffer.alloc(0) });
    }
  });
});

describe('one after the other', () => {
  test('messages read a whole stream, each its own', async () => {
    const stream = new PassThrough();
    for (const { bytes } of VECTORS) stream.write(bytes);
    stream.end();
    for (const { type, payload } of VECTORS) {
      const message = new Message();
      await message.readFrom(stream);
      expect(message.type).toBe(type);
      expect(Buffer.from(message.data as string)).toEqual(Buffer.from(payload as string));
    }
    await expect(new Message().readFrom(stream)).rejects.toThrow('ended before a message');
  });

  test('message takes a later one in place of what it had', async () => {
    const message = new Message();
    await message.readFrom(VECTORS[0].bytes);
    message.body.read(2);
    await message.readFrom(hex('82 81 01 02 03 04 08'));
    expect(message).toMatchObject({ type: BINARY, masked: true, data: Buffer.from([9]) });
    expect(message.body.read()).toEqual(Buffer.from([9]));
  });

  test('message reads from the body of another', async () => {
    const outer = new Message();
    outer.body.write(concat(VECTORS[0].bytes, VECTORS[1].bytes));
    const [first, second] = [new Message(), new Message()];
    await first.readFrom(outer.body);
    await second.readFrom(outer.body);
    expect([first.masked, second.masked]).toEqual([false, true]);
  });

  test('message reads from a socket, whose other bytes go on to the program', async () => {
    const server = createServer((socket) => socket.end(concat(VECTORS[0].bytes, utf8('goes on'))));
    const socket: Socket = connect(await listen(server), '127.0.0.1');
    onTestFinished(() => {
      server.close();
      socket.destroy();
    });
    const message = new Message();
    await message.readFrom(socket);
    expect(message.data).toBe('Hello');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('goes on');
  });
});

describe('control frames', () => {
  test('message skips a Ping and a Pong between fragments', async () => {
    const message = new Message();
    await message.readFrom(hex('01 01 48 89 00 00 01 65 8a 02 01 02 80 03 6c 6c 6f'));
    expect(message).toMatchObject({ type: TEXT, data: 'Hello' });
  });

  test('message refuses a Close frame between fragments', async () => {
    await expect(new Message().readFrom(hex('01 01 48 88 00'))).rejects.toThrow(TruncatedMessageError);
  });

  test('message reads a Close frame with code and reason as its body', async () => {
    const message = new Message();
    await message.readFrom(hex('88 05 03 e8 62 79 65'));
    expect(message).toMatchObject({ type: CLOSE, data: Buffer.from([3, 232, 98, 121, 101]) });
    await message.readFrom(hex('88 00'));
    expect(message.data).toEqual(Buffer.alloc(0));
  });

  test('message reads an empty Ping', async () => {
    const message = new Message();
    await message.readFrom(hex('89 00'));
    expect(message).toMatchObject({ type: PING, data: Buffer.alloc(0) });
    expect(message.body.readAll()).toBeNull();
  });
});

describe('what is malformed', () => {
  const cases: readonly [what: string, bytes: Uint8Array, error: new (init: never) => Error][] = [
    ['RSV2', hex('a1 00'), ProtocolError],
    ['RSV1 in a continuation', hex('41 01 f2 c0 00'), ProtocolError],
    ['a reserved opcode', hex('83 00'), ProtocolError],
    ['a continuation of nothing', hex('80 00'), ProtocolError],
    ['a message within a message', hex('01 00 81 00'), ProtocolError],
    ['a fragmented Ping', hex('09 00'), ProtocolError],
    ['a Ping of 126 bytes', concat(hex('89 7e 00 7e'), pattern(126)), ProtocolError],
    ['a length that is not the shortest', concat(hex('82 7e 00 01'), pattern(1)), ProtocolError],
    ['a fragment without the mask of the first', hex('01 80 00 00 00 00 80 00'), ProtocolError],
    ['a fragment with a mask that the first has not', hex('01 00 80 80 00 00 00 00'), ProtocolError],
    ['a Close frame of one byte', hex('88 01 03'), ProtocolError],
    ['a Close frame with an impossible code', hex('88 02 03 ed'), ProtocolError],
    ['a close reason that is not UTF-8', hex('88 03 03 e8 ff'), Utf8Error],
    ['text that is not UTF-8', hex('81 01 ff'), Utf8Error],
    ['text that ends within a character', hex('81 02 c3 c3'), Utf8Error],
    ['compressed text that is not UTF-8', frame({ rsv1: true, payload: hex('00 01 00 fe ff ff 00') }), Utf8Error],
    ['compressed bytes that do not inflate', hex('c2 02 ff ff'), CompressionError],
    // RFC 7692 section 7.2.3.2: the second message of two that share a window.
    ['a reference into a message before it', hex('c1 05 f2 00 11 00 00'), CompressionError],
  ];
  test.each(cases)('message refuses %s', async (_what, bytes, error) => {
    const message = new Message();
    await expect(message.readFrom(bytes)).rejects.toThrow(error);
    expect(message).toMatchObject({ type: BINARY, masked: true, compress: false, data: Buffer.alloc(0) });
  });

  test('message refuses RSV1 where there is nothing to inflate with', async () => {
    const { platform, connect: connectOne } = nodeBinding;
    const bare = createFibjs({ platform, connect: connectOne });
    await expect(new bare.Message().readFrom(VECTORS[8].bytes)).rejects.toThrow('RSV1');
  });
});

describe('maxSize', () => {
  test('message takes as much and not one byte more', async () => {
    const exact = new Message(BINARY, false, false, 5);
    await exact.readFrom(frame({ opcode: 2, payload: pattern(5) }));
    expect(exact.data).toHaveLength(5);
    await expect(exact.readFrom(frame({ opcode: 2, payload: pattern(6) }))).rejects.toThrow(CapacityError);
    await expect(exact.readFrom(frame({ opcode: 2, payload: pattern(6), key: KEY }))).rejects.toThrow(CapacityError);
  });

  test('message counts fragments together', async () => {
    const bytes = concat(frame({ opcode: 2, fin: false, payload: pattern(3) }), frame({ opcode: 0, payload: pattern(3) }));
    await expect(new Message(BINARY, false, false, 5).readFrom(bytes)).rejects.toThrow(CapacityError);
    await expect(new Message(BINARY, false, false, 6).readFrom(bytes)).resolves.toBe(bytes.length);
  });

  test('message counts what comes out of a compressed one', async () => {
    const bytes = frame({ rsv1: true, payload: deflate('a'.repeat(100_000)) });
    expect(bytes.length).toBeLessThan(500);
    await expect(new Message(BINARY, false, false, 99_999).readFrom(bytes)).rejects.toThrow(CapacityError);
    await expect(new Message(BINARY, false, false, 100_000).readFrom(bytes)).resolves.toBe(bytes.length);
  });

  test('message refuses a length that a header only claims, without waiting for it', async () => {
    const stream = new PassThrough();
    stream.write(hex('82 7f 00 00 00 01 00 00 00 00'));
    stream.write(pattern(10));
    await expect(new Message().readFrom(stream)).rejects.toThrow(CapacityError);
    stream.destroy();
  });

  test('message has no limit with 0', async () => {
    const message = new Message(BINARY, false, false, 0);
    await message.readFrom(frame({ opcode: 2, payload: pattern(300_000) }));
    expect((message.data as Buffer).equals(pattern(300_000))).toBe(true);
  });
});

describe('a stream of byte chunks in object mode', () => {
  const [{ bytes }] = VECTORS;
  const cuts: readonly [string, () => Readable][] = [
    ['in one chunk', () => Readable.from([bytes])],
    ['byte by byte', () => Readable.from(Array.from(bytes, (byte) => Uint8Array.of(byte)))],
    ['with empty chunks', () => Readable.from([new Uint8Array(), bytes.subarray(0, 3), Buffer.alloc(0), bytes.subarray(3)])],
    ['in ArrayBuffers and views', () => Readable.from([bytes.slice(0, 1).buffer, new DataView(bytes.slice(1).buffer)])],
    [
      'by a generator',
      () =>
        Readable.from(
          (async function* chunks() {
            for (const byte of bytes) {
              await sleep(1);
              yield Buffer.of(byte);
            }
          })(),
        ),
    ],
  ];
  test.each(cuts)('message reads it %s', async (_how, make) => {
    const message = new Message();
    expect(await message.readFrom(make())).toBe(bytes.length);
    expect(message.data).toBe('Hello');
  });

  test('messages read it to its end, each its own', async () => {
    const stream = Readable.from([concat(bytes, bytes, bytes.subarray(0, 1)), concat(bytes.subarray(1), bytes.subarray(0, 3))]);
    const message = new Message();
    for (let count = 0; count < 3; count++) {
      await message.readFrom(stream);
      expect(message.data).toBe('Hello');
    }
    await expect(message.readFrom(stream)).rejects.toThrow(TruncatedMessageError);
  });
});

describe('streams that cannot be read', () => {
  test('message passes on the error of a stream', async () => {
    const stream = new PassThrough();
    stream.write(hex('81 05 48'));
    const read = new Message().readFrom(stream);
    setImmediate(() => stream.destroy(new Error('unplugged')));
    await expect(read).rejects.toThrow('unplugged');
    await expect(new Message().readFrom(stream)).rejects.toThrow('unplugged');
  });

  test('message tells of a stream that was destroyed', async () => {
    const stream = new PassThrough();
    const read = new Message().readFrom(stream);
    setImmediate(() => stream.destroy());
    await expect(read).rejects.toThrow(TruncatedMessageError);
  });

  test('message leaves no listeners behind', async () => {
    const stream = byteByByte(VECTORS[0].bytes);
    await new Message().readFrom(stream);
    const counts = ['readable', 'end', 'close', 'error'].map((event) => stream.listenerCount(event));
    const fresh = new PassThrough();
    expect(counts).toEqual(['readable', 'end', 'close', 'error'].map((event) => fresh.listenerCount(event)));
  });

  test.each([
    ['nothing', undefined],
    ['a string', 'Hello'],
    ['an object without read', {}],
    ['a stream of text chunks', Readable.from(['Hello'])],
    ['a stream of numbers', Readable.from([129, 0])],
    ['a stream of text', new PassThrough({ encoding: 'utf8' })],
    ['an object that reads too much', { read: () => new Uint8Array(100) }],
    ['an object that reads text', { read: () => 'He' }],
  ])('message refuses %s', async (_what, source) => {
    await expect(new Message().readFrom(source as never)).rejects.toThrow(TypeError);
  });
});
