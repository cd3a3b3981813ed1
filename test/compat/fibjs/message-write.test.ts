// Message of the fibjs facade apart from readFrom: defaults, body, data and sendTo.

import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { OUTPUT_SLOTS } from '../../../assembly/layout.ts';
import { sharedCodec } from '../../../src/codec/load.ts';
import {
  BINARY,
  CLOSE,
  CONTINUE,
  createFibjs,
  Message,
  nodeBinding,
  PING,
  PONG,
  TEXT,
} from '../../../src/compat/fibjs/index.ts';
import { UsageError } from '../../../src/base/errors.ts';
import { hex, pattern, utf8 } from '../../support/frames.ts';

/** The bytes that a message sends. */
async function sent(message: InstanceType<typeof Message>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await message.sendTo({ write: (bytes: Uint8Array) => chunks.push(bytes) });
  return Buffer.concat(chunks);
}

/** A message with a body. */
function filled(type: number, masked: boolean, compress: boolean, body: string | Uint8Array): InstanceType<typeof Message> {
  const message = new Message(type, masked, compress);
  message.body.write(body);
  return message;
}

describe('new', () => {
  test('message is binary, masked, uncompressed and up to 64 MiB', () => {
    const message = new Message();
    expect(message).toMatchObject({ type: 2, masked: true, compress: false, maxSize: 67108864 });
    expect(message.data).toEqual(Buffer.alloc(0));
  });

  test('message takes type, masked, compress and maxSize, and lets them change', () => {
    const message = new Message(TEXT, false, true, 1000);
    expect(message).toMatchObject({ type: 1, masked: false, compress: true, maxSize: 1000, data: '' });
    Object.assign(message, { type: PING, masked: true, compress: false, maxSize: 2000 });
    expect(message).toMatchObject({ type: 9, masked: true, compress: false, maxSize: 2000 });
  });
});

describe('body', () => {
  test('body is read in the order in which it was written', () => {
    const { body } = new Message();
    body.write('He');
    body.write(utf8('llo'));
    expect(body.size()).toBe(5);
    expect(body.read(2)?.toString()).toBe('He');
    body.write(utf8('!').buffer);
    expect(body.readAll()?.toString()).toBe('llo!');
    expect([body.read(), body.read(1), body.readAll()]).toEqual([null, null, null]);
    body.rewind();
    expect(body.read(100)?.toString()).toBe('Hello!');
  });

  test('body may be used where a promise is expected', async () => {
    const { body } = new Message();
    await Promise.resolve(body.write('Hello'));
    const read: Promise<Buffer | null> = Promise.resolve(body.readAll());
    expect((await read)?.toString()).toBe('Hello');
  });

  test('body copies what is written and what is read', () => {
    const { body } = new Message();
    const bytes = Buffer.from('abc');
    body.write(bytes);
    bytes.fill(0);
    const read = body.read()!;
    expect(read.toString()).toBe('abc');
    read.fill(0);
    body.rewind();
    expect(body.read()?.toString()).toBe('abc');
  });

  test('body grows with many writes', () => {
    const { body } = new Message();
    const bytes = pattern(10_000);
    for (let at = 0; at < bytes.length; at += 7) body.write(bytes.subarray(at, at + 7));
    expect(body.readAll()).toEqual(Buffer.from(bytes));
  });

  test('body refuses what is neither text nor bytes', () => {
    expect(() => new Message().body.write(42 as never)).toThrow(TypeError);
    expect(() => new Message().body.write(null as never)).toThrow(TypeError);
  });

  test('data is all of the body, a string for text and a Buffer of its own otherwise', () => {
    const message = filled(TEXT, true, false, 'grüß');
    message.body.read(2);
    expect(message.data).toBe('grüß');
    message.type = BINARY;
    const data = message.data as Buffer;
    expect(data).toEqual(Buffer.from('grüß'));
    data.fill(0);
    expect(message.data).toEqual(Buffer.from('grüß'));
  });
});

describe('sendTo', () => {
  test.each([
    ['text', filled(TEXT, false, false, 'Hello'), '81 05 48 65 6c 6c 6f'],
    ['bytes', filled(BINARY, false, false, hex('01 02')), '82 02 01 02'],
    ['a Ping', filled(PING, false, false, 'Hello'), '89 05 48 65 6c 6c 6f'],
    ['a Pong', filled(PONG, false, true, 'Hello'), '8a 05 48 65 6c 6c 6f'],
    ['a Close frame', filled(CLOSE, false, false, hex('03 e8')), '88 02 03 e8'],
    ['an empty message', new Message(BINARY, false), '82 00'],
    ['compressed text', filled(TEXT, false, true, 'Hello'), 'c1 07 f2 48 cd c9 c9 07 00'],
    ['an empty compressed message', new Message(TEXT, false, true), 'c1 01 00'],
  ])('message writes %s as one frame', async (_what, message, bytes) => {
    expect(await sent(message)).toEqual(Buffer.from(hex(bytes)));
  });

  test('message masks with another key each time', async () => {
    const message = filled(TEXT, true, false, 'Hello');
    const frames = [await sent(message), await sent(message)];
    for (const bytes of frames) {
      expect([...bytes.subarray(0, 2)]).toEqual([0x81, 0x85]);
      const plain = bytes.subarray(6).map((byte, index) => byte ^ bytes[2 + (index % 4)]);
      expect(Buffer.from(plain).toString()).toBe('Hello');
    }
    expect(frames[0].subarray(2, 6)).not.toEqual(frames[1].subarray(2, 6));
  });

  test('message sends all of its body, whatever has been read of it', async () => {
    const message = filled(TEXT, false, false, 'Hello');
    message.body.read(3);
    expect(await sent(message)).toEqual(Buffer.from(hex('81 05 48 65 6c 6c 6f')));
  });

  test.each(
    [0, 125, 126, 65535, 65536, 3_000_000].flatMap((size) =>
      [false, true].flatMap((masked) => [false, true].map((compress) => ({ size, masked, compress }))),
    ),
  )(
    'another message reads what it writes: $size bytes, masked $masked, compress $compress',
    async ({ size, masked, compress }) => {
      const message = filled(BINARY, masked, compress, pattern(size));
      const stream = new PassThrough({ highWaterMark: 8_000_000 });
      await message.sendTo(stream);
      const other = new Message();
      await other.readFrom(stream);
      expect(other).toMatchObject({ type: BINARY, masked, compress });
      expect((other.data as Buffer).equals(pattern(size))).toBe(true);
      expect(stream.readableLength).toBe(0);
    },
  );

  test('message leaves no slot of the output arena taken', async () => {
    const codec = sharedCodec();
    expect(codec.freeSlots).toBe(OUTPUT_SLOTS);
    for (let count = 0; count < 20; count++) await sent(filled(BINARY, true, count % 2 === 0, pattern(200_000)));
    await expect(sent(filled(PING, true, false, pattern(126)))).rejects.toThrow();
    expect(codec.freeSlots).toBe(OUTPUT_SLOTS);
  });

  test('message waits until the stream has taken it', async () => {
    let finish: (() => void) | undefined;
    const stream = new Writable({ write: (_chunk, _encoding, callback) => void (finish = callback) });
    let isSent = false;
    const sending = filled(TEXT, true, false, 'Hello').sendTo(stream);
    void sending.then(() => (isSent = true));
    await nextTurn();
    expect(isSent).toBe(false);
    finish!();
    await sending;
    expect(isSent).toBe(true);
  });

  test('message passes on the error of a stream', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('full')) });
    stream.on('error', () => {});
    await expect(filled(TEXT, true, false, 'Hello').sendTo(stream)).rejects.toThrow('full');
  });

  test.each([
    ['a continuation', filled(CONTINUE, false, false, 'Hello')],
    ['an unknown type', filled(3, false, false, 'Hello')],
    ['text that is not UTF-8', filled(TEXT, false, false, hex('ff'))],
    ['a Ping of 126 bytes', filled(PING, false, false, pattern(126))],
  ])('message does not send %s', async (_what, message) => {
    await expect(sent(message)).rejects.toThrow(UsageError);
  });

  test('message does not send compressed where there is nothing to compress with', async () => {
    const { platform, connect } = nodeBinding;
    const bare = createFibjs({ platform, connect });
    await expect(sent(new bare.Message(TEXT, false, true))).rejects.toThrow(UsageError);
  });

  test.each([undefined, null, {}, 'x'])('message refuses %s as a stream', async (target) => {
    await expect(new Message().sendTo(target as never)).rejects.toThrow(TypeError);
  });
});
