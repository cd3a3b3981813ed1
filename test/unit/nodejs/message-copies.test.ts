import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INPUT } from '../../../assembly/layout.ts';
import { MessageCopies } from '../../../src/nodejs/message-copies.ts';
import { Codec, DecoderState } from '../../../src/codec/codec.ts';
import { loadKernel } from '../../../src/codec/load.ts';
import { Connection } from '../../../src/protocol/connection.ts';
import { expectBytes } from '../../support/bytes.ts';
import { concat, frame, pattern } from '../../support/frames.ts';
import { ManualPlatform } from '../../support/platform.ts';

/** Decodes `payloads` as one chunk and copies each, as a session does during delivery. */
function deliver(codec: Codec, copies: MessageCopies, payloads: readonly Uint8Array[]): Buffer[] {
  const bytes = concat(...payloads.map((payload) => frame({ opcode: 2, payload })));
  codec.input.set(bytes);
  const count = codec.decode(new DecoderState({ expectMask: false }), INPUT, bytes.length);
  expect(count).toBe(payloads.length);
  return payloads.map((_, index) => {
    const start = codec.records[index * 3 + 1];
    return copies.copy(start, start + codec.records[index * 3 + 2]);
  });
}

function create(): { codec: Codec; copies: MessageCopies } {
  const codec = new Codec(loadKernel());
  return { codec, copies: new MessageCopies(codec) };
}

describe('MessageCopies', () => {
  test('gives each message as a Buffer of exactly its bytes', () => {
    const { codec, copies } = create();
    const payloads = [0, 1, 5, 125, 126, 2047, 2048, 2049, 9000, 3, 70_000].map((length, index) => pattern(length, index + 1));
    const messages = deliver(codec, copies, payloads);
    messages.forEach((message, index) => {
      expect(Buffer.isBuffer(message)).toBe(true);
      expectBytes(message, payloads[index]);
    });
  });

  test('small messages of a chunk share a window; long ones have memory of their own', () => {
    const { codec, copies } = create();
    const [a, b, long] = deliver(codec, copies, [pattern(100, 1), pattern(100, 2), pattern(2048, 3)]);
    expect(a.buffer).toBe(b.buffer);
    expect(long.buffer).not.toBe(a.buffer);
  });

  test('a kept message keeps at most 64 KiB alive', () => {
    const { codec, copies } = create();
    const messages = deliver(
      codec,
      copies,
      Array.from({ length: 500 }, (_, index) => pattern(300, index)),
    );
    for (const message of messages) expect(message.buffer.byteLength).toBeLessThanOrEqual(65536);
    expect(new Set(messages.map(({ buffer }) => buffer)).size).toBeGreaterThan(1);
  });

  test('a message at the same address in a later chunk is another', () => {
    const { codec, copies } = create();
    const [first] = deliver(codec, copies, [pattern(50, 1)]);
    const [second] = deliver(codec, copies, [pattern(50, 2)]);
    expectBytes(first, pattern(50, 1));
    expectBytes(second, pattern(50, 2));
  });

  test('messages may be copied again, in any order, and changed without changing others', () => {
    const { codec, copies } = create();
    const payloads = Array.from({ length: 60 }, (_, index) => pattern(200, index + 1));
    deliver(codec, copies, payloads);
    const again = [...payloads.keys()].toReversed().map((index) => {
      const start = codec.records[index * 3 + 1];
      const copy = copies.copy(start, start + 200);
      expectBytes(copy, payloads[index]);
      return copy;
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
        const copies = new MessageCopies(platform.codec);
        const kept: { bytes: Uint8Array; wanted: Uint8Array }[] = [];
        const wanted: Uint8Array[][] = [[], [], []];
        const connections = wanted.map(
          (queue) =>
            new Connection(
              platform,
              {
                onMessage(source, start, end): void {
                  const isOurs = source !== platform.codec.memory;
                  kept.push({ bytes: isOurs ? source.subarray(start, end) : copies.copy(start, end), wanted: queue.shift()! });
                },
                onPing() {},
                onPong() {},
                onCloseFrame() {},
                onBlocked() {},
                onOutput() {},
                onOutputFailure() {},
                onFail(error): void {
                  throw error;
                },
              },
              { role: 'client' },
            ),
        );
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
