import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INPUT } from '../../../assembly/layout.ts';
import { createCopyMessage } from '../../../src/nodejs/buffers.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { loadKernel } from '../../../src/codec/load.ts';
import { UNATTACHED, type Platform } from '../../../src/platform.ts';
import { Connection } from '../../../src/protocol/connection.ts';
import { expectBytes } from '../../support/bytes.ts';
import { concat, frame, pattern } from '../../support/frames.ts';
import { MemoryTransport } from '../../support/memory-pipe.ts';
import { ManualPlatform } from '../../support/platform.ts';

type CopyMessage = Platform['copyMessage'];

/** Decodes `payloads` as one chunk and copies each, as a session does during delivery. */
function deliver(codec: Codec, copy: CopyMessage, payloads: readonly Uint8Array[]): Buffer<ArrayBuffer>[] {
  const bytes = concat(...payloads.map((payload) => frame({ opcode: 2, payload })));
  codec.input.set(bytes);
  const count = codec.decode(new DecoderState({ expectMask: false }), INPUT, bytes.length);
  expect(count).toBe(payloads.length);
  return payloads.map((_, index) => {
    const start = codec.records[index * 3 + 1];
    return copy(codec.memory, start, start + codec.records[index * 3 + 2]) as Buffer<ArrayBuffer>;
  });
}

function create(): { codec: Codec; copy: CopyMessage } {
  const codec = new Codec(loadKernel());
  return { codec, copy: createCopyMessage(codec) };
}

describe('createCopyMessage', () => {
  test('gives each message as a Buffer of exactly its bytes', () => {
    const { codec, copy } = create();
    const payloads = [0, 1, 5, 125, 126, 2047, 2048, 2049, 9000, 3, 70_000].map((length, index) => pattern(length, index + 1));
    const messages = deliver(codec, copy, payloads);
    messages.forEach((message, index) => {
      expect(Buffer.isBuffer(message)).toBe(true);
      expectBytes(message, payloads[index]);
    });
  });

  test('small messages of a chunk share a window; long ones have memory of their own', () => {
    const { codec, copy } = create();
    const [a, b, long] = deliver(codec, copy, [pattern(100, 1), pattern(100, 2), pattern(2048, 3)]);
    expect(a.buffer).toBe(b.buffer);
    expect(long.buffer).not.toBe(a.buffer);
  });

  test('a kept message keeps at most 8 KiB alive', () => {
    const { codec, copy } = create();
    const messages = deliver(
      codec,
      copy,
      Array.from({ length: 500 }, (_, index) => pattern(300, index)),
    );
    for (const message of messages) expect(message.buffer.byteLength).toBeLessThanOrEqual(8192);
    expect(new Set(messages.map(({ buffer }) => buffer)).size).toBeGreaterThan(1);
  });

  test('a message that no other short one came with is all of its ArrayBuffer', () => {
    const { codec, copy } = create();
    for (const length of [0, 1, 16, 64, 65, 125, 1000, 2047, 2048, 5000, 40_000]) {
      const [message] = deliver(codec, copy, [pattern(length, length), pattern(3000, 1), pattern(4, 1)]);
      expect(message.buffer.byteLength).toBe(length);
    }
  });

  test('messages of up to 64 bytes are all of their ArrayBuffers, whatever they came with', () => {
    const { codec, copy } = create();
    const lengths = [64, 0, 100, 33, 32, 1, 100];
    const messages = deliver(
      codec,
      copy,
      lengths.map((length, index) => pattern(length, index)),
    );
    for (const message of messages.filter(({ length }) => length <= 64)) expect(message.buffer.byteLength).toBe(message.length);
  });

  test('where the runtime stores no bytes in the object, short messages of a chunk share a window as well', () => {
    const codec = new Codec(loadKernel());
    const payloads = [16, 0, 1, 64, 100].map((length, index) => pattern(length, index + 1));
    const messages = deliver(codec, createCopyMessage(codec, 0), payloads);
    messages.forEach((message, index) => expectBytes(message, payloads[index]));
    const [first, empty, ...others] = messages;
    expect(empty.buffer.byteLength).toBe(0);
    for (const message of others) expect(message.buffer).toBe(first.buffer);
  });

  test('messages of two chunks share no memory, and the memory holds nothing but the chunk', () => {
    const { codec, copy } = create();
    const chunks = [1, 2, 3].map((seed) => deliver(codec, copy, [pattern(100, seed), pattern(200, seed), pattern(100, seed)]));
    expect(new Set(chunks.flat().map(({ buffer }) => buffer)).size).toBe(3);
    // Two headers of two and four bytes are between the three.
    for (const [first] of chunks) expect(first.buffer.byteLength).toBe(100 + 4 + 200 + 2 + 100);
  });

  test('messages that follow one whose memory was transferred are whole', () => {
    const { codec, copy } = create();
    const payloads = [1, 2, 3, 4].map((seed) => pattern(150, seed));
    deliver(codec, copy, payloads);
    const [first, ...others] = payloads.keys();
    const take = (index: number): Buffer<ArrayBuffer> => {
      const start = codec.records[index * 3 + 1];
      return copy(codec.memory, start, start + 150) as Buffer<ArrayBuffer>;
    };
    structuredClone(take(first).buffer, { transfer: [take(first).buffer] });
    for (const index of others) expectBytes(take(index), payloads[index]);
  });

  test('a message at the same address in a later chunk is another', () => {
    const { codec, copy } = create();
    const [first] = deliver(codec, copy, [pattern(50, 1)]);
    const [second] = deliver(codec, copy, [pattern(50, 2)]);
    expectBytes(first, pattern(50, 1));
    expectBytes(second, pattern(50, 2));
  });

  test('messages may be copied again, in any order, and changed without changing others', () => {
    const { codec, copy } = create();
    const payloads = Array.from({ length: 60 }, (_, index) => pattern(200, index + 1));
    deliver(codec, copy, payloads);
    const again = [...payloads.keys()].toReversed().map((index) => {
      const start = codec.records[index * 3 + 1];
      const bytes = copy(codec.memory, start, start + 200);
      expectBytes(bytes, payloads[index]);
      return bytes;
    });
    again[10].fill(0);
    expectBytes(again[9], payloads[50]);
    expectBytes(again[11], payloads[48]);
  });

  test('messages that are kept never change, whatever arrives on whichever connection', () => {
    const length = fc.oneof(fc.nat(200), fc.nat(3000), fc.constantFrom(2047, 2048, 8190, 8192, 9000));
    const message = fc.record({
      connection: fc.nat(2),
      length,
      cut: fc.oneof(fc.constant(0), fc.nat(3000)),
      chunk: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 60 }), (messages) => {
        const platform = new ManualPlatform();
        const copy = createCopyMessage(platform.codec);
        const kept: { bytes: Uint8Array; wanted: Uint8Array }[] = [];
        const wanted: Uint8Array[][] = [[], [], []];
        const connections = wanted.map((queue) => {
          const connection = new Connection(platform, new MemoryTransport(platform), { role: 'client' });
          connection.attach({
            ...UNATTACHED,
            onMessage(source, start, end): void {
              const isOurs = source !== platform.codec.memory;
              kept.push({ bytes: isOurs ? source.subarray(start, end) : copy(source, start, end), wanted: queue.shift()! });
            },
            onError(error): void {
              throw error;
            },
          });
          connection.start();
          return connection;
        });
        const waiting: Uint8Array[] = connections.map(() => new Uint8Array());
        const flush = (index: number, keep: number): void => {
          const bytes = waiting[index];
          const at = Math.max(0, bytes.length - keep);
          waiting[index] = bytes.slice(at);
          if (at > 0) connections[index].receive(bytes.subarray(0, at));
        };
        messages.forEach(({ connection, length: size, cut, chunk }, seed) => {
          const payload = pattern(size, seed + 1);
          wanted[connection].push(payload);
          waiting[connection] = concat(waiting[connection], frame({ opcode: 2, payload }));
          if (chunk) flush(connection, cut);
        });
        connections.forEach((_, index) => flush(index, 0));
        expect(kept).toHaveLength(messages.length);
        for (const each of kept) expectBytes(each.bytes, each.wanted);
      }),
      { numRuns: 150 },
    );
  });
});
